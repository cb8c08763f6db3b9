"""How much a configuration promises: the logarithm of expected improvement, of feasibility, of beliefs.

A promise is a sum of terms; each is a function of the mean and deviation of one process, or of the row alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric import gp
from tunesmith.numeric.acquisition import log_ei, log_feasible, log_mean
from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.kernels import squared_distances
from tunesmith.record.history import History
from tunesmith.search._base import Ask
from tunesmith.search._surrogate import (
    Quantity,
    Surrogate,
    constraint,
    constraint_names,
    duration,
    failure,
    loss,
    scalarised,
    surrogate,
)  # fmt: skip
from tunesmith.search._targets import targets
from tunesmith.search._view import View, view_of

Floats = NDArray[np.float64]
Gradient = Callable[[], Floats]
Term = Callable[[Floats], tuple[Floats, Gradient]]

_BELIEF = 10.0  # weight of the priors' logarithm, over the number of trials
_DIRECTIONS = 16  # of scalarisations, taken in turn
_APART = 0.05  # of the range of each parameter, over which roughness shows anew
_LEAST_SURE = 5  # failures; minus their number is the least logarithm of a probability of success


@dataclass(frozen=True)
class Promise:
    """Rows to values and gradients. `anchors`: the best rows, `lengths` (dims,): over which it changes."""

    terms: Sequence[Term]
    view: View
    anchors: Floats
    lengths: Floats

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        """Values (m,), and how to get the gradients (m, dims)."""
        found = [term(rows) for term in self.terms]
        total = found[0][0]
        for values, _ in found[1:]:
            total = total + values
        return total, lambda: np.sum([gradient() for _, gradient in found], axis=0)


@dataclass(frozen=True)
class _Improvement:
    """log EI below `best` (S,), averaged over samples of pending trials.

    What the process takes for noise may as well be roughness, which shows anew some way off and not at the
    same place: so a row has it in the measure in which it lies apart from the `seen` ones.
    """

    process: gp.Posterior
    best: Floats
    seen: Floats  # embedded rows

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        process = self.process
        at = process.predict(rows)
        z = process.embedding.embed(rows)
        gaps = squared_distances(z, self.seen)
        near = np.argmin(gaps, axis=1)
        reach = 2.0 * process.embedding.dims * _APART**2
        same = np.exp(-gaps[np.arange(len(rows)), near] / reach)
        sd = np.sqrt(at.sd**2 + process.rho * (1.0 - same))
        values, by_mean, by_sd = log_ei(at.mean, sd[:, None], self.best)
        total, shares = log_mean(values)

        def gradient() -> Floats:
            slope = (shares * by_sd).sum(axis=1) / sd
            found = at.gradient(shares * by_mean, slope * at.sd)
            columns, numbers = process.embedding.columns, process.embedding.numbers
            away = (z - self.seen[near])[:, columns] * (slope * process.rho * same / reach)[:, None]
            found[:, numbers] += np.where(np.isnan(rows[:, numbers]), 0.0, away)
            return found

        return total, gradient


@dataclass(frozen=True)
class _Feasible:
    """log P(c <= 0), not below `least`."""

    process: gp.Posterior
    least: float = -math.inf

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        at = self.process.predict(rows)
        values, by_mean, by_sd = log_feasible(at.mean[:, 0], at.sd)
        counts = values > self.least
        return np.maximum(values, self.least), lambda: at.gradient(
            np.where(counts, by_mean, 0.0)[:, None], np.where(counts, by_sd, 0.0)
        )


@dataclass(frozen=True)
class _Cheap:
    """Minus the expected logarithm of the cost."""

    process: gp.Posterior
    scale: float

    def __call__(self, rows: Floats) -> tuple[Floats, Gradient]:
        at = self.process.predict(rows)
        ones = np.full((len(rows), 1), -self.scale)
        return -self.scale * at.mean[:, 0], lambda: at.gradient(ones, np.zeros(len(rows)))


@dataclass(frozen=True)
class _Believed:
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


def promise(history: History, ask: Ask, pending: Floats, fantasies: int, per_second: bool) -> Promise | None:
    """What the trials so far say about others; None while all have failed."""
    space = ask.space
    found = targets(history)
    if not len(found.rows):
        return None
    view = view_of(history, space)
    limits = [
        known
        for name in constraint_names(history)
        if (known := surrogate(history, space, constraint(name))) is not None
    ]
    main = surrogate(history, space, _goal(history, ask))
    if main is None:
        return None
    feasible = history.violations[main.rows] <= 0.0
    terms: list[Term] = [_Feasible(limit.process) for limit in limits]
    if feasible.any():
        normals = ask.rng.generator("gp/pending").normal(size=(len(pending), fantasies))
        terms.insert(0, _improvement(main, feasible, pending, normals))
    if len(found.failed) and (crash := surrogate(history, space, failure())) is not None:
        terms.append(_Feasible(crash.process, -float(max(_LEAST_SURE, len(found.failed)))))
    if per_second and (slow := surrogate(history, space, duration())) is not None:
        terms.append(_Cheap(slow.process, 1.0))
    if any(axis.prior is not None for axis in view.axes):
        terms.append(_Believed(view.axes, _BELIEF / history.n))
    means = main.process.at_observations(main.y)
    order = np.lexsort((means, ~feasible))[:5]
    lengths = np.minimum(np.exp(-0.5 * main.process.hyper.log_w), 1.0)
    return Promise(terms, view, main.units[order], lengths)


def _goal(history: History, ask: Ask) -> Quantity:
    objectives = history.losses.shape[1]
    if objectives == 1:
        return loss(0)
    rng = ask.rng._replace(number=ask.number % _DIRECTIONS).generator("gp/direction")
    return scalarised(tuple(np.round(rng.dirichlet(np.ones(objectives)), 6).tolist()))


def _improvement(main: Surrogate, feasible: NDArray[np.bool_], pending: Floats, normals: Floats) -> Term:
    process = main.process
    best = float(main.y[feasible].min())
    seen = process.embedding.embed(np.concatenate([main.units, pending]))
    if not len(pending):
        return _Improvement(process, np.array([best]), seen)
    process, samples = process.with_pending(pending, normals)
    return _Improvement(process, np.minimum(best, samples.min(axis=0)), seen)
