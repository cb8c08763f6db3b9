"""Proposals that wait for one result: all but the last step of an ask, which can be done while a trial runs.

The trial that ended last is taken for pending: rows are collected that would be best if it came out well, as
expected, or badly. A process is linear in what it has observed, so means at these rows are known functions of
the one result, and deviations do not depend on it; when it is there, what is left is to choose. A pool is a
pure function of what was known before that result, so proposals are the same whether it was made beside the
trial or by the ask that needs it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.model.acquire import Effort, Valued, polish
from tunesmith.model.region import region_of
from tunesmith.model.surrogate import Surrogate, lengths_of, loss, surrogate
from tunesmith.model.targets import targets
from tunesmith.model.terms import Gradient, Rough, Term
from tunesmith.model.view import View, view_of
from tunesmith.numeric.acquisition import log_ei, log_mean
from tunesmith.numeric.maximize import ascend
from tunesmith.numeric.warp import Bend
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.trial import COMPLETE, FAILED, Trial
from tunesmith.search._base import Ask
from tunesmith.search._promise import Settings, beside
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_FROM = 20  # observations; of fewer, each one changes too much
_OUTCOMES = (0.0, -1.2, 1.2)  # of the awaited trial, in deviations from what is expected, which comes first
_ANCHORS = 5
_KEPT = 64  # candidates of each outcome; all of them where rows can come again
_POOLS = 4  # that are remembered
_WHOLE = (STATES.index(COMPLETE), STATES.index(FAILED))


class Wanted(NamedTuple):
    """What a pool depends on beside the history before the awaited result: the key of it."""

    n: int  # observations
    space: Space
    rng: Rng
    awaited: bytes  # its row
    others: bytes  # rows that are pending beside it
    settings: Settings


@dataclass(frozen=True)
class Pool:
    """Rows (m, dims), and how much each promises as a function of one result."""

    rows: Floats
    level: Floats  # (m, S): means, if the result is what is expected
    lift: Floats  # (m,): by how much they rise with each deviation that the result lies higher
    sd: Floats
    more: Floats  # (m,): what does not depend on the result
    samples: Floats  # (1 + q, S): of what is pending, the awaited one first, as `level`
    rise: Floats  # (1 + q,): as `lift`
    best: float  # of the targets
    bend: Bend  # of losses to targets

    def ranked(self, result: float) -> Floats:
        """Rows, the best first, when the result is there."""
        target = self.bend(result)
        off = (target - float(self.samples[0, 0])) / float(self.rise[0])
        others = (self.samples + off * self.rise[:, None])[1:]
        best = np.minimum(min(self.best, target), others.min(axis=0, initial=np.inf))
        means = self.level + off * self.lift[:, None]
        values = log_mean(log_ei(means, self.sd[:, None], best)[0])[0] + self.more
        found: Floats = self.rows[np.argsort(-values, kind="stable")]
        return found


@dataclass(frozen=True)
class _Outcomes:
    """log EI, averaged over samples, for each of the outcomes; and terms that do not depend on them.

    `loss`: of a process with a column for each outcome and sample; `best`: (outcomes, S).
    """

    loss: Rough
    best: Floats
    terms: Sequence[Term]

    def every(self, rows: Floats) -> Floats:
        """Shape (m, outcomes)."""
        at = self.loss.predict(rows)
        means = at.mean.reshape(len(rows), *self.best.shape)
        values = log_ei(means, at.sd[:, None, None], self.best)[0]
        found = np.stack([log_mean(values[:, k])[0] for k in range(len(self.best))], axis=1)
        return found + self.beside(rows)[:, None]

    def beside(self, rows: Floats) -> Floats:
        """What the terms come to, (m,)."""
        found: Floats = np.sum([np.zeros(len(rows)), *(term(rows)[0] for term in self.terms)], axis=0)
        return found

    def __call__(self, rows: Floats, which: Indices) -> tuple[Floats, Gradient]:
        """Each row under an outcome of its own."""
        at = self.loss.predict(rows)
        m, place = len(rows), np.arange(len(rows))
        means = at.mean.reshape(m, *self.best.shape)[place, which]
        values, by_mean, by_sd = log_ei(means, at.sd[:, None], self.best[which])
        total, shares = log_mean(values)
        more = [term(rows) for term in self.terms]
        for own, _ in more:
            total = total + own

        def gradient() -> Floats:
            by = np.zeros((m, *self.best.shape))
            by[place, which] = shares * by_mean
            found = at.gradient(by.reshape(m, -1), (shares * by_sd).sum(axis=1))
            for _, slope in more:
                found = found + slope()
            return found

        return total, gradient

    def under(self, outcome: int) -> Valued:
        """All rows under this one."""
        return lambda rows: self(rows, np.full(len(rows), outcome))


def pool_of(
    history: History, ask: Ask, awaited: Trial, others: Sequence[Trial], settings: Settings
) -> Pool | None:
    """The pool that awaits this trial's result, remembered; None where all has to be computed anew."""
    row = pending_units((awaited,), ask.space)
    beside_it = pending_units(tuple(others), ask.space)
    wanted = Wanted(history.n, ask.space, ask.rng, row.tobytes(), beside_it.tobytes(), settings)
    notes: dict[Wanted, Pool | None] = history.scratch.setdefault("gp/pools", {})
    if wanted not in notes:
        while len(notes) >= _POOLS:
            del notes[next(iter(notes))]
        notes[wanted] = _made(history, wanted, np.concatenate([row, beside_it]))
    return notes[wanted]


def ranked_by_pool(history: History, ask: Ask, settings: Settings) -> Floats | None:
    """Rows for an ask, the best first, chosen by the last result; None where a pool cannot tell."""
    last = history.n - 1
    if last < _FROM:
        return None
    trial, result = history.trial(last), float(history.losses[last, 0])
    past = history.first(last)
    if trial.state is not COMPLETE or not math.isfinite(result) or trial.constraints:
        return None
    if (past.numbers == trial.number).any():
        return None
    pool = pool_of(past, ask, trial, ask.pending, settings)
    found = None if pool is None else pool.ranked(result)
    return found if found is None or np.isfinite(found[0]).any() else None


def _made(past: History, wanted: Wanted, pending: Floats) -> Pool | None:
    if past.n < _FROM or past.losses.shape[1] != 1 or past.constraint_names:
        return None
    if not np.isin(past.states, _WHOLE).all() or past.violations.any():
        return None
    view = view_of(past, wanted.space)
    if np.isnan(pending[:, ~view.optional]).any():
        return None  # parameters that were never lacking before
    main = surrogate(past, wanted.space, loss(0, wanted.settings.manner))
    if main is None or main.power is None:
        return None
    fantasies, per_second, effort, manner, _ = wanted.settings
    count = fantasies if len(pending) > 1 else 1
    normals = wanted.rng.generator("gp/pending").normal(size=(len(pending) - 1, count))
    outcomes = np.repeat(_OUTCOMES, count)[None]
    draws = np.concatenate([outcomes, np.tile(normals, len(_OUTCOMES))])
    process, samples = main.process.with_pending(pending, draws)
    samples = samples.reshape(len(pending), len(_OUTCOMES), count)
    best = np.minimum(float(main.y.min()), samples.min(axis=0))
    function = _Outcomes(
        Rough.of(process, np.concatenate([main.units, pending]), manner.roughness),
        best,
        beside(past, wanted.space, view, per_second),
    )
    order = np.argsort(main.process.at_observations(main.y), kind="stable")[: _ANCHORS - 1]
    if (start := wanted.settings.trust_after) is not None:
        view = view.within(region_of(past, start, main.units[order[0]], lengths_of(main)))
    anchors = np.concatenate([pending[:1], main.units[order]])
    rows = _collected(view, function, main, anchors, wanted.rng, effort)
    at = function.loss.predict(rows)
    means = at.mean.reshape(len(rows), len(_OUTCOMES), count)
    return Pool(
        rows,
        means[:, 0],
        (means[:, 2, 0] - means[:, 0, 0]) / _OUTCOMES[2],
        at.sd,
        function.beside(rows),
        samples[:, 0],
        (samples[:, 2, 0] - samples[:, 0, 0]) / _OUTCOMES[2],
        float(main.y.min()),
        Bend.of(targets(past).losses[:, 0], main.power),
    )


def _collected(
    view: View, function: _Outcomes, main: Surrogate, anchors: Floats, rng: Rng, effort: Effort
) -> Floats:
    """Maxima under each outcome, and the best candidates."""
    chance = rng.generator("gp/acquire")
    scale = np.minimum(lengths_of(main), 1.0)
    candidates = np.concatenate([view.spread(chance, effort.even), view.near(anchors, chance, effort.near)])
    best = np.argsort(-function.every(candidates), axis=0, kind="stable")
    starts = -(-effort.starts // 2)
    which = np.repeat(np.arange(len(_OUTCOMES)), starts)
    rows = _climbed(view, function, candidates[best[:starts].T.ravel()], which, scale, effort.steps)
    repeatable = (view.categorical | view.cells).all()
    found = [rows, candidates if repeatable else candidates[np.unique(best[:_KEPT])]]
    if (view.categorical | view.cells).any():
        values = function(rows, which)[0]
        for outcome in range(len(_OUTCOMES)):
            top = max(np.flatnonzero(which == outcome).tolist(), key=lambda i: float(values[i]))
            start = (rows[top], float(values[top]))
            found.append(polish(view, function.under(outcome), start, anchors, scale, effort)[0][None])
    return np.concatenate(found)


def _climbed(
    view: View, function: _Outcomes, rows: Floats, which: Indices, scale: Floats, steps: int
) -> Floats:
    """Ascents over the numbers, each row under its outcome, which travels as one more column."""
    free = ~np.isnan(rows) & ~view.categorical
    if not free.any():
        return rows

    def differentiated(tagged: Floats) -> tuple[Floats, Floats]:
        values, gradient = function(tagged[:, :-1], tagged[:, -1].astype(np.intp))
        slopes = np.zeros(tagged.shape)
        slopes[:, :-1] = gradient()
        return values, slopes

    tagged = np.column_stack([rows, which])
    free = np.column_stack([free, np.zeros(len(rows), np.bool_)])
    low, high = view.limits
    limits = np.append(low, 0.0), np.append(high, len(_OUTCOMES))
    found = ascend(differentiated, tagged, free, np.append(scale, 1.0), steps, limits=limits)[0][:, :-1]
    return view.finish(found) if view.cells.any() else found
