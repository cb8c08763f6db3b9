"""Neighbours of points of a mixed unit cube: one parameter changed, as in the local search of SMAC.

Hutter, Hoos and Leyton-Brown (2011), Sequential model-based optimization for general algorithm configuration,
LION 5, section 4.3. Steps are drawn on all scales between `finest` and `widest`, and end at the bounds, so
that an optimum on an edge is met exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.axis import Axis, Kind

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Exchange:
    """Draws neighbours over these axes; standard deviations of steps are shares of the range."""

    def __init__(self, axes: tuple[Axis, ...], widest: float = 0.4, finest: float = 0.01) -> None:
        self.axes = axes
        self.widest, self.finest = widest, finest
        sizes = [0 if axis.edges is None else len(axis.edges) - 1 for axis in axes]
        kinds = [axis.kind for axis in axes]
        self.sizes = np.array(sizes, dtype=np.intp)
        self.categories = np.array([kind is Kind.CATEGORIES for kind in kinds], dtype=np.bool_)
        self.cells = [d for d, kind in enumerate(kinds) if kind is Kind.CELLS and sizes[d]]

    def neighbours(
        self, points: Floats, active: Bools | None, count: int, rng: np.random.Generator
    ) -> Floats:
        """Shape (points * count, columns): `count` of each point, one after the other.

        A number takes a normal step, on a grid of at least one cell; a category becomes any other one.
        `active` (points, columns) says which columns a point has, None: all; only those are changed.
        """
        found = np.repeat(points, count, axis=0)
        rows = np.arange(len(found))
        keys = rng.random(found.shape)
        if active is not None:
            keys *= np.repeat(active, count, axis=0)
        column = keys.argmax(axis=1)
        scale = self.finest * (self.widest / self.finest) ** rng.random(len(found))
        step = rng.standard_normal(len(found)) * scale
        other = rng.random(len(found))
        old = found[rows, column]
        new = np.clip(old + step, 0.0, 1.0)
        kind = self.categories[column]
        new[kind] = _other(old[kind], self.sizes[column[kind]], other[kind])
        for d in self.cells:
            mine = np.flatnonzero(column == d)
            new[mine] = _next_cell(self.axes[d], old[mine], step[mine])
        found[rows, column] = new
        return found


def _other(old: Floats, sizes: NDArray[np.intp], u: Floats) -> Floats:
    """Another category, all alike likely; the same one where there is no other."""
    code = np.minimum((old * sizes).astype(np.intp), sizes - 1)
    away = np.where(sizes > 1, 1 + (u * (sizes - 1)).astype(np.intp), 0)
    found: Floats = ((code + away) % sizes + 0.5) / sizes
    return found


def _next_cell(axis: Axis, old: Floats, step: Floats) -> Floats:
    """The centre of the cell where the step ends; of the next one when that is the same cell."""
    if axis.edges is None or axis.centers is None:
        raise ValueError("a continuous column has no cells")
    was, cell = axis.cells(old), axis.cells(np.clip(old + step, 0.0, 1.0))
    cell = np.where(cell == was, was + np.where(step > 0.0, 1, -1), cell)
    found: Floats = axis.centers[np.clip(cell, 0, len(axis.centers) - 1)]
    return found
