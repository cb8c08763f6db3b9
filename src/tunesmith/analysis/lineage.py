"""Where a trial's training came from: its parents, and the checkpoints that it was continued from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tunesmith.record.course import Schedule, Segment
from tunesmith.record.event import Checkpointed, Created, Event, Reported, singles
from tunesmith.record.trial import Trial


@dataclass(slots=True)
class _Life:
    """What the log says of a trial: from where it started, its newest checkpoint, and what came after it."""

    parent: int | None
    start: float  # the step of the parent's checkpoint as of its creation
    saved: float | None = None
    reported: float | None = None  # the first step reported after `saved`
    cuts: dict[int, tuple[float, float | None]] = field(default_factory=dict)  # by child, these two


def schedule_of(events: Iterable[Event], trials: Sequence[Trial], number: int) -> Schedule:
    """The parameters that the training of a trial went through, from its first ancestor on."""
    lives = _lives(events)
    chain = [number]
    while (parent := lives[chain[-1]].parent) is not None:
        chain.append(parent)
    segments: list[Segment] = []
    for at, one in enumerate(reversed(chain)):
        last = at + 1 == len(chain)
        start = lives[one].start
        end = trials[one].step if last else lives[chain[-at - 2]].start
        if end > start or (last and not segments):
            reported = end if last else _reported(lives[one], chain[-at - 2], end)
            segments.append(Segment(start, end, dict(trials[one].params), one, reported))
    return Schedule(tuple(segments))


def _reported(life: _Life, child: int, end: float) -> float:
    found = life.cuts[child][1]
    return end if found is None else max(found, end)


def _lives(events: Iterable[Event]) -> dict[int, _Life]:
    lives: dict[int, _Life] = {}
    late: dict[int, list[int]] = {}  # children made before anything was reported after the checkpoint
    for batch in events:
        for event in singles(batch):
            if isinstance(event, Created):
                lives[event.number] = _born(lives, event)
                if event.parent is not None and lives[event.parent].reported is None:
                    late.setdefault(event.parent, []).append(event.number)
            elif isinstance(event, Checkpointed):
                life = lives[event.number]
                life.saved, life.reported = event.step, None
                late.pop(event.number, None)
            elif isinstance(event, Reported):
                life = lives[event.number]
                if life.reported is None:
                    life.reported = event.step
                    for child in late.pop(event.number, ()):
                        life.cuts[child] = (life.cuts[child][0], event.step)
    return lives


def _born(lives: dict[int, _Life], event: Created) -> _Life:
    if event.parent is None:
        return _Life(None, 0)
    parent = lives[event.parent]
    start = parent.start if parent.saved is None else parent.saved
    parent.cuts[event.number] = (start, parent.reported)
    return _Life(event.parent, start)
