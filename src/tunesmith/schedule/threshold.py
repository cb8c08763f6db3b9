"""Threshold: a trial whose value leaves what makes sense is stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._ends import whole


class ThresholdState(NamedTuple):
    """What is planned, and which of the objectives is watched."""

    start: Start
    which: int


@dataclass(frozen=True, slots=True)
class Threshold(Scheduler[ThresholdState]):
    """Stops a trial that reports a value below `low`, above `high`, or NaN.

    Choose it to end trainings that have diverged, beside a scheduler that compares trials:
    `ts.combine("asha", ts.Threshold(high=10.0))`. Values are the user's own, whichever direction is better.

    Args:
        low, high: the least and the largest value that a trial may report.
        warmup: steps up to which nobody is stopped.
        objective: the name of the objective that is watched; None is the first.

    Raises:
        SettingError: without limits, for limits that leave nothing, and for an objective that there is not.
    """

    low: float | None = None
    high: float | None = None
    warmup: float = 0
    objective: str | None = None

    learns = False
    objectives = None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                _check.number(f"Threshold's {name}", getattr(self, name))
        if self.low is None and self.high is None:
            raise SettingError(
                "a threshold needs a limit: give low= or high=, such as ts.Threshold(high=10.0)"
            )
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SettingError(
                f"no value lies between low={self.low!r} and high={self.high!r}: exchange them"
            )
        if _check.number("warmup", self.warmup) < 0:
            raise SettingError(f"warmup is a number of steps and must not be negative, got {self.warmup!r}")

    def init(self, problem: Problem) -> ThresholdState:
        names = [objective.name for objective in problem.objectives]
        if self.objective is not None and self.objective not in names:
            raise SettingError(
                f"Threshold watches {self.objective!r}, and the study has {', '.join(names)}: name one"
            )
        return ThresholdState(whole(problem), 0 if self.objective is None else names.index(self.objective))

    def tell(self, state: ThresholdState, trial: Trial) -> ThresholdState:  # noqa: ARG002
        return state

    def decide(self, state: ThresholdState, trial: Trial) -> Decision:
        if not trial.reports or trial.step <= self.warmup:
            return Decision.CONTINUE
        value = trial.reports[-1].values[state.which]
        low, high = self.low, self.high
        inside = value == value and (low is None or value >= low) and (high is None or value <= high)
        return Decision.CONTINUE if inside else Decision.STOP

    def plan(self, state: ThresholdState, number: int) -> Plan:  # noqa: ARG002
        return state.start
