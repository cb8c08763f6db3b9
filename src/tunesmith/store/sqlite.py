"""The default store: studies in one SQLite file on a local disk, shared by the processes of one machine.

Choose it for anything that must outlive the process. What `append` returned for survives the death of any
process, and, with `durability="full"`, the loss of power; reports and renewals become durable with the next
write of another kind.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tunesmith import _check
from tunesmith._owner import boot, clock, surely_dead
from tunesmith.errors import Conflict, LeaseLost, SettingError, StudyError
from tunesmith.record.codec import decode_event, decode_spec, encode_event, encode_spec, same
from tunesmith.record.event import Checkpointed, Created, Event, Released, Reported, Row, Suggested, admit
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import StudySpec
from tunesmith.record.trial import TrialState
from tunesmith.store._base import Claim, Leases, Store, StudyInfo
from tunesmith.store._database import Database
from tunesmith.store._projection import SELECT_ROWS, STATES, Projector, differences

_PAGE = 5_000  # events read at once: other threads use the connection in between
_RELAXED = (Reported, Suggested)  # made durable by the next event of another kind
_COUNTS = ", ".join(STATES)
_HARMLESS = (Reported, Suggested, Checkpointed)  # leave the trial as it was, so the fence lets a repeat in

Held = tuple[Row, bool, int]
"""A trial's row, whether its lease has run out, and the position of its last event."""


class SQLiteStore(Store):
    """Studies in one file. `lease` in seconds; `durability="process"` is faster, and may lose the last
    seconds when the power fails, never more.

    Raises StoreError when the file cannot be a store, StoreTooNew when a newer Tunesmith wrote it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        lease: float = 60.0,
        durability: Literal["full", "process"] = "full",
    ) -> None:
        if durability not in ("full", "process"):
            raise SettingError(f"durability must be 'full' or 'process', got {durability!r}")
        self.lease = _check.seconds("the lease of a store", lease)
        self.path = Path(os.path.abspath(Path(path).expanduser()))
        self._file = Database(self.path, durable=durability == "full")
        self._end = weakref.finalize(self, self._file.close)  # a forgotten store is closed all the same

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the store cannot be used any more."""
        self._end()

    def create(self, spec: StudySpec) -> int:
        text = encode_spec(spec)

        def insert(db: sqlite3.Connection) -> int:
            try:
                made = db.execute(
                    "insert into study (name, spec, created) values (?, ?, ?)", (spec.name, text, spec.created)
                )
            except sqlite3.IntegrityError:
                raise StudyError(
                    f"a study named {spec.name!r} exists already: load it, or choose another name"
                ) from None
            db.execute("insert into head (study_id, updated) values (?, ?)", (made.lastrowid, spec.created))
            return int(made.lastrowid or 0)

        return self._file.write(insert)

    def append(self, study: int, events: Sequence[Event], expect: int | None = None) -> int:
        bodies = [encode_event(event) for event in events]
        durable = not all(isinstance(event, _RELAXED) for event in events)
        try:
            return self._file.write(lambda db: self._append(db, study, events, bodies, expect), durable=durable)
        except LeaseLost as error:
            self._keep_evidence(study, events, bodies, str(error))
            raise

    def read(self, study: int, after: int = 0) -> Sequence[Event]:
        events: list[Event] = []
        while True:
            page = self._file.rows(
                "select kind, body from event where study_id = ? and position > ? order by position limit ?",
                (study, after + len(events), _PAGE),
            )
            events.extend(decode_event(kind, body) for kind, body in page)
            if len(page) < _PAGE:
                break
        if not events and not self._file.rows("select 1 from head where study_id = ?", (study,)):
            raise _gone(study)
        return events

    def list(self) -> Sequence[StudyInfo]:
        rows = self._file.rows(
            f"select id, spec, position, updated, {_COUNTS} from study join head on study_id = id order by id"  # noqa: S608
        )
        return [
            StudyInfo(
                id=study,
                spec=decode_spec(spec),
                position=position,
                counts=dict(zip(STATES, counts, strict=True)),
                updated=updated,
            )
            for study, spec, position, updated, *counts in rows
        ]

    def renew(self, study: int, claims: Sequence[Claim]) -> Leases:
        if claims:
            lost = self._file.write(lambda db: self._extend(db, study, claims), durable=False)
        else:
            lost = ()
        rows = self._file.rows(
            "select number, attempt, worker, lease_until, boot from trial"
            " where study_id = ? and state = 'RUNNING' order by number",
            (study,),
        )
        if not rows and not self._file.rows("select 1 from head where study_id = ?", (study,)):
            raise _gone(study)
        mine = set(claims)
        lapsed = ((number, attempt) for number, attempt, *held in rows if _lapsed(*held))
        return Leases(lost, tuple(claim for claim in lapsed if claim not in mine))

    def delete(self, study: int) -> None:
        def remove(db: sqlite3.Connection) -> None:
            if not db.execute("delete from study where id = ?", (study,)).rowcount:
                raise _gone(study)
            for table in ("head", "event", "trial", "refused"):
                db.execute(f"delete from {table} where study_id = ?", (study,))  # noqa: S608 (our own tables)

        self._file.write(remove)

    def refused(self, study: int) -> Sequence[Event]:
        """What workers wrote that had lost their claim: kept aside, part of no log."""
        rows = self._file.rows("select kind, body from refused where study_id = ? order by id", (study,))
        return [decode_event(kind, body) for kind, body in rows]

    def check(self) -> Sequence[str]:
        """In what the readable tables differ from the logs they are made of; empty when in nothing."""
        wrong: list[str] = []
        for info in self.list():
            events, rows, heads = self._file.snapshot(
                ("select kind, body from event where study_id = ? order by position", (info.id,)),
                (SELECT_ROWS, (info.id,)),
                (f"select position, next_number, {_COUNTS} from head where study_id = ?", (info.id,)),  # noqa: S608
            )
            ledger = Ledger(info.spec.problem)
            for kind, body in events:
                ledger.apply(decode_event(kind, body))
            found = differences(ledger, rows)
            told = (len(events), len(ledger.trials), *ledger.states.values())
            if heads and heads[0] != told:
                found.append(f"its head says {heads[0]} (position, next number, counts) and its log {told}")
            wrong.extend(f"study {info.spec.name!r}: {difference}" for difference in found)
        return wrong

    def _append(
        self, db: sqlite3.Connection, study: int, events: Sequence[Event], bodies: Sequence[str], expect: int | None
    ) -> int:
        head = db.execute("select position, next_number from head where study_id = ?", (study,)).fetchone()
        if head is None:
            raise _gone(study)
        position, following = head
        held: dict[int, Held | None] = {}
        try:
            if expect is not None and expect != following:
                raise Conflict(f"trial number {expect} is taken: read on, and propose the next number")
            rows, following = self._admit(db, study, events, held, following)
            if not all(isinstance(event, _HARMLESS) for event in events):
                repeated = False
            else:
                repeated = _repeated(db, study, events, bodies, held)
        except (Conflict, LeaseLost):
            for event in events:
                if event.number not in held:
                    held[event.number] = _held(db, study, event)
            repeated = _repeated(db, study, events, bodies, held)
            if not repeated:
                raise
        if repeated or not events:
            return int(position)
        return self._commit(db, study, events, bodies, position, following, _moves(held, rows))

    @staticmethod
    def _admit(
        db: sqlite3.Connection, study: int, events: Sequence[Event], held: dict[int, Held | None], following: int
    ) -> tuple[dict[int, Row], int]:
        """The rows after all events, and the next free number; fills `held` with the rows as they were."""
        rows: dict[int, Row] = {}
        for event in events:
            number = event.number
            if number not in held:
                held[number] = None if number >= following else _held(db, study, event)
            before = held[number]
            row = rows.get(number) or (before[0] if before else None)
            after = admit(event, row, before is not None and before[1])
            if after is None:
                continue
            if isinstance(event, Created):
                if number != following:
                    raise Conflict(f"trial number {number} leaves a gap: the next is {following}")
                following += 1
            rows[number] = after
        return rows, following

    def _commit(
        self, db: sqlite3.Connection, study: int, events: Sequence[Event], bodies: Sequence[str],
        position: int, following: int, moves: dict[str, int],
    ) -> int:  # fmt: skip
        projector = Projector(db, study, self.lease)
        for event, body in zip(events, bodies, strict=True):
            position += 1
            db.execute(
                "insert into event values (?, ?, ?, ?, ?, ?, ?)",
                (study, position, type(event).__name__, event.number, event.attempt, event.at, body),
            )
            projector.apply(event, position)
        counts = "".join(f", {state} = {state} + {count}" for state, count in moves.items() if count)
        db.execute(
            f"update head set position = ?, next_number = ?, updated = ?{counts} where study_id = ?",  # noqa: S608
            (position, following, events[-1].at, study),
        )
        return position

    def _keep_evidence(self, study: int, events: Sequence[Event], bodies: Sequence[str], why: str) -> None:
        def insert(db: sqlite3.Connection) -> None:
            db.executemany(
                "insert into refused (study_id, at, kind, number, attempt, body, why) values (?, ?, ?, ?, ?, ?, ?)",
                [
                    (study, event.at, type(event).__name__, event.number, event.attempt, body, why)
                    for event, body in zip(events, bodies, strict=True)
                ],
            )

        self._file.write(insert)

    def _extend(self, db: sqlite3.Connection, study: int, claims: Sequence[Claim]) -> tuple[Claim, ...]:
        """Extend these leases; the claims that no longer hold their trial."""
        until = clock() + self.lease
        extend = (
            "update trial set lease_until = ?, boot = ?"
            " where study_id = ? and number = ? and attempt = ? and state = 'RUNNING'"
        )
        return tuple(
            (number, attempt)
            for number, attempt in claims
            if not db.execute(extend, (until, boot(), study, number, attempt)).rowcount
        )


def _held(db: sqlite3.Connection, study: int, event: Event) -> Held | None:
    found = db.execute(
        "select state, attempt, worker, last, lease_until, boot from trial where study_id = ? and number = ?",
        (study, event.number),
    ).fetchone()
    if found is None:
        return None
    state, attempt, worker, last, until, when = found
    # Whether a lease ran out matters only to who takes a trial away, and may cost a look into /proc.
    lapsed = isinstance(event, Released) and state == "RUNNING" and _lapsed(worker, until, when)
    return Row(TrialState(state), attempt, worker), lapsed, last


def _lapsed(worker: str | None, until: float | None, when: str | None) -> bool:
    """Whether a running trial may be taken away: its lease ran out, or its worker cannot be alive."""
    if when != boot() or until is None or until < clock():
        return True
    return worker is not None and surely_dead(worker)


def _moves(held: dict[int, Held | None], rows: dict[int, Row]) -> dict[str, int]:
    """By how much each state's count changes."""
    moves: dict[str, int] = {}
    for number, after in rows.items():
        before = held[number]
        if before is not None:
            moves[before[0].state.value] = moves.get(before[0].state.value, 0) - 1
        moves[after.state.value] = moves.get(after.state.value, 0) + 1
    return moves


def _repeated(
    db: sqlite3.Connection, study: int, events: Sequence[Event], bodies: Sequence[str], held: dict[int, Held | None]
) -> bool:
    """Whether this batch is in the log, and is the last that was written about each of its trials."""
    ends = {event.number: index for index, event in enumerate(events) if event.number >= 0}
    starts: set[int] = set()
    for number, index in ends.items():
        before = held.get(number)
        if before is None:
            return False
        starts.add(before[2] - index)
    if len(starts) != 1:
        return False
    start = starts.pop()
    found: list[tuple[Any, ...]] = db.execute(
        "select kind, body from event where study_id = ? and position between ? and ? order by position",
        (study, start, start + len(events) - 1),
    ).fetchall()
    return len(found) == len(events) and all(
        kind == type(event).__name__ and _says(kind, there, event, body)
        for (kind, there), event, body in zip(found, events, bodies, strict=True)
    )


def _says(kind: str, there: str, event: Event, body: str) -> bool:
    """Whether the recorded text says what `event` does; the last test is for NaN, which equals nothing."""
    if there == body:
        return True
    recorded = decode_event(kind, there)
    return same(recorded, event) or encode_event(replace(event, at=recorded.at)) == there


def _gone(study: int) -> StudyError:
    return StudyError(f"there is no study {study} in this store: it was deleted")
