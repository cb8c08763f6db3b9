"""Trials that were proposed at once, as tables: what a batch event makes of a ledger's rows."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.record.event import CreatedBatch, FinishedBatch
from tunesmith.record.packed import Dicts, Packed, Same, Slab, Table, Tuples
from tunesmith.record.trial import Source, Trial, TrialState

_NOTHING: Mapping[str, Any] = {}
_PLACE = {name: place for place, name in enumerate(Trial._fields)}


def running_table(event: CreatedBatch) -> Table:
    """The trials that the event proposes, running."""
    fields: dict[str, Any] = {
        "number": range(event.number, event.number + event.size),
        "state": Same(TrialState.RUNNING),
        "params": Dicts(tuple(event.params), tuple(event.params.values())),
        "budget": Same(event.budget),
        "attempt": Same(event.attempt),
        "started": Same(event.at),
        "source": Same(Source.SEARCHER),
        "seen": Same(event.seen),
        "worker": Same(event.worker),
    }
    default = Trial._field_defaults
    return Table(Trial, tuple([fields[n] if n in fields else Same(default[n]) for n in Trial._fields]))


def laid_out(trials: Packed[Trial], event: FinishedBatch) -> bool:
    """Whether the event ends one whole batch as it was proposed, so that its table can be used."""
    part = trials.rows[event.number : event.number + event.size]
    first = part[0]
    return (
        type(first) is Slab
        and part.count(first) == event.size
        and first.start == event.number
        and isinstance(first.rows, Table)
        and first.rows.columns[_PLACE["state"]] == Same(TrialState.RUNNING)
    )


def finished_table(event: FinishedBatch, rows: Table, signs: Sequence[float]) -> Table:
    """The rows of a running table, ended."""
    values = Tuples(event.values)
    losses = Tuples(
        tuple(
            column if sign > 0 else array("d", [-value for value in column])
            for column, sign in zip(event.values, signs, strict=True)
        )
    )
    changed: dict[str, Any] = {
        "state": Same(TrialState.COMPLETE),
        "values": values,
        "losses": losses,
        "finished": Same(event.at),
    }
    if event.errors:
        failed = [event.errors.get(str(event.number + index)) for index in range(event.size)]
        changed |= {
            "error": failed,
            "state": [TrialState.COMPLETE if error is None else TrialState.FAILED for error in failed],
            "values": [values[index] if error is None else None for index, error in enumerate(failed)],
            "losses": [losses[index] if error is None else None for index, error in enumerate(failed)],
        }
    return Table(
        Trial, tuple([changed.get(n, old) for n, old in zip(Trial._fields, rows.columns, strict=True)])
    )


def first_best(event: FinishedBatch, signs: Sequence[float]) -> int | None:
    """The index of the first of the best complete trials by the first objective; None when all failed."""
    column = event.values[0]
    choose = min if signs[0] > 0 else max
    if not event.errors:
        return column.index(choose(column))
    kept = [index for index in range(event.size) if str(event.number + index) not in event.errors]
    return choose(kept, key=column.__getitem__) if kept else None
