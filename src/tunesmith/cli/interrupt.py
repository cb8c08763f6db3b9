"""Ctrl-C and SIGTERM, as a run of the command line takes them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from tunesmith.kernel.callback import Callback
from tunesmith.kernel.study import Study

_LEAVE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts(Callback):
    """`with Interrupts(say):` counts Ctrl-C, and makes SIGTERM act like two of them: trials are put back.

    It is one of the run's callbacks, too: the second one must come after the run has noticed the first.
    `say` is told what a further Ctrl-C would do.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.code = 0
        self._say = say
        self._deaf = False
        self._old: dict[int, Any] = {}
        self._study: Study | None = None
        self._workers = 1

    def __enter__(self) -> Self:
        # a job in the background has Ctrl-C ignored; SIGTERM goes by its handler all the same, for those who
        # put it off for a moment (execute/_shield) know no other way
        self._deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        for number in (signal.SIGINT, *_LEAVE):
            old = signal.getsignal(number)
            if number == signal.SIGINT or old is not signal.SIG_IGN:  # as SIGHUP is under nohup
                self._old[number] = old
                signal.signal(number, self._interrupted if number == signal.SIGINT else self._told_to_leave)
        return self

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:  # noqa: ARG002
        """Which study it is, and how many trials may be under way."""
        self._study, self._workers = study, workers

    def _interrupted(self, _: int, __: FrameType | None) -> None:
        if not self.code:
            if self._deaf:
                return
            self.code = 130
            if self._workers > 1:
                self._say("finishing the running trials; Ctrl-C again puts them back and stops now")
        raise KeyboardInterrupt

    def _told_to_leave(self, number: int, _: FrameType | None) -> None:
        self.code = 128 + number
        if self._study is not None:
            self._study.leaving = True  # no more than a flag: this may come in the middle of a write
        signal.raise_signal(signal.SIGINT)


class Course(Callback):
    """Prepares a study before its first trial, and remembers why the run was over."""

    def __init__(self, prepare: Callable[[Study], None] | None = None) -> None:
        self.reason = ""
        self._prepare = prepare

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:  # noqa: ARG002
        """The run begins."""
        if self._prepare is not None:
            self._prepare(study)

    def closed(self, study: Study, reason: str) -> None:  # noqa: ARG002
        """The run is over."""
        self.reason = reason
