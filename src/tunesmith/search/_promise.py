"""How much a configuration promises: the logarithm of expected improvement, of feasibility, of beliefs.

A promise is a sum of terms; each is a function of the mean and deviation of one process, or of the row alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.acquire import Effort
from tunesmith.model.budgets import ANCHORS, Horizon, horizon, partial, unfinished
from tunesmith.model.region import region_of
from tunesmith.model.surrogate import (
    Manner,
    Surrogate,
    constraint,
    direction,
    duration,
    failure,
    lengths_of,
    loss,
    scalarised,
    surrogate,
)  # fmt: skip
from tunesmith.model.targets import targets
from tunesmith.model.terms import Believed, Cheap, Feasible, Gradient, Hypervolume, Improvement, Term, given
from tunesmith.model.view import View, view_of
from tunesmith.numeric.pareto import nondominated
from tunesmith.record.history import History
from tunesmith.search._base import Ask
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_BELIEF = 10.0  # weight of the priors' logarithm, over the number of trials
_MARGIN = 0.1  # of the losses' range, by which the reference point is further off
_LATE = 10  # trials
_LEAST_SURE = 5  # failures; minus their number is the least logarithm of a probability of success


class Settings(NamedTuple):
    """Those of a searcher that promises depend on."""

    fantasies: int  # samples of what is pending
    per_second: bool
    effort: Effort
    manner: Manner
    trust_after: int | None  # trials from which on a trust region moves; None: there is none


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


class _Goal(NamedTuple):
    """What is improved. `term`: None while nothing is feasible; `anchors` and `lengths` as of a promise."""

    term: Term | None
    anchors: Floats
    lengths: Floats


def promise(history: History, ask: Ask, pending: Floats, settings: Settings) -> Promise | None:
    """What the trials so far say about others; None while all have failed."""
    space = ask.space
    found = targets(history)
    if not len(found.rows):
        return None
    view = view_of(history, space)
    limits = [
        known
        for name in history.constraint_names
        if (known := surrogate(history, space, constraint(name))) is not None
    ]
    goal = _goal(history, ask, pending, settings)
    if goal is None:
        return None
    weight = _caution(history.violations > 0.0)
    terms: list[Term] = [Feasible(limit.process, weight) for limit in limits]
    if goal.term is not None:
        terms.insert(0, goal.term)
    terms += beside(history, space, view, settings.per_second)
    if settings.trust_after is not None:
        view = view.within(region_of(history, settings.trust_after, goal.anchors[0], goal.lengths))
    return Promise(terms, view, goal.anchors, np.minimum(goal.lengths, 1.0))


def beside(history: History, space: Space, view: View, per_second: bool) -> list[Term]:
    """What counts beside improvement and constraints: failures, seconds, beliefs."""
    terms: list[Term] = []
    failed = len(targets(history).failed)
    if failed and (crash := surrogate(history, space, failure())) is not None:
        weight = _caution(np.asarray(np.isnan(history.losses).any(axis=1)))
        terms.append(Feasible(crash.process, weight, -float(max(_LEAST_SURE, failed))))
    if per_second and (slow := surrogate(history, space, duration())) is not None:
        terms.append(Cheap(slow.process, 1.0))
    if any(axis.prior is not None for axis in view.axes):
        terms.append(Believed(view.axes, _BELIEF / history.n))
    return terms


def _caution(bad: NDArray[np.bool_]) -> float:
    """The weight of a probability: near a border improvement promises more with every trial, and the
    probability stays what it is; the more of the latest trials were bad, the more it counts."""
    return 1.0 + float(np.count_nonzero(bad[-_LATE:]))


def _goal(history: History, ask: Ask, pending: Floats, settings: Settings) -> _Goal | None:
    manner = settings.manner
    objectives = history.losses.shape[1]
    budgets = partial(history)
    if budgets:
        pending = np.concatenate([pending, unfinished(history, ask.space)])
    normals = ask.rng.generator("gp/pending").normal(size=(objectives, len(pending), settings.fantasies))
    weights: tuple[float, ...] = ()
    if objectives == 2 and not budgets:
        parts = [surrogate(history, ask.space, loss(k, manner)) for k in range(2)]
        known = [part for part in parts if part is not None]
        return _front(history, known, pending, normals, manner) if known else None
    if objectives > 1:
        weights = direction(ask.rng, objectives)
    if budgets:
        ahead = horizon(history, ask.space, manner, weights)
        return None if ahead is None else _at_the_end(ahead, pending, normals[0], manner)
    quantity = scalarised(weights, manner) if weights else loss(0, manner)
    main = surrogate(history, ask.space, quantity)
    return None if main is None else _least(history, main, pending, normals[0], manner)


def _least(history: History, main: Surrogate, pending: Floats, normals: Floats, manner: Manner) -> _Goal:
    """One loss, improved below the least one."""
    feasible = history.violations[main.rows] <= 0.0
    order = np.lexsort((main.process.at_observations(main.y), ~feasible))[:ANCHORS]
    anchors, lengths = main.units[order], _lengths([main])
    if not feasible.any():
        return _Goal(None, anchors, lengths)
    rough, samples = given(main, pending, normals, manner.roughness)
    best = np.minimum(float(main.y[feasible].min()), samples.min(axis=0, initial=np.inf))
    return _Goal(Improvement(rough, best), anchors, lengths)


def _at_the_end(ahead: Horizon, pending: Floats, normals: Floats, manner: Manner) -> _Goal:
    """One loss at the largest budget, improved below the least one that any trial is expected to come to."""
    gain = ahead.improvement(pending, normals, manner.roughness) if ahead.feasible.any() else None
    return _Goal(gain, ahead.anchors, _lengths([ahead.main]))


def _front(
    history: History, parts: Sequence[Surrogate], pending: Floats, normals: Floats, manner: Manner
) -> _Goal:
    """Several losses, improved beyond their front."""
    rows, units, lengths = parts[0].rows, parts[0].units, _lengths(parts)
    violations = history.violations[rows]
    feasible = np.flatnonzero(violations <= 0.0)
    if not len(feasible):
        return _Goal(None, units[np.argsort(violations, kind="stable")[:ANCHORS]], lengths)
    y = np.stack([part.y for part in parts], axis=1)[feasible]
    front = y[nondominated(y)]
    means = np.stack([part.process.at_observations(part.y) for part in parts], axis=1)[feasible]
    anchors = units[feasible[nondominated(means)]]
    (first, one), (second, other) = (
        given(part, pending, own, manner.roughness) for part, own in zip(parts, normals, strict=True)
    )
    samples = np.stack([one, other], axis=-1)
    fronts = [np.concatenate([front, samples[:, s]]) for s in range(samples.shape[1])]
    return _Goal(Hypervolume((first, second), fronts, _reference(front, y)), anchors, lengths)


def _lengths(parts: Sequence[Surrogate]) -> Floats:
    found: Floats = np.minimum.reduce([lengths_of(part) for part in parts])
    return found


def _reference(front: Floats, y: Floats) -> Floats:
    """A point (2,): from the front's worst losses half the way to the worst seen, and a tenth of the range.

    At the front (Ishibuchi et al. 2018, Evol. Comput. 26) a separate piece of it that no trial has found yet
    may lie outside; at the worst losses seen the ends are all that counts.
    """
    found: Floats = 0.5 * (front.max(axis=0) + y.max(axis=0)) + _MARGIN * np.maximum(np.ptp(y, axis=0), 1e-6)
    return found
