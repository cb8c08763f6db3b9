"""Objectives in this very process, one at a time: no start-up, no copies, the debugger works."""

from __future__ import annotations

import time

from tunesmith.errors import SettingError
from tunesmith.execute._base import Answer, Executor, Run
from tunesmith.execute._wire import ended
from tunesmith.record.assignment import Assignment
from tunesmith.record.trial import TrialState


class SerialExecutor(Executor):
    """Runs each assignment in place, inside `wait`. Choose it for one worker; it can neither survive a
    crash of the objective nor stop one that hangs, and an exception that `run` lets through (Ctrl-C)
    leaves `wait` and leaves nothing under way.
    """

    slots = 1

    def __init__(self, run: Run) -> None:
        self._run = run
        self._next: Assignment | None = None
        self._stopped = False

    def submit(self, assignment: Assignment) -> None:
        """Keep the assignment until `wait`."""
        if self._next is not None:
            raise SettingError(
                f"trial {assignment.number} was submitted while {self._next.number} is under way, on one slot"
            )
        self._next = assignment

    def wait(self, timeout: float | None, answer: Answer) -> None:
        """Run what was submitted to its end; with nothing submitted, sleep for `timeout`."""
        assignment = self._next
        if assignment is None:
            if timeout is not None and timeout > 0:
                time.sleep(timeout)
            return
        self._next = None
        if self._stopped:
            self._stopped = False
            answer(ended(assignment, TrialState.WAITING))
        else:
            answer(self._run(assignment, answer))

    def stop(self, number: int) -> None:
        """Do not start trial `number`, if it was submitted: between two calls of `wait` nothing runs."""
        self._stopped = self._next is not None and self._next.number == number

    def close(self) -> None:
        """Forget what was submitted and not run."""
        self._next = None
