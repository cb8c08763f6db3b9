"""The loop that keeps workers busy: the only place where trials are started, watched and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith import _check
from tunesmith.errors import ObjectiveError, SettingError, StudyAborted
from tunesmith.execute._base import Executor
from tunesmith.execute.serial import SerialExecutor
from tunesmith.kernel.callback import AnyCallback, Callback, as_callback
from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.stop import Progress, StopRule, Timeout
from tunesmith.kernel.study import Study
from tunesmith.kernel.trial import TrialHandle
from tunesmith.kernel.worker import WorkerFactory
from tunesmith.record.assignment import Assignment, Decision, Kind, Message
from tunesmith.record.trial import Trial, TrialState

_ALIKE = 10  # that many first failures of one kind, and no success: the configurations are not at fault
_POLL = 0.25
_GRACE = 5.0
_MARGIN = 2.0  # for a worker to end itself after the program that it runs


def run(
    study: Study,
    objective: Callable[[TrialHandle], Any],
    n_trials: int | None = None,
    *,
    timeout: float | str | None = None,
    stop: StopRule | None = None,
    workers: int = 1,
    callbacks: Sequence[AnyCallback] = (),
    retries: int = 0,
    trial_timeout: float | str | None = None,
) -> None:
    """Run `objective` on trial after trial until the study holds `n_trials`, or a rule says stop.

    One worker without `trial_timeout` runs in this process; otherwise each worker is a process of its own.
    `retries`: how often a trial is run again whose worker died, or that ran too long. Ctrl-C lets running
    trials finish; a second one puts them back. Raises SettingError for wrong arguments, ObjectiveError for an
    objective that breaks its contract or cannot be sent, StudyAborted when the first ten trials fail alike.
    """
    check(objective, n_trials, timeout, stop, workers, callbacks, retries, trial_timeout)
    recorded = study.cursor.read().n_trials
    limit = recorded if n_trials is None else n_trials
    if limit is None and timeout is None and stop is None and not study.cursor.searcher.ends:
        raise SettingError("this search would never end: give n_trials=, timeout= or stop=")
    rule = stop
    if timeout is not None:
        rule = Timeout(timeout) if rule is None else rule | Timeout(timeout)
    factory = WorkerFactory(objective, study.cursor.context)
    grace = getattr(objective, "ends_programs_in", None)
    executor = _executor(factory, workers, trial_timeout, grace)
    if n_trials is not None and (recorded is None or n_trials > recorded):
        study.extend(n_trials)  # the record only grows: a smaller total is for this run alone
    try:
        _Run(study, study.cursor, executor, rule, limit, [as_callback(c) for c in callbacks], retries).go()
    finally:
        executor.close()


def check(
    objective: Any,
    n_trials: Any,
    timeout: Any,
    stop: Any,
    workers: Any,
    callbacks: Any,
    retries: Any,
    trial_timeout: Any,
) -> None:
    """Raise for arguments of `run` that cannot be, before anything is written."""
    if not callable(objective):
        raise ObjectiveError(f"the objective must be a function that takes a trial, got {objective!r}")
    _check.integer("workers", workers, 1)
    _check.integer("retries", retries, 0)
    if n_trials is not None:
        _check.integer("n_trials", n_trials, 1)
    if timeout is not None:
        _check.seconds("timeout", timeout)
    if trial_timeout is not None:
        _check.seconds("trial_timeout", trial_timeout)
    if stop is not None and not isinstance(stop, StopRule):
        raise SettingError(f"stop must be a rule such as ts.TargetValue(0.99), got {stop!r}")
    listed = isinstance(callbacks, Sequence) and not isinstance(callbacks, str)
    if not listed or not all(isinstance(c, Callback) or callable(c) for c in callbacks):
        raise SettingError(f"callbacks must be a list of functions (study, trial), got {callbacks!r}")


def _executor(
    factory: WorkerFactory, workers: int, trial_timeout: float | str | None, grace: float | None
) -> Executor:
    """`grace`: how long an objective lets the programs that it starts end; it gets a process of its own."""
    if workers == 1 and trial_timeout is None and grace is None:
        return SerialExecutor(factory())
    from tunesmith.execute.process import ProcessExecutor

    limit = None if trial_timeout is None else _check.seconds("trial_timeout", trial_timeout)
    patience = _GRACE if grace is None else grace + _MARGIN
    return ProcessExecutor(factory, workers, trial_timeout=limit, grace=patience)


def _kind(error: str) -> str:
    """What failures have in common: the place and the type, not the values in the message."""
    lines = error.splitlines()
    places = [line.strip() for line in lines if line.lstrip().startswith("File ")]
    return f"{places[-1] if places else ''} {lines[-1].partition(':')[0]}"


@dataclass(slots=True)
class _Run:
    """One run: which trials are under way, and why it ends."""

    study: Study
    cursor: Cursor
    executor: Executor
    rule: StopRule | None
    limit: int | None  # of trials in the study, for this run
    callbacks: list[Callback]
    retries: int
    started: float = field(default_factory=time.monotonic)
    busy: dict[int, Assignment] = field(default_factory=dict)
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

    def _listeners(self, event: str) -> list[Callback]:
        """The callbacks that override this method."""
        return [c for c in self.callbacks if getattr(type(c), event) is not getattr(Callback, event)]

    def go(self) -> None:
        """Keep workers busy until there is nothing left to do."""
        self.study.leaving = False
        self.began = self.cursor.read().position
        self.on_opened, self.on_ended = self._listeners("opened"), self._listeners("ended")
        self.on_waiting = self._listeners("waiting")
        put_back = self.cursor.put_back()
        self.cursor.read()
        for callback in self.callbacks:
            callback.started(self.study, self.limit, self.executor.slots, put_back)
        try:
            self._loop()
        finally:
            for callback in self.callbacks:
                failed = "failed" if self.raising is not None else None
                callback.closed(self.study, failed or self.reason or "nothing is left to try")
        if self.raising is not None:
            raise self.raising

    def _loop(self) -> None:
        while True:
            try:
                self._fill()
                if not self.busy:
                    if self.reason is None and self.raising is None and self.cursor.put_back():
                        continue  # another driver died while we were at work: take its trials over
                    break
                self.executor.wait(_POLL, self._answer)
                self._look()
                if self.on_waiting:
                    self._poll()
            except KeyboardInterrupt:
                self._interrupted()
            except BaseException:  # a callback, or the store: nothing stays behind as running
                self._abandon("the run failed")
                raise

    def _fill(self) -> None:
        """Give every free slot a trial, unless the run is to end."""
        free = self.executor.slots - len(self.busy)
        while free > 0 and not self._done():
            opened = self.cursor.open_trials(1, self.limit)
            if not opened:
                if self.reason is None and not self.busy:
                    self.reason = self._exhausted()
                return
            for assignment in opened:
                self.busy[assignment.number] = assignment
                self.executor.submit(assignment)
                for callback in self.on_opened:
                    callback.opened(self.study, assignment.trial)
            free -= len(opened)

    def _done(self) -> bool:
        if self.raising is not None or self.reason is not None:
            return True
        ledger = self.cursor.fold.ledger
        if ledger.halted > self.began:
            self.reason = "it was told to stop"
        elif self.rule is not None:
            self.reason = self.rule.reason(
                Progress(
                    created=len(ledger.trials),
                    finished=ledger.finished,
                    seconds=time.monotonic() - self.started,
                    sign=ledger.signs[0],
                    best=ledger.best,
                    since_best=ledger.since_best,
                )
            )
        return self.reason is not None

    def _exhausted(self) -> str | None:
        ledger = self.cursor.fold.ledger
        if self.limit is not None and len(ledger.trials) >= self.limit:
            return f"all {self.limit} trials are done"
        return None

    def _look(self) -> None:
        """Whether another process has told this run to end: every now and then while trials run."""
        now = time.monotonic()
        if self.cursor.store.shared and now - self.looked >= _POLL:
            self.looked = now
            self.cursor.read()
        if self.cursor.fold.ledger.halt_now > self.began and self.busy:
            self.reason = "it was told to stop"
            self._abandon("told to stop now")

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self.polled < _POLL:
            return
        self.polled = now
        for callback in self.on_waiting:
            callback.waiting(self.study)

    def _answer(self, message: Message) -> Decision:
        """Take a message into the log, and tell who wants to know."""
        if message.kind is not Kind.END:
            decision = self.cursor.answer(message)
            if message.kind is Kind.REPORT:
                for callback in self.callbacks:
                    callback.reported(self.study, self.cursor.fold.ledger.trials[message.number])
            return decision
        assignment = self.busy.pop(message.number)
        if message.died and message.state is TrialState.FAILED and assignment.trial.attempt <= self.retries:
            message = message._replace(state=TrialState.WAITING)
        self.cursor.answer(message)
        trial = self.cursor.fold.ledger.trials[message.number]
        if message.attempt == trial.attempt:
            self._judge(trial, message)
        for callback in self.on_ended:
            callback.ended(self.study, trial)
        return Decision.CONTINUE

    def _judge(self, trial: Trial, message: Message) -> None:
        """Whether the failures of this run say that the configurations are not at fault."""
        if trial.state is TrialState.WAITING:
            return  # it will be run again
        self.ends += 1
        if trial.state is not TrialState.FAILED:
            self.failure, self.worked = None, True
            return
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

    def _interrupted(self) -> None:
        """First Ctrl-C: start nothing more. In this process, or the second time: put running trials back."""
        first = self.reason is None
        self.reason = "interrupted"
        self.cursor.refold()
        if not first or self.study.leaving or self.executor.slots == 1:
            self._abandon("interrupted")

    def _abandon(self, why: str) -> None:
        """Take down what runs, and put its trials back for the next run."""
        for number in list(self.busy):
            self.executor.stop(number)
            assignment = self.busy.pop(number)
            trial = self.cursor.fold.ledger.trials[number]
            if trial.state is TrialState.RUNNING and trial.attempt == assignment.trial.attempt:
                self.cursor.answer(
                    Message(
                        number=number,
                        attempt=trial.attempt,
                        kind=Kind.END,
                        state=TrialState.WAITING,
                        error=why,
                    )
                )
