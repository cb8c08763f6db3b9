"""Asynchronous successive halving (Li et al., MLSys 2020, arXiv:1810.05934), both of its forms.

Notation: r_k = low * eta^k, the budget of rung k, the last one being `high`; m, how many results a rung
holds. Algorithm 2 of the paper promotes: a free worker takes the best trial, from the top rung down, that
is in the top floor(m / eta) of its rung and was not promoted yet. The stopping form decides while a trial
runs, and needs no pause: at r_k it goes on if it is in the top 1/eta of what was seen at r_k.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, replace

import numpy as np

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.numeric.pareto import fronts
from tunesmith.record.assignment import Decision, Plan, Resume, Start
from tunesmith.record.fidelity import rung_budgets
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial, TrialState
from tunesmith.schedule._base import Scheduler

Entry = tuple[tuple[float, ...], int]
"""(losses at the rung, trial number); sorts by the first loss."""


@dataclass(frozen=True, slots=True)
class _Rung:
    budget: float
    entries: tuple[Entry, ...] = ()  # sorted
    promoted: frozenset[int] = frozenset()

    def holds(self, number: int) -> bool:
        return any(entry[1] == number for entry in self.entries)

    def with_entry(self, losses: tuple[float, ...], number: int) -> _Rung:
        entries = list(self.entries)
        insort(entries, (tuple(math.inf if math.isnan(v) else v for v in losses), number))
        return replace(self, entries=tuple(entries))

    def best(self, count: int) -> list[int]:
        """The numbers of the `count` best trials; several objectives are ranked by non-domination."""
        if not self.entries or len(self.entries[0][0]) == 1:
            return [number for _, number in self.entries[:count]]
        ranked = fronts(np.array([losses for losses, _ in self.entries]), enough=count)
        order = [int(index) for front in ranked for index in front]
        return [self.entries[index][1] for index in order[:count]]


@dataclass(frozen=True, slots=True)
class _State:
    rungs: tuple[_Rung, ...]
    eta: int

    def with_rung(self, index: int, rung: _Rung) -> _State:
        return replace(self, rungs=(*self.rungs[:index], rung, *self.rungs[index + 1 :]))


@dataclass(frozen=True, slots=True)
class ASHA(Scheduler[_State]):
    """Gives many trials a little budget and the best of them more, without ever waiting for the others.

    Choose it when trials report on their way and early reports say something about the end. With
    `promotion` a trial pauses at each rung and is resumed when it has earned it: no budget is wasted, but
    objectives must pause (yield), or start again from a checkpoint. Without it, trials that fall behind are
    stopped while they run. Several objectives are ranked by non-domination (Schmucker et al. 2021,
    arXiv:2106.12639).

    `low`, `high`, `eta`: the rungs; None takes them from the study's fidelity, which the promotion form
    needs. Raises SettingError when rungs cannot be made.
    """

    promotion: bool = False
    low: float | None = None
    high: float | None = None
    eta: int | None = None

    pauses = True
    objectives = None

    def __post_init__(self) -> None:
        for name, value, least in (("low", self.low, 1), ("high", self.high, 1), ("eta", self.eta, 2)):
            if value is not None:
                _check.integer(f"ASHA's {name}", value, least)

    def init(self, problem: Problem) -> _State:
        fidelity = problem.fidelity
        low = self.low or (fidelity.low if fidelity else 1)
        high = self.high or (fidelity.high if fidelity else None)
        eta = self.eta or (fidelity.eta if fidelity else 3)
        if high is None and self.promotion:
            raise SettingError(
                "asha with promotion must know the largest budget: give fidelity=ts.Fidelity('epoch', 1, 81)"
            )
        limit = high if high is not None else low * eta**20
        return _State(tuple(_Rung(budget) for budget in rung_budgets(low, limit, eta)), eta)

    def budgets(self, problem: Problem) -> list[float]:
        """The budgets of the rungs."""
        return [rung.budget for rung in self.init(problem).rungs]

    def tell(self, state: _State, trial: Trial) -> _State:
        if self.promotion:
            return self._tell_promotion(state, trial)
        if trial.state is not TrialState.RUNNING or not trial.reports:
            return state
        before = trial.reports[-2].step if len(trial.reports) > 1 else 0
        last = trial.reports[-1]
        for index, rung in enumerate(state.rungs):
            if before < rung.budget <= last.step and not rung.holds(trial.number):
                state = state.with_rung(index, rung.with_entry(last.losses, trial.number))
        return state

    def _tell_promotion(self, state: _State, trial: Trial) -> _State:
        if trial.state is TrialState.PAUSED and trial.losses is not None:
            for index, rung in enumerate(state.rungs):
                if rung.budget == trial.budget and not rung.holds(trial.number):
                    return state.with_rung(index, rung.with_entry(trial.losses, trial.number))
        elif trial.state is TrialState.RUNNING and trial.attempt > 1:
            for index in reversed(range(len(state.rungs))):
                rung = state.rungs[index]
                if rung.holds(trial.number):
                    if trial.number in rung.promoted:
                        return state
                    return state.with_rung(index, replace(rung, promoted=rung.promoted | {trial.number}))
        return state

    def decide(self, state: _State, trial: Trial) -> Decision:
        top = state.rungs[-1].budget
        if self.promotion:
            if trial.budget is not None and trial.step >= trial.budget and trial.budget < top:
                return Decision.PAUSE
            return Decision.CONTINUE
        before = trial.reports[-2].step if len(trial.reports) > 1 else 0
        crossed = [r for r in state.rungs if before < r.budget <= trial.step]
        if not crossed or crossed[-1].budget >= top:
            return Decision.CONTINUE
        rung = crossed[-1]
        keep = len(rung.entries) // state.eta
        if keep == 0 or trial.number in rung.best(keep):
            return Decision.CONTINUE
        return Decision.STOP

    def plan(self, state: _State, number: int) -> Plan:  # noqa: ARG002
        if not self.promotion:
            return Start(state.rungs[-1].budget)
        for index in reversed(range(len(state.rungs) - 1)):
            rung = state.rungs[index]
            for candidate in rung.best(len(rung.entries) // state.eta):
                if candidate not in rung.promoted:
                    return Resume(candidate, state.rungs[index + 1].budget)
        return Start(state.rungs[0].budget)
