"""Crossover and mutation of points of the unit cube, column by column: numbers, ordered cells, categories.

Simulated binary crossover (SBX): Deb and Agrawal (1995), Complex Systems 9; within bounds as in Deb and
Agrawal (1999). Polynomial mutation within bounds: Deb and Goyal (1996); Deb (2001), Multi-objective
optimization using evolutionary algorithms, section 4.3. Uniform crossover of categories: Syswerda (1989).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.axis import Axis, Kind

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_APART = 1e-12  # parents nearer than this have children where they are


class Genes:
    """What each column is. Immutable."""

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        self.axes = axes
        self.dims = len(axes)
        self.nominal: Bools = np.array([axis.kind is Kind.CATEGORIES for axis in axes], dtype=np.bool_)
        self.celled = [axis.centers is not None for axis in axes]

    @cached_property
    def plain(self) -> bool:
        """Whether all columns are continua."""
        return not any(self.celled)

    @cached_property
    def cells(self) -> list[int]:
        """The columns of ordered cells."""
        return [d for d in range(self.dims) if self.celled[d] and not self.nominal[d]]

    @cached_property
    def searched(self) -> Bools:
        """The columns with more than one value."""
        return np.array([axis.centers is None or len(axis.centers) > 1 for axis in self.axes], dtype=np.bool_)


def filled(genes: Genes, first: Floats, second: Floats, donors: Floats, rng: np.random.Generator) -> None:
    """Fill what parents lack, in place: from the other parent, else from the first donor (rows, in a random
    order) that has the column, else from the prior.

    So what comes with a branch comes as a whole, from one that has it.
    """
    lacks = np.isnan(first)
    np.copyto(second, first, where=np.isnan(second))
    np.copyto(first, second, where=lacks)
    holes = np.flatnonzero(np.isnan(first))
    if not len(holes):
        return
    found = donors[rng.permutation(len(donors))[:, None], holes]
    known = ~np.isnan(found)
    values = found[known.argmax(axis=0), np.arange(len(holes))]
    fresh = rng.random(len(holes))
    for place, d in enumerate(holes.tolist()):
        if not known[:, place].any():
            values[place] = genes.axes[d].draw(fresh[place : place + 1])[0]
    first[holes] = second[holes] = values


def crossed(genes: Genes, first: Floats, second: Floats, eta: float, rng: np.random.Generator) -> Floats:
    """One of the two children of two whole rows; each column is crossed with probability 1/2.

    Numbers by SBX with distribution index `eta` (large: near the parents), ordered cells likewise and then
    put into their middles, categories from either parent.
    """
    draws = rng.random((3, genes.dims))
    apart = np.abs(first - second) > _APART
    chosen = (draws[0] < 0.5) & apart
    child = np.where(chosen & genes.nominal, second, first)
    numbers = chosen & ~genes.nominal
    if numbers.any():
        child[numbers] = _sbx(first[numbers], second[numbers], eta, draws[1][numbers], draws[2][numbers])
        _snap(genes, child, numbers)
    return child


def _sbx(first: Floats, second: Floats, eta: float, u: Floats, side: Floats) -> Floats:
    low, high = np.minimum(first, second), np.maximum(first, second)
    gap = high - low
    # Deb and Agrawal (1999): the spread that keeps a child on its side of the mean inside the bounds
    lower = side < 0.5
    room = np.where(lower, low, 1.0 - high)
    alpha = 2.0 - (1.0 + 2.0 * room / gap) ** -(eta + 1.0)
    inner = u * alpha
    spread = np.where(inner <= 1.0, inner, 1.0 / np.maximum(2.0 - inner, 1e-300)) ** (1.0 / (eta + 1.0))
    middle = 0.5 * (low + high)
    half = 0.5 * spread * gap
    found: Floats = np.clip(np.where(lower, middle - half, middle + half), 0.0, 1.0)
    return found


def mutated(genes: Genes, row: Floats, chosen: Bools, eta: float, rng: np.random.Generator) -> None:
    """Change the chosen columns, in place, each to another value.

    Numbers by polynomial mutation with distribution index `eta`; ordered cells likewise, by one cell at
    least; categories to another one, by the prior's masses.
    """
    places = np.flatnonzero(chosen & genes.searched)
    if not len(places):
        return
    old = row[places]
    row[places] = _polynomial(old, eta, rng.random(len(places)))
    if genes.plain:
        return
    draws = rng.random(len(places))
    for d, before, u in zip(places.tolist(), old.tolist(), draws.tolist(), strict=True):
        if genes.nominal[d]:
            row[d] = _other(genes.axes[d], before, u)
        elif genes.celled[d]:
            row[d] = _next_cell(genes.axes[d], before, row[d])


def _polynomial(x: Floats, eta: float, u: Floats) -> Floats:
    down = u < 0.5
    room = np.where(down, 1.0 - x, x)
    v = np.where(down, 2.0 * u, 2.0 * (1.0 - u))
    delta = (v + (1.0 - v) * room ** (eta + 1.0)) ** (1.0 / (eta + 1.0)) - 1.0
    found: Floats = np.clip(np.where(down, x + delta, x - delta), 0.0, 1.0)
    return found


def _other(axis: Axis, before: float, u: float) -> float:
    centers = axis.centers
    if centers is None:
        raise ValueError("a continuous column has no categories")
    masses = axis.masses().copy()
    masses[axis.cells(np.array([before]))] = 0.0
    heights = np.cumsum(masses)
    if not heights[-1] > 0.0:
        return before
    return float(centers[np.searchsorted(heights, u * heights[-1], side="right")])


def _next_cell(axis: Axis, before: float, after: float) -> float:
    centers = axis.centers
    if centers is None:
        raise ValueError("a continuous column has no cells")
    old, new = axis.cells(np.array([before, after])).tolist()
    if old == new:
        new = old + 1 if after > before else old - 1
        if not 0 <= new < len(centers):
            new = 2 * old - new
    return float(centers[new])


def _snap(genes: Genes, row: Floats, where: Bools) -> None:
    for d in genes.cells:
        if where[d]:
            row[d : d + 1] = genes.axes[d].snap(row[d : d + 1])
