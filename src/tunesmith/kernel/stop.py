"""Rules that end a run: values that combine with `|` (either) and `&` (both)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tunesmith import _check
from tunesmith.record.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a stop rule may look at. Losses are minimised; `seconds` counts this run alone."""

    created: int
    finished: int
    seconds: float
    sign: float
    best: Trial | None
    since_best: int


class StopRule(ABC):
    """Says when a run has done enough."""

    @abstractmethod
    def reason(self, progress: Progress) -> str | None:
        """Why the run should end now, None while it should not."""

    def __or__(self, other: StopRule) -> StopRule:
        return _Either(self, other)

    def __and__(self, other: StopRule) -> StopRule:
        return _Both(self, other)


@dataclass(frozen=True, slots=True, repr=False)
class _Either(StopRule):
    left: StopRule
    right: StopRule

    def __repr__(self) -> str:
        return f"{self.left!r} | {self.right!r}"

    def reason(self, progress: Progress) -> str | None:
        return self.left.reason(progress) or self.right.reason(progress)


@dataclass(frozen=True, slots=True, repr=False)
class _Both(StopRule):
    left: StopRule
    right: StopRule

    def __repr__(self) -> str:
        return " & ".join(
            f"({rule!r})" if isinstance(rule, _Either) else repr(rule) for rule in (self.left, self.right)
        )

    def reason(self, progress: Progress) -> str | None:
        left, right = self.left.reason(progress), self.right.reason(progress)
        return f"{left}, and {right}" if left and right else None


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
    """Ends the run after this long: seconds, or text such as '90s', '10m', '2h'. Running trials finish."""

    after: float | str

    def __post_init__(self) -> None:
        _check.seconds("timeout", self.after)

    def reason(self, progress: Progress) -> str | None:
        limit = _check.seconds("timeout", self.after)
        return f"{self.after} have passed" if progress.seconds >= limit else None


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
