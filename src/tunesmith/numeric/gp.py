"""Gaussian-process regression with its hyperparameters at the maximum of the posterior.

C = M(q) + T tau T' + rho I: the Matern-5/2 kernel of `kernels` with one weight w_j = 1 / l_j^2 a dimension, a
trend linear in the features T of `Embedding.features` with variances tau (Rasmussen and Williams 2006,
ch. 2.7), and noise. Targets are standardised, the output scale is 1; the constant mean is profiled. Priors:
log l ~ N(0.2 + log(d) / 2, 3) (after Hvarfner et al. 2024, arXiv 2402.02229, who have sqrt 2 for 0.2),
log rho ~ N(-4, 1), log tau around fixed shares of the variance. The gradient needs no array of n x n x d:
with G = dNLL/dC, H = G o dM/dq and h = H 1, dNLL/dw_c = 2 (z_c^2 . h - z_c . (H z_c)) and
dNLL/dtau_t = T_t'G T_t.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from tunesmith.numeric.embedding import Embedding
from tunesmith.numeric.kernels import matern, matern_value, squared_distances

Floats = NDArray[np.float64]

_MEAN_LENGTH, _SD_LENGTH = 0.2, math.sqrt(3.0)
_MEAN_NOISE, _SD_NOISE = -4.0, 1.0
_SHARES, _SD_TREND = (0.1, 0.1, 0.3), 1.5  # of the variance, for the three parts of the trend
_VARIANCES = (1.0 / 12.0, 1.0 / 180.0, 1.0 / 180.0)  # of u - 1/2 and its square, for uniform u
_LENGTHS, _NOISES, _TRENDS = (-12.0, 6.0), (-13.8, 0.0), (-8.0, 4.0)  # bounds; those of tau around the prior
_BAD = 1e10
_LEAST = 1e-10  # variance


class Hyper(NamedTuple):
    """Hyperparameters: log w (dims,), log rho, log tau (3,)."""

    log_w: Floats
    log_rho: float
    log_tau: Floats

    @property
    def packed(self) -> Floats:
        """All in one vector."""
        return np.concatenate([self.log_w, [self.log_rho], self.log_tau])

    @classmethod
    def unpacked(cls, x: Floats) -> Hyper:
        """The reverse of `packed`."""
        return cls(x[:-4], float(x[-4]), x[-3:])


class Data(NamedTuple):
    """Observations: unit rows (n, dims) and targets (n,)."""

    units: Floats
    y: Floats


def prior(embedding: Embedding) -> Hyper:
    """The mode of the priors: lengthscales that grow with the root of the dimension."""
    d = max(embedding.dims, 1)
    log_w = np.full(d, -2.0 * (_MEAN_LENGTH + 0.5 * math.log(d)))
    return Hyper(log_w, _MEAN_NOISE, np.log(np.array(_SHARES) / (np.array(_VARIANCES) * d)))


def starts(embedding: Embedding) -> tuple[Hyper, Hyper]:
    """Where to begin: at the mode of the priors, and with short lengths and little noise."""
    mode = prior(embedding)
    return mode, mode._replace(log_w=mode.log_w + 3.0, log_rho=-8.0)


def fit(embedding: Embedding, data: Data, begin: Hyper, steps: int = 30) -> tuple[Hyper, float]:
    """Hyperparameters at a maximum of the posterior, from `begin`, and the negative logarithm there."""
    middle = prior(embedding)
    bounds = [_LENGTHS] * embedding.dims + [_NOISES]
    bounds += [(m + _TRENDS[0], m + _TRENDS[1]) for m in middle.log_tau.tolist()]
    found = minimize(
        NegativeLog(embedding, data),
        begin.packed,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": steps, "ftol": 1e-5, "gtol": 1e-2, "maxls": 10},
    )
    return Hyper.unpacked(found.x), float(found.fun)


class NegativeLog:
    """The negative logarithm of the posterior of packed hyperparameters, and its gradient."""

    def __init__(self, embedding: Embedding, data: Data) -> None:
        self.y = data.y
        self.groups, self.parts = embedding.groups, embedding.parts
        self.z = embedding.embed(data.units)
        self.squares = self.z * self.z
        self.t = embedding.features(self.z)
        self.dims = embedding.dims
        self.mode = prior(embedding).packed
        variances = [4.0 * _SD_LENGTH**2] * self.dims + [_SD_NOISE**2] + [_SD_TREND**2] * 3
        self.tightness = 1.0 / np.array(variances)

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        value, gradient = self._likelihood(Hyper.unpacked(x))
        away = x - self.mode
        pull = self.tightness * away
        return value + 0.5 * float(pull @ away), gradient + pull

    def _likelihood(self, hyper: Hyper) -> tuple[float, Floats]:
        z, t, y = self.z, self.t, self.y
        w, rho = np.exp(hyper.log_w)[self.groups], math.exp(hyper.log_rho)
        t_tau = t * np.exp(hyper.log_tau)[self.parts]
        scaled = z * np.sqrt(w)
        q = squared_distances(scaled, scaled)
        np.fill_diagonal(q, 0.0)
        c, slope = matern(q)
        c += t_tau @ t.T
        c.flat[:: len(y) + 1] += rho
        factor, info = lapack.dpotrf(c, lower=1)
        if info:
            return _BAD, np.zeros(len(self.mode))
        inverse = _symmetric(lapack.dpotri(factor, lower=1)[0])
        ones = inverse.sum(axis=0)
        residual = y - float(ones @ y) / float(ones.sum())
        alpha = inverse @ residual
        value = 0.5 * float(residual @ alpha) + float(np.log(np.diagonal(factor)).sum())
        g = 0.5 * (inverse - np.outer(alpha, alpha))  # the mean is at its best: no derivative through it
        by_rho = rho * float(np.trace(g))
        by_tau = np.bincount(self.parts, np.einsum("ij,ij->j", t_tau, g @ t), 3)
        h = g * slope
        h.flat[:: len(y) + 1] = 0.0
        by_w = 2.0 * w * (h.sum(axis=1) @ self.squares - np.einsum("ij,ij->j", z, h @ z))
        return value, np.concatenate([np.bincount(self.groups, by_w, self.dims), [by_rho], by_tau])


def _symmetric(lower: Floats) -> Floats:
    found: Floats = np.tril(lower)
    found = found + found.T
    found.flat[:: len(found) + 1] *= 0.5
    return found


class Posterior:
    """A process conditioned on observations, and on pending points by joint samples of their values.

    `root`: the inverse of the Cholesky factor of C. `alpha` (n, S): C^-1 of the residuals, a column for each
    sample (one without pending points). `tail`: what rows that are asked for lack in their last columns.
    """

    def __init__(self, embedding: Embedding, data: Data, hyper: Hyper, tail: Floats | None = None) -> None:
        self.embedding, self.hyper = embedding, hyper
        self.tail: Floats = np.empty(0) if tail is None else tail
        self.rho = math.exp(hyper.log_rho)
        self._root_w = np.exp(0.5 * hyper.log_w)[embedding.groups]
        self._root_tau = np.exp(0.5 * hyper.log_tau)[embedding.parts]
        _, self.z, self.t = self.placed(data.units)
        c = self.between(self.z, self.t)
        c.flat[:: len(c) + 1] = 1.0 + self.rho + np.einsum("ij,ij->i", self.t, self.t)
        self.root = _inverse(_root(c))
        half = self.root @ np.stack([np.ones(len(data.y)), data.y], axis=1)
        self.mean = float(half[:, 0] @ half[:, 1]) / float(half[:, 0] @ half[:, 0])
        self._whitened = half[:, 1] - self.mean * half[:, 0]
        self.alpha: Floats = (self.root.T @ self._whitened)[:, None]

    def completed(self, units: Floats) -> Floats:
        """Rows with the tail where they lack it."""
        missing = self.embedding.dims - units.shape[1]
        if not missing:
            return units
        return np.concatenate([units, np.broadcast_to(self.tail, (len(units), missing))], axis=1)

    def placed(self, units: Floats) -> tuple[Floats, Floats, Floats]:
        """Embedded rows; these by the lengthscales; their features by the trend's standard deviations."""
        z = self.embedding.embed(self.completed(units))
        return z, z * self._root_w, self.embedding.features(z) * self._root_tau

    def between(self, z: Floats, t: Floats) -> Floats:
        """Covariances (m, n) of placed rows with the observations."""
        found = matern_value(squared_distances(z, self.z))
        found += t @ self.t.T
        return found

    def at_observations(self, y: Floats) -> Floats:
        """Means (n,) of the noiseless function where it was observed."""
        found: Floats = y - self.rho * self.alpha[:, 0]
        return found

    def with_pending(self, units: Floats, normals: Floats) -> tuple[Posterior, Floats]:
        """Conditioned on samples at rows (q, dims), made of normals (q, S); and the samples (q, S)."""
        other: Posterior = object.__new__(Posterior)
        other.__dict__.update(self.__dict__)
        _, z, t = self.placed(units)
        n, q = len(self.z), len(z)
        cross = self.between(z, t) @ self.root.T
        own = matern_value(squared_distances(z, z)) + t @ t.T - cross @ cross.T
        own.flat[:: q + 1] += self.rho
        lower = _root(own)
        samples = self.mean + (cross @ self._whitened)[:, None] + lower @ normals
        inverse = _inverse(lower)
        other.z, other.t = np.concatenate([self.z, z]), np.concatenate([self.t, t])
        other.root = np.zeros((n + q, n + q))
        other.root[:n, :n] = self.root
        other.root[n:, :n] = -inverse @ cross @ self.root
        other.root[n:, n:] = inverse
        known = np.repeat(self._whitened[:, None], normals.shape[1], axis=1)
        other.alpha = other.root.T @ np.concatenate([known, normals])
        return other, samples

    def predict(self, units: Floats) -> Prediction:
        """The noiseless function at rows."""
        return Prediction(self, units)


class Prediction:
    """`mean` (m, S) and `sd` (m,) at rows, embedded ones `z`, and the gradient of a function of them."""

    def __init__(self, process: Posterior, units: Floats) -> None:
        self._process, self._units, self._width = process, process.completed(units), units.shape[1]
        self.z, self._z, self._t = process.placed(units)
        self._q = squared_distances(self._z, process.z)
        k = matern_value(self._q)
        k += self._t @ process.t.T
        self.mean = process.mean + k @ process.alpha
        self._half = k @ process.root.T
        variance = (
            1.0 + np.einsum("ij,ij->i", self._t, self._t) - np.einsum("ij,ij->i", self._half, self._half)
        )
        self.sd = np.sqrt(np.maximum(variance, _LEAST))

    def gradient(self, by_mean: Floats, by_sd: Floats) -> Floats:
        """Of a function with derivatives (m, S) and (m,), with respect to the numbers (m, dims); 0 elsewhere.

        d mean / dz = 2 sum_i (z - z_i) M'(q_i) alpha_i; d var / dz = -4 sum_i (z - z_i) M'(q_i) (C^-1 k)_i,
        and the trend's part of each.
        """
        process, embedding = self._process, self._process.embedding
        share = (by_sd / self.sd)[:, None]
        weights = by_mean @ process.alpha.T - share * (self._half @ process.root)
        by_features = (weights @ process.t + share * self._t) * process._root_tau
        weights *= matern(self._q)[1]
        by_z = 2.0 * (self._z * weights.sum(axis=1)[:, None] - weights @ process.z) * process._root_w
        found = np.zeros(self._units.shape)
        own = by_z[:, embedding.columns] + embedding.through(self.z, by_features)
        found[:, embedding.numbers] = np.where(np.isnan(self._units[:, embedding.numbers]), 0.0, own)
        return found[:, : self._width]


def _root(c: Floats) -> Floats:
    """The lower Cholesky factor, with as much more on the diagonal as it needs."""
    jitter = 0.0
    for _ in range(12):
        factor, info = lapack.dpotrf(c, lower=1, clean=1)
        if not info:
            found: Floats = factor
            return found
        more = max(10.0 * jitter, 1e-9)
        c = c.copy()
        c.flat[:: len(c) + 1] += more - jitter
        jitter = more
    raise np.linalg.LinAlgError("a covariance matrix is not positive definite")


def _inverse(lower: Floats) -> Floats:
    found: Floats = lapack.dtrtri(lower, lower=1)[0]
    return found
