"""Parzen mixtures over the unit cube: each observation a product of kernels, one factor a column.

Notation      here            published (Watanabe 2023, Tree-structured Parzen estimator, arXiv 2304.11127)
-----------   -------------   ----------------------------------------------------------------------------
w_i           `log_weights`   weight of kernel i; the last kernel is the prior p_0 (eq. 7)
mu_id, b_id   `mus` `sigmas`  centre and bandwidth of kernel i in column d (eq. 8); a centre of NaN says that
                              observation i knows nothing of column d, and its factor is the prior's there
Z_id          `_normalizer`   mass of the normal inside [0, 1]
k(x, x_i)     `_log_table`    numbers on a grid: the truncated normal integrated over x's cell; categories:
                              (1[x = x_i] + a K p_x) / (1 + a K) with a = 1 / kernels (Aitchison and Aitken)

Densities are those of the active columns alone: a column that a point does not have is integrated out.
The log kernel is bilinear in features of x (x^2, x, 1, one-hot cells) and coefficients of the observation,
so that all kernels at all points are one matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_ONE_THREAD = 1 << 18  # OpenBLAS multiplies on one thread up to this many multiplications
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_ALONE = 0.5  # the bandwidth of an observation without neighbours
_CROWD = 128  # among more observations than this gaps lie below the floors, and are not looked for


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
    def ordered(self) -> bool:
        """Whether neighbours are alike."""
        return self.kind is not Kind.CATEGORIES

    def cells(self, column: Floats) -> NDArray[np.intp]:
        """The cell of each point; NaN falls into some cell."""
        if self.edges is None:
            raise ValueError("a continuous column has no cells")
        found = np.searchsorted(self.edges, column, side="right") - 1
        return np.clip(found, 0, len(self.edges) - 2)

    def masses(self) -> Floats:
        """Prior masses of the cells (K,)."""
        if self.prior is not None:
            return self.prior
        if self.edges is None:
            raise ValueError("a continuous column has no cells")
        return np.diff(self.edges)

    def draw(self, u: Floats) -> Floats:
        """Points at quantiles of the prior: any number, or the centre of a cell."""
        if self.edges is not None:
            return _quantiles(self, u)
        if self.prior is None:
            return u
        heights = np.concatenate([[0.0], np.cumsum(self.prior)])
        return np.interp(u, heights / heights[-1], np.linspace(0.0, 1.0, len(heights)))

    def log_prior(self, column: Floats) -> Floats:
        """Log prior density of a continuous column that has a prior."""
        if self.prior is None:
            return np.zeros(len(column))
        bins = len(self.prior)
        place = np.clip((column * bins).astype(np.intp), 0, bins - 1)
        density: Floats = np.log(self.prior * (bins / self.prior.sum()))[place]
        return density


@dataclass(frozen=True, slots=True)
class Mixture:
    """A weighted sum of product kernels; `mus` and `sigmas` (kernels, columns), `log_weights` (kernels,)."""

    axes: tuple[Axis, ...]
    mus: Floats
    sigmas: Floats
    log_weights: Floats

    def log_density(self, points: Floats, active: Bools) -> Floats:
        """Shape (points,): log density of the columns that each point has. O(points kernels columns)."""
        features, coefficients = [np.ones((len(points), 1))], [self.log_weights[:, None]]
        for block in self._blocks(points, active):
            features.append(block[0])
            coefficients.append(block[1])
        exponents = _product(np.concatenate(features, axis=1), np.concatenate(coefficients, axis=1))
        top = exponents.max(axis=1)
        exponents -= top[:, None]
        np.exp(exponents, out=exponents)
        total: Floats = np.log(exponents.sum(axis=1))
        total += top
        return total

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Shape (count, columns): independent points; cells and categories at their centres."""
        heights = np.cumsum(np.exp(self.log_weights - self.log_weights.max()))
        kernel = np.searchsorted(heights, rng.random(count) * heights[-1], side="right")
        u = rng.random((count, len(self.axes)))
        mus, sigmas = self.mus[kernel], self.sigmas[kernel]
        points = _truncated(u, mus, sigmas)  # NaN where the kernel does not know the column
        for d, axis in enumerate(self.axes):
            unknown = np.isnan(mus[:, d])
            if axis.kind is Kind.CATEGORIES:
                points[:, d] = self._categories(axis, u[:, d], mus[:, d])
                continue
            if unknown.any():
                points[unknown, d] = axis.draw(u[unknown, d])
            if axis.centers is not None:
                points[:, d] = axis.centers[axis.cells(points[:, d])]
        return points

    def _categories(self, axis: Axis, u: Floats, mus: Floats) -> Floats:
        """A kernel is a mixture itself: the observed category, or, aK / (1 + aK) of the time, the prior."""
        smooth = _smoothing(axis, len(self.mus))
        from_prior = (u < smooth) | np.isnan(mus)
        fresh = np.where(np.isnan(mus), u, u / smooth)
        return np.where(from_prior, _quantiles(axis, np.minimum(fresh, 1.0)), mus)

    def _blocks(self, points: Floats, active: Bools) -> list[tuple[Floats, Floats]]:
        smooth = [d for d, axis in enumerate(self.axes) if axis.kind is Kind.CONTINUOUS]
        blocks = []
        if smooth:
            has = active[:, smooth]
            x = np.where(has, points[:, smooth], 0.0)
            blocks.append((np.concatenate([x * x, x, has], axis=1), self._normal_coefficients(smooth)))
        for d, axis in enumerate(self.axes):
            on = active[:, d]
            if axis.kind is not Kind.CONTINUOUS:
                used, place = np.unique(axis.cells(points[:, d]), return_inverse=True)
                hot = (place[:, None] == np.arange(len(used))) & on[:, None]
                blocks.append((hot.astype(np.float64), self._log_table(d, axis, used)))
            elif axis.prior is not None:
                height = np.where(on, axis.log_prior(np.where(on, points[:, d], 0.5)), 0.0)
                blocks.append((height[:, None], np.isnan(self.mus[:, d : d + 1]).astype(np.float64)))
        return blocks

    def _normal_coefficients(self, columns: list[int]) -> Floats:
        """Of x^2, x and 1: -1/(2 b^2), mu/b^2 and -mu^2/(2 b^2) - log(b Z sqrt(2 pi)); 0 where unknown."""
        mus, sigmas = self.mus[:, columns], self.sigmas[:, columns]
        precision = sigmas**-2.0
        constant = -0.5 * mus * mus * precision - np.log(sigmas * _normalizer(mus, sigmas)) - _LOG_ROOT_TWO_PI
        found = np.concatenate([-0.5 * precision, mus * precision, constant], axis=1)
        unknown = np.isnan(mus)  # the prior, whose density is another block's
        found[np.concatenate([unknown, unknown, unknown], axis=1)] = 0.0
        return found

    def _log_table(self, d: int, axis: Axis, used: NDArray[np.intp]) -> Floats:
        """Shape (kernels, used cells): log mass of each kernel in each cell that a point is in."""
        mus, masses = self.mus[:, d], axis.masses()[used]
        if axis.kind is Kind.CATEGORIES:
            smooth = _smoothing(axis, len(mus))
            table = (1.0 - smooth) * (axis.cells(mus)[:, None] == used) + smooth * masses
        else:
            table = _cell_masses(axis, mus, self.sigmas[:, d], used)
        table = np.where(np.isnan(mus)[:, None], masses, table)
        logs: Floats = np.log(np.maximum(table, 1e-300))
        return logs


def fit(
    axes: tuple[Axis, ...],
    points: Floats,
    weights: Floats,
    prior_weight: float,
    floor: float = 0.03,
    rate: float = 0.2,
) -> Mixture:
    """The mixture of observations and the prior. `points` (n, columns), NaN where unknown; `weights` (n,).

    A bandwidth is the larger gap to the two neighbours in the column (Bergstra et al. 2011), no less than
    - `floor` of the range, which does not shrink (Watanabe 2023, section 3.4), and half a cell;
    - `rate` * n^(-1 / (columns + 4)), at which a joint density of that many columns can be known (Scott 1992,
      section 6.3): neighbours in one column say nothing of how sparse the others are.
    """
    sigmas = np.full(points.shape, 1.0)
    ordered = [d for d, axis in enumerate(axes) if axis.ordered]
    if ordered and len(points):
        joint = max(floor, rate * len(points) ** (-1.0 / (len(axes) + 4)))
        lowest = np.array([_lowest(axes[d], joint) for d in ordered])
        gaps = _gaps(points[:, ordered]) if len(points) <= _CROWD else lowest
        sigmas[:, ordered] = np.clip(gaps, lowest, 1.0)
    mus = np.concatenate([points, np.full((1, len(axes)), np.nan)])
    sigmas = np.concatenate([sigmas, np.ones((1, len(axes)))])
    with np.errstate(divide="ignore"):
        logs = np.log(np.append(weights, prior_weight))
    return Mixture(axes, mus, sigmas, logs)


def _lowest(axis: Axis, joint: float) -> float:
    return joint if axis.edges is None else max(joint, 0.5 / (len(axis.edges) - 1))


def _gaps(points: Floats) -> Floats:
    """The larger of the distances to both neighbours in each column; NaN stays NaN."""
    order = np.argsort(points, axis=0, kind="stable")
    ranked = np.take_along_axis(points, order, axis=0)
    gap = np.diff(ranked, axis=0)
    larger = np.full(points.shape, np.nan)
    larger[:-1] = gap
    larger[1:] = np.fmax(larger[1:], gap)
    found = np.empty_like(points)
    np.put_along_axis(found, order, larger, axis=0)
    return np.where(np.isnan(found) & ~np.isnan(points), _ALONE, found)


def _product(points: Floats, kernels: Floats) -> Floats:
    """points @ kernels.T, in blocks so small that BLAS keeps to one thread.

    At these sizes its threads cost more than they bring, up to forty times on a busy machine; and the result
    must not depend on how many there are, for proposals are to come out bit for bit on replay.
    """
    block = max(1, _ONE_THREAD // points.size)
    if block >= len(kernels):
        return points @ kernels.T
    found = np.empty((len(points), len(kernels)))
    for start in range(0, len(kernels), block):
        found[:, start : start + block] = points @ kernels[start : start + block].T
    return found


def _normalizer(mus: Floats, sigmas: Floats) -> Floats:
    from scipy.special import ndtr

    found: Floats = ndtr((1.0 - mus) / sigmas) - ndtr(-mus / sigmas)
    return found


def _truncated(u: Floats, mus: Floats, sigmas: Floats) -> Floats:
    """Quantiles of normals truncated to [0, 1]."""
    from scipy.special import ndtr, ndtri

    low = ndtr(-mus / sigmas)
    high = ndtr((1.0 - mus) / sigmas)
    found: Floats = np.clip(mus + sigmas * ndtri(low + u * (high - low)), 0.0, 1.0)
    return found


def _cell_masses(axis: Axis, mus: Floats, sigmas: Floats, used: NDArray[np.intp]) -> Floats:
    from scipy.special import ndtr

    if axis.edges is None:
        raise ValueError("a continuous column has no cells")
    z_low = (axis.edges[used] - mus[:, None]) / sigmas[:, None]
    z_high = (axis.edges[used + 1] - mus[:, None]) / sigmas[:, None]
    # Far above the centre both tails are 1 - tiny: mirrored, the difference keeps its digits.
    mirrored = z_low > 0.0
    inside = np.where(mirrored, ndtr(-z_low) - ndtr(-z_high), ndtr(z_high) - ndtr(z_low))
    found: Floats = inside / _normalizer(mus, sigmas)[:, None]
    return found


def _quantiles(axis: Axis, u: Floats) -> Floats:
    """The cell centre at the prior's quantile u."""
    if axis.centers is None:
        raise ValueError("a continuous column has no cells")
    heights = np.cumsum(axis.masses())
    place = np.searchsorted(heights, u * heights[-1], side="right")
    found: Floats = axis.centers[np.minimum(place, len(axis.centers) - 1)]
    return found


def _smoothing(axis: Axis, kernels: int) -> float:
    """aK / (1 + aK) with a = 1 / kernels: how much of a categorical kernel is the prior."""
    values = len(axis.masses())
    return values / (kernels + values)
