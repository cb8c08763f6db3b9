"""Rules that end a run: values that combine with `|` (either) and `&` (both)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.trial import Trial

_SLACK = 1e-9  # of a budget, by which a sum of floats may miss it


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a stop rule may look at. Losses are minimised; `seconds` counts this run alone."""

    created: int
    finished: int
    seconds: float
    sign: float
    best: Trial | None
    since_best: int
    used: Mapping[str, float] = field(default_factory=dict)
    """By all trials so far: a fidelity's steps by its name, "seconds" of running, what objectives report."""


TIME = ""
"""Under this name `StopRule.remaining` tells of the run's own time, in seconds."""


class StopRule(ABC):
    """Says when a run has done enough."""

    @abstractmethod
    def reason(self, progress: Progress) -> str | None:
        """Why the run should end now, None while it should not."""

    def over(self, progress: Progress) -> str | None:  # noqa: ARG002
        """Why running trials should end at their next report, too; None: they run to their end."""
        return None

    def remaining(self, progress: Progress) -> Mapping[str, float]:  # noqa: ARG002
        """What may still be used, by name: what needs more is not started."""
        return {}

    @property
    def counted(self) -> frozenset[str]:
        """The names of what the rule counts, which somebody has to measure."""
        return frozenset()

    def __or__(self, other: StopRule) -> StopRule:
        return _Either(self, other)

    def __and__(self, other: StopRule) -> StopRule:
        return _Both(self, other)


@dataclass(frozen=True, slots=True, repr=False)
class _Either(StopRule):
    one: StopRule
    other: StopRule

    def __repr__(self) -> str:
        return f"{self.one!r} | {self.other!r}"

    def reason(self, progress: Progress) -> str | None:
        return self.one.reason(progress) or self.other.reason(progress)

    def over(self, progress: Progress) -> str | None:
        return self.one.over(progress) or self.other.over(progress)

    def remaining(self, progress: Progress) -> Mapping[str, float]:
        one, other = self.one.remaining(progress), self.other.remaining(progress)
        return {**one, **other, **{name: min(one[name], other[name]) for name in one.keys() & other.keys()}}

    @property
    def counted(self) -> frozenset[str]:
        return self.one.counted | self.other.counted


@dataclass(frozen=True, slots=True, repr=False)
class _Both(StopRule):
    one: StopRule
    other: StopRule

    def __repr__(self) -> str:
        return " & ".join(
            f"({rule!r})" if isinstance(rule, _Either) else repr(rule) for rule in (self.one, self.other)
        )

    def reason(self, progress: Progress) -> str | None:
        one, other = self.one.reason(progress), self.other.reason(progress)
        return f"{one}, and {other}" if one and other else None

    def over(self, progress: Progress) -> str | None:
        one, other = self.one.over(progress), self.other.over(progress)
        return f"{one}, and {other}" if one and other else None

    @property
    def counted(self) -> frozenset[str]:
        return self.one.counted | self.other.counted


@dataclass(frozen=True, slots=True)
class MaxTrials(StopRule):
    """Ends the run when the study has this many trials, those of earlier runs counted in."""

    n: int

    def __post_init__(self) -> None:
        _check.integer("n_trials", self.n, 1)

    def reason(self, progress: Progress) -> str | None:
        return f"all {self.n} trials are done" if progress.created >= self.n else None


@dataclass(frozen=True, slots=True)
class Timeout(StopRule):
    """Ends the run after this long: seconds, or text such as '90s', '10m', '2h'.

    What would not finish in the time that is left is not started. Trials that run when it is over end at
    their next report, and are put back for a later run; those that do not report run to their end.
    """

    after: float | str

    def __post_init__(self) -> None:
        _check.seconds("timeout", self.after)

    def reason(self, progress: Progress) -> str | None:
        limit = _check.seconds("timeout", self.after)
        return f"{self.after} have passed" if progress.seconds >= limit else None

    def over(self, progress: Progress) -> str | None:
        return self.reason(progress)

    def remaining(self, progress: Progress) -> Mapping[str, float]:
        return {TIME: _check.seconds("timeout", self.after) - progress.seconds}


@dataclass(frozen=True, slots=True)
class Budget(StopRule):
    """Ends the run when the trials of the study have used this much, those of earlier runs counted in.

    `ts.Budget({"epoch": 1300, "seconds": "8h", "kwh": 2})`: a fidelity's name counts its steps, each once;
    "seconds" the running time of all trials together; any other name is a metric that objectives report as
    the amount used since their last report. "kwh" is measured for the run where the machine tells (RAPL) and
    no trial reports it. As with a `Timeout`, what would not fit is not started, and what runs at the end is
    put back at its next report. Raises SettingError for amounts that are none.
    """

    amounts: Mapping[str, float | str]

    def __post_init__(self) -> None:
        if not isinstance(self.amounts, Mapping) or not self.amounts:
            raise SettingError(
                f'a budget maps what is counted to amounts, such as {{"epoch": 1300}}, got {self.amounts!r}'
            )
        for name, amount in self.amounts.items():
            if not isinstance(name, str) or not name:
                raise SettingError(f"a budget counts something with a name, got {name!r}")
            if self._limit(name) <= 0:
                raise SettingError(f"the budget of {name!r} must be more than 0, got {amount!r}")

    def _limit(self, name: str) -> float:
        what = f"the budget of {name!r}"
        amount = self.amounts[name]
        return _check.seconds(what, amount) if name == "seconds" else _check.number(what, amount)

    def reason(self, progress: Progress) -> str | None:
        for name, left in self.remaining(progress).items():
            if left <= _SLACK * self._limit(name):
                return f"the budget is used: {self.amounts[name]} of {name}"
        return None

    def over(self, progress: Progress) -> str | None:
        return self.reason(progress)

    def remaining(self, progress: Progress) -> Mapping[str, float]:
        return {name: self._limit(name) - progress.used.get(name, 0.0) for name in self.amounts}

    @property
    def counted(self) -> frozenset[str]:
        return frozenset(self.amounts)


@dataclass(frozen=True, slots=True)
class TargetValue(StopRule):
    """Ends the run when the best value is at least this good (of the first objective)."""

    value: float

    def __post_init__(self) -> None:
        _check.number("target value", self.value)

    def reason(self, progress: Progress) -> str | None:
        best = progress.best
        if best is None or best.losses is None or best.violation > 0:
            return None
        reached = best.losses[0] <= self.value * progress.sign
        return f"the target {self.value:g} is reached" if reached else None


@dataclass(frozen=True, slots=True)
class Plateau(StopRule):
    """Ends the run when the last `trials` finished trials have brought no better one."""

    trials: int

    def __post_init__(self) -> None:
        _check.integer("the length of a plateau", self.trials, 1)

    def reason(self, progress: Progress) -> str | None:
        if progress.best is None or progress.since_best < self.trials:
            return None
        return f"the last {self.trials} trials brought nothing better"


def as_budget(given: Mapping[str, float | str] | Budget | None) -> Budget | None:
    """What a user gave as `budget=`. Raises SettingError when it is none."""
    return given if given is None or isinstance(given, Budget) else Budget(given)


def either(*rules: StopRule | None) -> StopRule | None:
    """One rule that ends a run when any of these does."""
    given = [rule for rule in rules if rule is not None]
    return reduce(or_, given) if given else None
