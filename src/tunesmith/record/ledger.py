"""The log folded into trials: what every reader of a study looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.record.event import (
    Checkpointed,
    Claimed,
    Created,
    Event,
    Extended,
    Finished,
    Halted,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Suggested,
)  # fmt: skip
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Report, Source, Trial, TrialState
from tunesmith.space.domain import Domain
from tunesmith.space.space import Space

_NOTHING: Mapping[str, Any] = {}


class Ledger:
    """Trials by number, and what can be told of them at once; owned and moved on by one reader.

    `apply` costs O(parameters), whatever the number of trials. `space` is the declared space, or all
    that define-by-run objectives have asked for so far.
    """

    __slots__ = (
        "_best_rank", "_open", "best", "checkpoints", "chosen", "domains", "finished", "fixed",
        "halt_now", "halted", "n_trials",
        "notes", "paused", "position", "problem", "running", "signs", "since_best", "space", "states",
        "trials", "waiting",
    )  # fmt: skip

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.signs = problem.signs
        self.position = 0
        self.trials: list[Trial] = []
        self.space: Space = problem.space if problem.space is not None else Space.flat({})
        self.domains: dict[str, Domain] = {}
        self.running: dict[int, Trial] = {}
        self.waiting: dict[int, Trial] = {}
        self.paused: dict[int, Trial] = {}
        self._open = {
            TrialState.RUNNING: self.running,
            TrialState.WAITING: self.waiting,
            TrialState.PAUSED: self.paused,
        }
        self.finished = 0
        self.fixed: dict[int, Mapping[str, Any]] = {}  # what users asked for, of enqueued trials
        self.chosen = 0  # trials proposed by the searcher, or by default
        self.states: dict[TrialState, int] = dict.fromkeys(TrialState, 0)
        self.best: Trial | None = None
        self._best_rank = (math.inf, math.inf)
        self.since_best = 0  # trials finished after the best one
        self.notes: dict[str, Any] = {}
        self.checkpoints: dict[int, Checkpointed] = {}
        self.n_trials = problem.n_trials
        self.halted = 0  # where in the log runs were last told to end
        self.halt_now = 0  # and where without waiting for running trials

    @property
    def pending(self) -> tuple[Trial, ...]:
        """Trials proposed and not yet ended, by number."""
        if not self.waiting:
            held = self.running
            if not held:
                return ()
            return tuple(held[n] for n in sorted(held)) if len(held) > 1 else tuple(held.values())
        held = self.running | self.waiting
        return tuple(held[number] for number in sorted(held))

    def apply(self, event: Event) -> Trial | None:
        """Take the next event of the log; the trial it concerns, as it is now."""
        self.position += 1
        trial = _HANDLERS[type(event)](self, event)
        if trial is None:
            return None
        number, state, states, open_trials = trial.number, trial.state, self.states, self._open
        if number == len(self.trials):
            self.trials.append(trial)
            states[state] += 1
        else:
            before = self.trials[number].state
            if before is not state:
                states[before] -= 1
                states[state] += 1
                open_trials[before].pop(number, None)
            self.trials[number] = trial
        if state in open_trials:
            open_trials[state][number] = trial
        else:
            self.finished += 1
            self._consider(trial)
        return trial

    def _consider(self, trial: Trial) -> None:
        """Keep the best complete trial: feasible before infeasible, then by the first objective's loss."""
        self.since_best += 1
        if trial.state is not TrialState.COMPLETE or trial.losses is None:
            return
        best = self.best
        order = rank(trial)
        if order[1] != order[1]:
            return  # a NaN is nobody's best
        if best is None or order < self._best_rank:
            self.best, self._best_rank = trial, order
            self.since_best = 0

    def _created(self, event: Created) -> Trial:
        if event.source is Source.SEARCHER or event.source is Source.DEFAULT:
            self.chosen += 1
        elif event.fixed is not None:
            self.fixed[event.number] = event.fixed
        return Trial(  # by position: half the price of keywords, and made for every trial
            event.number,
            TrialState.RUNNING if event.attempt else TrialState.WAITING,
            event.params,
            None,  # values
            None,  # losses
            (),  # reports
            event.budget,
            event.attempt,
            event.parent,
            event.at if event.attempt else None,  # started
            None,  # finished
            None,  # error
            _NOTHING,  # constraints
            _NOTHING,  # user_attrs
            event.memo,
            event.source,
            event.seen,
            event.worker,
        )

    def _claimed(self, event: Claimed) -> Trial:
        trial = self.trials[event.number]
        return trial._replace(
            state=TrialState.RUNNING,
            attempt=event.attempt,
            worker=event.worker,
            started=event.at if trial.started is None else trial.started,
        )

    def _resumed(self, event: Resumed) -> Trial:
        return self.trials[event.number]._replace(
            state=TrialState.RUNNING,
            attempt=event.attempt,
            worker=event.worker,
            budget=event.budget,
        )

    def _suggested(self, event: Suggested) -> Trial:
        if event.domains:
            self.domains = {**self.domains, **event.domains}  # assignments hold on to what was known before
            for name, domain in event.domains.items():
                self.space = self.space.with_domain(name, domain)
        return self.trials[event.number]._replace(params=event.params)

    def _reported(self, event: Reported) -> Trial:
        trial = self.trials[event.number]
        losses = self._losses(event.values)
        report = Report(event.step, event.values, losses, event.metrics)
        return trial._replace(reports=(*trial.reports, report))

    def _checkpointed(self, event: Checkpointed) -> Trial:
        self.checkpoints[event.number] = event
        return self.trials[event.number]

    def _paused(self, event: Paused) -> Trial:
        trial = self.trials[event.number]
        last = trial.reports[-1] if trial.reports else None
        return trial._replace(
            state=TrialState.PAUSED,
            values=last.values if last else None,
            losses=last.losses if last else None,
            constraints=event.constraints,
            user_attrs=event.user_attrs,
        )

    def _released(self, event: Released) -> Trial:
        return self.trials[event.number]._replace(state=TrialState.WAITING, worker=None)

    def _finished(self, event: Finished) -> Trial:
        trial = self.trials[event.number]
        values = event.values
        return Trial(
            trial.number,
            event.state,
            trial.params,
            values,
            None if values is None else self._losses(values),
            trial.reports,
            trial.budget,
            event.attempt,
            trial.parent,
            trial.started,
            event.at,
            event.error,
            event.constraints,
            event.user_attrs,
            trial.memo,
            trial.source,
            trial.seen,
            trial.worker,
        )

    def _noted(self, event: Noted) -> None:
        self.notes[event.key] = event.value

    def _extended(self, event: Extended) -> None:
        self.n_trials = event.n_trials

    def _halted(self, event: Halted) -> None:
        self.halted = self.position
        if event.now:
            self.halt_now = self.position

    def _losses(self, values: tuple[float, ...]) -> tuple[float, ...]:
        signs = self.signs
        if len(signs) == 1:
            return (values[0] * signs[0],)
        return tuple(value * sign for value, sign in zip(values, signs, strict=True))


def rank(trial: Trial) -> tuple[float, float]:
    """Sort key among complete trials: total violation first, then the first objective's loss."""
    return (trial.violation, trial.losses[0] if trial.losses else math.inf)


_HANDLERS: Mapping[type[Event], Callable[[Ledger, Any], Trial | None]] = {
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
