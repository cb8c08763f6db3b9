"""The events of a study's log, and the rules by which one may follow another.

The log is the only truth; everything else is a fold of it. An event about a trial names the trial's
number and the attempt (claim) that writes it. `admit` is the fence that every store applies before it
appends: it is the one place that says which event may come when.

Events are named tuples, which take a third of the time of frozen dataclasses to make; there are several a
trial.

    WAITING -Claimed-> RUNNING -Paused-> PAUSED -Resumed-> RUNNING -Finished-> COMPLETE | STOPPED | FAILED
    RUNNING -Released-> WAITING     (given back, or taken from a worker whose lease ran out)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tunesmith.errors import Conflict, LeaseLost, StoreError
from tunesmith.record.trial import COMPLETE, ENDS, FAILED, PAUSED, RUNNING, WAITING, Source, TrialState
from tunesmith.space.domain import Domain


class Row(NamedTuple):
    """What a fence must know of a trial: where it stands, under which claim, whose."""

    state: TrialState
    attempt: int
    worker: str | None


_NOTHING: Mapping[str, Any] = {}


@lru_cache(maxsize=4096)
def _row(state: TrialState, attempt: int, worker: str | None) -> Row:
    """Few rows differ, and there is one for every trial: equal ones are one object."""
    return Row(state, attempt, worker)


class Created(NamedTuple):
    """A configuration was proposed. Attempt 1 is a claim at once, attempt 0 leaves it waiting.

    `seen` is the log position that the proposer had read: with it the proposal can be replayed.
    `fixed` are the values that the user asked for; the searcher chose the others.
    """

    number: int
    attempt: int
    params: Mapping[str, Any]
    source: Source = Source.SEARCHER
    memo: Any = None
    budget: float | None = None
    parent: int | None = None
    seen: int = 0
    worker: str | None = None
    fixed: Mapping[str, Any] | None = None
    at: float = 0.0


class Claimed(NamedTuple):
    """A worker took a waiting trial."""

    number: int
    attempt: int
    worker: str
    at: float = 0.0


class Suggested(NamedTuple):
    """What a define-by-run objective asked for: all its values, and the domains that were new or changed."""

    number: int
    attempt: int
    params: Mapping[str, Any]
    domains: Mapping[str, Domain] = _NOTHING
    at: float = 0.0


class Reported(NamedTuple):
    """The objective measured something on its way."""

    number: int
    attempt: int
    step: float
    values: tuple[float, ...]
    metrics: Mapping[str, float] = _NOTHING
    at: float = 0.0
    constraints: Mapping[str, float] = _NOTHING  # as they stand by now


class Checkpointed(NamedTuple):
    """A checkpoint was stored, whole: its name, made of its kind and the hash of its content."""

    number: int
    attempt: int
    step: float
    file: str
    at: float = 0.0


class Paused(NamedTuple):
    """The scheduler halted the trial, and may resume it."""

    number: int
    attempt: int
    step: float
    constraints: Mapping[str, float] = _NOTHING
    user_attrs: Mapping[str, Any] = _NOTHING
    at: float = 0.0


class Resumed(NamedTuple):
    """A paused trial was claimed again, to run up to `budget`."""

    number: int
    attempt: int
    worker: str
    budget: float | None = None
    at: float = 0.0


class Released(NamedTuple):
    """The claim was given back, or taken away by `worker` because its lease had run out."""

    number: int
    attempt: int
    worker: str
    reason: str = ""
    at: float = 0.0


class Finished(NamedTuple):
    """The trial ended: `state` is COMPLETE, STOPPED or FAILED."""

    number: int
    attempt: int
    state: TrialState
    values: tuple[float, ...] | None = None
    error: str | None = None
    constraints: Mapping[str, float] = _NOTHING
    user_attrs: Mapping[str, Any] = _NOTHING
    at: float = 0.0
    gradient: Mapping[str, float] | None = None


class Noted(NamedTuple):
    """The study's user wrote something down (`study.set_user_attr`); number -1, no trial."""

    number: int
    attempt: int
    key: str
    value: Any
    at: float = 0.0


class Extended(NamedTuple):
    """The study's total number of trials was set anew; number -1, no trial."""

    number: int
    attempt: int
    n_trials: int | None
    at: float = 0.0


class CreatedBatch(NamedTuple):
    """`size` configurations were proposed at once, and claimed: the trials from `number` on.

    `params` holds a column for each parameter. It says what `size` events Created would, in one.
    """

    number: int
    attempt: int
    size: int
    params: Mapping[str, Sequence[Any]]
    budget: float | None = None
    seen: int = 0
    worker: str | None = None
    at: float = 0.0


class FinishedBatch(NamedTuple):
    """The `size` trials from `number` on ended, all claimed at once by `attempt`.

    `values` holds a column for each objective; `errors` the reason of each trial that failed, by its number.
    """

    number: int
    attempt: int
    size: int
    values: tuple[Sequence[float], ...]
    errors: Mapping[str, str] = _NOTHING
    at: float = 0.0


class Halted(NamedTuple):
    """The runs under way were told to end (`study.stop()`); `now`: running trials are put back. No trial."""

    number: int
    attempt: int
    now: bool = False
    at: float = 0.0


Batch = CreatedBatch | FinishedBatch
BATCHES = (CreatedBatch, FinishedBatch)
Single = (
    Created | Claimed | Suggested | Reported | Checkpointed | Paused | Resumed | Released | Finished | Noted
    | Extended | Halted
)  # fmt: skip
Event = Single | Batch
EVENTS: tuple[type[Event], ...] = (
    Created, Claimed, Suggested, Reported, Checkpointed, Paused, Resumed, Released, Finished, Noted, Extended,
    Halted, CreatedBatch, FinishedBatch,
)  # fmt: skip


def singles(event: Event) -> Iterator[Single]:
    """The events, one a trial, that a batch stands for; any other event itself."""
    if isinstance(event, CreatedBatch):
        names, start = tuple(event.params), event.number
        for index, row in enumerate(zip(*event.params.values(), strict=True)):
            yield Created(
                start + index, event.attempt, dict(zip(names, row, strict=True)), budget=event.budget,
                seen=event.seen, worker=event.worker, at=event.at,
            )  # fmt: skip
    elif isinstance(event, FinishedBatch):
        for number, values in enumerate(zip(*event.values, strict=True), event.number):
            error = event.errors.get(str(number))
            if error is None:
                yield Finished(number, event.attempt, COMPLETE, values, at=event.at)
            else:
                yield Finished(number, event.attempt, FAILED, error=error, at=event.at)
    else:
        yield event


CLAIMED_FROM: Mapping[type[Event], TrialState] = {Claimed: WAITING, Resumed: PAUSED}
"""The events that open a new attempt, and the state a trial must be in for it."""

_LEAVES = {Paused: PAUSED, Released: WAITING}


def gap(number: int, following: int) -> Conflict:
    """What to raise when a new trial does not bear the next number."""
    return Conflict(f"trial number {number} leaves a gap: the next is {following}")


def admit_batch(event: Batch, rows: Sequence[Row | None]) -> dict[int, Row]:
    """The rows of the batch's trials after it, by number, from those before it; raises as `admit`."""
    first, number, count = rows[0], event.number, event.size
    if rows.count(first) != count:  # not all alike: each is judged for itself
        each = {single.number: admit(single, row) for single, row in zip(singles(event), rows, strict=True)}
        return {number: row for number, row in each.items() if row is not None}
    if isinstance(event, CreatedBatch):
        after = admit(Created(number, event.attempt, _NOTHING, worker=event.worker), first)
    else:
        after = admit(Finished(number, event.attempt, COMPLETE), first)
    if after is None:
        return {}
    found = dict.fromkeys(range(number, number + count), after)
    if isinstance(event, FinishedBatch):
        failed = _row(FAILED, after.attempt, after.worker)
        found.update((int(name), failed) for name in event.errors)
    return found


def becomes(event: Single) -> TrialState:
    """The state in which an event leaves its trial."""
    if isinstance(event, Finished):
        return event.state
    if isinstance(event, Created) and not event.attempt:
        return WAITING
    return _LEAVES.get(type(event), RUNNING)


def admit(event: Single, row: Row | None, lapsed: bool = False) -> Row | None:
    """The trial's row after `event`, or Conflict or LeaseLost when the event may not come now.

    `row` is None for a trial that does not exist. `lapsed` says that the store's clock has let the
    lease of the trial's present claim run out. Returns None for events that concern no trial.
    """
    if event.number < 0:
        return None
    if type(event) is Created:
        if row is not None:
            raise Conflict(f"trial number {event.number} is taken: read on, and propose the next number")
        state = RUNNING if event.attempt else WAITING
        return _row(state, event.attempt, event.worker)
    if row is None:
        raise LeaseLost(f"trial {event.number} does not exist, so nothing can be written about it")
    if type(event) is Claimed or type(event) is Resumed:
        if row.state is not CLAIMED_FROM[type(event)] or event.attempt != row.attempt + 1:
            raise Conflict(
                f"trial {event.number} is {row.state} (attempt {row.attempt}): somebody else was faster"
            )
        return _row(RUNNING, event.attempt, event.worker)
    if row.state is not RUNNING or event.attempt != row.attempt:
        raise LeaseLost(
            f"attempt {event.attempt} of trial {event.number} holds it no more: it is {row.state} "
            f"(attempt {row.attempt}), and what was written now is refused"
        )
    if type(event) is Finished:
        if event.state in ENDS:
            return _row(event.state, event.attempt, row.worker)
        raise StoreError(
            f"trial {event.number} cannot end as {event.state}: only COMPLETE, STOPPED or FAILED"
        )
    if type(event) is Released and event.worker != row.worker and not lapsed:
        raise Conflict(f"trial {event.number} is held by {row.worker}, whose lease has not run out")
    return _row(becomes(event), event.attempt, row.worker)
