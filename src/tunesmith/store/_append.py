"""One append to a study in a SQLite file, from the fence to the last row, inside its transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

from tunesmith._owner import boot, clock, surely_dead
from tunesmith.errors import Conflict, LeaseLost, StudyError
from tunesmith.record.codec import decode_event, same
from tunesmith.record.event import (
    Checkpointed,
    Created,
    Event,
    Released,
    Reported,
    Row,
    Suggested,
    admit,
    gap,
    singles,
)  # fmt: skip
from tunesmith.record.trial import TrialState
from tunesmith.store._projection import Projector

_HARMLESS = (Reported, Suggested, Checkpointed)  # leave the trial as it was, so the fence lets a repeat in


class _Held(NamedTuple):
    """A trial before this append: its row, whether its claim may be taken away, its last event's position."""

    row: Row
    lapsed: bool
    last: int


class Append:
    """Events on their way into the log of one study; `run` it once, within a transaction."""

    __slots__ = ("_bodies", "_db", "_events", "_held", "_lease", "_next", "_position", "_rows", "_study")

    def __init__(
        self, db: sqlite3.Connection, study: int, events: Sequence[Event], bodies: Sequence[str], lease: float
    ) -> None:
        head = db.execute("select position, next_number from head where study_id = ?", (study,)).fetchone()
        if head is None:
            raise gone(study)
        self._db = db
        self._study = study
        self._events = events
        self._bodies = bodies  # the events' JSON, made before the file was locked
        self._lease = lease
        self._position: int = head[0]
        self._next: int = head[1]
        self._held: dict[int, _Held | None] = {}
        self._rows: dict[int, Row] = {}

    def run(self, expect: int | None) -> int:
        """The log's last position after the events. Raises Conflict or LeaseLost, with nothing to keep."""
        try:
            if expect is not None and expect != self._next:
                raise Conflict(f"trial number {expect} is taken: read on, and propose the next number")
            self._admit()
        except (Conflict, LeaseLost):
            if self._repeated():
                return self._position
            raise
        if not self._events or (self._harmless() and self._repeated()):
            return self._position
        self._write()
        return self._position

    def _admit(self) -> None:
        """Let each event past the fence, on the rows that those before it in this batch have left."""
        for event in chain.from_iterable(map(singles, self._events)):
            number = event.number
            held = self._before(event)
            after = admit(
                event, self._rows.get(number) or (held and held.row), held is not None and held.lapsed
            )
            if after is None:
                continue
            if isinstance(event, Created):
                if number != self._next:
                    raise gap(number, self._next)
                self._next += 1
            self._rows[number] = after

    def _before(self, event: Event) -> _Held | None:
        number = event.number
        if number not in self._held:
            self._held[number] = None if number >= self._next or number < 0 else self._look(event)
        return self._held[number]

    def _look(self, event: Event) -> _Held | None:
        found = self._db.execute(
            "select state, attempt, worker, last, lease_until, boot from trial"
            " where study_id = ? and number = ?",
            (self._study, event.number),
        ).fetchone()
        if found is None:
            return None
        state, attempt, worker, last, until, when = found
        # Whether a lease ran out matters only to who takes a trial away, and may cost a look into /proc.
        away = isinstance(event, Released) and state == "RUNNING" and event.worker != worker
        return _Held(Row(TrialState(state), attempt, worker), away and lapsed(worker, until, when), last)

    def _harmless(self) -> bool:
        return all(isinstance(event, _HARMLESS) for event in self._events)

    def _repeated(self) -> bool:
        """Whether this batch is in the log, as the last that was written about each of its trials."""
        ends = {event.number: (index, event) for index, event in enumerate(self._events) if event.number >= 0}
        starts: set[int] = set()
        for index, event in ends.values():
            held = self._before(event)
            if held is None:
                return False
            starts.add(held.last - index)
        if len(starts) != 1:
            return False
        start = starts.pop()
        found: list[tuple[Any, ...]] = self._db.execute(
            "select kind, body from event where study_id = ? and position between ? and ? order by position",
            (self._study, start, start + len(self._events) - 1),
        ).fetchall()
        return len(found) == len(self._events) and all(
            kind == type(event).__name__ and _says(kind, there, event, body)
            for (kind, there), event, body in zip(found, self._events, self._bodies, strict=True)
        )

    def _write(self) -> None:
        study = self._study
        projector = Projector(self._db, study, self._lease)
        for event, body in zip(self._events, self._bodies, strict=True):
            self._position += 1
            self._db.execute(
                "insert into event values (?, ?, ?, ?, ?, ?, ?)",
                (study, self._position, type(event).__name__, event.number, event.attempt, event.at, body),
            )
            for single in singles(event):
                projector.apply(single, self._position)
        counts = "".join(f", {state} = {state} + {count}" for state, count in self._moves().items() if count)
        self._db.execute(
            f"update head set position = ?, next_number = ?, updated = ?{counts} where study_id = ?",  # noqa: S608
            (self._position, self._next, self._events[-1].at, study),
        )

    def _moves(self) -> dict[TrialState, int]:
        """By how much each state's count of trials changes."""
        moves: dict[TrialState, int] = {}
        for number, after in self._rows.items():
            held = self._held[number]
            if held is not None:
                moves[held.row.state] = moves.get(held.row.state, 0) - 1
            moves[after.state] = moves.get(after.state, 0) + 1
        return moves


def lapsed(worker: str | None, until: float | None, when: str | None) -> bool:
    """Whether a running trial may be taken away: its lease ran out, or its worker cannot be alive."""
    if when != boot() or until is None or until < clock():
        return True
    return worker is not None and surely_dead(worker)


def gone(study: int) -> StudyError:
    """What to raise when a study is not there."""
    return StudyError(f"there is no study {study} in this store: it was deleted")


def _says(kind: str, there: str, event: Event, body: str) -> bool:
    """Whether the recorded text says what `event` does."""
    return there == body or same(decode_event(kind, there), event)
