"""Parzen mixtures over the unit cube: each observation a product of kernels, one factor a column.

Notation      here            published (Watanabe 2023, Tree-structured Parzen estimator, arXiv 2304.11127)
-----------   -------------   ----------------------------------------------------------------------------
w_i           `weights`       weight of kernel i; the last kernel is the prior p_0 (eq. 7)
b_id          `bandwidths`    bandwidth of kernel i in column d (eq. 8)
Z_id          `_inside`       mass of the normal inside [0, 1]
k(x, x_i)     `_table`        of categories: (1[x = x_i] + a K p_x) / (1 + a K) with a = 1 / kernels
                              (Aitchison and Aitken 1976)

Values on a grid are cells of width h of [0, 1]. A normal of variance b^2, integrated over a cell, is h times
the density of variance b^2 + h^2 / 12 in its middle (within 2 % from b = h / 2 on), so that whole numbers
cost what real ones do.

An observation that knows nothing of a column is NaN there, and its factor is the prior's. So what branches
share is learnt together, and what one branch has alone is learnt from its own trials. Densities are those of
the columns that a point has; the others are integrated out.

The log kernel is bilinear in features of x (x^2, x, 1, one-hot categories) and coefficients of the
observation, so that all kernels at all points are one matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.axis import Axis, Kind

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_ONE_THREAD = 1 << 18  # OpenBLAS multiplies on one thread up to this many multiplications
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_ALONE = 0.5  # the bandwidth of an observation without neighbours
_CROWD = 128  # among more observations than this gaps lie below the floors, and are not looked for
_TINY = 1e-300


class Frame:
    """Axes, and what is computed from them once. Features: x^2 and x of numbers, presence of numbers, one-hot
    categories, beliefs of numbers, and a one."""

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        self.axes = axes
        self.numbers = np.array(
            [d for d, axis in enumerate(axes) if axis.kind is not Kind.CATEGORIES], np.intp
        )
        self.categories = np.array(
            [d for d, axis in enumerate(axes) if axis.kind is Kind.CATEGORIES], np.intp
        )
        self.believed = [
            d for d, axis in enumerate(axes) if axis.kind is not Kind.CATEGORIES and axis.prior is not None
        ]
        self.celled = [d for d, axis in enumerate(axes) if axis.kind is Kind.CELLS and axis.edges is not None]
        numbers = len(self.numbers)
        masses = [axes[d].masses() for d in self.categories]
        self.sizes = np.array([len(found) for found in masses], dtype=np.intp)
        self.masses = np.concatenate(masses) if masses else np.empty(0)
        self.hot = 3 * numbers + np.cumsum(self.sizes) - self.sizes  # first feature of each category
        self.height = 3 * numbers + len(self.masses)  # first feature of beliefs
        self.width = self.height + len(self.believed) + 1
        self.uneven = [d for d in self.celled if not axes[d].even]
        self.blur = np.array([axes[d].blur for d in self.numbers])
        self.step = np.array([axes[d].resolution for d in self.numbers])
        self.special = sorted({*self.celled, *self.believed, *self.categories.tolist()})
        self.plain = not self.special
        self.beliefs = self._beliefs() if any(axis.prior is not None for axis in axes) else None
        self.even = all(axes[d].prior is None for d in self.categories)

    def _beliefs(self) -> Floats:
        """Coefficients of the features in the log prior density, relative to a uniform one."""
        found = np.zeros(self.width)
        found[3 * len(self.numbers) : self.height] = np.log(
            np.maximum(self.masses * np.repeat(self.sizes, self.sizes), _TINY)
        )
        found[self.height : -1] = 1.0
        return found

    def codes(self, points: Floats) -> Indices:
        """Shape (points, categories): which category; NaN gives some category."""
        scaled = points[:, self.categories] * self.sizes
        scaled[np.isnan(scaled)] = 0.0
        return np.minimum(scaled.astype(np.intp), self.sizes - 1)

    def features(self, points: Floats, active: Bools | None = None) -> Floats:
        """Shape (points, width): what densities are linear in; columns that a point lacks are zero.

        `active` says which it has; None: all.
        """
        n, count = len(points), len(self.numbers)
        found = np.zeros((n, self.width))
        x = points[:, self.numbers]
        if active is not None:
            on = active[:, self.numbers]
            x = np.where(on, x, 0.0)
            found[:, 2 * count : 3 * count] = on
        else:
            found[:, 2 * count : 3 * count] = 1.0
        np.multiply(x, x, out=found[:, :count])
        found[:, count : 2 * count] = x
        if len(self.categories):
            rows = np.arange(n)[:, None]
            found[rows, self.codes(points) + self.hot] = 1.0 if active is None else active[:, self.categories]
        for place, d in enumerate(self.believed, self.height):
            height = self.axes[d].log_prior(points[:, d])
            found[:, place] = height if active is None else np.where(active[:, d], height, 0.0)
        found[:, -1] = 1.0
        return found

    def draw(self, u: Floats) -> Floats:
        """Points at quantiles of the prior, column by column."""
        if self.plain:
            return u
        found = u.copy()
        for d in self.special:
            found[:, d] = self.axes[d].draw(u[:, d])
        return found

    def draw_categories(self, u: Floats) -> Floats:
        """Categories at quantiles of their priors."""
        if self.even:  # all alike likely
            return ((u * self.sizes).astype(np.intp) + 0.5) / self.sizes
        columns = zip(self.categories.tolist(), u.T, strict=True)
        return np.stack([self.axes[d].draw(column) for d, column in columns], axis=1)


@dataclass(frozen=True, slots=True)
class Mixture:
    """A weighted sum of product kernels. `points` (n, columns) and `bandwidths` (n, numbers) of observations
    (one row when all are alike); `weights` (n + 1,) and `coefficients` (n + 1, features), the prior last."""

    frame: Frame
    points: Floats
    bandwidths: Floats
    weights: Floats
    coefficients: Floats
    smooth: Floats  # (categories,): share of the prior in a categorical kernel

    def log_density(self, features: Floats) -> Floats:
        """Shape (points,): log density, up to the sum of the weights, of the columns that each point has.

        O(points kernels columns).
        """
        exponents = _product(features, self.coefficients)
        top = exponents.max(axis=1)
        exponents -= top[:, None]
        np.exp(exponents, out=exponents)
        total: Floats = np.log(exponents.sum(axis=1))
        total += top
        return total

    def sample(self, rng: np.random.Generator, count: int) -> tuple[Floats, Indices]:
        """Independent points (count, columns), and the kernel that each began with.

        Normals are censored, not truncated: what falls outside [0, 1] lies on the edge, so that optima on
        the boundary can be met exactly.
        """
        from scipy.special import ndtri

        frame, n, dims = self.frame, len(self.points), len(self.frame.axes)
        kernel = _pick(self.weights, rng.random(count))
        u = rng.random((count, dims))
        if not n:
            return frame.draw(u), kernel
        source: Indices = np.minimum(kernel, n - 1)
        centers = self.points[source]
        spread = self.bandwidths[source] if len(self.bandwidths) == n else self.bandwidths
        found = np.empty_like(centers)
        numbers, categories = frame.numbers, frame.categories
        moved = centers[:, numbers] + spread * ndtri(u[:, numbers])
        found[:, numbers] = np.minimum(np.maximum(moved, 0.0, out=moved), 1.0, out=moved)
        for d in frame.celled:
            found[:, d] = frame.axes[d].snap(found[:, d])
        if len(categories):
            again = rng.random((count, len(categories))) < self.smooth
            drawn = frame.draw_categories(u[:, categories])
            found[:, categories] = np.where(again, drawn, centers[:, categories])
        unknown = np.isnan(found)
        unknown[kernel == n] = True
        if unknown.any():
            found = np.where(unknown, frame.draw(u), found)
        return found, kernel


def fit(
    frame: Frame,
    points: Floats,
    weights: Floats,
    prior_weight: float,
    least: float,
    widths: Floats | None = None,
) -> Mixture:
    """The mixture of observations and the prior. `points` (n, columns), NaN where unknown; `weights` (n,).

    `widths` (1 or n, numbers): bandwidths. Without them one is the larger gap to the two neighbours in the
    column (Bergstra et al. 2011): neighbours in one column do not tell how sparse the others are. It is no
    less than `least` and one cell, no more than 1: the next value of a grid must stay within reach.
    """
    unknown = np.isnan(points)
    partial = bool(unknown.any())
    x = points[:, frame.numbers]
    if len(x) and len(frame.numbers):
        lowest = np.maximum(least, frame.step)
        gaps = widths
        if gaps is None:
            gaps = _gaps(x) if len(x) <= _CROWD else lowest[None, :]
        bandwidths = np.minimum(np.maximum(gaps, lowest), 1.0)
    else:
        bandwidths = np.ones(x.shape)
    everything = np.append(weights, prior_weight)
    smooth = frame.sizes / (len(everything) + frame.sizes)
    coefficients = np.zeros((len(everything), frame.width))
    _numbers(frame, x, bandwidths, coefficients[:-1])
    _categories(frame, points, smooth, coefficients)
    coefficients[-1, frame.height : -1] = 1.0
    with np.errstate(divide="ignore"):
        coefficients[:, -1] = np.log(everything)
    if partial:
        _forget(frame, unknown, coefficients[:-1])
    return Mixture(frame, points, bandwidths, everything, coefficients, smooth)


def _numbers(frame: Frame, x: Floats, bandwidths: Floats, out: Floats) -> None:
    """Of x^2, x and 1: -1/(2 s^2), mu/s^2 and -mu^2/(2 s^2) - log(s Z sqrt(2 pi))."""
    count = len(frame.numbers)
    if not count:
        return
    variance = bandwidths * bandwidths
    if frame.celled:
        variance += frame.blur
        if frame.uneven and len(variance) < len(x):
            variance = np.repeat(variance, len(x), axis=0)
        for d in frame.uneven:
            place = int(np.searchsorted(frame.numbers, d))
            variance[:, place] += frame.axes[d].blurs(x[:, place])
    precision = 1.0 / variance
    pull = x * precision
    np.multiply(precision, -0.5, out=out[:, :count])
    out[:, count : 2 * count] = pull
    sigmas = np.sqrt(variance)
    constant = np.log(sigmas * _inside(x, sigmas))
    constant += 0.5 * x * pull
    constant += _LOG_ROOT_TWO_PI
    np.negative(constant, out=out[:, 2 * count : 3 * count])


def _categories(frame: Frame, points: Floats, smooth: Floats, out: Floats) -> None:
    """Log masses of each kernel, category by category; the last row is the prior's."""
    if not len(frame.categories):
        return
    first, last = 3 * len(frame.numbers), frame.height
    shares = np.repeat(smooth, frame.sizes) * frame.masses
    out[:, first:last] = np.log(np.maximum(shares, _TINY))
    codes = frame.codes(points) + frame.hot
    rows = np.arange(len(points))[:, None]
    out[rows, codes] = np.log(shares[codes - first] + (1.0 - smooth))
    out[-1, first:last] = np.log(np.maximum(frame.masses, _TINY))


def _forget(frame: Frame, unknown: Bools, out: Floats) -> None:
    """The prior's coefficients where an observation knows nothing of a column."""
    count = len(frame.numbers)
    lost = unknown[:, frame.numbers]
    for first in (0, count, 2 * count):
        out[:, first : first + count][lost] = 0.0
    for place, d in enumerate(frame.believed, frame.height):
        out[unknown[:, d], place] = 1.0
    for first, size, d in zip(frame.hot, frame.sizes, frame.categories, strict=True):
        masses = frame.masses[first - 3 * count : first - 3 * count + size]
        out[unknown[:, d], first : first + size] = np.log(np.maximum(masses, _TINY))


def _pick(weights: Floats, u: Floats) -> Indices:
    """The kernel at each quantile of the weights."""
    heights = np.cumsum(weights)
    found = np.searchsorted(heights, u * heights[-1], side="right")
    last: Indices = np.minimum(found, len(weights) - 1)
    return last


def _gaps(points: Floats) -> Floats:
    """The larger of the distances to both neighbours in each column; NaN stays NaN."""
    order = np.argsort(points, axis=0, kind="stable")
    columns = np.arange(points.shape[1])
    ranked = points[order, columns]
    gap = ranked[1:] - ranked[:-1]
    larger = np.full(points.shape, np.nan)
    larger[:-1] = gap
    larger[1:] = np.fmax(larger[1:], gap)
    found = np.empty_like(points)
    found[order, columns] = larger
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


def _inside(mus: Floats, sigmas: Floats) -> Floats:
    from scipy.special import ndtr

    found: Floats = ndtr((1.0 - mus) / sigmas) - ndtr(-mus / sigmas)
    return found
