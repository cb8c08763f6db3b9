"""The space of a study that declares none, as far as its trials show it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.space.domain import Categorical, Domain, Float
from tunesmith.space.space import Space

_WIDE = 100.0  # a ratio of positive numbers from which on they are taken for logarithmic


def space_seen(problem: Problem, history: History) -> Space:
    """The declared space; else a box around the numbers and a list of the other values that trials had."""
    if problem.space is not None:
        return problem.space
    key = ("seen", history.n)
    found: Space | None = history.scratch.get("space", {}).get(key)
    if found is None:
        found = Space.flat(_domains(history))
        history.scratch["space"] = {key: found}
    return found


def _domains(history: History) -> dict[str, Domain]:
    values: dict[str, list[Any]] = {}
    for trial in history:
        for name, value in trial.params.items():
            values.setdefault(name, []).append(value)
    found = {name: _domain(column) for name, column in values.items()}
    return {name: domain for name, domain in found.items() if domain is not None}


def _domain(values: Sequence[Any]) -> Domain | None:
    """None where all are alike, and tell nothing apart."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        low, high = float(min(values)), float(max(values))
        if not (low < high and math.isfinite(high - low)):
            return None
        return Float(low, high, log=low > 0.0 and high / low >= _WIDE)
    different: list[Any] = []
    for value in values:
        if value not in different:
            different.append(value)
    return Categorical(different) if len(different) > 1 else None
