"""The loop that keeps workers busy: the only place where trials are started, watched and ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith import _check
from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.execute._base import Executor
from tunesmith.execute.serial import SerialExecutor
from tunesmith.kernel.callback import AnyCallback, Callback, as_callback
from tunesmith.kernel.hints import Hints
from tunesmith.kernel.limits import Limits
from tunesmith.kernel.loop import POLL, Loop
from tunesmith.kernel.meanwhile import Meanwhile
from tunesmith.kernel.parking import room
from tunesmith.kernel.plan import Opening
from tunesmith.kernel.stop import Budget, StopRule, Timeout, as_budget, either
from tunesmith.kernel.study import Study
from tunesmith.kernel.vectorized import BatchLoop, check_arrays
from tunesmith.kernel.worker import WorkerFactory
from tunesmith.record.assignment import CONTINUE, END, Assignment, Decision, Kind, Message
from tunesmith.record.event import Resumed
from tunesmith.record.trial import COMPLETE, FAILED, PAUSED, RUNNING, STOPPED, WAITING

_GRACE = 5.0
ENDLESS = "this search would never end: give n_trials=, timeout=, budget= or stop="
_RAN = frozenset({COMPLETE, PAUSED, STOPPED})
_MARGIN = 2.0  # for a worker to end itself after the program that it runs


def run(
    study: Study,
    objective: Callable[[Any], Any],
    n_trials: int | None = None,
    *,
    timeout: float | str | None = None,
    stop: StopRule | None = None,
    workers: int = 1,
    callbacks: Sequence[AnyCallback] = (),
    retries: int = 0,
    trial_timeout: float | str | None = None,
    vectorized: int | None = None,
    pause_memory: float | str | None = None,
    budget: Mapping[str, float | str] | Budget | None = None,
) -> None:
    """Run `objective` on trial after trial until the study holds `n_trials`, or a rule says stop.

    One worker without `trial_timeout` runs in this process; otherwise each worker is a process of its own.
    `vectorized`: so many trials in one call of an objective on arrays, in this process; see `ts.tune`.
    `pause_memory`: for paused generators, all workers together. `retries`: how often a trial is run again
    whose worker died, or that ran too long. Ctrl-C lets running trials finish; a second one puts them back.
    Raises SettingError for wrong arguments, ObjectiveError for an objective that breaks its contract or
    cannot be sent, StudyAborted when the first ten trials fail alike.
    """
    check(objective, n_trials, timeout, stop, workers, callbacks, retries, trial_timeout, vectorized, budget)
    rule = either(stop, None if timeout is None else Timeout(timeout), as_budget(budget))
    memory = None if pause_memory is None else _check.size("pause_memory", pause_memory)
    recorded = study.cursor.read().n_trials
    limit = recorded if n_trials is None else n_trials
    if limit is None and rule is None and not study.cursor.ends:
        raise SettingError(ENDLESS)
    limits = Limits(study.cursor, rule)
    common = (study, study.cursor, limits, limit, [as_callback(callback) for callback in callbacks])
    loop: Loop
    with contextlib.ExitStack() as stack:
        if vectorized is not None:
            if limits.unmeasured() is not None:
                raise SettingError("objectives on arrays report no amounts: their budget can count 'seconds'")
            space = check_arrays(study.spec.problem.space, study.cursor.scheduler.learns)
            loop = BatchLoop(*common, objective=objective, size=vectorized, space=space)
        else:
            factory = WorkerFactory(objective, study.cursor.context, room(workers, memory))
            grace = getattr(objective, "ends_programs_in", None)
            executor = _executor(factory, workers, trial_timeout, grace)
            stack.callback(executor.close)
            meanwhile = None
            if study.cursor.searcher.prepares:
                meanwhile = Meanwhile(study.cursor, limit, executor.apart)
                stack.callback(meanwhile.close)
            loop = TrialLoop(
                *common, slots=executor.slots, executor=executor, retries=retries, meanwhile=meanwhile
            )
        if n_trials is not None and (recorded is None or n_trials > recorded):
            study.extend(n_trials)  # the record only grows: a smaller total is for this run alone
        loop.go()


def check(
    objective: Any,
    n_trials: Any,
    timeout: Any,
    stop: Any,
    workers: Any,
    callbacks: Any,
    retries: Any,
    trial_timeout: Any,
    vectorized: Any = None,
    budget: Any = None,
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
    as_budget(budget)
    if stop is not None and not isinstance(stop, StopRule):
        raise SettingError(f"stop must be a rule such as ts.TargetValue(0.99), got {stop!r}")
    if vectorized is not None:
        _check.integer("vectorized", vectorized, 1)
        alone = {"workers": (workers, 1), "trial_timeout": (trial_timeout, None), "retries": (retries, 0)}
        for name, (value, default) in alone.items():
            if value != default:
                raise SettingError(
                    f"vectorized={vectorized} runs its trials in one call in this process: leave "
                    f"{name}={value!r} out"
                )
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


@dataclass(slots=True, kw_only=True)
class TrialLoop(Loop):
    """Runs trial by trial, as many at once as the executor has slots."""

    executor: Executor
    retries: int
    meanwhile: Meanwhile | None = None
    busy: dict[int, Assignment] = field(default_factory=dict)
    hints: Hints = field(default_factory=Hints)
    refused_at: int = -1  # the log's position when what might have been started would not have fitted
    ending: dict[int, str] = field(default_factory=dict)  # why trials are put back at their reports

    def _loop(self) -> None:
        while True:
            try:
                self._fill()
                if not self.busy:
                    if self.reason is None and self.raising is None and self.cursor.put_back():
                        continue  # another driver died while we were at work: take its trials over
                    break
                self._wait()
                self._look()
                if self.on_waiting:
                    self._poll()
            except KeyboardInterrupt:
                self._interrupted()
            except BaseException:  # a callback, or the store: nothing stays behind as running
                self._abandon("the run failed")
                self._drop_unheld((), "the run failed")
                raise

    def _wait(self) -> None:
        """Take in what trials say, until one has ended or a moment has passed; prepare beside them."""
        meanwhile = self.meanwhile
        if meanwhile is None:
            self.executor.wait(POLL, self._answer)
            if len(self.busy) == self.slots:  # all are at work, and nothing has ended for a moment
                self.cursor.prepare(self.limit)
            return
        if meanwhile.apart and meanwhile.pays and len(self.busy) == self.slots:
            self.executor.wait(0.0, self._answer)  # who has ended by now goes first
            if len(self.busy) < self.slots:
                return
            meanwhile.prepare()
        with meanwhile:
            self.executor.wait(POLL, self._answer)

    def _fill(self) -> None:
        """Give every free slot a trial, unless the run is to end."""
        free = self.slots - len(self.busy)
        while free > 0 and not self._done():
            position = self.cursor.fold.ledger.position
            if self.busy and self.refused_at == position:
                return  # nothing has happened since, and there is less left
            self.limits.refused = None
            opened = self.cursor.open_trials(1, self.limit, self._may)
            self.refused_at = position if self.limits.refused else -1
            if not opened:
                if self.reason is None and not self.busy:
                    if self._closed():
                        continue
                    self.reason = self._exhausted()
                    if self.limits.refused and not self.cursor.fold.ledger.trials:
                        self.raising = SettingError(f"{self.limits.refused}: not even for a first trial")
                return
            for assignment in opened:
                self.busy[assignment.number] = assignment
                self.hints.opened(assignment)
                self.executor.submit(assignment)
                for callback in self.on_opened:
                    callback.opened(self.study, assignment.trial)
            free -= len(opened)

    def _closed(self) -> bool:
        """Whether the scheduler was told just now that no trial will come any more, since the searcher has
        nothing left: it goes on with those that are paused."""
        cursor, ledger = self.cursor, self.cursor.fold.ledger
        total = len(ledger.trials)
        room = self.limit is None or total < self.limit
        if not (room and cursor.searcher.ends and cursor.scheduler.pauses and ledger.paused):
            return False
        if self.limits.refused or ledger.n_trials == total:
            return False
        self.study.extend(total)
        return True

    def _may(self, event: Opening) -> bool:
        """Whether a free worker may take this now; a paused trial kept elsewhere waits for its keeper."""
        if type(event) is Resumed and event.number in self.executor.away:
            return False
        return self.limits.may(event)

    def _limited(self, number: int) -> Decision:
        """Whether a trial that its scheduler lets go on does so: not when time or budget are over."""
        why = self.limits.ends(number) if self.raising is None else "the run failed"
        if why is None:
            return CONTINUE
        self.ending[number] = why
        return Decision.RELEASE

    def _answer(self, message: Message) -> Decision:
        """Take a message into the log, and tell who wants to know."""
        if message.kind is not END:
            decision = self.cursor.answer(message)
            if message.kind is Kind.REPORT:
                for callback in self.callbacks:
                    callback.reported(self.study, self.cursor.fold.ledger.trials[message.number])
                if decision is CONTINUE:
                    return self._limited(message.number)
            return decision
        assignment = self.busy.pop(message.number)
        if message.died and message.state is FAILED and assignment.trial.attempt <= self.retries:
            message = message._replace(state=WAITING)
        if message.state is WAITING and not message.died:
            message = message._replace(error=self.ending.pop(message.number, ""))
        taken = self.cursor.answer(message) is CONTINUE
        if message.state is COMPLETE:
            self.hints.ended(self.cursor.scheduler, self.cursor.fold.ledger, message.number)
        if message.state in _RAN:
            self._measured()
        if message.state is COMPLETE and not self.on_ended:
            self._went_well(1 if taken else 0)
            return CONTINUE
        trial = self.cursor.fold.ledger.trials[message.number]
        if taken:
            self._judge(trial, message)
        for callback in self.on_ended:
            callback.ended(self.study, trial)
        return CONTINUE

    def _measured(self) -> None:
        """Whether what the budget counts is measured: known as soon as a trial has run."""
        wrong = self.limits.unmeasured()
        if wrong is not None and self.raising is None:
            self.raising = SettingError(wrong)

    def _interrupted(self) -> None:
        """First Ctrl-C: start nothing more. In this process, or the second time: put running trials back."""
        first = self.reason is None
        self.reason = "interrupted"
        self.cursor.refold()
        self._drop_unheld(self.busy, "interrupted")
        if not first or self.study.leaving or self.slots == 1:
            self._abandon("interrupted")

    def _abandon(self, why: str) -> None:
        """Take down what runs, and put its trials back for the next run."""
        for number in list(self.busy):
            self.executor.stop(number)
            assignment = self.busy.pop(number)
            trial = self.cursor.fold.ledger.trials[number]
            if trial.state is RUNNING and trial.attempt == assignment.trial.attempt:
                self.cursor.answer(
                    Message(
                        number=number,
                        attempt=trial.attempt,
                        kind=END,
                        state=WAITING,
                        error=why,
                    )
                )
