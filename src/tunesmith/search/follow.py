"""Configurations that are known already, one after the other along a line of parents."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.course import Schedule, Segment
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher

Segments = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class FollowSearcher(Searcher[Segments]):
    """Proposes the parameters of a schedule, segment by segment.

    It goes with `ts.PBTReplay`, which chooses it by itself. A trial without parent gets the first segment,
    any other one the one after its parent's. `schedule`: the text of its JSON.
    """

    handles = Handles(define_by_run=False, objectives=None, parents=True)
    algebra = False
    defaults_first = False
    ends = True

    schedule: str

    def init(self, problem: Problem) -> Segments:  # noqa: ARG002
        return Schedule.from_json(self.schedule).segments

    def tell(self, state: Segments, trial: Trial) -> Segments:  # noqa: ARG002
        return state

    def ask(self, state: Segments, ask: Ask) -> Proposal | None:
        before = ask.parent.memo if ask.parent is not None else None
        place = before["segment"] + 1 if isinstance(before, dict) else 0
        if place >= len(state):
            return None
        params = dict(state[place].params)
        row = [float(u) for u in ask.space.encode(params)]
        return Proposal([0.5 if u != u else u for u in row], {"segment": place}, params)
