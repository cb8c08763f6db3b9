"""Freeze-thaw: a model of all learning curves decides which trial to go on with, or to start another.

Swersky, Snoek and Adams (2014), Freeze-thaw Bayesian optimization, arXiv 1406.3896 (a model of the curves of
all configurations chooses what to thaw); Wistuba, Kadra and Grabocka (2022), DyHPO, NeurIPS 35 (one process
over configurations and budgets, the improvement that going on with any trial promises); Snoek, Larochelle and
Adams (2012), NIPS 25 (improvement by cost).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith._rng import Rng
from tunesmith._threads import one_thread
from tunesmith.errors import SettingError
from tunesmith.model.acquire import Effort, maximise
from tunesmith.model.budgets import horizon
from tunesmith.model.seen import space_seen
from tunesmith.model.surrogate import ALL, direction, lengths_of
from tunesmith.model.view import view_of
from tunesmith.record.assignment import Decision, Plan, Resume, Start
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.persistent import Table
from tunesmith.record.problem import Problem
from tunesmith.record.trial import COMPLETE, PAUSED, RUNNING, WAITING, Trial
from tunesmith.schedule._base import Scheduler

Floats = NDArray[np.float64]

_COMPLETE, _PAUSED = STATES.index(COMPLETE), STATES.index(PAUSED)
_SLACK = 1.0 + 1e-9  # by which a product of floats may miss a budget
_LEAST = 1e-9
_FIRST = 20.0  # part of the largest budget that a first piece has at least


class _State(NamedTuple):
    """`under_way`: trials that run or wait, by number. `steps`: how far each trial has come; `spent`: all of
    these together. `budgets`: where trials pause, the last one being all of it."""

    problem: Problem
    budgets: tuple[float, ...]
    history: History
    under_way: tuple[Trial, ...] = ()
    steps: Table[float] = Table()
    spent: float = 0.0

    def after(self, number: int) -> float | None:
        """The budget that the trial of this number would go on to."""
        step = (self.steps.get(number) or 0.0) * _SLACK
        return next((budget for budget in self.budgets if budget > step), None)


class _Offer(NamedTuple):
    """A trial to go on with; the logarithm of the improvement that it promises for each step to the end, and
    the loss that is expected of it."""

    value: float
    number: int
    mean: float


class _Offers(NamedTuple):
    """`fresh`: the value of a new trial. `done`: the least loss that a complete trial has, or is expected to
    have without its noise."""

    fresh: float
    resumed: tuple[_Offer, ...]
    done: float


@dataclass(frozen=True, slots=True)
class FreezeThaw(Scheduler[_State]):
    """Goes on with the trial, paused or new, from which most is expected for each further step.

    Choose it for trainings that report on their way, where a step costs more than a decision: it needs the
    fewest steps (docs/benchmarks.md). A Gaussian process over configurations and budgets, as in the searcher
    `gp`, says what each trial may come to at the largest budget that any has reached; compared are expected
    improvements there, divided by the steps that are missing to the end. Early on it looks at many, later it
    runs the most promising to their end; a curve that starts slowly is not held against a configuration that
    resembles good ones. With `promotion` trials pause at each budget and any of them may be taken up again
    (objectives that yield, or save checkpoints); without it a trial that promises less than a new one is
    stopped. Several objectives are scalarised, in directions that take turns.

    A decision costs about 30 ms at 50 trials and 150 ms at 500, and does not grow from 800 observations on.

    Budgets are the rungs of the study's fidelity; a first piece is the least one that is at least a twentieth
    of the largest.

    Args:
        promotion: whether trials pause and are resumed.
        n_startup: trials that are started before the model is asked, as long as their first pieces come to
            one full training at most.
        share: of all steps but those of one full training, how many may be first pieces of new trials while
            there is anything to resume.
        candidates: points at which the promise of a new trial is looked at, half of them near the best ones.

    Raises:
        SettingError: for settings out of range, and without a fidelity.
    """

    promotion: bool = True
    n_startup: int = 10
    share: float = 0.5
    candidates: int = 256

    pauses = True
    objectives = None

    def __post_init__(self) -> None:
        _check.integer("n_startup", self.n_startup, 1)
        _check.integer("candidates", self.candidates, 2)
        if not 0.0 < _check.number("share", self.share) <= 1.0:
            raise SettingError(f"share must be more than 0 and at most 1, got {self.share!r}")

    def init(self, problem: Problem) -> _State:
        return _State(problem, tuple(self.budgets(problem)), History.empty(problem))

    def budgets(self, problem: Problem) -> list[float]:
        """Where trials pause."""
        fidelity = problem.fidelity
        if fidelity is None:
            raise SettingError(
                "freeze-thaw must know the largest budget: give fidelity=, such as "
                "ts.Fidelity('epoch', 1, 81)"
            )
        return [rung for rung in fidelity.rungs() if rung >= fidelity.high / _FIRST]

    def limited(self, state: _State, n_trials: int | None) -> _State:
        return state._replace(problem=replace(state.problem, n_trials=n_trials))

    def tell(self, state: _State, trial: Trial) -> _State:
        number, step = trial.number, trial.step
        before = state.steps.get(number) or 0.0
        if step > before:
            state = state._replace(steps=state.steps.put(number, step), spent=state.spent + step - before)
        open_now = trial.state is RUNNING or trial.state is WAITING
        told = trial
        if trial.state is RUNNING and not self.promotion and _crossed(state, before, step):
            last = trial.reports[-1]  # it is looked at here, as if it had paused
            told = trial._replace(state=PAUSED, values=last.values, losses=last.losses)
        state = state._replace(history=state.history.tell(told))
        others = [other for other in state.under_way if other.number != number]
        held = sorted([*others, trial], key=_number) if open_now else others
        return state._replace(under_way=tuple(held))

    def decide(self, state: _State, trial: Trial) -> Decision:
        budget, step, top = trial.budget, trial.step * _SLACK, state.budgets[-1]
        if step >= top:
            return Decision.CONTINUE
        if self.promotion:
            return Decision.PAUSE if budget is not None and budget <= step else Decision.CONTINUE
        before = trial.reports[-2].step if len(trial.reports) > 1 else 0.0
        if not _crossed(state, before, trial.step) or state.history.n < self.n_startup:
            return Decision.CONTINUE
        offers = self._offers(state, trial.number, [trial.number])
        if offers is None or not offers.resumed or self._tired(state):
            return Decision.CONTINUE
        return Decision.CONTINUE if offers.resumed[0].value > offers.fresh else Decision.STOP

    def plan(self, state: _State, number: int) -> Plan:
        if not self.promotion:
            return Start(state.budgets[-1])
        first = Start(state.budgets[0])
        paused = _paused(state)
        most = state.problem.n_trials
        full = most is not None and number >= most
        cheap = (number + 1) * state.budgets[0] <= state.budgets[-1]  # one full training, at most
        if not paused or (number < self.n_startup and cheap and not full):
            return first
        offers = self._offers(state, number, paused)
        if offers is None or not offers.resumed:
            return first
        best = max(offers.resumed, key=lambda offer: offer.value)
        if full:  # nothing new is begun: whoever may be best gets to the end
            open_still = [offer for offer in offers.resumed if offer.mean < offers.done]
            if not open_still:
                return first
            best = max(open_still, key=lambda offer: offer.value)
        elif not self._tired(state) and offers.fresh >= best.value:
            return first
        budget = state.after(best.number)
        return first if budget is None else Resume(best.number, budget)

    def _tired(self, state: _State) -> bool:
        """Whether first pieces have had their share: what is begun over and over is never known."""
        first = state.budgets[0]
        begun = state.history.created * first
        under_way = sum(max((t.budget or 0.0) - t.step, 0.0) for t in state.under_way)
        return begun + first > self.share * (state.spent + under_way) + state.budgets[-1]

    def _offers(self, state: _State, number: int, candidates: Sequence[int]) -> _Offers | None:
        """What a new trial promises, and what the candidates do; None while nothing was observed."""
        held = [(trial.number, trial.budget, trial.params) for trial in state.under_way]
        key = (state.history.n, number, held, tuple(candidates))
        known: tuple[Any, _Offers | None] = state.history.scratch.get("offers", (None, None))
        if known[0] == key:
            return known[1]
        with one_thread:  # the same bits, and no idle threads, whatever surrounds it
            found = _offers(state, number, candidates, self.candidates)
        state.history.scratch["offers"] = key, found
        return found


def _offers(state: _State, number: int, candidates: Sequence[int], points: int) -> _Offers | None:
    history, high = state.history, state.budgets[-1]
    space = space_seen(state.problem, history)
    rng = Rng(0, number)
    objectives = len(state.problem.objectives)
    weights = direction(rng, objectives) if objectives > 1 else ()
    ahead = horizon(history, space, ALL, weights) if space.dims else None
    if ahead is None:
        return None
    others = [trial for trial in state.under_way if trial.number not in candidates]
    pending = pending_units(tuple(others), space)
    gain = ahead.improvement(pending, np.zeros((len(pending), 1)))  # what runs counts as what is expected
    view, lengths = view_of(history, space), np.minimum(lengths_of(ahead.main), 1.0)
    rows = maximise(view, gain, ahead.anchors, lengths, rng.generator("freeze-thaw/new"), _effort(points))
    fresh = float(gain(rows[:1])[0][0]) - math.log(high)
    place = {n: i for i, n in enumerate(history.numbers[ahead.rows].tolist())}
    usable = ahead.feasible | ~ahead.feasible.any()
    complete = (history.states[ahead.rows] == _COMPLETE) & usable
    done = float(ahead.means[complete].min(initial=math.inf))
    there = [n for n in candidates if n in place and usable[place[n]]]
    if not there:
        return _Offers(fresh, (), done)
    own = [place[n] for n in there]
    missing = np.array([max(high - (state.steps.get(n) or 0.0), _LEAST * high) for n in there])
    values = gain(ahead.units[own])[0] - np.log(missing)
    resumed = map(_Offer, values.tolist(), there, ahead.means[own].tolist())
    return _Offers(fresh, tuple(resumed), done)


def _effort(points: int) -> Effort:
    """A look around, to know what a new trial promises; the searcher looks harder for which one."""
    return Effort(even=points - points // 2, near=points // 2, starts=min(2, points), steps=10, polished=1)


def _paused(state: _State) -> list[int]:
    """The numbers of trials that can be taken up again."""
    history = state.history
    rows = history.latest
    waiting = (history.states[rows] == _PAUSED) & (history.steps[rows] * _SLACK < state.budgets[-1])
    held = {trial.number for trial in state.under_way}
    return [number for number in history.numbers[rows[waiting]].tolist() if number not in held]


def _number(trial: Trial) -> int:
    return trial.number


def _crossed(state: _State, before: float, step: float) -> bool:
    """Whether a budget lies between two steps."""
    return any(before * _SLACK < budget <= step * _SLACK for budget in state.budgets)
