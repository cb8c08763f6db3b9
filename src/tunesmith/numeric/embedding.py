"""Rows of the unit cube as points of a Euclidean space, where one kernel serves mixed and conditional spaces.

A number is one column, centred. A category of K values is K columns of a one-hot code over sqrt(2), or one
column when K = 2: the squared distance of two different values is 1 (Hamming). What is inactive (NaN) lies at
the origin of its columns; a parameter that can be inactive has one more column, which says whether it is
active: so two points that differ in activity are a fixed distance apart whatever the active one's value
(the idea of Hutter and Osborne 2013, arXiv 1310.5738), and what both do not have does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_APART = math.sqrt(0.5)  # the distance of active and inactive, over that of the range's ends


class Embedding:
    """`sizes`: categories of each dimension, 0 for a number; `optional`: which may be inactive.

    `flat`: the same without features.
    """

    def __init__(self, sizes: Sequence[int], optional: Sequence[bool], trend: bool = True) -> None:
        self.dims = len(sizes)
        self._given = tuple(sizes), tuple(optional), trend
        self._trend = trend
        self.flat = Embedding(sizes, optional, False) if trend else self
        self.numbers: Indices = np.flatnonzero([size == 0 for size in sizes])  # dimensions
        self._categories: list[tuple[int, int, int]] = []  # dimension, values, first column
        groups: list[int] = []
        columns: list[int] = []
        for d, size in enumerate(sizes):
            if size:
                self._categories.append((d, size, len(groups)))
            else:
                columns.append(len(groups))
            groups += [d] * (size if size > 2 else 1)
        self.columns: Indices = np.array(columns, dtype=np.intp)  # of the numbers
        self._flags = [(d, len(groups) + i) for i, d in enumerate(np.flatnonzero(optional).tolist())]
        groups += [d for d, _ in self._flags]
        self.groups: Indices = np.array(groups, dtype=np.intp)  # the dimension of each column

    def longer(self, more: int) -> Embedding:
        """The same with so many more numbers at the end, which are never inactive."""
        sizes, optional, trend = self._given
        return Embedding((*sizes, *[0] * more), (*optional, *[False] * more), trend)

    def embed(self, units: Floats) -> Floats:
        """Shape (n, columns) of rows (n, dims)."""
        found = np.zeros((len(units), len(self.groups)))
        centred = units[:, self.numbers] - 0.5
        found[:, self.columns] = np.where(centred == centred, centred, 0.0)
        for d, size, first in self._categories:
            column = units[:, d]
            there = np.flatnonzero(~np.isnan(column))
            codes = np.minimum((column[there] * size).astype(np.intp), size - 1)
            if size == 2:
                found[there, first] = codes - 0.5
            else:
                found[there, first + codes] = math.sqrt(0.5)
        for d, place in self._flags:
            found[:, place] = np.where(np.isnan(units[:, d]), 0.0, _APART)
        return found

    def features(self, z: Floats) -> Floats:
        """What a trend is linear in (n, t), of embedded rows: all columns, squares of numbers, their sum."""
        if not self._trend:
            return np.empty((len(z), 0))
        squares = z[:, self.columns] ** 2
        return np.concatenate([z, squares, squares.sum(axis=1, keepdims=True)], axis=1)

    @property
    def parts(self) -> Indices:
        """Which of the three kinds each feature is of."""
        return np.repeat([0, 1, 2], [len(self.groups), len(self.numbers), 1] if self._trend else [0, 0, 0])

    def through(self, z: Floats, by_features: Floats) -> Floats:
        """Derivatives by the numbers' columns (n, numbers), of those by features (n, t)."""
        width, at = len(self.groups), self.columns
        if not self._trend:
            return np.zeros((len(z), len(at)))
        found: Floats = by_features[:, at] + 2.0 * z[:, at] * (by_features[:, width:-1] + by_features[:, -1:])
        return found
