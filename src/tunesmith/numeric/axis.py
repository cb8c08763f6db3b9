"""What one column of the unit cube means to a Parzen mixture: a continuum, ordered cells, or categories."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Kind(Enum):
    """What a column's numbers mean."""

    CONTINUOUS = auto()
    CELLS = auto()  # ordered values, each an interval of [0, 1]
    CATEGORIES = auto()  # K values without order, at (k + 0.5) / K


@dataclass(frozen=True, slots=True)
class Axis:
    """One column. `edges` (K + 1,) bound the cells of CELLS and CATEGORIES, `centers` (K,) are their points.

    `prior`: masses of the cells, or of equal bins of a continuous column; None is uniform.
    """

    kind: Kind
    edges: Floats | None = None
    centers: Floats | None = None
    prior: Floats | None = None

    @property
    def even(self) -> bool:
        """Whether all cells have the same width."""
        return self.edges is None or float(np.ptp(np.diff(self.edges))) < 1e-9

    @property
    def blur(self) -> float:
        """Variance of a uniform cell; 0 when the widths differ, see `blurs`."""
        return self._width**2 / 12.0 if self.kind is Kind.CELLS and self.even else 0.0

    @property
    def resolution(self) -> float:
        """The mean width of cells, 0 for a continuum."""
        return self._width if self.kind is Kind.CELLS else 0.0

    @property
    def _width(self) -> float:
        return 0.0 if self.edges is None else 1.0 / (len(self.edges) - 1)

    def blurs(self, column: Floats) -> Floats:
        """Variance of the cell that each point lies in."""
        widths = np.diff(self._edges())
        found: Floats = widths[self.cells(column)] ** 2 / 12.0
        return found

    def cells(self, column: Floats) -> NDArray[np.intp]:
        """The cell of each point; NaN falls into some cell."""
        edges = self._edges()
        found = np.searchsorted(edges, column, side="right") - 1
        return np.minimum(np.maximum(found, 0), len(edges) - 2)

    def snap(self, column: Floats) -> Floats:
        """The centre of the cell of each point."""
        if self.centers is None:
            raise ValueError("a continuous column has no cells")
        found: Floats = self.centers[self.cells(column)]
        return found

    def masses(self) -> Floats:
        """Prior masses of the cells (K,)."""
        return np.diff(self._edges()) if self.prior is None else self.prior

    def draw(self, u: Floats) -> Floats:
        """Points at quantiles of the prior: any number, or the centre of a cell."""
        if self.centers is not None:
            heights = np.cumsum(self.masses())
            place = np.searchsorted(heights, u * heights[-1], side="right")
            found: Floats = self.centers[np.minimum(place, len(self.centers) - 1)]
            return found
        if self.prior is None:
            return u
        heights = np.concatenate([[0.0], np.cumsum(self.prior)])
        return np.interp(u, heights / heights[-1], np.linspace(0.0, 1.0, len(heights)))

    def log_prior(self, column: Floats) -> Floats:
        """Log prior density at numbers; of cells relative to their widths. NaN gives some density."""
        if self.prior is None:
            return np.zeros(len(column))
        if self.edges is not None:
            density = np.log(np.maximum(self.prior, 1e-300) / np.diff(self.edges))
            chosen: Floats = density[self.cells(column)]
            return chosen
        bins = len(self.prior)
        place = np.minimum(np.maximum((np.nan_to_num(column) * bins).astype(np.intp), 0), bins - 1)
        found: Floats = np.log(self.prior * (bins / self.prior.sum()))[place]
        return found

    def _edges(self) -> Floats:
        if self.edges is None:
            raise ValueError("a continuous column has no cells")
        return self.edges
