"""Asynchronous successive halving (Li et al., MLSys 2020, arXiv:1810.05934), both of its forms.

Notation: r_k = low * eta^k, the budget of rung k, the last one being `high`; m, how many results a rung
holds. Algorithm 2 of the paper promotes: a free worker takes the best trial, from the top rung down, that
is in the top floor(m / eta) of its rung and was not promoted yet. The stopping form decides while a trial
runs, and needs no pause: at r_k it goes on if it is in the top 1/eta of what was seen at r_k.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.fidelity import rung_budgets
from tunesmith.record.problem import Problem
from tunesmith.record.trial import RUNNING, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._rungs import Ladder

_MOST_RUNGS = 20  # where no largest budget is known


@dataclass(frozen=True, slots=True)
class ASHA(Scheduler[Ladder]):
    """Gives many trials a little budget and the best of them more, without ever waiting for the others.

    Choose it when trials report on their way and early reports say something about the end. With
    `promotion` a trial pauses at each rung and is resumed when it has earned it: no budget is wasted, but
    objectives must pause (yield, or return at `trial.budget`), or start again from a checkpoint. Without it,
    trials that fall behind are stopped while they run. Feasible trials are ranked before infeasible ones,
    several objectives by non-domination (Schmucker et al. 2021, arXiv:2106.12639).

    `low`, `high`, `eta`: the rungs; None takes them from the study's fidelity, which the promotion form
    needs. O(log m) a report, of m results on a rung. Raises SettingError when rungs cannot be made.
    """

    promotion: bool = False
    low: float | None = None
    high: float | None = None
    eta: int | None = None

    pauses: bool = field(init=False, repr=False, compare=False)

    objectives = None

    def __post_init__(self) -> None:
        check_rungs("ASHA", self.low, self.high, self.eta)
        object.__setattr__(self, "pauses", self.promotion)

    def init(self, problem: Problem) -> Ladder:
        fidelity = problem.fidelity
        low = self.low or (fidelity.low if fidelity else 1)
        high = self.high or (fidelity.high if fidelity else None)
        eta = self.eta or (fidelity.eta if fidelity else 3)
        if high is None and self.promotion:
            raise SettingError(
                "asha with promotion must know the largest budget: give fidelity=ts.Fidelity('epoch', 1, 81)"
            )
        check_end("asha", problem, high)
        limit = high if high is not None else low * eta**_MOST_RUNGS
        if low > limit:
            raise SettingError(f"asha's rungs run from low to high, got {low} > {limit}: give low= and high=")
        return Ladder.of(rung_budgets(low, limit, eta), eta, len(problem.objectives))

    def budgets(self, problem: Problem) -> list[float]:
        """The budgets of the rungs."""
        return list(self.init(problem).budgets)

    def tell(self, state: Ladder, trial: Trial) -> Ladder:
        if self.promotion:
            return state.climbed(trial)
        return state.passed(trial) if trial.state is RUNNING and trial.reports else state

    def decide(self, state: Ladder, trial: Trial) -> Decision:
        if self.promotion:
            return state.pauses(trial)
        return Decision.CONTINUE if state.goes_on(trial) else Decision.STOP

    def plan(self, state: Ladder, number: int) -> Plan:  # noqa: ARG002
        if not self.promotion:
            return Start(state.budgets[-1] if len(state.budgets) <= _MOST_RUNGS else None)
        return state.promotion() or Start(state.budgets[0])


def check_end(name: str, problem: Problem, high: float | None) -> None:
    """Raises SettingError for budgets that go beyond the study's fidelity."""
    fidelity = problem.fidelity
    if fidelity is not None and high is not None and high > fidelity.high:
        raise SettingError(
            f"{name}'s high={high} is beyond the fidelity {fidelity.name!r}, which ends at {fidelity.high}: "
            "leave high= out, or make the fidelity longer"
        )


def check_rungs(name: str, low: float | None, high: float | None, eta: int | None) -> None:
    """Raises SettingError for settings that make no rungs."""
    for word, value in (("low", low), ("high", high)):
        if value is not None and not _check.number(f"{name}'s {word}", value) > 0:
            raise SettingError(f"{name}'s {word} is a budget and must be more than 0, got {value!r}")
    if low is not None and high is not None and low > high:
        raise SettingError(f"{name}'s budgets run from low to high, got {low} > {high}")
    if eta is not None:
        _check.integer(f"{name}'s eta", eta, 2)
