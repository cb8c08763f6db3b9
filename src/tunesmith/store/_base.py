"""The contract of a store: where logs are kept (`tunesmith.testing.StoreLaws` checks it)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tunesmith.record.event import Event
from tunesmith.record.problem import StudySpec

Claim = tuple[int, int]
"""(trial number, attempt): one worker's hold on a trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyInfo:
    """A study as a listing shows it. `counts` is trials by state, `best` in the user's sign."""

    id: int
    spec: StudySpec
    position: int
    counts: dict[str, int]
    updated: float


@dataclass(frozen=True, slots=True)
class Leases:
    """What `renew` found: own claims that are lost, and claims of others whose lease has run out."""

    lost: tuple[Claim, ...] = ()
    lapsed: tuple[Claim, ...] = ()


class Store(ABC):
    """Keeps logs of studies. Appending is all or nothing, and fenced by `record.event.admit`.

    Laws
    - positions are 1, 2, 3, … in the order of commit: a reader of `after=p` never misses an event.
    - what `append` has returned for is there after any crash of the process.
    - a repeated append (same events, whenever written) is a success and changes nothing.
    - a write of a lost attempt is refused with LeaseLost, and kept aside as evidence.
    - leases are judged by one clock, the store's.
    """

    lease: float  # seconds a claim holds without renewal
    shared: ClassVar[bool] = True  # whether other processes may hold the same study

    def __str__(self) -> str:
        """Where it is, for messages."""
        return f"this {type(self).__name__}"

    def checkpoint_folder(self, study: int) -> str | None:  # noqa: ARG002
        """Where checkpoints of this study are kept; None when the store keeps none."""
        return None

    @abstractmethod
    def create(self, spec: StudySpec) -> int:
        """A new study's id. Raises StudyError when the name is taken."""

    @abstractmethod
    def append(self, study: int, events: Sequence[Event], expect: int | None = None) -> int:
        """Append all events or none; the log's new last position.

        `expect`: the number that the first new trial must get. Raises Conflict when it is taken, or a
        claim was; LeaseLost when an event is written by an attempt that no longer holds its trial.
        """

    @abstractmethod
    def read(self, study: int, after: int = 0, most: int | None = None) -> Sequence[Event]:
        """The events at positions after+1, after+2, …, at most so many; StudyError when it was deleted."""

    @abstractmethod
    def list(self) -> Sequence[StudyInfo]:
        """All studies, oldest first."""

    @abstractmethod
    def renew(self, study: int, claims: Sequence[Claim]) -> Leases:
        """Extend the leases of these claims of mine, and say which leases are lost or have run out."""

    @abstractmethod
    def delete(self, study: int) -> None:
        """Remove a study with all its events."""
