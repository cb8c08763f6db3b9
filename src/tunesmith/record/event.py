"""The events of a study's log, and the rules by which one may follow another.

The log is the only truth; everything else is a fold of it. An event about a trial names the trial's
number and the attempt (claim) that writes it. `admit` is the fence that every store applies before it
appends: it is the one place that says which event may come when.

    WAITING -Claimed-> RUNNING -Paused-> PAUSED -Resumed-> RUNNING -Finished-> COMPLETE | STOPPED | FAILED
    RUNNING -Released-> WAITING     (given back, or taken from a worker whose lease ran out)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from tunesmith.errors import Conflict, LeaseLost
from tunesmith.record.trial import Source, TrialState
from tunesmith.space.domain import Domain


class Row(NamedTuple):
    """What a fence must know of a trial: where it stands, under which claim, whose."""

    state: TrialState
    attempt: int
    worker: str | None


@dataclass(frozen=True, slots=True)
class TrialEvent:
    """Something that happened to a trial; `at` is Unix seconds on the writer's clock."""

    number: int
    attempt: int
    at: float = field(kw_only=True, default=0.0)

    needs: ClassVar[TrialState] = TrialState.RUNNING
    claims: ClassVar[bool] = False  # whether it opens a new attempt

    @property
    def becomes(self) -> TrialState:
        """The state it leaves the trial in."""
        return TrialState.RUNNING


@dataclass(frozen=True, slots=True)
class Created(TrialEvent):
    """A configuration was proposed. Attempt 1 is a claim at once, attempt 0 leaves it waiting.

    `seen` is the log position that the proposer had read: with it the proposal can be replayed.
    `fixed` are the values that the user asked for; the searcher chose the others.
    """

    params: Mapping[str, Any]
    source: Source = Source.SEARCHER
    memo: Any = None
    budget: int | None = None
    parent: int | None = None
    seen: int = 0
    worker: str | None = None
    fixed: Mapping[str, Any] | None = None

    @property
    def becomes(self) -> TrialState:
        """Running when it was claimed at once."""
        return TrialState.RUNNING if self.attempt else TrialState.WAITING


@dataclass(frozen=True, slots=True)
class Claimed(TrialEvent):
    """A worker took a waiting trial."""

    worker: str
    needs: ClassVar[TrialState] = TrialState.WAITING
    claims: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Suggested(TrialEvent):
    """What a define-by-run objective asked for: all its values, and the domains that were new or changed."""

    params: Mapping[str, Any]
    domains: Mapping[str, Domain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reported(TrialEvent):
    """The objective measured something on its way."""

    step: int
    values: tuple[float, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpointed(TrialEvent):
    """A checkpoint was stored, whole: the file's name, which carries the hash of its content."""

    step: int
    file: str


@dataclass(frozen=True, slots=True)
class Paused(TrialEvent):
    """The scheduler halted the trial, and may resume it."""

    step: int

    @property
    def becomes(self) -> TrialState:
        """Paused."""
        return TrialState.PAUSED


@dataclass(frozen=True, slots=True)
class Resumed(TrialEvent):
    """A paused trial was claimed again, to run up to `budget`."""

    worker: str
    budget: int | None = None
    needs: ClassVar[TrialState] = TrialState.PAUSED
    claims: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Released(TrialEvent):
    """The claim was given back, or taken away by `worker` because its lease had run out."""

    worker: str
    reason: str = ""

    @property
    def becomes(self) -> TrialState:
        """Waiting for the next claim."""
        return TrialState.WAITING


@dataclass(frozen=True, slots=True)
class Finished(TrialEvent):
    """The trial ended: `state` is COMPLETE, STOPPED or FAILED."""

    state: TrialState
    values: tuple[float, ...] | None = None
    error: str | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def becomes(self) -> TrialState:
        """How it ended."""
        return self.state


@dataclass(frozen=True, slots=True)
class Noted(TrialEvent):
    """The study's user wrote something down (`study.set_user_attr`); number -1, no trial."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Extended(TrialEvent):
    """The study's total number of trials was set anew; number -1, no trial."""

    n_trials: int | None


Event = (
    Created
    | Claimed
    | Suggested
    | Reported
    | Checkpointed
    | Paused
    | Resumed
    | Released
    | Finished
    | Noted
    | Extended
)
EVENTS: tuple[type[TrialEvent], ...] = (
    Created, Claimed, Suggested, Reported, Checkpointed, Paused, Resumed, Released, Finished, Noted, Extended,
)  # fmt: skip


def admit(event: Event, row: Row | None, lapsed: bool = False) -> Row | None:
    """The trial's row after `event`, or Conflict or LeaseLost when the event may not come now.

    `row` is None for a trial that does not exist. `lapsed` says that the store's clock has let the
    lease of the trial's present claim run out. Returns None for events that concern no trial.
    """
    if event.number < 0:
        return None
    if type(event) is Created:
        if row is not None:
            raise Conflict(f"trial number {event.number} is taken: read on, and propose the next number")
        return Row(event.becomes, event.attempt, event.worker)
    if row is None:
        raise LeaseLost(f"trial {event.number} does not exist, so nothing can be written about it")
    if event.claims:
        if row.state is not event.needs or event.attempt != row.attempt + 1:
            raise Conflict(
                f"trial {event.number} is {row.state} (attempt {row.attempt}): somebody else was faster"
            )
        return Row(event.becomes, event.attempt, getattr(event, "worker", None))
    if row.state is not TrialState.RUNNING or event.attempt != row.attempt:
        raise LeaseLost(
            f"attempt {event.attempt} of trial {event.number} holds it no more: it is {row.state} "
            f"(attempt {row.attempt}), and what was written now is refused"
        )
    if isinstance(event, Released) and event.worker != row.worker and not lapsed:
        raise Conflict(f"trial {event.number} is held by {row.worker}, whose lease has not run out")
    return Row(event.becomes, event.attempt, row.worker)
