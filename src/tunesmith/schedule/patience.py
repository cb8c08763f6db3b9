"""Patience: a trial on a plateau is stopped, whatever the others do (Prechelt 1998, Early stopping: but
when?, LNCS 1524, the criterion UP)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.persistent import Table
from tunesmith.record.problem import Problem
from tunesmith.record.trial import RUNNING, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._ends import at_its_end, whole
from tunesmith.schedule._order import result_of


class Plateau(NamedTuple):
    """The best of a trial (violation, and the loss of each objective), and how many reports came since."""

    best: tuple[float, ...]
    since: int
    step: float


class PatienceState(NamedTuple):
    """What is planned, and where each trial stands."""

    start: Start
    plateaus: Table[Plateau] = Table()


@dataclass(frozen=True, slots=True)
class Patience(Scheduler[PatienceState]):
    """Stops a trial that has not improved upon its own best for so many reports.

    Choose it when trainings saturate at different times and the best value on the way is what counts; alone
    for trainings with a generous number of steps, or beside another one: `scheduler=["asha", "patience"]`.
    With several objectives any of them may improve, and a constraint that is broken less is an improvement
    too.

    Args:
        patience: reports without an improvement that are one too many.
        min_delta: by how much a loss must fall to count, in the objective's units.
        warmup: steps up to which nobody is stopped.

    Raises:
        SettingError: for settings out of range.
    """

    patience: int = 5
    min_delta: float = 0.0
    warmup: float = 0

    objectives = None

    def __post_init__(self) -> None:
        _check.integer("patience", self.patience, 1)
        for name, value in (("min_delta", self.min_delta), ("warmup", self.warmup)):
            if _check.number(name, value) < 0:
                raise SettingError(f"{name} must not be negative, got {value!r}")

    def init(self, problem: Problem) -> PatienceState:
        return PatienceState(whole(problem))

    def tell(self, state: PatienceState, trial: Trial) -> PatienceState:
        if trial.state is not RUNNING or not trial.reports:
            return state
        before = state.plateaus.get(trial.number)
        if before is not None and trial.step <= before.step:
            return state
        return state._replace(plateaus=state.plateaus.put(trial.number, self._after(before, trial)))

    def _after(self, before: Plateau | None, trial: Trial) -> Plateau:
        result = result_of(trial)
        now = (result.violation, *result.losses)
        if before is None:
            return Plateau(now, 0, result.step)
        least = (0.0, *(self.min_delta for _ in result.losses))
        better = any(
            new < old and (old - new > delta or math.isinf(old))
            for new, old, delta in zip(now, before.best, least, strict=True)
        )
        if not better:
            return Plateau(before.best, before.since + 1, result.step)
        return Plateau(tuple(map(min, now, before.best)), 0, result.step)

    def decide(self, state: PatienceState, trial: Trial) -> Decision:
        found = state.plateaus.get(trial.number)
        if found is None or found.since < self.patience or trial.step <= self.warmup or at_its_end(trial):
            return Decision.CONTINUE
        return Decision.STOP

    def plan(self, state: PatienceState, number: int) -> Plan:  # noqa: ARG002
        return state.start
