"""Learning curves of several configurations at once (Swersky, Snoek and Adams 2014, arXiv 1406.3896).

y_n(t) = f(x_n) + d h(t) + g_n(t) + noise. The asymptotes f ~ N(m, s_x K_x) share what configurations say of
each other; the curves about them, g_n ~ GP(0, k), are independent, with the kernel of a mixture of
exponential decays whose rates follow a gamma distribution, k(t, t') = s^2 beta^alpha / (t + t' + beta)^alpha
(equation 6). So the likelihood costs O(sum T_n^3 + N^3). With 1 a vector of ones, r residuals from the
curves' means (section 3.2):

    Lambda_n = 1' K_n^-1 1,   gamma_n = 1' K_n^-1 r_n,   C = (K_x^-1 + Lambda)^-1,   mu = m + C gamma.

One thing is added: the decay has a mean, h(t) = beta^alpha / (t + beta)^alpha, that of the same mixture, with
one amplitude d for all curves, because losses start above their asymptote, not on either side of it. m is a
part of f, with a prior of its own; d is at its best. Hyperparameters are at the maximum of their posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from tunesmith.numeric.forecasts import Forecast, thinned

Floats = NDArray[np.float64]
Curve = tuple[ArrayLike, ArrayLike]
"""Steps, rising, and the losses there."""

MOST_POINTS = 12  # of a curve that are modelled
_MEAN = np.log(np.array([1.0, 1.0, 1.0, 0.1, 1e-3]))  # of the logarithms of Hyper's fields, in its order
_SD = np.array([1.0, 1.5, 0.7, 1.2, 2.0])
_REACH = 3.0  # standard deviations of the prior within which hyperparameters are sought
_LEVEL = 1.0  # variance of m
_DROP = 4.0  # prior variance of d
_CAP = 4.0  # spreads above the middle beyond which a loss only says "bad"
_TAILS = 3.0  # degrees of freedom; 80 % intervals held 72 % with normal tails, and hold 79 %
_LEAST = 1e-9


class Hyper(NamedTuple):
    """Logarithms of the hyperparameters, for values with a spread of 1.

    `scale`: the variance of asymptotes over that of K_x. `decay`: s^2, the variance of curves about them.
    `beta`: in whole curves. `noise`: its variance.
    """

    scale: float = float(_MEAN[0])
    decay: float = float(_MEAN[1])
    alpha: float = float(_MEAN[2])
    beta: float = float(_MEAN[3])
    noise: float = float(_MEAN[4])


class _Data(NamedTuple):
    """Curves side by side, shape (curves, points), shorter ones filled up with what counts for nothing."""

    t: Floats  # 1 at the end of a full curve
    y: Floats
    there: Floats  # 1 or 0


class FreezeThaw:
    """The joint posterior of learning curves and of what they come to.

    Args of `fit` and of the constructor:
        curves: for each configuration the steps, rising and more than 0, and the losses there; at least one.
        covariance: K_x, the prior covariance of asymptotes between configurations, its diagonal about 1.
        end: the step of a full curve, to which times are relative.
        hyper: the hyperparameters; `fit` finds them.

    Attributes:
        hyper: see `Hyper`.
        evidence: the logarithm of the marginal likelihood, by which covariances are compared.
        drop: d, the mean amplitude of the decay, in units of the losses.
    """

    def __init__(
        self, curves: Sequence[Curve], covariance: Floats, end: float, hyper: Hyper | None = None
    ) -> None:
        hyper = hyper or Hyper()
        data, self._center, self._spread = _prepared(curves, end)
        self._end, self._data, self.hyper = float(end), data, hyper
        self._solved = _Solved(data, covariance, hyper)
        self.evidence = -self._solved.value - float(data.there.sum()) * float(np.log(self._spread))
        self.drop = self._solved.drop * self._spread

    @classmethod
    def fit(
        cls,
        curves: Sequence[Curve],
        covariance: Floats,
        end: float,
        begin: Hyper | None = None,
        steps: int = 25,
    ) -> FreezeThaw:
        """The model at its most probable hyperparameters, sought from `begin` in at most so many steps."""
        data, _, _ = _prepared(curves, end)

        def objective(x: Floats) -> tuple[float, Floats]:
            solved = _Solved(data, covariance, Hyper(*x.tolist()))
            away = (x - _MEAN) / _SD
            return solved.value + 0.5 * float(away @ away), solved.gradient() + away / _SD

        found = minimize(
            objective,
            np.array(begin or Hyper()),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(_MEAN - _REACH * _SD, _MEAN + _REACH * _SD, strict=True)),
            options={"maxiter": steps, "ftol": 1e-6, "gtol": 1e-3},
        )
        return cls(curves, covariance, end, Hyper(*found.x.tolist()))

    def predict(self, at: ArrayLike, which: ArrayLike | None = None) -> Forecast:
        """Values of the curves that were given (those numbered `which`; None: all) at the steps `at`.

        Equation 19 of the paper: what the curve itself says, and its asymptote's posterior for the rest. `sd`
        is that of the process. Probabilities and intervals have Student's tails: hyperparameters are taken
        at their maximum, and curves differ by more than that allows.
        """
        rows = (
            np.arange(len(self._data.t)) if which is None else np.atleast_1d(np.asarray(which, dtype=np.intp))
        )
        solved, t = self._solved, self._times(at)
        near = _decay(self._data.t[rows][:, :, None] + t, self.hyper) * self._data.there[rows][:, :, None]
        reach = np.einsum("npq,npm->nqm", solved.inverse[rows], near)  # K_n^-1 k(t_n, t*)
        own = 1.0 - np.einsum("nqm,nq->nm", reach, self._data.there[rows])
        mean = np.einsum("nqm,nq->nm", reach, solved.residual[rows]) + own * solved.mu[rows][:, None]
        mean += solved.drop * _share(t, self.hyper)
        variance = _decay(2.0 * t, self.hyper) - np.einsum("npm,npm->nm", near, reach)
        variance += own**2 * np.diagonal(solved.c)[rows][:, None] + np.exp(self.hyper.noise)
        return self._given(mean, variance, _TAILS)

    def predict_new(self, at: ArrayLike, cross: Floats, variance: Floats) -> Forecast:
        """Values of new configurations at the steps `at`.

        `cross` (given, new) and `variance` (new,): the prior covariances of their asymptotes, as in K_x.
        """
        mean, spread = self.asymptotes(cross, np.diag(np.atleast_1d(variance)))
        t = self._times(at)
        mean = (mean[:, None] - self._center) / self._spread + self._solved.drop * _share(t, self.hyper)
        noise = _decay(2.0 * t, self.hyper) + np.exp(self.hyper.noise)
        return self._given(mean, (np.diagonal(spread) / self._spread**2)[:, None] + noise)

    def asymptotes(self, cross: Floats | None = None, among: Floats | None = None) -> tuple[Floats, Floats]:
        """The joint posterior of asymptotes, mean and covariance: of the given curves, or of new ones.

        `cross` (given, new) and `among` (new, new) are prior covariances, as in K_x.
        """
        solved = self._solved
        if cross is None or among is None:
            mean, spread = solved.mu, solved.c
        else:
            k = np.exp(self.hyper.scale) * cross + _LEVEL
            kept = solved.root[:, None] * k
            mean = kept.T @ solved.weights
            spread = np.exp(self.hyper.scale) * among + _LEVEL - kept.T @ cho_solve(solved.factor, kept)
        return self._center + self._spread * mean, self._spread**2 * spread

    def _times(self, at: ArrayLike) -> Floats:
        return np.atleast_1d(np.asarray(at, dtype=np.float64)) / self._end

    def _given(self, mean: Floats, variance: Floats, freedom: float = np.inf) -> Forecast:
        sd = self._spread * np.sqrt(np.maximum(variance, _LEAST))
        return Forecast.single(self._center + self._spread * mean, sd, freedom)


class _Solved:
    """The posterior at given hyperparameters, and the negative log likelihood."""

    def __init__(self, data: _Data, covariance: Floats, hyper: Hyper) -> None:
        self.data, self.hyper, self.covariance = data, hyper, covariance
        there = data.there
        pairs = there[:, :, None] * there[:, None, :]
        noise = np.where(there > 0, np.exp(hyper.noise), 1.0)
        self.times = data.t[:, :, None] + data.t[:, None, :]
        self.kernel = _decay(self.times, hyper) * pairs
        k = self.kernel.copy()
        k[:, np.arange(k.shape[1]), np.arange(k.shape[1])] += noise
        self.inverse = np.linalg.inv(k)
        ones = np.einsum("npq,nq->np", self.inverse, there)  # K_n^-1 1
        self.lam = np.einsum("np,np->n", ones, there)
        self.ones, self.root = ones, np.sqrt(self.lam)
        self.kx = np.exp(hyper.scale) * covariance + _LEVEL
        b = self.root[:, None] * self.kx * self.root
        b.flat[:: len(b) + 1] += 1.0
        self.factor = cho_factor(b, lower=True)
        half = self.root[:, None] * self.kx
        self.c = self.kx - half.T @ cho_solve(self.factor, half)
        self._find_drop()
        weighted = np.einsum("npq,nq->np", self.inverse, self.residual)
        gamma = np.einsum("np,np->n", weighted, there)
        self.mu = self.c @ gamma
        self.weights = cho_solve(self.factor, gamma / self.root)
        self.alpha = weighted - ones * self.mu[:, None]  # of all data: covariance^-1 residual
        logs = np.linalg.slogdet(k)[1].sum() + 2.0 * np.log(np.diagonal(self.factor[0])).sum()
        square = float((self.residual * self.alpha).sum()) + self.drop**2 / _DROP
        self.value = 0.5 * (square + float(logs) + float(there.sum()) * float(np.log(2.0 * np.pi)))

    def _find_drop(self) -> None:
        """d at its best: generalised least squares with a weak prior."""
        h = _share(self.data.t, self.hyper) * self.data.there
        weighted = np.einsum("npq,nq->np", self.inverse, h)
        pulled = weighted - self.ones * (self.c @ weighted.sum(axis=1))[:, None]
        self.share = h
        self.drop = float((pulled * self.data.y).sum() / ((pulled * h).sum() + 1.0 / _DROP))
        self.residual = (self.data.y - self.drop * h) * self.data.there

    def gradient(self) -> Floats:
        """Of the value, by the hyperparameters in their order."""
        hyper, alpha = self.hyper, np.exp(self.hyper.alpha)
        beta, noise = np.exp(hyper.beta), np.exp(hyper.noise)
        # dNLL/dK_n = (covariance^-1 - alpha alpha') / 2 in the block of curve n
        g = self.inverse - np.diagonal(self.c)[:, None, None] * self.ones[:, :, None] * self.ones[:, None, :]
        g = 0.5 * (g - self.alpha[:, :, None] * self.alpha[:, None, :])
        pull = g * self.kernel
        by_alpha = float((pull * np.log(beta / (self.times + beta))).sum())
        by_beta = float((pull * self.times / (self.times + beta)).sum())
        diagonal = np.einsum("npp->np", g) * self.data.there
        inner = np.diag(self.lam) - self.lam[:, None] * self.c * self.lam
        total = self.alpha.sum(axis=1)
        own = self.kx - _LEVEL
        by_scale = 0.5 * float((inner * own).sum() - total @ own @ total)
        # the mean of the decay changes with alpha and beta; that d does is of second order
        mean = self.drop * self.alpha * self.share
        t = self.data.t
        by_alpha -= float((mean * np.log(beta / (t + beta))).sum())
        by_beta -= float((mean * t / (t + beta)).sum())
        by_noise = noise * float(diagonal.sum())
        return np.array([by_scale, float(pull.sum()), alpha * by_alpha, alpha * by_beta, by_noise])


def _decay(total: Floats, hyper: Hyper) -> Floats:
    """k of equation 6, where `total` is t + t'."""
    return np.asarray(np.exp(hyper.decay) * _share(total, hyper), dtype=np.float64)


def _share(t: Floats, hyper: Hyper) -> Floats:
    beta = np.exp(hyper.beta)
    return np.asarray((beta / (t + beta)) ** np.exp(hyper.alpha), dtype=np.float64)


def _prepared(curves: Sequence[Curve], end: float) -> tuple[_Data, float, float]:
    """The curves thinned, in units of their spread, with very bad losses capped."""
    pairs = [(np.asarray(t, dtype=np.float64), np.asarray(y, dtype=np.float64)) for t, y in curves]
    kept = [(t[rows], y[rows]) for t, y in pairs for rows in (thinned(t, MOST_POINTS),)]
    last = np.array([y[-1] for _, y in kept])
    center, spread = _scale(last, np.concatenate([y for _, y in kept]))
    width = max(len(t) for t, _ in kept)
    t, y, there = (np.zeros((len(kept), width)) for _ in range(3))
    for row, (steps, losses) in enumerate(kept):
        size = len(steps)
        t[row, :size], there[row, :size] = steps / end, 1.0
        y[row, :size] = np.nan_to_num((losses - center) / spread, nan=np.inf).clip(-np.inf, _CAP)
    return _Data(t, y, there), center, spread


def _scale(last: Floats, values: Floats) -> tuple[float, float]:
    """A middle and a spread of the losses that curves have come to, whatever a few of them did."""
    for found in (last[np.isfinite(last)], values[np.isfinite(values)]):
        if len(found) > 2:
            low, middle, high = np.quantile(found, [0.16, 0.5, 0.84])
            # the worse half may be far worse: the better half says what matters
            spread = min(0.5 * (high - low), 2.0 * (middle - low))
            if spread > 0.0:
                return float(middle), float(spread)
    found = values[np.isfinite(values)]
    if not len(found):
        return 0.0, 1.0
    spread = float(found.std())
    return float(np.median(found)), spread or max(abs(float(found[0])) * 0.1, _LEAST)
