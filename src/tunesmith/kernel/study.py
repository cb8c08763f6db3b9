"""The study, as its user holds it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

from tunesmith import _check
from tunesmith.errors import Conflict, LeaseLost, NoTrial, SettingError
from tunesmith.kernel import replay as replaying
from tunesmith.kernel.attempt import decision, domains_of, ended, partial
from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.finite import afterwards
from tunesmith.kernel.measure import Measured, flaw, measured
from tunesmith.kernel.plan import question, queued
from tunesmith.kernel.saved import Saved
from tunesmith.kernel.trial import TrialHandle
from tunesmith.kernel.view import Reading
from tunesmith.record.assignment import Decision, Message
from tunesmith.record.codec import dumps, loads
from tunesmith.record.evaluation import checked_gradient, steep
from tunesmith.record.event import Created, Event, Extended, Finished, Halted, Noted, Reported
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.space.domain import Domain


class Study(Reading):
    """A search under way: ask it for trials, tell it their values, or let it run an objective.

    Made by `ts.create_study`, `ts.load_study` and `ts.tune`. Any number of processes may hold a study of one
    store; each reads what the others have written before it answers. Threads may share one Study.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.spec = cursor.spec
        self.cursor = cursor
        self.leaving = False  # set by signal handlers: the next Ctrl-C puts running trials back
        self._handles: dict[int, TrialHandle] = {}

    def _read(self) -> Ledger:
        return self.cursor.read()

    def _events(self) -> Sequence[Event]:
        return self.cursor.store.read(self.cursor.id)

    @overload
    def ask(self) -> TrialHandle: ...
    @overload
    def ask(self, n: int) -> list[TrialHandle]: ...
    def ask(self, n: int | None = None) -> TrialHandle | list[TrialHandle]:
        """The next trial to run, claimed for this process; with `n`, a list of up to n of them.

        Enqueued and interrupted trials come first. Raises NoTrial when the searcher has nothing left, or
        the scheduler waits for running trials.
        """
        count = 1 if n is None else _check.integer("the number of trials to ask for", n, 1)
        assignments = self.cursor.open_trials(count, None)
        if not assignments:
            raise NoTrial(
                f"study {self.name!r} has no trial to give: the searcher has proposed all it can, or the "
                "scheduler waits for running trials to be told"
            )
        handles = []
        context = replace(self.cursor.context, raises=False)
        for assignment in assignments:
            handle = TrialHandle(assignment, context, self.cursor.answer)
            self._handles[assignment.number] = handle
            handles.append(handle)
        return handles[0] if n is None else handles

    def tell(
        self,
        trial: TrialHandle | Trial | int,
        value: Any = None,
        *,
        state: TrialState | str | None = None,
        error: str | None = None,
    ) -> Trial:
        """Record how a trial ended; the trial's record. Told twice alike, it changes nothing.

        `value`: a number, or as many as there are objectives (a dict, or a sequence in their order), or a
        `ts.Evaluation` that has a gradient beside it. Without one, the trial's last
        report counts when the scheduler has stopped or paused it. `state="FAILED"` (with `error`) records a
        failure, as NaN does. Raises ObjectiveError for what is not a number, Conflict when the trial ended
        otherwise, and LeaseLost when it was given to another worker meanwhile; what was told then is kept as
        evidence.
        """
        number = trial if isinstance(trial, int) else trial.number
        with self.cursor.lock:
            ledger = self._read()
            if not 0 <= number < len(ledger.trials):
                raise NoTrial(
                    f"study {self.name!r} has no trial {number}: it holds {len(ledger.trials)}, from 0 on"
                )
            before = ledger.trials[number]
            message = self._message(trial, before, value, state, error)
            mine = before.state.finished and before.attempt == message.attempt
            if mine and (before.state, before.values) == (message.state, message.values):
                return before  # told twice alike
            try:
                self.cursor.end(message)
            except LeaseLost:
                if not mine:
                    raise
                raise Conflict(
                    f"trial {number} is {before.state.value} with {before.values} already, and what was told "
                    f"is never changed: {message.values} was refused"
                ) from None
            self._handles.pop(number, None)
            return self.cursor.fold.ledger.trials[number]

    def _message(
        self, trial: TrialHandle | Trial | int, record: Trial, value: Any, state: Any, error: str | None
    ) -> Message:
        """How the trial ended, under the claim of whoever tells it."""
        handle = trial if isinstance(trial, TrialHandle) else self._handles.get(record.number)
        if handle is not None:
            return self._told(handle, value, state, error)
        context = replace(self.cursor.context, raises=False)
        stand_in = TrialHandle(self.cursor.assignment(record), context, self.cursor.answer)
        message = self._told(stand_in, value, state, error)
        attempt = trial.attempt if isinstance(trial, Trial) else record.attempt
        return message._replace(attempt=attempt, params=None)  # what was asked for is not known here

    def _told(
        self, handle: TrialHandle, value: Any, state: TrialState | str | None, error: str | None
    ) -> Message:
        names = self.cursor.context.names
        ending = None if state is None else final_state(state)
        if ending is TrialState.FAILED or error is not None:
            return ended(handle, TrialState.FAILED, error=error or "told as failed")
        if value is not None and state is None and error is None and partial(handle):
            handle.report(value, handle.budget)
            value = None if handle.should_stop else value
        if value is None and handle.should_stop:
            paused = decision(handle) is Decision.PAUSE
            return ended(handle, TrialState.PAUSED if paused else TrialState.STOPPED)
        if value is None and ending is TrialState.STOPPED:
            return ended(handle, TrialState.STOPPED)
        if value is None:
            last = self.cursor.fold.ledger.trials[handle.number].reports
            if not last:
                raise SettingError(f"trial {handle.number} was told without a value, and has reported none")
            found = Measured(last[-1].values, {})
        else:
            found = measured(value, names)
        gradient = None
        if found.gradient is not None:
            params = self.cursor.fold.ledger.trials[handle.number].params
            domains = self._domains(params) | domains_of(handle)
            gradient = checked_gradient(found.gradient, domains, len(names))
        problem = flaw(found.values, names) or steep(gradient)
        if problem is not None:
            return ended(handle, TrialState.FAILED, error=problem)
        return ended(handle, ending or TrialState.COMPLETE, values=found.values, gradient=gradient)

    def _domains(self, params: Mapping[str, Any]) -> dict[str, Domain]:
        """The domains of these parameters, as far as the study knows them."""
        return {p.name: p.domain for p in self.cursor.fold.ledger.space.parameters if p.name in params}

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Have this configuration tried next; what is left out is filled in by the searcher.

        Where the objective defines the space by running, a name that it does not ask for has no effect: a
        UserWarning says so when the trial has ended, and its user_attrs["tunesmith:unused"] lists such names.
        In a study without trials, the configuration of defaults keeps its place before it. Raises SpaceError
        for names and values outside the space.
        """
        with self.cursor.lock:
            while True:
                self._read()
                events = queued(self.cursor.fold, self.spec.seed, time.time(), dict(params))
                try:
                    self.cursor.append(events, events[0].number)
                except Conflict:
                    continue
                return self.cursor.fold.ledger.trials[events[-1].number]

    def add_trial(
        self,
        params: Mapping[str, Any],
        value: Any = None,
        *,
        state: TrialState | str = TrialState.COMPLETE,
        reports: Mapping[int, Any] | None = None,
        constraints: Mapping[str, float] | None = None,
        user_attrs: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> Trial:
        """Import a trial that was run elsewhere, finished; searchers learn from it like from any other.

        `reports` maps steps to values; `value` may be a `ts.Evaluation` with a gradient. Raises SpaceError
        for parameters outside a declared space.
        """
        names = self.cursor.context.names
        space = self.spec.problem.space
        checked = dict(params) if space is None else space.check(params)
        ending = final_state(state)
        found = None if value is None else measured(value, names)
        values = None if found is None else found.values
        if values is None and ending is TrialState.COMPLETE:
            raise SettingError("a complete trial has a value: give value=, or state='FAILED'")
        if values is not None:
            problem = flaw(values, names)
            if problem is not None:
                ending, values, error = TrialState.FAILED, None, error or problem
        slopes = None if found is None else found.gradient
        limits = {key: measured(value, (key,)).values[0] for key, value in (constraints or {}).items()}
        attrs = loads(dumps(dict(user_attrs or {})))  # as it comes back, or refused
        with self.cursor.lock:
            while True:
                number = len(self._read().trials)
                gradient = checked_gradient(slopes, self._domains(checked), len(names)) if values else None
                problem = steep(gradient)
                if problem is not None:
                    ending, values, error, gradient = TrialState.FAILED, None, error or problem, None
                at = time.time()
                events: list[Event] = [
                    Created(number, 1, at=at, params=checked, source=Source.IMPORT, worker=self.cursor.worker,
                            seen=self.cursor.fold.ledger.position)
                ]  # fmt: skip
                for step, reported in sorted((reports or {}).items()):
                    report = measured(reported, names)
                    events.append(Reported(number, 1, step, report.values, report.metrics, at=at))
                events.append(
                    Finished(
                        number,
                        1,
                        ending,
                        values,
                        error,
                        limits,
                        attrs,
                        at=at,
                        gradient=gradient,
                    )
                )
                try:
                    self.cursor.append(events, number)
                except Conflict:
                    continue
                return self.cursor.fold.ledger.trials[number]

    def optimize(
        self, objective: Callable[[TrialHandle], Any], n_trials: int | None = None, **options: Any
    ) -> None:
        """Run `objective` on trial after trial, until the study holds `n_trials` in all, or a rule ends it.

        `options` are those of `tunesmith.kernel.run.run`: timeout, stop, workers, callbacks, retries,
        trial_timeout.
        """
        from tunesmith.kernel.run import run

        run(self, objective, n_trials, **options)

    def load_checkpoint(self, trial: Trial | int | None = None, *, pickle: bool = False) -> Any:
        """The newest checkpoint of a trial, by default of the best one; None when none is kept.

        Of a file or folder it is the path of a copy, which goes with this process. Raises as the trial's own
        `load_checkpoint`.
        """
        chosen = self.best_trial if trial is None else trial
        number = chosen if isinstance(chosen, int) else chosen.number
        with self.cursor.lock:
            trail = self._read().checkpoints.get(number, ())
        found = Saved(self.cursor.context.checkpoints, number, trail).to_the_end().load(pickle)
        return None if found is None else found[0]

    def stop(self, *, now: bool = False) -> None:
        """End all runs of this study, in whatever process, when the trials that run now are done.

        For callbacks, objectives, and other processes; `now`: running trials are put back at once. A run that
        begins later is not held up.
        """
        with self.cursor.lock:
            self.cursor.append([Halted(-1, 0, now=now, at=time.time())])

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a JSON value with the study."""
        with self.cursor.lock:
            self.cursor.append([Noted(-1, 0, key, loads(dumps(value)), at=time.time())])

    def extend(self, n_trials: int | None) -> None:
        """Set the study's total number of trials anew."""
        with self.cursor.lock:
            if self._read().n_trials != n_trials:
                self.cursor.append([Extended(-1, 0, n_trials, at=time.time())])

    def explain_search(self) -> str:
        """Which method would propose the next trial, and why, in a sentence."""
        with self.cursor.lock:
            self._read()
            fold = self.cursor.fold
            told = self.cursor.searcher.explain(fold.search_state, question(fold, self.spec.seed))
            spent = afterwards(fold.ledger)
        return f"{told}; {spent}." if spent else f"{told}."

    def replay(self) -> replaying.Replay:
        """Ask for every proposal again from the log, and say whether each came out bit for bit as it did."""
        cursor = self.cursor
        return replaying.replay(self._events(), self.spec, cursor.searcher, cursor.scheduler)

    def close(self) -> None:
        """Stop renewing leases, for a study that is not needed any more."""
        self.cursor.close()

    def __repr__(self) -> str:
        ledger = self.cursor.fold.ledger
        complete = ledger.states[TrialState.COMPLETE]
        return f"Study({self.name!r}, {len(ledger.trials)} trials, {complete} complete)"


def final_state(state: TrialState | str) -> TrialState:
    """The state in which a trial may end. Raises SettingError for another."""
    try:
        found = TrialState(str(state).upper())
    except ValueError:
        found = TrialState.RUNNING
    if not found.finished:
        raise SettingError(f"a trial ends as COMPLETE, STOPPED or FAILED, got state={state!r}")
    return found
