"""Expected hypervolume improvement of two objectives, exactly and in logarithms; scalarisations for more.

The staircase of a front y_1 < ... < y_k (first loss; the second one falls) cuts what it does not dominate,
within the reference r, into strips of the first loss: from a_i to b_i, up to h_i in the second,

    i = 0: (-inf, y_1], r_2      0 < i < k: [y_i, y_{i+1}], y_i's second      i = k: [y_k, r_1], y_k's second

and a point y improves the hypervolume by sum_i (b_i - max(y_1, a_i))+ (h_i - y_2)+. For independent normal
losses each expectation is a product (Emmerich, Deutz and Klinkenberg 2011, CEC; Yang et al. 2019, Swarm Evol.
Comput. 44, section 4): with psi(c) = E(c - Y)+ = sd h(z), h(z) = phi(z) + z Phi(z), z = (c - mean) / sd,

    EHVI = sum_i [psi_1(b_i) - psi_1(a_i)] psi_2(h_i)

In logarithms as LogEI (Ament et al. 2023, arXiv 2310.20708), so that gradients are there where EHVI is not.
Scalarisation: Knowles (2006), ParEGO, IEEE Trans. Evol. Comput. 10, eq. 2 (augmented Tchebycheff).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from tunesmith.numeric.acquisition import log_ei, log_h
from tunesmith.numeric.pareto import nondominated

Floats = NDArray[np.float64]

_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_THIN = 1e-4  # strips narrower than this, over sd and z, are integrated by the midpoint rule
_SHARE = 0.05  # rho of the augmented Tchebycheff function


class Strips(NamedTuple):
    """The staircase: left and right ends in the first loss, heights in the second; (k + 1,) each."""

    left: Floats
    right: Floats
    height: Floats


def strips_of(front: Floats, reference: Floats) -> Strips:
    """The staircase of any points (n, 2) within a reference (2,); what is dominated does not count."""
    inside = front[(front < reference).all(axis=1)]
    steps = np.unique(inside[nondominated(inside)], axis=0) if len(inside) else inside
    first = steps[:, 0]
    return Strips(
        np.concatenate([[-np.inf], first]),
        np.concatenate([first, reference[:1]]),
        np.concatenate([reference[1:], steps[:, 1]]),
    )


def log_ehvi(mean: Floats, sd: Floats, front: Floats, reference: Floats) -> tuple[Floats, Floats, Floats]:
    """The logarithm of the expected hypervolume improvement, both losses minimised.

    Args:
        mean, sd: (m, 2), of independent normal losses at m candidates; sd > 0.
        front: (k, 2) losses so far, in any order; k may be 0.
        reference: (2,), beyond which nothing counts.

    Returns:
        log EHVI (m,) and its derivatives by mean (m, 2) and by sd (m, 2). O(m k).
    """
    strips = strips_of(front, reference)
    wide, wide_mean, wide_sd = _log_width(mean[:, :1], sd[:, :1], strips)
    high, high_mean, high_sd = log_ei(mean[:, 1:], sd[:, 1:], strips.height)
    parts = wide + high
    top = parts.max(axis=1, keepdims=True)
    shares = np.exp(parts - top)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    value = top[:, 0] + np.log(total[:, 0])
    by_mean = np.stack([(shares * wide_mean).sum(axis=1), (shares * high_mean).sum(axis=1)], axis=1)
    by_sd = np.stack([(shares * wide_sd).sum(axis=1), (shares * high_sd).sum(axis=1)], axis=1)
    return value, by_mean, by_sd


def _log_width(mean: Floats, sd: Floats, strips: Strips) -> tuple[Floats, Floats, Floats]:
    """log E[(b - max(Y, a))+] = log(psi(b) - psi(a)) and its derivatives by mean and sd; (m, strips) each.

    By mean -[Phi(z_b) - Phi(z_a)] and by sd phi(z_b) - phi(z_a), both over the expectation.
    """
    left, right = (strips.left - mean) / sd, (strips.right - mean) / sd
    gap = np.maximum(right - left, 1e-300)  # ends may be one and the same after rounding
    middle = np.where(np.isfinite(left), 0.5 * (left + right), right)
    thin = gap * np.maximum(1.0, np.abs(middle)) < _THIN
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        value = np.where(thin, log_ndtr(middle) + np.log(gap), _log_rise(log_h, left, right))
        log_mass = np.where(thin, _log_density(middle) + np.log(gap), _log_mass(left, right))
        size, at = _density_gap(left, right)
        size, at = np.where(thin, -middle * gap, size), np.where(thin, middle, at)
        by_sd = size * np.exp(_log_density(at) - value) / sd
    return value + np.log(sd), -np.exp(log_mass - value) / sd, by_sd


def _log_rise(function: Callable[[Floats], Floats], left: Floats, right: Floats) -> Floats:
    """log(f(right) - f(left)) of a rising f that is given as its logarithm."""
    upper = function(right)
    return upper + _log_less(function(left) - upper)


def _log_mass(left: Floats, right: Floats) -> Floats:
    """log(Phi(right) - Phi(left)); above 0, where Phi is near 1, by its complement."""
    mirrored = left > 0.0
    return _log_rise(log_ndtr, np.where(mirrored, -right, left), np.where(mirrored, -left, right))


def _density_gap(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """(size, at): phi(right) - phi(left) is size phi(at), and `at` is the one nearer to 0."""
    rising = np.abs(right) <= np.abs(left)
    at, other = np.where(rising, right, left), np.where(rising, left, right)
    size = -np.expm1(0.5 * (at * at - other * other))
    return np.where(rising, size, -size), at


def _log_density(z: Floats) -> Floats:
    found: Floats = -0.5 * z * z - _LOG_ROOT_TWO_PI
    return found


def _log_less(x: Floats) -> Floats:
    """log(1 - exp(x)) for x <= 0."""
    found: Floats = np.where(x > -0.6931471805599453, np.log(-np.expm1(x)), np.log1p(-np.exp(x)))
    return found


def tchebycheff(losses: Floats, weights: Floats) -> Floats:
    """One loss (n,) for several (n, m): max_j w_j f_j + rho sum_j w_j f_j, each f_j scaled to [0, 1].

    Every point of a front, dents included, is the least one under some weights (m,).
    """
    low = losses.min(axis=0)
    span = losses.max(axis=0) - low
    scaled = weights * (losses - low) / np.where(span > 0.0, span, 1.0)
    found: Floats = scaled.max(axis=1) + _SHARE * scaled.sum(axis=1)
    return found
