"""Percentile stopping: a trial that is not among the best share at its step is stopped.

Golovin et al. (2017), Google Vizier: a service for black-box optimization, KDD, section 3.2.2 (the median
rule, on running averages of completed trials). Here a trial is held against the best that each other one had
by the same step, whether that one has ended or not: nobody waits for the first to be complete, and those that
were stopped do not leave a field of winners behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._ends import at_its_end
from tunesmith.schedule._field import Field


@dataclass(frozen=True, slots=True)
class Percentile(Scheduler[Field]):
    """Stops a trial whose best report so far is not within the best percentile of all others at its step.

    Choose it to set how strict stopping is: 25 keeps the best quarter at each step, 75 spares all but the
    worst quarter. Every trial starts with the whole budget, so that it needs neither pauses nor a fidelity.
    Feasible trials are before infeasible ones, several objectives are ranked by non-domination.

    Args:
        percentile: of the others, above 0 and below 100; who is beaten by more of them is stopped.
        n_startup: others that must have reported at the step before anybody is stopped there.
        warmup: steps up to which nobody is stopped.
        interval: steps between two looks at a trial.

    Raises:
        SettingError: for settings out of range.
    """

    percentile: float = 25.0
    n_startup: int = 5
    warmup: float = 0
    interval: float = 1

    objectives = None

    def __post_init__(self) -> None:
        if not 0.0 < _check.number("percentile", self.percentile) < 100.0:
            raise SettingError(f"percentile must lie between 0 and 100, got {self.percentile!r}")
        check_looks(self.n_startup, self.warmup, self.interval)

    def init(self, problem: Problem) -> Field:
        return Field.of(problem)

    def tell(self, state: Field, trial: Trial) -> Field:
        return state.told(trial)

    def decide(self, state: Field, trial: Trial) -> Decision:
        return judged(state, trial, self.percentile, self.n_startup, self.warmup, self.interval)

    def plan(self, state: Field, number: int) -> Plan:  # noqa: ARG002
        return state.start


def check_looks(n_startup: int, warmup: float, interval: float) -> None:
    """Raises SettingError for settings out of range."""
    _check.integer("n_startup", n_startup, 1)
    if _check.number("warmup", warmup) < 0:
        raise SettingError(f"warmup is a number of steps and must not be negative, got {warmup!r}")
    if not _check.number("interval", interval) > 0:
        raise SettingError(f"interval is a number of steps and must be more than 0, got {interval!r}")


def judged(
    state: Field, trial: Trial, percentile: float, n_startup: int, warmup: float, interval: float
) -> Decision:
    """STOP for a trial that more than `percentile` % of the others beat."""
    step = trial.step
    before = trial.reports[-2].step if len(trial.reports) > 1 else 0
    looked = before > warmup and (step - warmup) // interval == (before - warmup) // interval
    if step <= warmup or looked or at_its_end(trial):
        return Decision.CONTINUE
    better, others = state.standing(trial)
    if others < n_startup or better <= others * percentile / 100.0:
        return Decision.CONTINUE
    return Decision.STOP
