"""The record of a trial: frozen, and complete at every moment of its life."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple


class TrialState(StrEnum):
    """Where a trial stands."""

    WAITING = "WAITING"  # enqueued, or taken from a lost worker: for anyone to claim
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # by a scheduler that may resume it
    COMPLETE = "COMPLETE"
    STOPPED = "STOPPED"  # by a scheduler, for good
    FAILED = "FAILED"

    __hash__ = str.__hash__  # Enum's own is written in Python, and these are keys of hot dictionaries

    @property
    def finished(self) -> bool:
        """Whether nothing can happen to the trial any more."""
        return self in ENDS


# The states by themselves: an attribute of an enumeration costs ten times what a global does.
WAITING: Final = TrialState.WAITING
RUNNING: Final = TrialState.RUNNING
PAUSED: Final = TrialState.PAUSED
COMPLETE: Final = TrialState.COMPLETE
STOPPED: Final = TrialState.STOPPED
FAILED: Final = TrialState.FAILED

_NOTHING: Mapping[str, Any] = {}
ENDS = frozenset({TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED})


class Source(StrEnum):
    """Who chose a trial's parameters."""

    SEARCHER = "searcher"
    DEFAULT = "default"  # the configuration of defaults, tried first
    QUEUE = "queue"  # study.enqueue
    IMPORT = "import"  # study.add_trial: it ran elsewhere


SEARCHER: Final = Source.SEARCHER
DEFAULT: Final = Source.DEFAULT
QUEUE: Final = Source.QUEUE


class Report(NamedTuple):
    """What an objective measured on its way. `values` as the user gave them, `losses` minimised."""

    step: float
    values: tuple[float, ...]
    losses: tuple[float, ...]
    metrics: Mapping[str, float]

    @property
    def value(self) -> float:
        """The first objective's value."""
        return self.values[0]


class Trial(NamedTuple):
    """One configuration and all that is known of it; a value, made anew by every event.

    (A named tuple because a frozen dataclass of this width takes three times as long to make.)

    `values` are the user's, `losses` the same with every sign turned so that less is better.
    `attempt` counts claims; `memo` is what the searcher asked to remember. Times are Unix seconds.
    `gradient`: of the objective's value as given, by parameter, in the parameter's own units; None where the
    objective told none.
    """

    number: int
    state: TrialState
    params: Mapping[str, Any]
    values: tuple[float, ...] | None = None
    losses: tuple[float, ...] | None = None
    reports: tuple[Report, ...] = ()
    budget: float | None = None
    attempt: int = 0
    parent: int | None = None
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    constraints: Mapping[str, float] = _NOTHING
    user_attrs: Mapping[str, Any] = _NOTHING
    memo: Any = None
    source: Source = Source.SEARCHER
    seen: int = 0
    worker: str | None = None
    gradient: Mapping[str, float] | None = None

    def __repr__(self) -> str:
        values = "" if self.values is None else f", {', '.join(f'{value:.6g}' for value in self.values)}"
        return f"Trial({self.number}, {self.state.value}{values}, {dict(self.params)!r})"

    @property
    def value(self) -> float | None:
        """The first objective's value; a stopped or paused trial's is its last report."""
        return None if self.values is None else self.values[0]

    @property
    def violation(self) -> float:
        """By how much outcome constraints are broken, in all: 0 is feasible."""
        return sum(v for v in self.constraints.values() if v > 0) if self.constraints else 0.0

    @property
    def step(self) -> float:
        """The last step reported, 0 before the first."""
        return self.reports[-1].step if self.reports else 0

    @property
    def duration(self) -> float | None:
        """Seconds from the first claim to the end."""
        if self.started is None or self.finished is None:
            return None
        return max(0.0, self.finished - self.started)
