"""The contract of an executor: where objectives run (`tunesmith.testing.ExecutorLaws` checks it)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container

from tunesmith.record.assignment import Assignment, Decision, Message

Answer = Callable[[Message], Decision]
"""What the kernel says to a message: whether the trial goes on."""

Send = Callable[[Message], Decision]
"""How a running trial reaches the kernel: it sends a message and gets the answer."""

Run = Callable[[Assignment, Send], Message]
"""Runs one assignment to the end of its attempt, sending messages on the way; returns the END message."""

RunFactory = Callable[[], Run]
"""Makes the `Run` of one worker; travels to the worker by cloudpickle."""


class Executor(ABC):
    """Runs assignments, `slots` at a time. An end that the objective did not choose (a crash, a kill) is
    an END message too, with `died`: it costs that trial, never the study.

    Laws: every submitted assignment ends in exactly one END message; messages of one attempt arrive in the
    order in which they were sent; a paused trial that is resumed while it is not `away` goes on in memory;
    after `close` nothing runs any more.
    """

    slots: int
    apart: bool = False  # whether trials run elsewhere, so that the driver's thread is free between messages

    @property
    def away(self) -> Container[int]:
        """Paused trials kept where another one runs now: resumed elsewhere, they would run again."""
        return ()

    @abstractmethod
    def submit(self, assignment: Assignment) -> None:
        """Take an assignment. At most `slots` may be under way."""

    @abstractmethod
    def wait(self, timeout: float | None, answer: Answer) -> None:
        """Hand messages to `answer` until at least one trial has ended, or `timeout` seconds have passed."""

    @abstractmethod
    def stop(self, number: int) -> None:
        """Take trial `number` down now; its END has state WAITING and `died`."""

    @abstractmethod
    def close(self) -> None:
        """End all workers. Nothing of theirs is left running."""
