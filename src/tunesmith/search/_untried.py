"""Proposals that were not tried before: what a searcher of finite spaces takes instead of its candidates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.search.grid import grid_of
from tunesmith.space.grid import grid_size
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_RETRIES = 64
_LISTED = 200_000


def feasible(space: Space, rows: Iterable[list[float]]) -> Iterator[list[float]]:
    """The rows that keep the space's constraints."""
    return (row for row in rows if not space.constraints or space.feasible(space.decode(row)))


def untried(
    space: Space,
    ask_rng: Rng,
    rng: np.random.Generator,
    ranked: Iterable[list[float]],
    tried: tuple[Floats, ...],
) -> list[float]:
    """The first feasible row of a finite space that was not tried before; when all were, any.

    `tried`: unit rows as the history has them. O(tried) comparisons a row.
    """
    for rows in (ranked, [space.draw(ask_rng)], _prior_rows(space, rng)):
        for row in feasible(space, rows):
            if not _known(space.encode(space.decode(row)), tried):
                return row
    return _last_untried(space, rng, tried) or space.draw(ask_rng)


def _prior_rows(space: Space, rng: np.random.Generator) -> Iterator[list[float]]:
    for u in rng.random((_RETRIES, len(space.dims))).tolist():
        yield [p.domain.draw(x) for p, x in zip(space.dims, u, strict=True)]


def _known(row: list[float], tried: tuple[Floats, ...]) -> bool:
    """Whether the canonical row is among those tried: column by column, so that few are looked at twice."""
    for units in tried:
        left: Indices | slice = slice(None)
        for d, value in enumerate(row):
            column = units[left, d]
            same = np.flatnonzero(np.isnan(column) if math.isnan(value) else column == value)
            left = same if isinstance(left, slice) else left[same]
            if not len(left):
                break
        else:
            return True
    return False


def _last_untried(space: Space, rng: np.random.Generator, tried: tuple[Floats, ...]) -> list[float] | None:
    """Random draws keep hitting what was tried, so little is left: list the space. None when nothing is."""
    size = grid_size(space)
    if size is None or size > _LISTED:
        return None
    grid = grid_of(space, 1)
    seen = {tuple(np.nan_to_num(row, nan=-1.0).tolist()) for units in tried for row in units}
    start = int(rng.integers(grid.size))
    for index in range(grid.size):
        row = grid.row((start + index) % grid.size)
        params = space.decode(row)
        key = tuple(-1.0 if math.isnan(u) else u for u in space.encode(params))
        if key not in seen and space.feasible(params):
            return row
    return None
