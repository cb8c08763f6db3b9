"""Several schedulers over one study."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.schedule._base import Scheduler

States = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CombinedScheduler(Scheduler[States]):
    """Several schedulers at once: a trial goes on only while all of them let it.

    Choose it to add a rule of its own kind to one that compares trials; `scheduler=["asha", "patience"]` and
    `ts.combine("asha", ts.Threshold(high=10.0))` make one. If any stops a trial it is stopped, else if one
    pauses it, it is paused. The one that pauses or clones trials also says who starts and who is resumed;
    where none does, the first.

    Args:
        parts: the schedulers; one of them at most may pause or clone trials.

    Raises:
        SettingError: for fewer than two, and for two that pause or clone.
    """

    parts: tuple[Scheduler[Any], ...]
    pauses: bool = field(init=False, repr=False, compare=False)
    learns: bool = field(init=False, repr=False, compare=False)
    ends: bool = field(init=False, repr=False, compare=False)
    clones: bool = field(init=False, repr=False, compare=False)
    objectives: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = self.parts
        parts = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        wrong = [part for part in parts if not isinstance(part, Scheduler)]
        if wrong or len(parts) < 2:
            raise SettingError(
                f"a combined scheduler takes two schedulers or more, such as ts.ASHA(), got {given!r}: "
                "ts.combine takes names too"
            )
        planning = [type(part).__name__ for part in parts if part.pauses or part.clones]
        if len(planning) > 1:
            raise SettingError(
                f"{' and '.join(planning)} both pause or clone trials, and neither knows of it: "
                "take the stopping form of one (promotion=False), or one alone"
            )
        limits = [part.objectives for part in parts if part.objectives is not None]
        settled = {
            "parts": parts,
            "pauses": any(part.pauses for part in parts),
            "learns": any(part.learns for part in parts),
            "ends": any(part.ends for part in parts),
            "clones": any(part.clones for part in parts),
            "objectives": min(limits, default=None),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)

    def init(self, problem: Problem) -> States:
        return tuple(part.init(problem) for part in self.parts)

    def tell(self, state: States, trial: Trial) -> States:
        pairs = zip(self.parts, state, strict=True)
        return tuple(part.tell(own, trial) if part.learns else own for part, own in pairs)

    def decide(self, state: States, trial: Trial) -> Decision:
        found = {part.decide(own, trial) for part, own in zip(self.parts, state, strict=True)}
        if Decision.STOP in found:
            return Decision.STOP
        return Decision.PAUSE if Decision.PAUSE in found else Decision.CONTINUE

    def plan(self, state: States, number: int) -> Plan:
        which = self._planner()
        return self.parts[which].plan(state[which], number)

    def limited(self, state: States, n_trials: int | None) -> States:
        return tuple(part.limited(own, n_trials) for part, own in zip(self.parts, state, strict=True))

    def retired(self, state: States, number: int) -> bool:
        which = self._planner()
        return self.parts[which].retired(state[which], number)

    def parents(self, state: States) -> Collection[int]:
        which = self._planner()
        return self.parts[which].parents(state[which])

    def _planner(self) -> int:
        return next((i for i, part in enumerate(self.parts) if part.pauses or part.clones), 0)

    def budgets(self, problem: Problem) -> list[float]:
        """The budgets at which any of them compares trials."""
        found: set[float] = set()
        for part in self.parts:
            told = getattr(part, "budgets", None)
            found.update(told(problem) if told is not None else ())
        return sorted(found)
