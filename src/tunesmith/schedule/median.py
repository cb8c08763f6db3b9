"""Median stopping: Golovin et al. (2017), Google Vizier, KDD, section 3.2.2; see `Percentile`."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.assignment import Decision
from tunesmith.record.trial import Trial
from tunesmith.schedule._field import AmongOthers, Field, check_looks, judged

_HALF = 50.0


@dataclass(frozen=True, slots=True)
class Median(AmongOthers):
    """Stops a trial whose best report so far is worse than the median of all others at its step.

    Choose it as the mildest rule that saves about half of the budget: it assumes no more of learning curves
    than that who is behind the middle will not win, and asks for nothing but reports. `asha` saves more.
    Feasible trials are before infeasible ones, several objectives are ranked by non-domination.

    Args:
        n_startup: others that must have reported at the step before anybody is stopped there.
        warmup: steps up to which nobody is stopped.
        interval: steps between two looks at a trial.

    Raises:
        SettingError: for settings out of range.
    """

    n_startup: int = 5
    warmup: float = 0
    interval: float = 1

    def __post_init__(self) -> None:
        check_looks(self.n_startup, self.warmup, self.interval)

    def decide(self, state: Field, trial: Trial) -> Decision:
        return judged(state, trial, _HALF, self.n_startup, self.warmup, self.interval)
