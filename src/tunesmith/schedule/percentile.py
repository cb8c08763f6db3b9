"""Percentile stopping: a trial that is not among the best share at its step is stopped.

Golovin et al. (2017), Google Vizier: a service for black-box optimization, KDD, section 3.2.2 (the median
rule, on running averages of completed trials). Here a trial is held against the best that each other one had
by the same step, whether that one has ended or not: nobody waits for the first to be complete, and those that
were stopped do not leave a field of winners behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision
from tunesmith.record.trial import Trial
from tunesmith.schedule._field import AmongOthers, Field, check_looks, judged


@dataclass(frozen=True, slots=True)
class Percentile(AmongOthers):
    """Stops a trial whose best report so far is not within the best percentile of all others at its step.

    Choose it to set how strict stopping is: 25 keeps the best quarter at each step, 75 spares all but the
    worst quarter. Every trial starts with the whole budget, so that it needs neither pauses nor a fidelity.
    Feasible trials are before infeasible ones, several objectives are ranked by non-domination.

    Args:
        percentile: of the others, above 0 and below 100; who is beaten by more of them is stopped.
        n_startup: others that must have reported at the step before anybody is stopped there.
        warmup: steps up to which nobody is stopped.
        interval: steps between two looks at a trial.

    Raises:
        SettingError: for settings out of range.
    """

    percentile: float = 25.0
    n_startup: int = 5
    warmup: float = 0
    interval: float = 1

    def __post_init__(self) -> None:
        if not 0.0 < _check.number("percentile", self.percentile) < 100.0:
            raise SettingError(f"percentile must lie between 0 and 100, got {self.percentile!r}")
        check_looks(self.n_startup, self.warmup, self.interval)

    def decide(self, state: Field, trial: Trial) -> Decision:
        return judged(state, trial, self.percentile, self.n_startup, self.warmup, self.interval)
