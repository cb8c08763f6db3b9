"""The `trial` table: what each event changes in its trial's row, and whether the rows agree with the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tunesmith._owner import boot, clock
from tunesmith.record.codec import dumps, loads
from tunesmith.record.event import (
    Checkpointed,
    Claimed,
    Created,
    Event,
    Finished,
    Paused,
    Released,
    Reported,
    Resumed,
    Suggested,
    becomes,
)  # fmt: skip
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Trial, TrialState

_COLUMNS = (
    "state", "attempt", "worker", "params", "value", '"values"', "step", "budget", "parent", "source",
    "started", "finished", "error", "constraints", "user_attrs",
)  # fmt: skip


class Projector:
    """Writes events into their trials' rows, within the transaction that appends them."""

    __slots__ = ("_db", "_study", "_until")

    def __init__(self, db: sqlite3.Connection, study: int, lease: float) -> None:
        self._db = db
        self._study = study
        self._until = clock() + lease

    def apply(self, event: Event, position: int) -> None:
        """Bring the row of the event's trial up to date."""
        handler = _HANDLERS.get(type(event))
        if handler is not None and event.number >= 0:
            handler(self, event, position)

    def _update(self, event: Event, position: int, changes: str, *values: Any) -> None:
        self._db.execute(
            f"update trial set {changes}, last = ? where study_id = ? and number = ?",  # noqa: S608 (literals)
            (*values, position, self._study, event.number),
        )

    def _created(self, event: Created, position: int) -> None:
        held = event.attempt > 0
        self._db.execute(
            """insert into trial (study_id, number, state, attempt, worker, lease_until, boot, last, params,
            budget, parent, source, started) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                self._study, event.number, becomes(event).value, event.attempt, event.worker,
                self._until if held else None, boot() if held else None, position, dumps(event.params),
                event.budget, event.parent, event.source.value, event.at if held else None,
            ),
        )  # fmt: skip

    def _claimed(self, event: Claimed, position: int) -> None:
        self._update(
            event, position,
            "state = 'RUNNING', attempt = ?, worker = ?, lease_until = ?, boot = ?,"
            " started = coalesce(started, ?)",
            event.attempt, event.worker, self._until, boot(), event.at,
        )  # fmt: skip

    def _resumed(self, event: Resumed, position: int) -> None:
        self._update(
            event, position,
            "state = 'RUNNING', attempt = ?, worker = ?, lease_until = ?, boot = ?, budget = ?",
            event.attempt, event.worker, self._until, boot(), event.budget,
        )  # fmt: skip

    def _suggested(self, event: Suggested, position: int) -> None:
        self._update(event, position, "params = ?", dumps(event.params))

    def _reported(self, event: Reported, position: int) -> None:
        self._update(event, position, "step = ?, reported = ?", event.step, dumps(event.values))

    def _checkpointed(self, event: Checkpointed, position: int) -> None:
        where = (self._study, event.number)
        self._db.execute("update trial set last = ? where study_id = ? and number = ?", (position, *where))

    def _paused(self, event: Paused, position: int) -> None:
        where = (self._study, event.number)
        query = "select reported from trial where study_id = ? and number = ?"
        (reported,) = self._db.execute(query, where).fetchone()
        values = None if reported is None else loads(reported)
        self._update(
            event, position,
            """state = 'PAUSED', lease_until = null, boot = null, value = ?, "values" = ?,
            constraints = ?, user_attrs = ?""",
            _first(values), reported, _json(event.constraints), _json(event.user_attrs),
        )  # fmt: skip

    def _released(self, event: Released, position: int) -> None:
        self._update(event, position, "state = 'WAITING', worker = null, lease_until = null, boot = null")

    def _finished(self, event: Finished, position: int) -> None:
        self._update(
            event, position,
            """state = ?, lease_until = null, boot = null, value = ?, "values" = ?, finished = ?, error = ?,
            constraints = ?, user_attrs = ?""",
            event.state.value, _first(event.values), None if event.values is None else dumps(event.values),
            event.at, _text(event.error), _json(event.constraints), _json(event.user_attrs),
        )  # fmt: skip


def differences(ledger: Ledger, rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """In what the rows of `SELECT_ROWS` differ from the log folded into `ledger`, one sentence each."""
    found = {row[0]: row[1:] for row in rows}
    wrong = [f"trial {number} has a row but no event" for number in found if number >= len(ledger.trials)]
    for trial in ledger.trials:
        row = found.get(trial.number)
        if row is None:
            wrong.append(f"trial {trial.number} has events but no row")
            continue
        wrong.extend(
            f"trial {trial.number}: {name} is {there!r} in its row and {told!r} in the log"
            for name, there, told in zip(_COLUMNS, row, _expected(trial), strict=True)
            if there != told
        )
    return wrong


SELECT_ROWS = f"select number, {', '.join(_COLUMNS)} from trial where study_id = ? order by number"  # noqa: S608


def _expected(trial: Trial) -> tuple[Any, ...]:
    return (
        trial.state.value, trial.attempt, trial.worker, dumps(trial.params), _first(trial.values),
        None if trial.values is None else dumps(trial.values),
        trial.reports[-1].step if trial.reports else None, trial.budget, trial.parent, trial.source.value,
        trial.started, trial.finished, _text(trial.error), _json(trial.constraints), _json(trial.user_attrs),
    )  # fmt: skip


def _first(values: tuple[float, ...] | None) -> float | None:
    """The first value as a number of SQL, which has no NaN: null there."""
    if not values:
        return None
    value = float(values[0])
    return value if value == value else None


def _json(value: Mapping[str, Any]) -> str | None:
    return dumps(value) if value else None


def _text(error: str | None) -> str | None:
    """A traceback may hold halves of surrogate pairs (file names), which SQL text cannot."""
    return None if error is None else error.encode("utf-8", "backslashreplace").decode("utf-8")


_HANDLERS: Mapping[type[Event], Callable[[Projector, Any, int], None]] = {
    Created: Projector._created,
    Claimed: Projector._claimed,
    Suggested: Projector._suggested,
    Reported: Projector._reported,
    Checkpointed: Projector._checkpointed,
    Paused: Projector._paused,
    Resumed: Projector._resumed,
    Released: Projector._released,
    Finished: Projector._finished,
}
STATES = tuple(state.value for state in TrialState)
