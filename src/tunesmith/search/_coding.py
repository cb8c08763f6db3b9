"""Rows of a history as points that trees can split: what a point lacks has a value of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.layout import Layout, inferred

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ABSENT = -1.0  # a number that a point does not have lies outside the unit interval


class Coding:
    """The code of points of one layout. Which columns points have is inferred from `seen` if not declared.

    Numbers are themselves; categories are 0 ... K - 1, and K for a point without that column.
    """

    def __init__(self, layout: Layout, seen: Floats) -> None:
        self.layout, self.seen = layout, seen
        frame = layout.frame
        self.sizes = np.zeros(len(frame.axes), dtype=np.intp)
        self.sizes[frame.categories] = frame.sizes + 1
        self._undeclared = not layout.deciding and bool(np.isnan(seen).any())

    def active(self, points: Floats) -> Bools | None:
        """Shape of `points`: which columns each has; None when all have all."""
        if not self._undeclared:
            return self.layout.active(points)
        fallback = np.ones(points.shape, dtype=np.bool_)
        return inferred(self.layout.frame, self.seen, points, fallback)

    def encode(self, points: Floats, active: Bools | None = None) -> Floats:
        """Shape of `points`, which are NaN, or not `active`, where they lack a column."""
        frame = self.layout.frame
        lacks = np.isnan(points) if active is None else np.isnan(points) | ~active
        found = np.where(lacks, _ABSENT, points)
        if len(frame.categories):
            codes = frame.codes(points)
            found[:, frame.categories] = np.where(lacks[:, frame.categories], frame.sizes, codes)
        return found
