"""Measuring peers in turn, and what comes of it: medians, ratios, and whether the bar was met."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contender of one comparison: every run's figure, in the comparison's unit."""

    who: str
    runs: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A comparison. The first line is Tunesmith's; less is better; a ratio is another line's median over it.

    `bars`: by contender, the least ratio that is good enough.
    """

    case: str
    title: str
    unit: str
    lines: tuple[Line, ...]
    bars: Mapping[str, float] = field(default_factory=dict)
    facts: tuple[str, ...] = ()

    def ratio(self, line: Line) -> float:
        """How many times Tunesmith's figure the line's is."""
        return line.median / self.lines[0].median if self.lines[0].median else float("inf")

    def as_json(self) -> dict[str, Any]:
        """With medians, ratios and verdicts, for other programs."""
        found = asdict(self)
        for entry, line in zip(found["lines"], self.lines, strict=True):
            entry["median"], entry["min"] = line.median, min(line.runs)
            entry["ratio"] = self.ratio(line)
            entry["bar"] = self.bars.get(line.who)
            entry["met"] = None if entry["bar"] is None else entry["ratio"] >= entry["bar"]
        return found


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes, with the garbage of what came before out of the way."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(contenders: Mapping[str, Measure], repeat: int) -> tuple[Line, ...]:
    """Each contender once, then each again: whatever else the machine does hits all of them."""
    runs: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(repeat):
        for who, measure in contenders.items():
            runs[who].append(measure())
    return tuple(Line(who=who, runs=tuple(found)) for who, found in runs.items())


def noted(lines: Sequence[Line], notes: Mapping[str, str]) -> tuple[Line, ...]:
    """The lines with remarks."""
    return tuple(Line(who=line.who, runs=line.runs, note=notes.get(line.who, "")) for line in lines)
