"""What a run looks like at one moment: all that its live view shows."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A worker and its trial: `curve` is what it has reported, `age` the seconds that it has run for.

    `number` is None for a worker without a trial; `state` is such as 'running', 'rung 2/3'.
    """

    worker: int
    number: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    step: float = 0
    budget: float | None = None
    curve: tuple[float, ...] = ()
    age: float = 0.0
    state: str = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best trial so far: which, its value, how many trials and seconds ago, and how it came about."""

    number: int
    value: float
    ago: int
    age: float | None
    params: Mapping[str, Any]
    trend: Sequence[float] = ()
    feasible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The Pareto front so far: its size, how it grew, and from where to where it reaches.

    `share`: of the box between the best and the worst values seen, how much the front dominates; None when
    that cannot be computed quickly. `trend` is of that share, or else of the size.
    """

    size: int
    share: float | None
    ago: int
    trend: Sequence[float] = ()
    spans: Sequence[tuple[str, float, float]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A run at one moment. `total` is None when only a rule ends it; `eta` in seconds, None when unknown.

    `objective` is the name of the value that rows show, `lower` whether less of it is better; `reporting`:
    whether any trial has reported on its way. `columns`: the parameters that all trials have, most
    important first. `importances` is None while too few trials have ended, and empty while no parameter
    stands out.
    """

    name: str
    done: int
    total: int | None
    objective: str = "value"
    lower: bool = True
    running: int = 0
    failed: int = 0
    stopped: int = 0
    paused: int = 0
    waiting: int = 0
    infeasible: int = 0
    best: Best | None = None
    front: Front | None = None
    eta: float | None = None
    rows: tuple[Row, ...] = ()
    reporting: bool = False
    columns: tuple[str, ...] = ()
    importances: tuple[tuple[str, float], ...] | None = None
    note: str = ""


def eta(
    left: int, running: Sequence[tuple[float, float | None]], durations: Sequence[float], workers: int
) -> float | None:
    """Seconds until `left` more trials, and those running, will have ended.

    `running`: a trial's age, and how long it would still take by its steps so far, where that is known. A
    trial is taken to last the mean of `durations`: where kinds of models differ tenfold, or a scheduler stops
    most of them early, a median would see one kind only. One that has run for longer already counts with
    what it has run, or the short ones would speak for all. None before the first has ended.
    """
    if not durations:
        return None
    usual = statistics.fmean(durations)
    usual = statistics.fmean([*durations, *(age for age, _ in running if age > usual)])
    rests = [usual - age if age < usual else rest or 0.0 for age, rest in running]
    shared = (max(0, left) * usual + sum(rests)) / max(1, workers)
    return max(shared, *rests) if rests else shared
