"""Asking every proposal of a log again: the proof that a study can be rebuilt from its record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.kernel.advance import Fold
from tunesmith.kernel.plan import Outlook, opened, outlook, propose
from tunesmith.record.assignment import Start
from tunesmith.record.event import Created, CreatedBatch, Event, singles
from tunesmith.record.problem import StudySpec
from tunesmith.record.trial import Source
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher


@dataclass(frozen=True, slots=True)
class Replay:
    """Whether every proposal came out again, bit for bit; `diverged_at` is the first trial that did not.

    What is checked are the configurations: budgets, pauses and promotions are taken from the log.
    """

    identical: bool
    checked: int
    diverged_at: int | None = None


def replay(
    events: Sequence[Event], spec: StudySpec, searcher: Searcher[Any], scheduler: Scheduler[Any]
) -> Replay:
    """Fold the log from its beginning, and ask for each trial at the position its proposer had read."""
    asked_at: dict[int, list[Created]] = defaultdict(list)
    for event in events:
        if isinstance(event, CreatedBatch):
            asked_at[event.seen].extend(created for created in singles(event) if isinstance(created, Created))
        elif isinstance(event, Created) and event.source is not Source.IMPORT:
            asked_at[event.seen].append(event)
    fold = Fold(spec.problem, searcher, scheduler)
    checked = 0
    for position in range(len(events) + 1):
        batch = asked_at.get(position)
        if batch:
            view = outlook(fold, spec.seed)
            for created in batch:
                if not _comes_again(view, created):
                    return Replay(False, checked, created.number)
                checked += 1
                view = view.after(opened(created, fold.ledger.trials))
        if position < len(events):
            fold.advance((events[position],))
    return Replay(True, checked)


def _comes_again(view: Outlook, created: Created) -> bool:
    start = Start(created.budget, created.parent)
    again = propose(view, created.worker, created.at, start, created.fixed)
    return (
        again is not None
        and again.number == created.number
        and again.params == created.params
        and again.memo == created.memo
        and again.source == created.source
    )
