"""What a promise is made of: functions of the means and deviations of processes, or of the row alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.surrogate import Surrogate
from tunesmith.numeric import gp
from tunesmith.numeric.acquisition import log_ei, log_feasible, log_mean
from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.ehvi import log_ehvi
from tunesmith.numeric.kernels import squared_distances

Floats = NDArray[np.float64]
Gradient = Callable[[], Floats]
Term = Callable[[Floats], tuple[Floats, Gradient]]

_APART = 0.05  # of the range of each parameter, over which roughness shows anew


@dataclass(frozen=True)
class Rough:
    """A process, and the rows that it was observed at.

    What the process takes for noise may as well be roughness, which shows anew some way off and not at the
    same place: so a row has it in the measure in which it lies apart from the `seen` ones.
    """

    process: gp.Posterior
    seen: Floats  # embedded rows
    rho: float  # the variance of the roughness

    @classmethod
    def of(cls, process: gp.Posterior, units: Floats, roughness: bool = True) -> Rough:
        """With the rows (n, dims) that were seen, or soon will be."""
        seen = process.embedding.embed(process.completed(units))
        return cls(process, seen, process.rho if roughness else 0.0)

    def predict(self, rows: Floats) -> RoughPrediction:
        """The function at rows, with its roughness."""
        return RoughPrediction(self, rows)


class RoughPrediction:
    """As `gp.Prediction`, its `sd` (m,) that of the function and of its roughness."""

    def __init__(self, rough: Rough, rows: Floats) -> None:
        process = rough.process
        self._rough, self._rows = rough, rows
        self._at = process.predict(rows)
        gaps = squared_distances(self._at.z, rough.seen)
        self._near = np.argmin(gaps, axis=1)
        self._reach = 2.0 * process.embedding.dims * _APART**2
        self._same = np.exp(-gaps[np.arange(len(rows)), self._near] / self._reach)
        self.mean = self._at.mean
        self.sd: Floats = np.sqrt(self._at.sd**2 + rough.rho * (1.0 - self._same))

    def gradient(self, by_mean: Floats, by_sd: Floats) -> Floats:
        """Of a function with derivatives (m, S) and (m,), with respect to the rows (m, dims)."""
        process, seen = self._rough.process, self._rough.seen
        slope = by_sd / self.sd
        found = self._at.gradient(by_mean, slope * self._at.sd)
        own = process.embedding.numbers < found.shape[1]
        columns, numbers = process.embedding.columns[own], process.embedding.numbers[own]
        share = (slope * self._rough.rho * self._same / self._reach)[:, None]
        away = (self._at.z - seen[self._near])[:, columns] * share
        found[:, numbers] += np.where(np.isnan(self._rows[:, numbers]), 0.0, away)
        return found


def given(part: Surrogate, pending: Floats, normals: Floats, roughness: bool) -> tuple[Rough, Floats]:
    """The process given samples of the pending rows (q, dims), drawn by standard normals (q, S), and these
    samples (q, S); S is 1 where none is pending."""
    if not len(pending):
        return Rough.of(part.process, part.units, roughness), np.empty((0, 1))
    process, samples = part.process.with_pending(pending, normals)
    seen = np.concatenate([part.units, process.completed(pending)])
    return Rough.of(process, seen, roughness), samples


@dataclass(frozen=True)
class Improvement:
    """log EI below `best` (S,), averaged over samples of pending trials."""

    loss: Rough
    best: Floats

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        at = self.loss.predict(rows)
        values, by_mean, by_sd = log_ei(at.mean, at.sd[:, None], self.best)
        total, shares = log_mean(values)
        return total, lambda: at.gradient(shares * by_mean, (shares * by_sd).sum(axis=1))


@dataclass(frozen=True)
class Hypervolume:
    """log EHVI of two losses over a front (k, 2) for each sample of pending trials, averaged over these."""

    losses: tuple[Rough, Rough]
    fronts: Sequence[Floats]
    reference: Floats

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        first, second = (loss.predict(rows) for loss in self.losses)
        sd = np.stack([first.sd, second.sd], axis=1)
        means = np.stack([first.mean, second.mean], axis=2)
        found = [log_ehvi(means[:, s], sd, front, self.reference) for s, front in enumerate(self.fronts)]
        total, shares = log_mean(np.stack([values for values, _, _ in found], axis=1))

        def gradient() -> Floats:
            by_mean = shares[:, :, None] * np.stack([slopes for _, slopes, _ in found], axis=1)
            by_sd = (shares[:, :, None] * np.stack([slopes for _, _, slopes in found], axis=1)).sum(axis=1)
            return first.gradient(by_mean[..., 0], by_sd[:, 0]) + second.gradient(
                by_mean[..., 1], by_sd[:, 1]
            )

        return total, gradient


@dataclass(frozen=True)
class Feasible:
    """log P(c <= 0), not below `least`, times a weight."""

    process: gp.Posterior
    weight: float = 1.0
    least: float = -math.inf

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        at = self.process.predict(rows)
        values, by_mean, by_sd = log_feasible(at.mean[:, 0], at.sd)
        counts = values > self.least
        slopes = np.where(counts, self.weight, 0.0)
        return self.weight * np.maximum(values, self.least), lambda: at.gradient(
            (slopes * by_mean)[:, None], slopes * by_sd
        )


@dataclass(frozen=True)
class Cheap:
    """Minus the expected logarithm of the cost."""

    process: gp.Posterior
    scale: float

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        at = self.process.predict(rows)
        ones = np.full((len(rows), 1), -self.scale)
        return -self.scale * at.mean[:, 0], lambda: at.gradient(ones, np.zeros(len(rows)))


@dataclass(frozen=True)
class Believed:
    """The logarithm of the priors, times a weight that fades."""

    axes: Sequence[Axis]
    weight: float

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        values, slopes = np.zeros(len(rows)), np.zeros(rows.shape)
        for d, axis in enumerate(self.axes):
            if axis.prior is None:
                continue
            there = np.flatnonzero(~np.isnan(rows[:, d]))
            column = rows[there, d]
            if axis.kind is Kind.CONTINUOUS:
                values[there], slopes[there, d] = _interpolated(axis.prior, column)
            else:
                values[there] += axis.log_prior(column)
        return self.weight * values, lambda: self.weight * slopes


def _interpolated(masses: Floats, column: Floats) -> tuple[Floats, Floats]:
    """The logarithm of a density given by the masses of equal bins, and its slope."""
    bins = len(masses)
    table = np.log(np.maximum(masses, 1e-300) * (bins / masses.sum()))
    place = np.clip(column * bins - 0.5, 0.0, bins - 1.0)
    low = np.minimum(place.astype(np.intp), bins - 2)
    slope = table[low + 1] - table[low]
    return table[low] + slope * (place - low), slope * bins
