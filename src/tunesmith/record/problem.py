"""What is to be solved, and how: the part of a study's record that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tunesmith.errors import SettingError
from tunesmith.record.fidelity import Fidelity
from tunesmith.space.space import Space

Settings = Mapping[str, Any]


class Direction(StrEnum):
    """Which way an objective is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    @property
    def sign(self) -> float:
        """+1 or -1: what a value is multiplied by so that less is better."""
        return 1.0 if self is Direction.MINIMIZE else -1.0

    @classmethod
    def of(cls, text: str) -> Direction:
        """`text` as a direction. Raises SettingError."""
        try:
            return cls(text)
        except ValueError:
            raise SettingError(f"direction must be 'minimize' or 'maximize', got {text!r}") from None


@dataclass(frozen=True, slots=True)
class Objective:
    """One thing to be measured, and which way it is better."""

    name: str
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a searcher and a scheduler are told of a study before its first trial.

    `space` is None when the objective defines it by running. `n_trials` is the budget, a hint.
    """

    objectives: tuple[Objective, ...]
    space: Space | None = None
    fidelity: Fidelity | None = None
    n_trials: int | None = None

    @property
    def signs(self) -> tuple[float, ...]:
        """One factor an objective: values times signs are losses, and less is better."""
        return tuple(objective.direction.sign for objective in self.objectives)

    @property
    def single(self) -> bool:
        """Whether there is one objective only."""
        return len(self.objectives) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """A study's record before its first event: enough for any process to ask and tell.

    `searcher` and `scheduler` are names with settings, as plain JSON; floor 5 turns them into objects.
    `checkpoints`: where they are kept, and which; empty for the defaults.
    """

    name: str
    problem: Problem
    seed: int
    searcher: Settings = field(default_factory=dict)
    scheduler: Settings = field(default_factory=dict)
    checkpoints: Settings = field(default_factory=dict)
    created: float = 0.0


def parse_objectives(direction: str | None, objectives: Mapping[str, str] | None) -> tuple[Objective, ...]:
    """Objectives from `direction=` (one, called 'value') or `objectives={name: direction}`.

    Raises SettingError when both or neither can be understood; neither means minimize one value.
    """
    if direction is not None and objectives is not None:
        raise SettingError("give direction= for one objective, or objectives= for named ones, not both")
    if objectives is None:
        return (Objective("value", Direction.of(direction or "minimize")),)
    if not isinstance(objectives, Mapping) or not objectives:
        raise SettingError(f"objectives must map names to directions, got {objectives!r}")
    for name in objectives:
        if not isinstance(name, str) or not name:
            raise SettingError(f"an objective's name must be text, got {name!r}")
    return tuple(Objective(name, Direction.of(way)) for name, way in objectives.items())
