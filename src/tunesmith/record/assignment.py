"""The unit of work, and what comes back from it: what schedulers, executors and the kernel pass around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple

from tunesmith.record.event import Checkpointed
from tunesmith.record.trial import Trial, TrialState
from tunesmith.space.domain import Domain


class Decision(Enum):
    """What a scheduler says of a running trial after a report; RELEASE (put it back) is for the kernel."""

    CONTINUE = "continue"
    PAUSE = "pause"
    STOP = "stop"
    RELEASE = "release"


CONTINUE: Final = Decision.CONTINUE  # by itself, at a global's price

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Start:
    """Plan: propose a new trial, to run up to `budget` (None: to its end), from `parent`'s checkpoint."""

    budget: float | None = None
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """Plan: let the paused trial of this number run on, up to `budget`."""

    number: int
    budget: float | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Plan: nothing can start before a running trial says more; when none runs, the schedule is complete."""


Plan = Start | Resume | Wait


class Assignment(NamedTuple):
    """A trial to run: which, with what, from where, up to which budget, under which claim."""

    trial: Trial
    domains: Mapping[str, Domain] = _NOTHING  # known to a define-by-run study
    fixed: Mapping[str, Any] = _NOTHING  # values the user asked for
    checkpoints: tuple[Checkpointed, ...] = ()  # newest first; at first the parent's
    seed: int = 0

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number


class Kind(StrEnum):
    """What a message tells."""

    REPORT = "report"
    CHECKPOINT = "checkpoint"
    END = "end"


END: Final = Kind.END  # by itself, at a global's price


class Message(NamedTuple):
    """What an executor hands on from a running trial. Plain data: it crosses process borders as JSON.

    REPORT: `step`, `values`, `metrics`, `constraints`. CHECKPOINT: `step`, `file`. END: `state` (PAUSED and
    WAITING are ends of an attempt too), `values`, `gradient`, `error`. `died` marks an end that the objective
    did not choose.
    `params` is what a define-by-run objective has asked for so far, None when that is what was proposed.
    """

    number: int
    attempt: int
    kind: Kind
    step: float = 0
    values: tuple[float, ...] | None = None
    metrics: Mapping[str, float] = _NOTHING
    state: TrialState | None = None
    error: str | None = None
    died: bool = False
    wrong: bool = False  # the objective breaks its contract whatever the configuration
    params: Mapping[str, Any] | None = None
    domains: Mapping[str, Domain] = _NOTHING
    constraints: Mapping[str, float] = _NOTHING
    user_attrs: Mapping[str, Any] = _NOTHING
    file: str | None = None
    gradient: Mapping[str, float] | None = None
