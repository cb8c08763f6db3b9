"""What a space means to Parzen mixtures: an axis a column, and which columns a point has."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.parzen import Frame
from tunesmith.space.base import Domain
from tunesmith.space.number import Int
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NARROW = 0.015  # cells narrower than half the bandwidth floor are as good as a continuum
_MOST_CELLS = 100_000
_BINS = 256
_MOST_COMBINATIONS = 4096


class Layout:
    """A pure function of the space; what it remembers of combinations of parents may be forgotten."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.frame = Frame(tuple(_axis(parameter.domain) for parameter in space.dims))
        parents = {key for parameter in space.parameters for key in parameter.parents}
        self.deciding = [d for d, parameter in enumerate(space.dims) if parameter.key in parents]
        self.snapped = all(axis.centers is not None for axis in self.frame.axes)
        self.finite = all(parameter.domain.cardinality is not None for parameter in space.dims)
        sizes = [_size(self.frame.axes[d]) for d in self.deciding]
        self._combinations = math.prod(sizes)
        if self._combinations <= _MOST_COMBINATIONS:
            self._strides = np.cumprod([1, *sizes])[:-1]
            self._known = np.zeros(self._combinations, dtype=np.bool_)
            self._table = np.zeros((self._combinations, len(space.dims)), dtype=np.bool_)

    def active(self, points: Floats) -> Bools | None:
        """Shape of `points`: which parameters each has by the conditions; None when all have all."""
        if not self.deciding:
            return None
        parents = points[:, self.deciding]
        if self._combinations > _MOST_COMBINATIONS:
            _, first, place = np.unique(parents, axis=0, return_index=True, return_inverse=True)
            return self._decoded(points[first])[place.reshape(-1)]
        cells = [self.frame.axes[d].cells(parents[:, i]) for i, d in enumerate(self.deciding)]
        codes = np.stack(cells, axis=1) @ self._strides
        if not self._known[codes].all():
            _, first = np.unique(codes, return_index=True)
            self._table[codes[first]] = self._decoded(points[first])
            self._known[codes[first]] = True
        found: Bools = self._table[codes]
        return found

    def canonical(self, row: list[float]) -> list[float]:
        """The row as the history has it: values at their middles, NaN where inactive."""
        return self.space.encode(self.space.decode(row))

    def _decoded(self, points: Floats) -> Bools:
        found: Bools = ~np.isnan(np.array([self.canonical(row) for row in points.tolist()]))
        return found


def inferred(frame: Frame, seen: Floats, points: Floats, fallback: Bools) -> Bools:
    """Shape of `points`: which columns each would have, as far as the rows that were seen tell.

    For studies that declare no conditions. A column that came with some values of a category, always, and
    never with others, goes by that category; one that follows none goes by `fallback`.
    """
    active = fallback.copy()
    there = ~np.isnan(seen)
    seen_codes, codes = frame.codes(seen), frame.codes(points)
    for d in np.flatnonzero(~there.all(axis=0)).tolist():
        for place, (k, size) in enumerate(zip(frame.categories.tolist(), frame.sizes.tolist(), strict=True)):
            of = there[:, k]
            if k == d or (there[:, d] & ~of).any():
                continue
            with_it = np.bincount(seen_codes[there[:, d], place], minlength=size) > 0
            without = np.bincount(seen_codes[of & ~there[:, d], place], minlength=size) > 0
            if not (with_it & without).any():
                active[:, d] = ~without[codes[:, place]]
                break
    return active


@lru_cache(maxsize=16)
def layout_of(space: Space) -> Layout:
    """The layout of a space, remembered."""
    return Layout(space)


def _size(axis: Axis) -> int:
    return _MOST_COMBINATIONS + 1 if axis.edges is None else len(axis.edges) - 1


def _axis(domain: Domain) -> Axis:
    edges = cell_edges(domain)
    if edges is None or (domain.ordered and np.diff(edges).max() < _NARROW):
        if domain.prior is None:
            return Axis(Kind.CONTINUOUS)
        middles = (np.arange(_BINS) + 0.5) / _BINS
        return Axis(Kind.CONTINUOUS, prior=_masses(domain, middles, np.full(_BINS, 1.0 / _BINS)))
    if isinstance(domain, Int):
        centers = np.array([domain.to_unit(value) for value in domain.values()])
    else:
        centers = (np.arange(len(edges) - 1) + 0.5) / (len(edges) - 1)
    prior = None if domain.prior is None else _masses(domain, centers, np.diff(edges))
    return Axis(Kind.CELLS if domain.ordered else Kind.CATEGORIES, edges, centers, prior)


def cell_edges(domain: Domain) -> Floats | None:
    """Bounds of the values' cells; None for a continuum, or for so many values that they make one."""
    count = domain.cardinality
    if count is None or count > _MOST_CELLS:
        return None
    if not (isinstance(domain, Int) and domain.log):
        return np.linspace(0.0, 1.0, count + 1)
    bounds = np.log(np.arange(domain.low, domain.high + 2) - 0.5)
    found: Floats = (bounds - bounds[0]) / (bounds[-1] - bounds[0])
    return found


def _masses(domain: Domain, centers: Floats, widths: Floats) -> Floats:
    found = np.exp([domain.log_prior(center) for center in centers.tolist()]) * widths
    masses: Floats = found / found.sum()
    return masses
