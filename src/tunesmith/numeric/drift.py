"""A Gaussian process whose function drifts with time: what was seen long ago says less.

C = M(q) (1 - eps)^(|t - t'| / 2) + rho I (Bogunovic, Scarlett and Cevher 2016, AISTATS, eq. 4; Parker-Holder
et al. 2020, arXiv 2002.02518, section 3): the Matern-5/2 kernel of `kernels` with a weight w_j = 1 / l_j^2 a
dimension, times what is left after a time; kappa = -log(1 - eps). Targets are standardised, the output scale
is 1. Priors: log l ~ N(0.2 + log(d) / 2, 3) as in `gp`, log rho ~ N(-2, 1.5^2), log kappa ~ N(-3, 1.5^2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from tunesmith.numeric.kernels import matern, matern_value, squared_distances

Floats = NDArray[np.float64]

_LENGTH, _SD_LENGTH = 0.2, math.sqrt(3.0)
_NOISE, _KAPPA, _SD = -2.0, -3.0, 1.5
_LENGTHS, _NOISES, _KAPPAS = (-12.0, 6.0), (-9.0, 1.0), (-9.0, 1.5)  # bounds
_BAD = 1e10


class Hyper(NamedTuple):
    """Hyperparameters: log w (dims,), log rho, log kappa."""

    log_w: Floats
    log_rho: float
    log_kappa: float


def prior(dims: int) -> Hyper:
    """The mode of the priors."""
    log_w = np.full(dims, -2.0 * (_LENGTH + 0.5 * math.log(max(dims, 1))))
    return Hyper(log_w, _NOISE, _KAPPA)


def fit(z: Floats, times: Floats, y: Floats, steps: int = 40) -> Hyper:
    """Hyperparameters at a maximum of the posterior: rows z (n, dims), times (n,), targets (n,)."""
    begin = prior(z.shape[1])
    found = minimize(
        lambda x: negative_log(x, z, times, y),
        np.concatenate([begin.log_w, [begin.log_rho, begin.log_kappa]]),
        jac=True,
        method="L-BFGS-B",
        bounds=[_LENGTHS] * z.shape[1] + [_NOISES, _KAPPAS],
        options={"maxiter": steps},
    )
    return Hyper(found.x[:-2], float(found.x[-2]), float(found.x[-1]))


def negative_log(x: Floats, z: Floats, times: Floats, y: Floats) -> tuple[float, Floats]:
    """The negative logarithm of the posterior of packed hyperparameters, and its gradient."""
    w, rho, kappa = np.exp(x[:-2]), math.exp(x[-2]), math.exp(x[-1])
    gaps = 0.5 * np.abs(times[:, None] - times[None, :])
    left = np.exp(-kappa * gaps)
    scaled = z * np.sqrt(w)
    q = squared_distances(scaled, scaled)
    np.fill_diagonal(q, 0.0)
    value, slope = matern(q)
    c = value * left
    c.flat[:: len(y) + 1] += rho
    try:
        factor = cho_factor(c, lower=True)
    except np.linalg.LinAlgError:
        return _BAD, np.zeros(len(x))
    alpha = cho_solve(factor, y)
    g = 0.5 * (cho_solve(factor, np.eye(len(y))) - np.outer(alpha, alpha))
    h = g * slope * left
    by_w = [w[j] * float((h * (z[:, j, None] - z[None, :, j]) ** 2).sum()) for j in range(z.shape[1])]
    by_kappa = -kappa * float((g * value * left * gaps).sum())
    by_rho = rho * float(np.trace(g))
    mode = prior(z.shape[1])
    away = x - np.concatenate([mode.log_w, [mode.log_rho, mode.log_kappa]])
    tightness = np.concatenate([np.full(z.shape[1], 1.0 / (4.0 * _SD_LENGTH**2)), [1.0 / _SD**2] * 2])
    pull = tightness * away
    total = 0.5 * float(y @ alpha) + float(np.log(np.diagonal(factor[0])).sum()) + 0.5 * float(pull @ away)
    return total, np.concatenate([by_w, [by_rho, by_kappa]]) + pull


class Drift:
    """The process conditioned on observations: `mean` and `sd` at rows and a time."""

    def __init__(self, z: Floats, times: Floats, hyper: Hyper, y: Floats | None = None) -> None:
        """`y`: targets (n,); None for points that are pending, whose deviations alone are known."""
        self.hyper, self.times = hyper, times
        self.z = z * np.exp(0.5 * hyper.log_w)
        c = self._between(self.z, times)
        c.flat[:: len(c) + 1] += math.exp(hyper.log_rho)
        self.factor = cho_factor(c, lower=True)
        self.alpha = None if y is None else cho_solve(self.factor, y)

    def _between(self, z: Floats, times: Floats) -> Floats:
        gaps = 0.5 * np.abs(times[:, None] - self.times[None, :])
        found: Floats = matern_value(squared_distances(z, self.z)) * np.exp(
            -math.exp(self.hyper.log_kappa) * gaps
        )
        return found

    def mean(self, z: Floats, times: Floats) -> Floats:
        """Shape (m,); 0 far from all observations."""
        k = self._between(z * np.exp(0.5 * self.hyper.log_w), times)
        found: Floats = np.zeros(len(z)) if self.alpha is None else k @ self.alpha
        return found

    def sd(self, z: Floats, times: Floats) -> Floats:
        """Shape (m,): of the noiseless function."""
        k = self._between(z * np.exp(0.5 * self.hyper.log_w), times)
        half = solve_triangular(self.factor[0], k.T, lower=True)
        found: Floats = np.sqrt(np.maximum(1.0 - np.einsum("ij,ij->j", half, half), 1e-12))
        return found
