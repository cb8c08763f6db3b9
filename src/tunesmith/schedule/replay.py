"""Training once more by a schedule of parameters that population based training has found."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start, Wait
from tunesmith.record.course import Schedule, Segment
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.schedule._base import Scheduler


@dataclass(frozen=True, slots=True)
class _State:
    """Which trial trains now, how many segments were begun, and whether the one under way is over."""

    segments: tuple[Segment, ...]
    number: int | None = None
    begun: int = 0
    over: bool = False
    budget: float | None = None


@dataclass(frozen=True, slots=True)
class PBTReplay(Scheduler[_State]):
    """Trains once through a schedule of parameters, each segment going on from the one before.

    Choose it to train again by what PBT or PB2 has found (`study.schedule()`), from the beginning, with more
    data or another seed; it needs no population. Each segment is a trial of its own, whose parent is the one
    before, and the last one holds the result. With an objective that is deterministic and saves a checkpoint
    for every report, the result is that of the member whose schedule it is, bit for bit.

    `schedule`: of `study.schedule()`, or its JSON. Raises SettingError for anything else.
    """

    schedule: Any

    ends = True
    clones = True
    objectives = None

    def __post_init__(self) -> None:
        found = self.schedule if isinstance(self.schedule, Schedule) else Schedule.from_json(self.schedule)
        object.__setattr__(self, "schedule", json.dumps(found.as_json()))

    def init(self, problem: Problem) -> _State:
        fidelity = problem.fidelity
        segments = Schedule.from_json(self.schedule).segments
        end = segments[-1].end
        if fidelity is not None and fidelity.high < end:
            raise SettingError(
                f"the schedule goes to step {end}, and the fidelity ends at {fidelity.high}: give it as much"
            )
        return _State(segments, budget=None if fidelity is None else fidelity.high)

    def tell(self, state: _State, trial: Trial) -> _State:
        if trial.source in (Source.IMPORT, Source.QUEUE):
            return state
        if state.number is None or trial.number > state.number:
            return replace(state, number=trial.number, begun=state.begun + 1, over=False)
        if trial.number != state.number:
            return state
        return replace(state, over=trial.state is TrialState.STOPPED)

    def decide(self, state: _State, trial: Trial) -> Decision:
        if trial.number != state.number or state.begun >= len(state.segments):
            return Decision.CONTINUE
        reported = state.segments[state.begun - 1].reported
        return Decision.STOP if trial.step >= reported else Decision.CONTINUE

    def parents(self, state: _State) -> list[int]:
        """The trial that the next segment goes on from."""
        return [] if state.number is None else [state.number]

    def plan(self, state: _State, number: int) -> Plan:  # noqa: ARG002
        if state.number is None:
            return Start(state.budget)
        if state.over and state.begun < len(state.segments):
            return Start(state.budget, state.number)
        return Wait()
