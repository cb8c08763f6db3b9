"""A space as regressions see it, and moves in it: an embedding, draws, neighbours."""

from __future__ import annotations

from copy import copy
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.layout import Layout, inferred, layout_of
from tunesmith.model.region import Region
from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.embedding import Embedding
from tunesmith.numeric.qmc import SOBOL_BLOCK, sobol
from tunesmith.record.history import History
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TABLE = 512  # points of the even sample
_NUDGES = (0.02, 0.1, 0.3)
_SWITCH = 0.2
_MOVED = 20.0  # parameters of a row within a region that differ from its middle, about (TuRBO, section 2)


class View:
    """A pure function of the space and of which columns data lack."""

    def __init__(self, space: Space, optional: tuple[bool, ...], seen: Floats | None = None) -> None:
        self.seen = seen  # rows that tell what goes with what, where no condition does
        self.optional: Bools = np.array(optional, dtype=np.bool_)
        self.layout: Layout = layout_of(space)
        self.axes: tuple[Axis, ...] = self.layout.frame.axes
        self.categorical: Bools = np.array(
            [axis.kind is Kind.CATEGORIES for axis in self.axes], dtype=np.bool_
        )
        self.cells: Bools = np.array([axis.kind is Kind.CELLS for axis in self.axes], dtype=np.bool_)
        sizes = [len(axis.masses()) if axis.kind is Kind.CATEGORIES else 0 for axis in self.axes]
        self.embedding = Embedding(sizes, optional)
        self.even = _even(len(self.axes))
        self.region: Region | None = None

    def within(self, region: Region) -> View:
        """The same view, which draws and moves numbers within a region only."""
        found = copy(self)
        found.region = region
        return found

    @property
    def limits(self) -> tuple[Floats, Floats]:
        """The least and the largest value of each number, (dims,)."""
        if self.region is None:
            return np.zeros(len(self.axes)), np.ones(len(self.axes))
        return self.region.low, self.region.high

    def finish(self, points: Floats) -> Floats:
        """Cells and categories at their middles, what is inactive NaN."""
        for d in np.flatnonzero(self.categorical | self.cells).tolist():
            column = points[:, d]
            points[:, d] = self.axes[d].snap(np.where(np.isnan(column), 0.5, column))
        active = self.layout.active(points)
        if active is None and self.seen is not None:
            active = inferred(self.layout.frame, self.seen, points, np.ones(points.shape, dtype=np.bool_))
        return points if active is None else np.where(active, points, np.nan)

    def spread(self, rng: np.random.Generator, count: int) -> Floats:
        """Points that fill the space, through the priors: an even sample, turned by a random shift."""
        dims = len(self.axes)
        if self.even is None:
            u = rng.random((count, dims))
        else:
            u = (self.even[:count] + rng.random(dims)) % 1.0
        if self.region is not None:
            return self.finish(self._inside(self.region, u, rng))
        columns = [axis.draw(u[:, d]) for d, axis in enumerate(self.axes)]
        return self.finish(np.stack(columns, axis=1))

    def _inside(self, region: Region, u: Floats, rng: np.random.Generator) -> Floats:
        """Points of the region from points u of the unit cube: some parameters moved, not all at once."""
        count, dims = u.shape
        numbers = region.low + u * (region.high - region.low)
        drawn = [
            axis.draw(u[:, d]) if self.categorical[d] else numbers[:, d] for d, axis in enumerate(self.axes)
        ]
        moved = rng.random((count, dims)) < _MOVED / dims
        moved[np.arange(count), rng.integers(0, dims, count)] = True
        return np.where(moved | np.isnan(region.centre), np.stack(drawn, axis=1), region.centre)

    def near(self, anchors: Floats, rng: np.random.Generator, count: int) -> Floats:
        """Points near rows: some coordinates moved by normals of several sizes, categories drawn anew."""
        dims = len(self.axes)
        start = anchors[rng.integers(0, len(anchors), count)]
        share = min(1.0, max(0.3, 2.0 / dims) if dims <= 20 else 6.0 / dims)
        size = rng.choice(_NUDGES, count)[:, None]
        moves = rng.random((count, dims)) < share
        moves[np.arange(count), rng.integers(0, dims, count)] = True
        fresh = self.fresh(rng, count)
        points = np.where(np.isnan(start), fresh, start)
        numbers = moves & ~self.categorical
        steps = rng.normal(size=(count, dims)) * size
        points = np.where(numbers, points + steps, points)
        points = np.where(self.categorical, points, np.clip(points, *self.limits))
        jump = moves & (self.categorical | (self.cells & (rng.random((count, dims)) < 0.1)))
        jump &= rng.random((count, dims)) < np.where(self.cells, 1.0, max(_SWITCH, 1.0 / dims))
        return self.finish(np.where(jump, fresh, points))

    def fresh(self, rng: np.random.Generator, count: int) -> Floats:
        """Rows drawn from the priors with everything active."""
        u = rng.random((count, len(self.axes)))
        return np.stack([axis.draw(u[:, d]) for d, axis in enumerate(self.axes)], axis=1)

    def neighbours(self, row: Floats, donors: Floats, most: int = 8) -> Floats:
        """Rows with another category or a step to another cell; new parameters come from donors."""
        found: list[Floats] = []
        for d in np.flatnonzero((self.categorical | self.cells) & ~np.isnan(row)).tolist():
            centers = self.axes[d].centers
            if centers is None:
                continue
            here = int(np.argmin(np.abs(centers - row[d])))
            if self.categorical[d]:
                options = [k for k in range(len(centers)) if k != here][: 4 * most]
            else:
                options = [k for k in (here - 2, here - 1, here + 1, here + 2) if 0 <= k < len(centers)]
            for k in options:
                changed = row.copy()
                changed[d] = centers[k]
                found.extend(self._completed(changed, d, donors))
        if not found:
            return np.empty((0, len(row)))
        return self.finish(np.array(found))

    def _completed(self, row: Floats, changed: int, donors: Floats) -> list[Floats]:
        """The row with what becomes active: from the middle, and from the best donor with this value."""
        if not np.isnan(row).any():
            return [row]
        rows = [np.where(np.isnan(row), 0.5, row)]
        alike = donors[donors[:, changed] == row[changed]]
        if len(alike):
            filled = np.where(np.isnan(row), alike[0], row)
            rows.append(np.where(np.isnan(filled), 0.5, filled))
        return rows


@lru_cache(maxsize=8)
def _even(dims: int) -> Floats | None:
    """The first points of a Sobol sequence; None where it is not defined."""
    if dims > SOBOL_BLOCK:
        return None
    table = sobol(dims)
    return np.array([table.point(i) for i in range(_TABLE)])


@lru_cache(maxsize=32)
def _remembered(space: Space, optional: tuple[bool, ...]) -> View:
    """The view of a space, remembered."""
    return View(space, optional)


def view_of(history: History, space: Space) -> View:
    """The space, where a parameter can be inactive by a condition or because a trial did not have it."""
    units = history.units(space)
    lacking = [bool(np.isnan(column).any()) for column in units.T]
    optional = tuple(bool(p.rules) or lacks for p, lacks in zip(space.dims, lacking, strict=True))
    if any(lacking) and not layout_of(space).deciding:
        return View(space, optional, units)
    return _remembered(space, optional)
