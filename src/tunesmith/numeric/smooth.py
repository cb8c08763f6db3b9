"""A Gaussian process for few noisy values: what was measured, shrunk to what its neighbours say.

Rasmussen and Williams (2006), equations 2.25, 2.26 and 2.30. A Matern-5/2 kernel whose length
scales and noise are found by coordinate search on the marginal likelihood; scale and mean are profiled out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SCALES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_NOISES = (1e-6, 1e-3, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0, 8.0)  # over the variance of the process
_WEIGHTS = (0.05, 0.3, 3.0, 10.0)
_QUIET = 1e-3  # the largest noise that counts as none


class Smooth(NamedTuple):
    """The posterior at the points that were measured."""

    mean: Floats
    sd: Floats  # of the mean, without noise
    noise: float  # standard deviation of one measurement
    evidence: float  # by how much the log likelihood with noise exceeds the best one without


def distances(points: Floats, categories: Bools) -> Floats:
    """Squared distances a column, shape (dims, n, n), those of points in some Euclidean space.

    So a kernel of their weighted sum is positive definite. Categories are 1 apart. What is inactive (NaN) is
    one more category; of numbers, a point beside the middle of their line, 1 from both of its ends.
    """
    rows = points.T
    gap = rows[:, :, None] - rows[:, None, :]
    found = np.where(categories[:, None, None], (gap != 0.0).astype(np.float64), gap**2)
    missing = np.isnan(rows)
    one = missing[:, :, None] != missing[:, None, :]
    both = missing[:, :, None] & missing[:, None, :]
    here = np.where(missing, 0.5, rows)
    aside = np.where(categories[:, None, None], 1.0, 0.75 + (here[:, :, None] - here[:, None, :]) ** 2)
    result: Floats = np.where(both, 0.0, np.where(one, aside, found))
    return result


def smooth(squares: Floats, values: Floats, counts: Floats, pooled: float = 0.0, freedom: int = 0) -> Smooth:
    """The posterior of `values`, each the mean of so many measurements at one point.

    Args:
        squares: what `distances` gave. values, counts: shape (n,).
        pooled, freedom: the sum of squares of measurements about their own means, and how many are free.
    """
    center, spread = float(np.median(values)), float(values.std()) or 1.0
    fit = _Fit(squares, (values - center) / spread, 1.0 / counts, pooled / spread**2, freedom)
    weights = np.ones(len(squares))
    best = max((fit.likelihood(weights / s**2, r), s, r) for s in _SCALES for r in _NOISES)
    weights = weights / best[1] ** 2
    for d in range(len(squares)):
        for factor in _WEIGHTS:
            tried = weights.copy()
            tried[d] *= factor
            found = fit.likelihood(tried, best[2])
            if found > best[0] + 0.1:  # a length scale must be worth its freedom
                best, weights = (found, best[1], best[2]), tried
    trials = [(fit.likelihood(weights * s, r), s, r) for s in (0.3, 1.0, 3.0) for r in _NOISES]
    likelihood, scale, noise = max(trials)
    quiet = max(found for found, _, r in trials if r <= _QUIET)
    mean, sd, sigma = fit.posterior(weights * scale, noise)
    return Smooth(center + spread * mean, spread * sd, spread * sigma, likelihood - quiet)


class _Fit:
    """Values at points, under any weights of the columns and any share of noise."""

    def __init__(self, squares: Floats, values: Floats, shares: Floats, pooled: float, freedom: int) -> None:
        self.squares = squares
        self.values = values
        self.pooled, self.freedom = pooled, freedom
        self.shares = shares  # of the noise's variance, in the mean of several measurements

    def likelihood(self, weights: Floats, noise: float) -> float:
        """Log marginal likelihood, its scale and mean profiled out, and a weak prior against noise."""
        _, factor, _, scale = self._solved(weights, noise)
        n, scale = len(self.values), max(scale, 1e-300)
        log_det = 2.0 * float(np.log(np.diagonal(factor)).sum())
        prior = 0.5 * ((math.log(noise) + 3.0) / 4.0) ** 2
        repeats = self.freedom * math.log(scale * noise) + self.pooled / (scale * noise)
        return -0.5 * (n * math.log(scale) + log_det + repeats) - prior

    def posterior(self, weights: Floats, noise: float) -> tuple[Floats, Floats, float]:
        """Mean and standard deviation at the points, and of the noise."""
        kernel, factor, alpha, scale = self._solved(weights, noise)
        middle = self._middle(factor)
        half = np.linalg.solve(factor, kernel)
        variance = np.maximum(1.0 - (half**2).sum(axis=0), 1e-12)
        mean: Floats = middle + kernel @ alpha
        sd: Floats = np.sqrt(scale * variance)
        return mean, sd, math.sqrt(scale * noise)

    def _middle(self, factor: Floats) -> float:
        """The mean by generalised least squares."""
        ones = np.linalg.solve(factor, np.ones(len(self.values)))
        data = np.linalg.solve(factor, self.values)
        return float(ones @ data / (ones @ ones))

    def _solved(self, weights: Floats, noise: float) -> tuple[Floats, Floats, Floats, float]:
        r = np.sqrt(5.0 * np.tensordot(weights, self.squares, axes=1))
        kernel: Floats = (1.0 + r + r * r / 3.0) * np.exp(-r)
        noisy: Floats = kernel + np.diag(noise * self.shares + 1e-8)
        factor: Floats = np.asarray(np.linalg.cholesky(noisy), dtype=np.float64)
        rest = self.values - self._middle(factor)
        half = np.linalg.solve(factor, rest)
        scale = float(half @ half) / len(rest)
        alpha: Floats = np.linalg.solve(factor.T, half)
        return kernel, factor, alpha, scale
