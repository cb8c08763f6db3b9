"""Expected improvement in logarithms, stable far into the tail (Ament et al. 2023, arXiv 2310.20708)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc, erfcx, log_ndtr

Floats = NDArray[np.float64]

_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_ROOT_TWO = math.sqrt(2.0)


def log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z)), the logarithm of the expected improvement at unit scale."""
    found = np.empty_like(z)
    near = z > -1.0
    x = z[near]
    phi = np.exp(-0.5 * x * x - _LOG_ROOT_TWO_PI)
    found[near] = np.log(phi + 0.5 * x * erfc(-x / _ROOT_TWO))
    x = np.maximum(z[~near], -1e100)  # beyond, its square has no number
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.log1p(x * math.sqrt(0.5 * math.pi) * erfcx(-x / _ROOT_TWO))
    rest = np.where(x < -1e3, -2.0 * np.log(-x), rest)
    found[~near] = -0.5 * x * x - _LOG_ROOT_TWO_PI + rest
    return found


def log_ei(mean: Floats, sd: Floats, best: Floats | float) -> tuple[Floats, Floats, Floats]:
    """log E[max(best - f, 0)] and its derivatives by mean and sd; all broadcast."""
    z = (best - mean) / sd
    value = log_h(z)
    ratio = np.exp(log_ndtr(z) - value)  # Phi / h
    return value + np.log(sd), -ratio / sd, (1.0 - ratio * z) / sd


def log_feasible(mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats]:
    """log P(c <= 0) and its derivatives by mean and sd."""
    z = -mean / sd
    value = log_ndtr(z)
    ratio = np.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI - value)  # phi / Phi
    return value, -ratio / sd, -ratio * z / sd


def log_mean(values: Floats) -> tuple[Floats, Floats]:
    """log of the mean over the last axis of exp(values) (m, S), and its derivatives (m, S)."""
    top = values.max(axis=1, keepdims=True)
    shares = np.exp(values - top)
    total = shares.sum(axis=1, keepdims=True)
    return top[:, 0] + np.log(total[:, 0] / values.shape[1]), shares / total
