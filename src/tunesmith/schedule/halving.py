"""Successive halving (Jamieson and Talwalkar 2016, AISTATS; Karnin, Koren and Somekh 2013, ICML), as
published: synchronous."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start, Wait
from tunesmith.record.fidelity import bracket_budgets
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._brackets import Brackets, Shape
from tunesmith.schedule._rungs import used_up
from tunesmith.schedule.asha import check_end, check_rungs


@dataclass(frozen=True, slots=True)
class Halving(Scheduler[Brackets]):
    """Runs a field of trials with a small budget, goes on with the best of them, and so on, all in step.

    Choose it to compare all trials of a field at the same moment, such as for a published comparison; workers
    are idle at the end of each level, where `asha` and `hyperband` have something else to do. When a field
    has run down to its winner the next one begins. Trials pause at each level, so that objectives must yield,
    return at `trial.budget`, or start again from a checkpoint. Feasible trials are before infeasible ones,
    several objectives are ranked by non-domination.

    Args:
        n: trials of a field; None is as many as leave one at the largest budget. The last field has those
            that are left of the study's `n_trials`.
        low, high, eta: the budgets, high / eta^k not below low; None takes them from the study's fidelity.

    Raises:
        SettingError: for settings out of range, and without a largest budget.
    """

    n: int | None = None
    low: float | None = None
    high: float | None = None
    eta: int | None = None

    pauses = True
    objectives = None

    def __post_init__(self) -> None:
        check_rungs("Halving", self.low, self.high, self.eta)
        if self.n is not None:
            _check.integer("n", self.n, 1)

    def init(self, problem: Problem) -> Brackets:
        budgets, eta = bracket_rungs("halving", problem, self.low, self.high, self.eta)
        n = self.n or eta ** (len(budgets) - 1)
        shape = Shape(tuple(budgets), tuple(max(n // eta**k, 1) for k in range(len(budgets))))
        return Brackets((shape,), eta, len(problem.objectives), problem.n_trials)

    def limited(self, state: Brackets, n_trials: int | None) -> Brackets:
        return state.limited(n_trials)

    def retired(self, state: Brackets, number: int) -> bool:
        return state.retired(number)

    def budgets(self, problem: Problem) -> list[float]:
        """The budgets of the levels."""
        return list(self.init(problem).shapes[0].budgets)

    def tell(self, state: Brackets, trial: Trial) -> Brackets:
        return state.told(trial)

    def decide(self, state: Brackets, trial: Trial) -> Decision:
        return pausing(state, trial)

    def plan(self, state: Brackets, number: int) -> Plan:  # noqa: ARG002
        found = state.plan()
        if found is None:
            found = Wait() if state.open else Start(state.shapes[0].budgets[0])
        return found


def pausing(state: Brackets, trial: Trial) -> Decision:
    """PAUSE for a trial of a bracket at the end of its budget."""
    inside = state.homes.get(trial.number) is not None
    return Decision.PAUSE if inside and used_up(trial, state.shapes[0].budgets[-1]) else Decision.CONTINUE


def bracket_rungs(
    name: str, problem: Problem, low: float | None, high: float | None, eta: int | None
) -> tuple[list[float], int]:
    """The budgets, rising, and eta. Raises SettingError without a largest budget."""
    fidelity = problem.fidelity
    high = high or (fidelity.high if fidelity else None)
    if high is None:
        raise SettingError(f"{name} must know the largest budget: give fidelity=ts.Fidelity('epoch', 1, 81)")
    check_end(name, problem, high)
    low = low or (fidelity.low if fidelity else 1)
    eta = eta or (fidelity.eta if fidelity else 3)
    if low > high:
        raise SettingError(f"{name}'s budgets run from low to high, got {low} > {high}: give low= and high=")
    return bracket_budgets(low, high, eta), eta
