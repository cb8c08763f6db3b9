"""Moving on by one event: the ledger, the searcher's state and the scheduler's, all folds of one log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tunesmith.record.event import (
    BATCHES,
    Batch,
    Checkpointed,
    Created,
    Event,
    Extended,
    Finished,
    Paused,
    Suggested,
)  # fmt: skip
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import Problem
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher

_FOR_SEARCHER = frozenset({Created, Paused, Finished})
_NOT_FOR_SCHEDULER = frozenset({Suggested, Checkpointed})


class Fold:
    """All that is known of a study at one position of its log. Drop it, fold again, and it is the same."""

    __slots__ = ("ledger", "schedule_state", "scheduler", "search_state", "searcher")

    def __init__(self, problem: Problem, searcher: Searcher[Any], scheduler: Scheduler[Any]) -> None:
        self.searcher = searcher
        self.scheduler = scheduler
        self.ledger = Ledger(problem)
        self.search_state = searcher.init(problem)
        self.schedule_state = scheduler.init(problem)

    def advance(self, events: Iterable[Event]) -> None:
        """Take the next events of the log."""
        ledger = self.ledger
        searcher, scheduler = self.searcher, self.scheduler
        for event in events:
            if isinstance(event, BATCHES):
                self._advance(event)
                continue
            trial = ledger.apply(event)
            if trial is None:
                if type(event) is Extended:
                    self.schedule_state = scheduler.limited(self.schedule_state, event.n_trials)
                continue
            kind = type(event)
            if searcher.learns and kind in _FOR_SEARCHER:
                self.search_state = searcher.tell(self.search_state, trial)
            if scheduler.learns and kind not in _NOT_FOR_SCHEDULER:
                self.schedule_state = scheduler.tell(self.schedule_state, trial)

    def _advance(self, event: Batch) -> None:
        self.ledger.apply_batch(event)
        if not (self.searcher.learns or self.scheduler.learns):
            return
        for number in range(event.number, event.number + event.size):
            trial = self.ledger.trials[number]
            if self.searcher.learns:
                self.search_state = self.searcher.tell(self.search_state, trial)
            if self.scheduler.learns:
                self.schedule_state = self.scheduler.tell(self.schedule_state, trial)
