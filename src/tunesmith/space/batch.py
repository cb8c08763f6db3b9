"""Many configurations at once: draws as a matrix, values as columns, bit for bit those of one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng, uniform_rows
from tunesmith.space.space import Space


def draw_rows(space: Space, rng: Rng, count: int) -> NDArray[np.float64] | None:
    """`space.draw` of the trials from `rng.number` on, shape (count, dims); None under constraints."""
    if space.constraints:
        return None
    rows = uniform_rows(rng.seed, rng.number, count, space._keys)
    for column, domain in space._beliefs:
        rows[:, column] = [domain.draw(u) for u in rows[:, column].tolist()]
    return rows


def decode_columns(space: Space, rows: NDArray[np.float64]) -> dict[str, Sequence[Any]] | None:
    """`space.decode` of unit rows, as a column for each parameter; None with conditions or constants."""
    if space._plain is None:
        return None
    return {p.name: p.domain._from_units(rows[:, place]) for place, p in enumerate(space.dims)}
