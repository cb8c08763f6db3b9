"""Neighbours of a configuration: short steps of numbers, other values of categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.space.base import Domain
from tunesmith.space.space import Space


def filled(row: Sequence[float], fresh: Sequence[float]) -> list[float]:
    """The row, with what is inactive in it from another one."""
    return [float(u) if u == u else v for u, v in zip(row, fresh, strict=True)]


def neighbour(
    space: Space, row: Sequence[float], generator: np.random.Generator, radius: float, moved: float = 1.0
) -> list[float]:
    """A row nearby: numbers move by normal steps, of categories one in all on average changes by chance.

    `radius`: standard deviation of a step, as a share of the range. `moved`: the chance of each number to
    move; one parameter changes at least. Whole numbers that move do so by one value at least.
    """
    kinds = [_nominal(parameter.domain) for parameter in space.dims]
    share = min(0.5, 1.0 / max(sum(kinds), 1))
    chances = np.where(kinds, share, moved)
    changes = generator.random(len(kinds)) < chances
    if not changes.any():
        changes[int(generator.integers(len(kinds)))] = True
    steps = radius * generator.standard_normal(len(kinds))
    draws = generator.random(len(kinds))
    found = list(row)
    for d, parameter in enumerate(space.dims):
        if changes[d]:
            found[d] = _moved(parameter.domain, found[d], float(steps[d]), float(draws[d]))
    return found


def _nominal(domain: Domain) -> bool:
    return domain.cardinality is not None and not domain.ordered


def _moved(domain: Domain, u: float, step: float, draw: float) -> float:
    count = domain.cardinality
    if count == 1:
        return u
    if count is not None and not domain.ordered:
        cell = min(int(u * count), count - 1)
        return ((cell + 1 + int(draw * (count - 1))) % count + 0.5) / count
    v = reflected(u + step)
    if count is not None and count <= _CELLS and domain.from_unit(v) == domain.from_unit(u):
        width = 1.0 / count
        v = reflected(u + (width if step > 0.0 else -width))
    return v


_CELLS = 1000  # of parameters with more values, steps go by the range alone


def reflected(u: float) -> float:
    """Back into [0, 1], as from a mirror at the edge."""
    u = abs(u) % 2.0
    return 2.0 - u if u > 1.0 else u
