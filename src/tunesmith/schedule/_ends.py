"""What schedulers have in common that only stop trials: how far a trial may run."""

from __future__ import annotations

from tunesmith.record.assignment import Start
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial

_SLACK = 1.0 + 1e-9


def whole(problem: Problem) -> Start:
    """A new trial that may run to its end."""
    return Start(None if problem.fidelity is None else problem.fidelity.high)


def at_its_end(trial: Trial) -> bool:
    """Whether the trial has used all of its budget: to stop it would save nothing."""
    return trial.budget is not None and trial.step * _SLACK >= trial.budget
