"""The first trials of whatever learns: the middle of the space, then points that fill it evenly."""

from __future__ import annotations

from functools import lru_cache

from tunesmith._rng import Rng
from tunesmith.numeric.qmc import Sobol, sobol
from tunesmith.search._base import Ask


def start_row(ask: Ask) -> list[float]:
    """The middle, then points of a scrambled Sobol sequence, through the priors."""
    if ask.number == 0:
        return list(ask.space.center)
    points = _start_points(len(ask.space.dims), ask.rng.seed)
    row = points.point(ask.number).tolist()
    return [p.domain.draw(u) for p, u in zip(ask.space.dims, row, strict=True)]


@lru_cache(maxsize=8)
def _start_points(dims: int, seed: int) -> Sobol:
    rng = Rng(seed, 0)
    return sobol(dims, lambda j: rng.generator(f"tpe/start/{j}"))
