"""What every run of a study does, however its trials are run: begin, judge, tell who listens, end."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import KW_ONLY, dataclass, field

from tunesmith.errors import ObjectiveError, StudyAborted
from tunesmith.kernel.advance import Fold
from tunesmith.kernel.callback import Callback
from tunesmith.kernel.claims import end_all, unheld
from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.limits import Limits
from tunesmith.kernel.study import Study
from tunesmith.record.assignment import Message
from tunesmith.record.event import Released
from tunesmith.record.trial import FAILED, WAITING, Trial

_ALIKE = 10  # that many first failures of one kind, and no success: the configurations are not at fault
POLL = 0.25  # seconds between two looks at what others have written, and two calls of who waits


@dataclass(slots=True)
class Loop(ABC):
    """One run: why it ends, and who is told; a subclass says how trials are run."""

    study: Study
    cursor: Cursor
    limits: Limits
    limit: int | None  # of trials in the study, for this run
    callbacks: list[Callback]
    _: KW_ONLY
    slots: int = 1
    reason: str | None = None
    ends: int = 0
    failure: str | None = None  # the one way in which every trial of this run has failed so far
    worked: bool = False  # whether any trial of this run has ended well
    raising: Exception | None = None
    polled: float = 0.0
    looked: float = 0.0
    began: int = 0  # the log's position then: only what tells runs to end later concerns this one
    on_opened: list[Callback] = field(default_factory=list)
    on_ended: list[Callback] = field(default_factory=list)
    on_waiting: list[Callback] = field(default_factory=list)

    @abstractmethod
    def _loop(self) -> None:
        """Run trials until there is nothing left to do."""

    @abstractmethod
    def _abandon(self, why: str) -> None:
        """Take down what runs, and put its trials back for the next run."""

    def _listeners(self, event: str) -> list[Callback]:
        """The callbacks that override this method."""
        return [c for c in self.callbacks if getattr(type(c), event) is not getattr(Callback, event)]

    def go(self) -> None:
        """Keep workers busy until there is nothing left to do."""
        self.study.leaving = False
        self.cursor.opening = None
        self.began = self.cursor.read().position
        self.on_opened, self.on_ended = self._listeners("opened"), self._listeners("ended")
        self.on_waiting = self._listeners("waiting")
        put_back = self.cursor.put_back()
        self.cursor.read()
        for callback in self.callbacks:
            callback.started(self.study, self.limit, self.slots, put_back)
        try:
            self._loop()
        finally:
            for callback in self.callbacks:
                failed = "failed" if self.raising is not None else None
                callback.closed(self.study, failed or self.reason or "nothing is left to try")
        with self.cursor.lock:
            self.cursor.files.sweep(self._read)
        if self.raising is not None:
            raise self.raising

    def _read(self) -> Fold:
        """What is known at the log's end."""
        self.cursor.read()
        return self.cursor.fold

    def _done(self) -> bool:
        if self.raising is not None or self.reason is not None:
            return True
        ledger = self.cursor.fold.ledger
        if ledger.halted > self.began:
            self.reason = "it was told to stop"
        else:
            self.reason = self.limits.reason()
        return self.reason is not None

    def _exhausted(self) -> str | None:
        ledger = self.cursor.fold.ledger
        if self.limit is not None and len(ledger.trials) >= self.limit and not ledger.waiting:
            return f"all {self.limit} trials are done"
        return self.limits.refused

    def _look(self) -> None:
        """Whether another process has told this run to end: every now and then while trials run."""
        now = time.monotonic()
        if self.cursor.store.shared and now - self.looked >= POLL:
            self.looked = now
            self.cursor.read()
        if self.cursor.fold.ledger.halt_now > self.began:
            self.reason = "it was told to stop"
            self._abandon("told to stop now")

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self.polled < POLL:
            return
        self.polled = now
        for callback in self.on_waiting:
            callback.waiting(self.study)

    def _drop_unheld(self, held: Container[int], why: str) -> None:
        """Put back what was claimed last, and does not run: a Ctrl-C came between the claim and the start."""
        claims, worker, at = unheld(self.cursor, held), self.cursor.worker, time.time()
        if claims:
            end_all(self.cursor, [Released(n, attempt, worker, why, at) for n, attempt in claims])

    def _went_well(self, count: int) -> None:
        """So many trials have ended otherwise than by failing."""
        if count:
            self.ends += count
            self.failure, self.worked = None, True

    def _judge(self, trial: Trial, message: Message) -> None:
        """Whether the failures of this run say that the configurations are not at fault."""
        if trial.state is WAITING:
            return  # it will be run again
        if trial.state is not FAILED:
            self._went_well(1)
            return
        self.ends += 1
        error = (trial.error or "unknown error").strip()
        last = error.splitlines()[-1]
        if message.wrong and not self.worked:
            self.raising = ObjectiveError(f"trial {trial.number}: {last}")
        elif self.ends == 1:
            self.failure = _kind(error)
        elif self.failure != _kind(error):
            self.failure = None
        if self.failure is not None and self.ends == _ALIKE:
            self.raising = StudyAborted(
                f"the first {self.ends} trials all failed alike, so the configurations are not at fault: "
                f"{last}\nThe traceback of trial {trial.number}:\n{trial.error}"
            )


def _kind(error: str) -> str:
    """What failures have in common: the place and the type, not the values in the message."""
    lines = error.splitlines()
    places = [line.strip() for line in lines if line.lstrip().startswith("File ")]
    return f"{places[-1] if places else ''} {lines[-1].partition(':')[0]}"
