"""The log folded into trials: what every reader of a study looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.record.batch import finished_table, first_best, laid_out, running_table
from tunesmith.record.event import (
    BATCHES,
    Batch,
    Checkpointed,
    Claimed,
    Created,
    CreatedBatch,
    Event,
    Extended,
    Finished,
    FinishedBatch,
    Halted,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Single,
    Suggested,
    singles,
)  # fmt: skip
from tunesmith.record.packed import CHUNK, Packed, Slab
from tunesmith.record.problem import Problem
from tunesmith.record.spent import Spent
from tunesmith.record.trial import (
    COMPLETE,
    DEFAULT,
    FAILED,
    PAUSED,
    RUNNING,
    SEARCHER,
    WAITING,
    Report,
    Trial,
    TrialState,
)
from tunesmith.space.domain import Domain
from tunesmith.space.space import Space

_NOTHING: Mapping[str, Any] = {}
MOST_CHECKPOINTS = 8  # of one trial that are remembered


class Ledger:
    """Trials by number, and what can be told of them at once; owned and moved on by one reader.

    `apply` costs O(parameters), whatever the number of trials. `space` is the declared space, or all
    that define-by-run objectives have asked for so far.
    """

    __slots__ = (
        "_best_rank", "_closed", "_open", "best", "checkpoints", "chosen", "domains", "finished", "fixed",
        "halt_now", "halted", "n_trials", "notes", "paused", "position", "problem", "running", "signs",
        "since_best", "space", "spent", "states",
        "trials", "waiting",
    )  # fmt: skip

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.signs = problem.signs
        self.position = 0
        self.spent = Spent()
        self.trials: Packed[Trial] = Packed()
        self._closed: list[int] = []  # how many trials of each chunk have ended
        self.space: Space = problem.space if problem.space is not None else Space.flat({})
        self.domains: dict[str, Domain] = {}
        self.running: dict[int, None] = {}  # by number, in the order in which they came
        self.waiting: dict[int, None] = {}
        self.paused: dict[int, None] = {}
        self._open = {
            RUNNING: self.running,
            WAITING: self.waiting,
            PAUSED: self.paused,
        }
        self.finished = 0
        self.fixed: dict[int, Mapping[str, Any]] = {}  # what users asked for, of enqueued trials
        self.chosen = 0  # trials proposed by the searcher, or by default
        self.states: dict[TrialState, int] = dict.fromkeys(TrialState, 0)
        self.best: Trial | None = None
        self._best_rank = (math.inf, math.inf)
        self.since_best = 0  # trials finished after the best one
        self.notes: dict[str, Any] = {}
        self.checkpoints: dict[int, tuple[Checkpointed, ...]] = {}  # by trial, newest first
        self.n_trials = problem.n_trials
        self.halted = 0  # where in the log runs were last told to end
        self.halt_now = 0  # and where without waiting for running trials

    @property
    def pending(self) -> tuple[Trial, ...]:
        """Trials proposed and not yet ended, by number."""
        held = self.running if not self.waiting else self.running | self.waiting
        if not held:
            return ()
        trials = self.trials
        return tuple([trials[number] for number in (sorted(held) if len(held) > 1 else held)])

    def apply(self, event: Single) -> Trial | None:
        """Take the next event of the log; the trial it concerns, as it is now."""
        self.position += 1
        number, rows = event.number, self.trials.rows
        before = rows[number] if 0 <= number < len(rows) else None
        if type(before) is Slab:
            before = self.trials[number]
        trial: Trial | None = _HANDLERS[type(event)](self, event, before)
        if trial is None:
            return None
        self.spent.take(event, trial, self._start(number))
        state, states, open_trials = trial.state, self.states, self._open
        if before is None:
            rows.append(trial)
            states[state] += 1
            if number % CHUNK == 0:
                self._closed.append(0)
        else:
            old = before.state
            if old is not state:
                states[old] -= 1
                states[state] += 1
                open_trials[old].pop(number, None)
            rows[number] = trial
        if state in open_trials:
            open_trials[state][number] = None
        else:
            self.finished += 1
            self._consider(trial)
            self._close(number)
        return trial

    def _start(self, number: int) -> float:
        """The step of the newest checkpoint that a trial has, or was given."""
        found = self.checkpoints.get(number) if self.checkpoints else None
        return found[0].step if found else 0

    def take(self, event: Event) -> None:
        """Take the next event of the log, whichever it is."""
        if isinstance(event, BATCHES):
            self.apply_batch(event)
        else:
            self.apply(event)

    def apply_batch(self, event: Batch) -> None:
        """Take the next event of the log, about many trials."""
        position = self.position + 1
        if isinstance(event, CreatedBatch):
            self._created_batch(event)
            self.spent.began(event)
        elif laid_out(self.trials, event):
            self._finished_batch(event)
            self.spent.finished(event)
        else:  # some of its trials were given to another worker, and came back
            for single in singles(event):
                self.apply(single)
        self.position = position

    def _close(self, number: int) -> None:
        """Pack the chunk of the trial when all in it have ended."""
        chunk, closed = number // CHUNK, self._closed
        closed[chunk] += 1
        if closed[chunk] == CHUNK:
            self.trials.pack(chunk * CHUNK, (chunk + 1) * CHUNK)

    def _created_batch(self, event: CreatedBatch) -> None:
        start, count = event.number, event.size
        self.chosen += count
        self.trials.lay(start, count, running_table(event))
        self.states[RUNNING] += count
        self.running.update(dict.fromkeys(range(start, start + count)))
        chunks = (start + count + CHUNK - 1) // CHUNK
        self._closed.extend([0] * (chunks - len(self._closed)))

    def _finished_batch(self, event: FinishedBatch) -> None:
        start, count, failed = event.number, event.size, len(event.errors)
        rows = finished_table(event, self.trials.rows[start].rows, self.signs)
        self.trials.lay(start, count, rows)
        self.states[RUNNING] -= count
        self.states[COMPLETE] += count - failed
        self.states[FAILED] += failed
        for number in range(start, start + count):
            del self.running[number]
        self.finished += count
        before, best = self.since_best, first_best(event, self.signs)
        if best is not None:
            self._consider(self.trials[start + best])
        found = best is not None and self.since_best == 0
        self.since_best = count - 1 - (best or 0) if found else before + count
        for chunk in range(start // CHUNK, (start + count - 1) // CHUNK + 1):
            here = min(start + count, (chunk + 1) * CHUNK) - max(start, chunk * CHUNK)
            self._closed[chunk] += here - 1
            self._close(chunk * CHUNK)

    def _consider(self, trial: Trial) -> None:
        """Keep the best complete trial: feasible before infeasible, then by the first objective's loss."""
        self.since_best += 1
        if trial.state is not COMPLETE or trial.losses is None:
            return
        order = (trial.violation if trial.constraints else 0.0, trial.losses[0])
        if order[1] != order[1]:
            return  # a NaN is nobody's best
        if self.best is None or order < self._best_rank:
            self.best, self._best_rank = trial, order
            self.since_best = 0

    def _created(self, event: Created, _: None) -> Trial:
        # Taken apart and put together at once: looking fields up one by one costs several times as much.
        number, attempt, params, source, memo, budget, parent, seen, worker, fixed, at = event
        if source is SEARCHER or source is DEFAULT:
            self.chosen += 1
        elif fixed is not None:
            self.fixed[number] = fixed
        if parent is not None and parent in self.checkpoints:
            self.checkpoints[number] = self.checkpoints[parent]  # it starts there, whatever comes later
        state, started = (RUNNING, at) if attempt else (WAITING, None)
        return tuple.__new__(
            Trial,
            (
                number, state, params, None, None, (), budget, attempt, parent, started, None, None, _NOTHING,
                _NOTHING, memo, source, seen, worker, None,
            ),
        )  # fmt: skip

    def _claimed(self, event: Claimed, trial: Trial) -> Trial:
        return trial._replace(
            state=RUNNING,
            attempt=event.attempt,
            worker=event.worker,
            started=event.at if trial.started is None else trial.started,
        )

    def _resumed(self, event: Resumed, trial: Trial) -> Trial:
        return trial._replace(
            state=RUNNING,
            attempt=event.attempt,
            worker=event.worker,
            budget=event.budget,
        )

    def _suggested(self, event: Suggested, trial: Trial) -> Trial:
        if event.domains:
            self.domains = {**self.domains, **event.domains}  # assignments hold on to what was known before
            for name, domain in event.domains.items():
                self.space = self.space.with_domain(name, domain)
        return trial._replace(params=event.params)

    def _reported(self, event: Reported, trial: Trial) -> Trial:
        losses = self._losses(event.values)
        reports = (*trial.reports, Report(event.step, event.values, losses, event.metrics))
        if event.constraints:
            return trial._replace(reports=reports, constraints=event.constraints)
        return trial._replace(reports=reports)

    def _checkpointed(self, event: Checkpointed, trial: Trial) -> Trial:
        number = event.number
        self.checkpoints[number] = (event, *self.checkpoints.get(number, ()))[:MOST_CHECKPOINTS]
        return trial

    def _paused(self, event: Paused, trial: Trial) -> Trial:
        last = trial.reports[-1] if trial.reports else None
        return trial._replace(
            state=PAUSED,
            values=last.values if last else None,
            losses=last.losses if last else None,
            constraints=event.constraints,
            user_attrs=event.user_attrs,
        )

    def _released(self, _: Released, trial: Trial) -> Trial:
        return trial._replace(state=WAITING, worker=None)

    def _finished(self, event: Finished, trial: Trial) -> Trial:
        number, attempt, state, values, error, constraints, attrs, at, gradient = event
        _, _, params, _, _, reports, budget, _, parent, started, _, _, _, _, memo, source, seen, worker, _ = (
            trial
        )
        losses = None if values is None else self._losses(values)
        return tuple.__new__(
            Trial,
            (
                number, state, params, values, losses, reports, budget, attempt, parent, started, at, error,
                constraints, attrs, memo, source, seen, worker, gradient,
            ),
        )  # fmt: skip

    def _noted(self, event: Noted, _: None) -> None:
        self.notes[event.key] = event.value

    def _extended(self, event: Extended, _: None) -> None:
        self.n_trials = event.n_trials

    def _halted(self, event: Halted, _: None) -> None:
        self.halted = self.position
        if event.now:
            self.halt_now = self.position

    def _losses(self, values: tuple[float, ...]) -> tuple[float, ...]:
        signs = self.signs
        if len(signs) == 1:
            return (values[0] * signs[0],)
        return tuple(value * sign for value, sign in zip(values, signs, strict=True))


_HANDLERS: Mapping[type[Single], Callable[[Ledger, Any, Any], Trial | None]] = {
    Created: Ledger._created,
    Claimed: Ledger._claimed,
    Suggested: Ledger._suggested,
    Reported: Ledger._reported,
    Checkpointed: Ledger._checkpointed,
    Paused: Ledger._paused,
    Resumed: Ledger._resumed,
    Released: Ledger._released,
    Finished: Ledger._finished,
    Noted: Ledger._noted,
    Extended: Ledger._extended,
    Halted: Ledger._halted,
}
