"""A population as a value: who holds which place in it, and what each place was worth at each generation.

Its size is some tens: whatever looks at all places costs the same however many trials there were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from tunesmith.numeric.pareto import fronts
from tunesmith.record.trial import Trial

Key = tuple[int, float]
"""(0, loss or front) of what is feasible, (1, violation) of the others; less is better."""


class Stage(Enum):
    """What holds a place of the population."""

    UNSTARTED = "nothing yet"
    RUNNING = "a trial in a worker's hands"
    WAITING = "a trial that has lost its worker, or was enqueued"
    PAUSED = "a trial that was paused"
    VACANT = "nobody: its trial was stopped, or has failed"
    DONE = "a trial that has come to its end"


_ALIVE = frozenset({Stage.RUNNING, Stage.WAITING, Stage.PAUSED})
_IDLE = frozenset({Stage.UNSTARTED, Stage.WAITING, Stage.PAUSED, Stage.VACANT})


@dataclass(frozen=True, slots=True)
class Member:
    """A place of the population, and the newest trial in it.

    `since`: of a clone, how far its parent had come when it was made. `generation`: the last one at which
    the place was ready. `halted`: whether its trial is to pause now. `tries`: how often in a row trials here
    have failed without getting anywhere.
    """

    stage: Stage = Stage.UNSTARTED
    number: int | None = None
    attempt: int = 0
    step: float = 0
    since: float = 0
    generation: int = 0
    halted: bool = False
    tries: int = 0

    @property
    def alive(self) -> bool:
        """Whether its trial goes on, at once or later."""
        return self.stage in _ALIVE

    @property
    def reached(self) -> float:
        """How far it has come, its lineage included."""
        return max(self.step, self.since)

    @property
    def idle(self) -> bool:
        """Whether a free worker could do something here."""
        return self.stage in _IDLE


class Score(NamedTuple):
    """What a trial reported when its place was ready at a generation."""

    number: int
    losses: tuple[float, ...]
    violation: float

    @classmethod
    def of(cls, trial: Trial) -> Score:
        """By the trial's last report; what is not a number is as bad as can be."""
        losses = tuple(math.inf if math.isnan(loss) else loss for loss in trial.reports[-1].losses)
        return cls(trial.number, losses, trial.violation)


Scores = Mapping[int, Score]
"""By place."""


def ordered(scores: Scores) -> list[tuple[Key, int]]:
    """(key, place), the best first: feasible ones by loss or by the front they are in, then by violation."""
    keys: dict[int, Key] = {place: (1, score.violation) for place, score in scores.items() if score.violation}
    feasible = [place for place in scores if place not in keys]
    if feasible and len(scores[feasible[0]].losses) == 1:
        keys |= {place: (0, scores[place].losses[0]) for place in feasible}
    elif feasible:
        peeled = fronts(np.array([scores[place].losses for place in feasible]))
        keys |= {
            feasible[row]: (0, float(rank)) for rank, front in enumerate(peeled) for row in front.tolist()
        }
    return sorted((key, place) for place, key in keys.items())


@dataclass(frozen=True, slots=True)
class Population:
    """All places, the scores of generations that somebody may still come to, and how many trials there were.

    `closed`: of synchronous populations, the last generation that all have come to.
    """

    members: tuple[Member, ...]
    scores: Mapping[int, Scores]
    created: int = 0
    closed: int = 0

    def place(self, number: int) -> int | None:
        """Where the trial of this number is the newest one."""
        for place, member in enumerate(self.members):
            if member.number == number:
                return place
        return None

    def having(self, place: int, member: Member) -> Population:
        """With another member in a place."""
        return replace(self, members=(*self.members[:place], member, *self.members[place + 1 :]))

    def extended(self, member: Member) -> Population:
        """With one more place."""
        return replace(self, members=(*self.members, member))

    def scored(self, generation: int, place: int, score: Score) -> Population:
        """With a score; those of generations that nobody can come to any more are dropped."""
        oldest = min((m.generation for m in self.members if m.stage is not Stage.DONE), default=generation)
        kept = {known: scores for known, scores in self.scores.items() if known >= oldest}
        kept[generation] = {**kept.get(generation, {}), place: score}
        return replace(self, scores=kept)

    def lives(self, place: int, score: Score) -> bool:
        """Whether the trial that has this score goes on."""
        return self.members[place].alive and self.members[place].number == score.number

    def models(self, generation: int, place: int, count: int, end: float) -> list[int]:
        """Trials that the place may be filled from: those of a generation's best `count` that go on.

        The generation is that of the place, a later one where none of those goes on, at last any; then the
        best that does. Trials at the end are not among them: nothing is left to be learnt there.
        """
        rest: list[int] = []
        for known in sorted(self.scores, key=lambda known: (known < generation, known)):
            scores = self.scores[known]
            order = [other for _, other in ordered(scores) if other != place]
            fit = [self._goes_on(other, scores[other], end) for other in order]
            best = [number for number in fit[:count] if number is not None]
            if best:
                return best
            rest = rest or [number for number in fit if number is not None][:1]
        return rest

    def _goes_on(self, place: int, score: Score, end: float) -> int | None:
        return score.number if self.lives(place, score) and self.members[place].reached < end else None

    def behind(self, step: float, fillable: bool) -> bool:
        """Whether a place that has not come so far could be worked on by a free worker."""
        return any(
            member.idle and member.reached < step and (fillable or member.alive) for member in self.members
        )
