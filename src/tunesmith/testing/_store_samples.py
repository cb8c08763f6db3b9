"""Studies and events for tests of stores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tunesmith.errors import Conflict
from tunesmith.record.event import (
    Checkpointed,
    Created,
    Finished,
    Paused,
    Released,
    Reported,
    Single,
    Suggested,
)
from tunesmith.record.problem import Direction, Objective, Problem, StudySpec
from tunesmith.record.trial import TrialState
from tunesmith.store._base import Store

STRANGE = {
    "quotes": 'Robert\'); drop table trial; -- "x" `y`',
    "nul": "a\0b",
    "newline": "a\nb\r\u2028c",
    "unicode": "Größe 学習率 🎵 \u200e",
    "numbers": [0.1, -0.0, 1e308, 5e-324, 2**63, -(2**70), 1e22, 0.1 + 0.2],
    "not numbers": [math.nan, math.inf, -math.inf],
    "nested": {"a": [None, True, {"b": []}], "": ""},
}

WRITES: tuple[Callable[[int, int], Single], ...] = (
    lambda number, attempt: Suggested(number, attempt, params={"x": 1.0}),
    lambda number, attempt: Reported(number, attempt, step=1, values=(0.5,)),
    lambda number, attempt: Checkpointed(number, attempt, step=1, file="0-1-abc.ckpt"),
    lambda number, attempt: Paused(number, attempt, step=1),
    lambda number, attempt: Released(number, attempt, worker="w1"),
    lambda number, attempt: Finished(number, attempt, state=TrialState.COMPLETE, values=(0.5,)),
)
"""Every event that only the holder of a claim may write."""


def spec(name: str = "study", **rest: Any) -> StudySpec:
    """A study of one objective whose space is found by running."""
    problem = Problem(objectives=(Objective("value", Direction.MINIMIZE),))
    return StudySpec(name=name, problem=problem, seed=1, **rest)


def created(number: int, worker: str | None = "w1", **rest: Any) -> Created:
    """A trial, running when it has a worker."""
    return Created(number, 1 if worker else 0, params={"x": float(number)}, worker=worker, **rest)


def finished(number: int, attempt: int = 1, value: float = 1.0, **rest: Any) -> Finished:
    """A trial's end with a value."""
    return Finished(number, attempt, state=TrialState.COMPLETE, values=(value,), **rest)


def ask(store: Store, study: int, worker: str) -> int:
    """A new trial's number; its tries are how workers meet."""
    number = 0
    while True:
        try:
            store.append(study, [created(number, worker)], expect=number)
            return number
        except Conflict:
            number = sum(isinstance(event, Created) for event in store.read(study))
