"""No scheduler: every trial runs to its end."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.schedule._base import Scheduler


@dataclass(frozen=True, slots=True)
class NoScheduler(Scheduler[Start]):
    """Lets every trial run to its end; the right choice when trials are short or report nothing.

    Its state is the one plan it ever makes.
    """

    learns = False
    objectives = None

    def init(self, problem: Problem) -> Start:
        return Start(problem.fidelity.high if problem.fidelity is not None else None)

    def tell(self, state: Start, trial: Trial) -> Start:  # noqa: ARG002
        return state

    def decide(self, state: Start, trial: Trial) -> Decision:  # noqa: ARG002
        return Decision.CONTINUE

    def plan(self, state: Start, number: int) -> Plan:  # noqa: ARG002
        return state
