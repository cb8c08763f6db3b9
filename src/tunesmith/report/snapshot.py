"""What a run looks like at one moment: all that its live view shows."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A running trial: `curve` is what it has reported, `age` the seconds since it was opened."""

    number: int
    params: Mapping[str, Any]
    step: int = 0
    budget: int | None = None
    curve: tuple[float, ...] = ()
    age: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best trial so far: which, its value, how many trials ended after it, and how it came about."""

    number: int
    value: float
    ago: int
    params: Mapping[str, Any]
    trend: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment. `total` is None when only a rule ends it; `eta` in seconds, None when unknown."""

    name: str
    done: int
    total: int | None
    failed: int = 0
    stopped: int = 0
    paused: int = 0
    best: Best | None = None
    eta: float | None = None
    rows: tuple[Row, ...] = ()
    note: str = ""


def eta(left: int, ages: Sequence[float], durations: Sequence[float], workers: int) -> float | None:
    """Seconds until `left` more trials, and those running for `ages` seconds, will have ended.

    A trial is taken to last the mean of `durations`: where kinds of models differ tenfold, a median
    would see one kind only. None before the first has ended.
    """
    if not durations:
        return None
    usual = statistics.fmean(durations)
    running = [max(0.0, usual - age) for age in ages]
    shared = (max(0, left) * usual + sum(running)) / max(1, workers)
    return max(shared, *running) if running else shared
