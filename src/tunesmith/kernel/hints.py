"""What a user should hear while a study runs, because nothing else would show it."""

from __future__ import annotations

import warnings
from typing import Any

from tunesmith.record.assignment import Assignment
from tunesmith.record.ledger import Ledger
from tunesmith.schedule._base import Scheduler


class Hints:
    """Each is said once."""

    __slots__ = ("_idle", "_orphan")

    def __init__(self) -> None:
        self._idle = self._orphan = False

    def ended(self, scheduler: Scheduler[Any], ledger: Ledger, number: int) -> None:
        """A scheduler that decides at reports has nothing to do where none are made."""
        trial, fidelity = ledger.trials[number], ledger.problem.fidelity
        if self._idle or not scheduler.learns or scheduler.clones or trial.reports:
            return
        whole = fidelity is not None and trial.budget is not None and trial.budget >= fidelity.high
        if whole and scheduler.pauses:
            return  # it was called with all of it at once: what it returns is its only value
        self._idle = True
        warnings.warn(
            f"trial {number} ended without a report, so the scheduler ({type(scheduler).__name__}) had "
            "nothing to decide on: yield or trial.report what is measured, or give a scheduler that "
            "pauses (such as ts.Hyperband(promotion=True), beside searcher=ts.BOHBSearcher()) to have the "
            "objective called with each trial.budget",
            stacklevel=4,
        )

    def opened(self, assignment: Assignment) -> None:
        """A clone takes over a checkpoint; without one it only takes over parameters."""
        trial = assignment.trial
        if trial.parent is None or self._orphan or assignment.checkpoints:
            return
        self._orphan = True
        warnings.warn(
            f"trial {trial.number} should go on from trial {trial.parent}, which has saved no checkpoint: it "
            "begins anew; call trial.save_checkpoint and trial.load_checkpoint in the objective",
            stacklevel=4,
        )
