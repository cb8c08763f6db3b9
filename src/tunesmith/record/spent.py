"""What the trials of a study have used so far, and how fast they went: a fold of the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tunesmith.record.event import (
    Claimed,
    Created,
    CreatedBatch,
    Finished,
    FinishedBatch,
    Paused,
    Released,
    Reported,
    Resumed,
    Single,
)  # fmt: skip
from tunesmith.record.trial import COMPLETE, FAILED, WAITING, Source, Trial

_MOST = 256  # stints kept: durations are predicted from the newest


class Stint(NamedTuple):
    """One attempt at a trial that has come to its end.

    `base`: the step from which it went on; `lead`: seconds to the first report (to the end when there was
    none); `first`, `last`: the steps of the first and the last report, `between` the seconds from one to the
    other; `tail`: seconds from there to the end. `whole`: whether the objective came to its own end.
    """

    number: int
    attempt: int
    base: float
    lead: float
    first: float | None
    last: float | None
    between: float
    tail: float
    budget: float | None
    whole: bool

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.lead + self.between + self.tail


class _Open:
    """An attempt under way."""

    __slots__ = ("base", "began", "first", "first_at", "heard", "last")

    def __init__(self, base: float, at: float) -> None:
        self.base = base
        self.began = self.first_at = self.heard = at
        self.first: float | None = None
        self.last = base


class Spent:
    """Totals over all trials, those of earlier runs included; imported ones are not counted.

    `steps`: reported for the first time, and the budget of trials that came to their end without a report.
    `seconds`: running time, up to the last event of each trial. `amounts`: of every metric, the sum over
    reports, and over what was returned by trials that did not report it. `open`: since when running trials
    have not been heard. `longest`, `slowest`: the most seconds an attempt, and a step, have taken.
    """

    __slots__ = (
        "_batches", "amounts", "closed", "ended", "ended_steps", "longest", "open", "seconds",
        "slowest", "steps", "stints", "stopped",
    )  # fmt: skip

    def __init__(self) -> None:
        self.steps: float = 0
        self.seconds = 0.0
        self.amounts: dict[str, float] = {}
        self.open: dict[int, _Open] = {}
        self.stints: deque[Stint] = deque(maxlen=_MOST)
        self.closed = 0  # how many stints there were
        self.longest = 0.0
        self.slowest = 0.0
        self.stopped = 0  # trials that a scheduler has ended
        self.ended = 0  # trials that did not fail
        self.ended_steps: float = 0  # which they have got in all
        self._batches: dict[int, float] = {}

    def take(self, event: Single, trial: Trial, start: float) -> None:
        """The next event of the log about a trial; `start`: the step of the checkpoint that it has."""
        handler = _HANDLERS.get(type(event))
        if handler is not None and trial.source is not Source.IMPORT:
            handler(self, event, trial, start)

    def began(self, event: CreatedBatch) -> None:
        """A batch was handed to a worker."""
        self._batches[event.number] = event.at

    def finished(self, event: FinishedBatch) -> None:
        """It came back: its one call has taken that long."""
        self.seconds += max(0.0, event.at - self._batches.pop(event.number, event.at))

    def unheard(self, now: float) -> float:
        """Seconds that running trials have run since they were heard last."""
        return sum(max(0.0, now - one.heard) for one in self.open.values())

    def _begin(self, event: Created | Claimed | Resumed, trial: Trial, start: float) -> None:
        if trial.state is not WAITING:
            self.open[event.number] = _Open(trial.reports[-1].step if trial.reports else start, event.at)

    def _reported(self, event: Reported, trial: Trial, _: float) -> None:
        for name, value in event.metrics.items():
            if value == value:
                self.amounts[name] = self.amounts.get(name, 0.0) + value
        one = self.open.get(event.number)
        if one is None:
            return
        self._heard(one, event.at)
        step = event.step
        if one.first is None:
            one.first, one.first_at = step, one.heard
            if len(trial.reports) == 1 and step <= one.base:
                one.base = one.last = 0  # it has not gone on from its parent's checkpoint
        self.steps += max(0, step - one.last)
        one.last = max(one.last, step)

    def _heard(self, one: _Open, at: float) -> None:
        if at > one.heard:
            self.seconds += at - one.heard
            one.heard = at

    def _end(self, event: Paused | Finished, trial: Trial, _: float) -> None:
        one = self.open.pop(event.number, None)
        if one is None:
            return
        last = one.heard
        self._heard(one, event.at)
        failed = trial.state is FAILED
        if type(event) is Finished and not failed:
            if one.first is None and trial.budget is not None and trial.state is COMPLETE:
                self.steps += max(0, trial.budget - one.last)
                one.last = max(one.last, trial.budget)
            self._returned(event, trial)
            self.stopped += trial.state is not COMPLETE
            self.ended += 1
            self.ended_steps += one.last
        self._close(one, trial, last, not failed)

    def _returned(self, event: Finished, trial: Trial) -> None:
        for name, value in event.user_attrs.items():
            number = type(value) in (int, float) and value == value
            if number and not any(name in report.metrics for report in trial.reports):
                self.amounts[name] = self.amounts.get(name, 0.0) + value

    def _released(self, event: Released, trial: Trial, _: float) -> None:
        one = self.open.pop(event.number, None)
        if one is not None:
            # When a worker was lost nobody knows for how long it ran on: what was heard of it counts.
            self._close(one, trial, one.heard, False)

    def _close(self, one: _Open, trial: Trial, last: float, whole: bool) -> None:
        reported = one.first is not None
        stint = Stint(
            number=trial.number,
            attempt=trial.attempt,
            base=one.base,
            lead=(one.first_at if reported else one.heard) - one.began,
            first=one.first,
            last=one.last if reported else None,
            between=last - one.first_at if reported else 0.0,
            tail=one.heard - last if reported else 0.0,
            budget=trial.budget,
            whole=whole and trial.state is COMPLETE,
        )
        self.stints.append(stint)
        self.closed += 1
        self.longest = max(self.longest, stint.seconds)
        if one.last > one.base:
            self.slowest = max(self.slowest, stint.seconds / (one.last - one.base))


_HANDLERS: Mapping[type[Single], Callable[[Spent, Any, Trial, float], None]] = {
    Created: Spent._begin,
    Claimed: Spent._begin,
    Resumed: Spent._begin,
    Reported: Spent._reported,
    Paused: Spent._end,
    Finished: Spent._end,
    Released: Spent._released,
}
