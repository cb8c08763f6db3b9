"""Covariance matrix adaptation: a normal distribution that follows the better half of its samples.

Hansen (2016), The CMA evolution strategy: a tutorial, arXiv 1604.00772 (equations by its numbers); Ros and
Hansen (2008), PPSN X (the separable form); Hansen (2011), Injecting external solutions into CMA-ES,
arXiv 1110.4181; Nomura et al. (2021), Warm starting CMA-ES, AAAI; Hamano et al. (2022), CMA-ES with margin,
GECCO (`affine`, set by `numeric.margin`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LEAST = 1e-150  # of squared lengths
_WARM_NOISE = 0.003  # alpha of warm starts, a share of the range


class Rates(NamedTuple):
    """Weights and learning rates of a population size in a number of dimensions."""

    size: int
    parents: int
    weights: Floats  # (size,), those after `parents` negative
    effective: float  # variance-effective selection mass of the parents
    sigma: float
    damping: float
    path: float
    rank_one: float
    rank_mu: float
    expected: float  # E ||N(0, I)||


def default_size(dims: int) -> int:
    """lambda (eq. 48)."""
    return 4 + int(3.0 * math.log(max(dims, 1)))


@lru_cache(maxsize=64)
def rates(dims: int, size: int, separable: bool = False) -> Rates:
    """Table 1 of the tutorial; learning rates of the separable form are (dims + 2) / 3 times larger."""
    n = float(dims)
    raw = math.log((size + 1.0) / 2.0) - np.log(np.arange(1, size + 1))  # eq. 49
    parents = size // 2
    good, bad = raw[:parents], raw[parents:]
    effective = float(good.sum() ** 2 / (good**2).sum())
    effective_bad = float(bad.sum() ** 2 / (bad**2).sum())
    sigma = (effective + 2.0) / (n + effective + 5.0)  # eq. 55
    damping = 1.0 + 2.0 * max(0.0, math.sqrt((effective - 1.0) / (n + 1.0)) - 1.0) + sigma
    path = (4.0 + effective / n) / (n + 4.0 + 2.0 * effective / n)  # eq. 56
    faster = (n + 2.0) / 3.0 if separable else 1.0
    rank_one = min(1.0, faster * 2.0 / ((n + 1.3) ** 2 + effective))  # eq. 57
    rank_mu = faster * 2.0 * (0.25 + effective + 1.0 / effective - 2.0) / ((n + 2.0) ** 2 + effective)  # 58
    rank_mu = min(1.0 - rank_one, rank_mu)
    most = min(  # eqs. 50 to 52: how much the worse half may count
        1.0 + rank_one / rank_mu,
        1.0 + 2.0 * effective_bad / (effective + 2.0),
        (1.0 - rank_one - rank_mu) / (n * rank_mu),
    )
    weights = np.concatenate([good / good.sum(), bad * (most / -bad.sum())])  # eq. 53
    expected = math.sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n))
    return Rates(size, parents, weights, effective, sigma, damping, path, rank_one, rank_mu, expected)


@dataclass(frozen=True, slots=True)
class Evolution:
    """N(mean, (step * affine)^2 cov), and the paths of mean and step. A value.

    `cov` is a matrix with eigenvectors `basis` and roots of eigenvalues `axes`; of the separable form it is
    its diagonal, and `basis` is None. `affine` (dims,) widens single coordinates.
    """

    mean: Floats
    step: float
    cov: Floats
    axes: Floats
    basis: Floats | None
    path_step: Floats
    path_cov: Floats
    affine: Floats
    updates: int = 0

    @property
    def dims(self) -> int:
        return len(self.mean)

    def spread(self) -> Floats:
        """Standard deviation of each coordinate, without `affine`."""
        diagonal = self.cov if self.basis is None else np.diagonal(self.cov)
        found: Floats = self.step * np.sqrt(diagonal)
        return found

    def at(self, normal: Floats) -> Floats:
        """Points (m, dims) at standard normal vectors."""
        turned = normal * self.axes
        if self.basis is not None:
            turned = turned @ self.basis.T
        found: Floats = self.mean + self.step * self.affine * turned
        return found

    def whiten(self, steps: Floats) -> Floats:
        """C^(-1/2) of each of the steps (m, dims), which are relative to step and affine."""
        if self.basis is None:
            found: Floats = steps / self.axes
            return found
        turned: Floats = (steps @ self.basis / self.axes) @ self.basis.T
        return turned


def start(mean: Floats, step: float, scales: Floats, separable: bool = False) -> Evolution:
    """An evolution without correlations, `scales` (dims,) being the coordinates' relative spreads."""
    nothing = np.zeros(len(mean))
    if separable:
        return Evolution(mean, step, scales**2, scales, None, nothing, nothing, np.ones(len(mean)))
    return decomposed(
        Evolution(mean, step, np.diag(scales**2), scales, np.eye(len(mean)), nothing, nothing, nothing + 1.0)
    )


def warm_start(points: Floats, widest: float, separable: bool = False) -> Evolution:
    """The start that promising points (m, dims), the best first, suggest: eqs. 12 and 13 of Nomura et al.

    Theirs are of another task. These are of the same one, so that the better a point, the more it weighs (by
    the weights of CMA-ES), and less noise is added. Spreads are around the plain mean, so that they are long
    in the direction in which points get better; the step is `widest` at most.
    """
    weights = np.log(len(points) + 0.5) - np.log(np.arange(1, len(points) + 1))
    weights /= weights.sum()
    mean: Floats = weights @ points
    away = points - points.mean(axis=0)
    dims = len(mean)
    if separable:
        spread = np.sqrt(_WARM_NOISE**2 + weights @ away**2)
        step = float(np.exp(np.log(spread).mean()))
        return start(mean, min(step, widest), spread / step, separable=True)
    whole = _WARM_NOISE**2 * np.eye(dims) + (away.T * weights) @ away
    step = math.exp(0.5 * float(np.linalg.slogdet(whole)[1]) / dims)
    return decomposed(replace(start(mean, min(step, widest), np.ones(dims)), cov=whole / step**2))


def decomposed(evolution: Evolution) -> Evolution:
    """The same with `axes` and `basis` of its covariance, kept symmetric and positive."""
    if evolution.basis is None:
        cov = np.maximum(evolution.cov, 1e-30)
        return replace(evolution, cov=cov, axes=np.sqrt(cov))
    cov = 0.5 * (evolution.cov + evolution.cov.T)
    values, basis = np.linalg.eigh(cov)
    least = 1e-14 * max(float(values[-1]), 1e-30)
    if values[0] < least:
        values = np.maximum(values, least)
        cov = (basis * values) @ basis.T
    return replace(evolution, cov=cov, axes=np.sqrt(values), basis=basis)


def update(
    evolution: Evolution, table: Rates, points: Floats, own: Bools | None = None, known: Bools | None = None
) -> Evolution:
    """The evolution after a generation of `points` (size, dims), the best first.

    Args:
        own: which points were drawn from this very distribution; the steps to others are shortened to what
            is plausible (Hansen 2011, eq. 4). None: all.
        known: shape of `points`: coordinates that had a part in the value; others do not move the mean.
    """
    steps = (points - evolution.mean) / (evolution.step * evolution.affine)
    white = evolution.whiten(steps)
    lengths = np.sqrt((white**2).sum(axis=1))
    if own is not None and not own.all():
        n = evolution.dims
        most = math.sqrt(n) + 2.0 * n / (n + 2.0)
        factors = np.where(own, 1.0, np.minimum(1.0, most / np.maximum(lengths, 1e-300)))
        steps, white, lengths = steps * factors[:, None], white * factors[:, None], lengths * factors
    good = table.weights[: table.parents]
    shift = good @ steps[: table.parents]  # eq. 41
    moved = shift if known is None else good @ np.where(known, steps, 0.0)[: table.parents]
    mean = evolution.mean + evolution.step * evolution.affine * moved  # eq. 42
    gain = math.sqrt(table.sigma * (2.0 - table.sigma) * table.effective)
    path_step = (1.0 - table.sigma) * evolution.path_step
    path_step = path_step + gain * (good @ white[: table.parents])  # eq. 43
    length = math.sqrt(float(path_step @ path_step))
    change = table.sigma / table.damping * (length / table.expected - 1.0)  # eq. 44
    warmed = math.sqrt(1.0 - (1.0 - table.sigma) ** (2 * (evolution.updates + 1)))
    steady = length / warmed < (1.4 + 2.0 / (evolution.dims + 1.0)) * table.expected
    path_cov = (1.0 - table.path) * evolution.path_cov
    if steady:
        path_cov = path_cov + math.sqrt(table.path * (2.0 - table.path) * table.effective) * shift  # eq. 45
    return decomposed(
        replace(
            evolution,
            mean=mean,
            step=min(evolution.step * math.exp(min(1.0, change)), 1e3),
            cov=_adapted(evolution, table, steps, lengths, path_cov, steady),
            path_step=path_step,
            path_cov=path_cov,
            updates=evolution.updates + 1,
        )
    )


def _adapted(
    evolution: Evolution, table: Rates, steps: Floats, lengths: Floats, path: Floats, steady: bool
) -> Floats:
    """Rank-one and rank-mu update, the worse half with negative weights: eqs. 46 and 47."""
    weights = table.weights.copy()
    weights[table.parents :] *= evolution.dims / np.maximum(lengths[table.parents :] ** 2, 1e-12)
    stalled = 0.0 if steady else table.path * (2.0 - table.path)
    kept = 1.0 + table.rank_one * (stalled - 1.0) - table.rank_mu * float(table.weights.sum())
    if evolution.basis is None:
        one, mu = path**2, weights @ steps**2
    else:
        one, mu = np.outer(path, path), (steps.T * weights) @ steps
    found: Floats = kept * evolution.cov + table.rank_one * one + table.rank_mu * mu
    return found
