"""A Gaussian process on the unit box that is told slopes beside values: arrays in, arrays out.

Matern-5/2 over scaled distances, whose derivatives are observed jointly with its values; with a the root of
5 times the squared distance, and delta the scaled difference,

    cov(f, f')       = (1 + a + a^2 / 3) exp(-a)
    cov(f, d_j f')   = 5/3 (1 + a) exp(-a) delta_j
    cov(d_i f, d_j f') = 5/3 exp(-a) ((1 + a) [i = j] - 5 delta_i delta_j)

Solak et al. (2003), Derivative observations in Gaussian process models, NIPS; Wu et al. (2017), Bayesian
optimization with gradients, NIPS. The system has a row for each value and each known slope, so that its price
is that of (n (dims + 1))^3: whoever calls keeps that small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular

from tunesmith.numeric.acquisition import log_ei

Floats = NDArray[np.float64]

_STRETCHES = (0.5, 1.0, 2.0, 4.0, 8.0)  # of the lengths that the slopes' size tells
_NOISES = (1e-6, 1e-8, 1e-4, 1e-2)  # variances, of values and slopes, relative to the prior's
_LONGEST, _SHORTEST = 50.0, 0.02  # lengths, as shares of the box
_PRIOR = 0.5  # of the logarithm of the stretch, as a precision


class Slopes(NamedTuple):
    """Observations: points (n, d), values (n,), slopes (n, d) with NaN where they are not known."""

    points: Floats
    values: Floats
    slopes: Floats


def warped(found: Slopes) -> tuple[Slopes, float]:
    """Values on a logarithmic scale above the best one, slopes by the chain rule, and the logarithm of the
    factor by which densities of the observations change."""
    above = found.values - found.values.min()
    unit = float(np.quantile(above, 0.25)) or float(above.mean()) or 1.0
    rates = 1.0 / (1.0 + above / unit)
    counts = 1 + np.count_nonzero(~np.isnan(found.slopes), axis=1)
    told = Slopes(found.points, unit * np.log1p(above / unit), found.slopes * rates[:, None])
    return told, float((np.log(rates) * counts).sum())


def covariance(left: Floats, right: Floats) -> Floats:
    """Of values and slopes at scaled points, shape (n (1 + d), m (1 + d)): values, then slopes by point."""
    n, m, d = len(left), len(right), left.shape[1]
    delta = left[:, None, :] - right[None, :, :]
    a = np.sqrt(5.0 * np.einsum("ijk,ijk->ij", delta, delta))
    decay = np.exp(-a)
    found = np.empty((n * (1 + d), m * (1 + d)))
    found[:n, :m] = (1.0 + a + a * a / 3.0) * decay
    cross = (5.0 / 3.0 * (1.0 + a) * decay)[:, :, None] * delta
    found[:n, m:] = cross.reshape(n, m * d)
    found[n:, :m] = -cross.transpose(0, 2, 1).reshape(n * d, m)
    bent = -5.0 * delta[:, :, :, None] * delta[:, :, None, :]
    bent[:, :, range(d), range(d)] += (1.0 + a)[:, :, None]
    bent *= (5.0 / 3.0 * decay)[:, :, None, None]
    found[n:, m:] = bent.transpose(0, 2, 1, 3).reshape(n * d, m * d)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """A process fitted to observations.

    `lengths` (d,); `rows`: which of all values and slopes are known; `lower`, `weights`: the Cholesky factor
    of their covariance, and what it makes of them; `mean`, `scale`: of the prior; `noise`: relative to
    it.
    """

    points: Floats
    lengths: Floats
    rows: NDArray[np.intp]
    lower: Floats
    weights: Floats
    mean: float
    scale: float
    noise: float
    evidence: float

    def predict(self, point: Floats) -> tuple[float, float, Floats, Floats]:
        """Mean and standard deviation of the value at a point, and the gradients of both."""
        joint = covariance(point[None, :] / self.lengths, self.points / self.lengths)[:, self.rows]
        known, slopes = joint[0], joint[1:]
        half = solve_triangular(self.lower, known, lower=True)
        variance = max(1.0 - float(half @ half), 1e-12)
        sd = math.sqrt(self.scale * variance)
        back = solve_triangular(self.lower, half, lower=True, trans="T")
        by_mean = slopes @ self.weights / self.lengths
        by_sd = -self.scale / sd * (slopes @ back) / self.lengths
        return self.mean + float(known @ self.weights), sd, by_mean, by_sd

    def means(self, points: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations of the values at many points."""
        known = covariance(points / self.lengths, self.points / self.lengths)[: len(points), self.rows]
        half = solve_triangular(self.lower, known.T, lower=True)
        variance = np.maximum(1.0 - np.einsum("ij,ij->j", half, half), 1e-12)
        return self.mean + known @ self.weights, np.sqrt(self.scale * variance)


def moments(found: Slopes) -> Floats:
    """Lengths by the size of the slopes: their variance is 5/3 of the values', over the squared length."""
    spread = max(float(np.std(found.values)), 1e-12)
    known = np.where(np.isnan(found.slopes), 0.0, found.slopes)
    count = np.maximum(np.count_nonzero(~np.isnan(found.slopes), axis=0), 1)
    size = np.sqrt((known**2).sum(axis=0) / count)
    lengths = math.sqrt(5.0 / 3.0) * spread / np.maximum(size, 1e-12 * spread)
    clipped: Floats = np.clip(lengths, _SHORTEST, _LONGEST)
    return clipped


def fitted(found: Slopes) -> Process:
    """The process of the greatest evidence among stretched lengths, then among noises."""
    lengths = moments(found)
    tried = [_judged(found, lengths, stretch, _NOISES[0]) for stretch in _STRETCHES]
    best = max(range(len(tried)), key=lambda place: _evidence(tried[place]))
    tried += [_judged(found, lengths, _STRETCHES[best], noise) for noise in _NOISES[1:]]
    process = max(tried, key=_evidence)
    if process is None:
        raise FloatingPointError("no covariance of these observations has a Cholesky factor")
    return process


def _judged(found: Slopes, lengths: Floats, stretch: float, noise: float) -> Process | None:
    process = conditioned(found, np.clip(stretch * lengths, _SHORTEST, 2.0 * _LONGEST), noise)
    if process is None:
        return None
    return replace(process, evidence=process.evidence - 0.5 * _PRIOR * math.log(stretch / 2.0) ** 2)


def _evidence(process: Process | None) -> float:
    return -math.inf if process is None else process.evidence


def modelled(found: Slopes) -> tuple[Slopes, Process]:
    """The observations as they are or warped, whichever has the greater evidence, and their process."""
    told, log_rate = warped(found)
    plain, bent = fitted(found), fitted(told)
    return (found, plain) if plain.evidence >= bent.evidence + log_rate else (told, bent)


def conditioned(found: Slopes, lengths: Floats, noise: float) -> Process | None:
    """The process with these lengths and noise, mean and scale profiled; None when it cannot be factored."""
    n = len(found.points)
    told = np.concatenate([found.values, (found.slopes * lengths).reshape(-1)])
    rows = np.flatnonzero(~np.isnan(told))
    told = told[rows]
    joint = covariance(found.points / lengths, found.points / lengths)[np.ix_(rows, rows)]
    joint[np.diag_indices(len(rows))] += noise * np.where(rows < n, 1.0, 5.0 / 3.0)
    try:
        lower = cholesky(joint, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    ones = np.where(rows < n, 1.0, 0.0)
    solved = cho_solve((lower, True), ones)
    mean = float(solved @ told) / float(solved @ ones)
    left = told - mean * ones
    weights = cho_solve((lower, True), left)
    scale = max(float(left @ weights) / len(rows), 1e-300)
    evidence = -0.5 * len(rows) * math.log(scale) - float(np.log(np.diag(lower)).sum())
    return Process(found.points, lengths, rows, lower, weights, mean, scale, noise, evidence)


def most_promising(process: Process, best: float, starts: Floats, climbs: int) -> Floats:
    """The point of the unit box with the largest logarithm of expected improvement below `best`.

    From the best `climbs` of the starts on, by L-BFGS-B with exact gradients.
    """
    from scipy.optimize import minimize

    means, spreads = process.means(starts)
    scores = log_ei(means, spreads, best)[0]

    def negative(point: Floats) -> tuple[float, Floats]:
        mean, sd, by_mean, by_sd = process.predict(point)
        value, a, b = (float(part[0]) for part in log_ei(np.array([mean]), np.array([sd]), best))
        return -value, -(a * by_mean + b * by_sd)

    least = -float(scores.max())
    found: Floats = starts[int(np.argmax(scores))]
    for start in np.argsort(-scores, kind="stable")[:climbs].tolist():
        climb = minimize(
            negative, starts[start], jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * starts.shape[1],
            options={"maxiter": 60},
        )  # fmt: skip
        if climb.fun < least:
            found, least = np.clip(climb.x, 0.0, 1.0), float(climb.fun)
    return found
