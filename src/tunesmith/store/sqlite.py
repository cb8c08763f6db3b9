"""The default store: studies in one SQLite file on a local disk, shared by the processes of one machine.

Choose it for anything that must outlive the process. What `append` returned for survives the death of any
process, and, with `durability="full"`, the loss of power; reports and renewals become durable with the next
write of another kind.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tunesmith import _check
from tunesmith._owner import boot, clock
from tunesmith.errors import LeaseLost, SettingError, StudyError
from tunesmith.record.codec import decode_event, decode_events, decode_spec, encode_event, encode_spec
from tunesmith.record.event import Event, Reported, Suggested
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import StudySpec
from tunesmith.store._append import Append, gone, lapsed
from tunesmith.store._base import Claim, Leases, Store, StudyInfo
from tunesmith.store._database import Database
from tunesmith.store._projection import SELECT_ROWS, STATES, differences

_PAGE = 5_000  # events read at once: other threads use the connection in between
_RELAXED = (Reported, Suggested)  # made durable by the next event of another kind
_COUNTS = ", ".join(STATES)


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

    def __str__(self) -> str:
        return str(self.path)

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
                    "insert into study (name, spec, created) values (?, ?, ?)",
                    (spec.name, text, spec.created),
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
            return self._file.write(
                lambda db: Append(db, study, events, bodies, self.lease).run(expect), durable=durable
            )
        except LeaseLost as error:
            self._keep_evidence(study, events, bodies, str(error))
            raise

    def read(self, study: int, after: int = 0, most: int | None = None) -> Sequence[Event]:
        events: list[Event] = []
        while True:
            size = _PAGE if most is None else min(_PAGE, most - len(events))
            page = self._file.rows(
                "select kind, body from event where study_id = ? and position > ? order by position limit ?",
                (study, after + len(events), size),
            )
            events.extend(decode_events(page))
            if len(page) < size or len(events) == most:
                break
        if not events and not self._file.rows("select 1 from head where study_id = ?", (study,)):
            raise gone(study)
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
            raise gone(study)
        mine = set(claims)
        claimed = ((number, attempt) for number, attempt, *held in rows if lapsed(*held))
        return Leases(lost, tuple(claim for claim in claimed if claim not in mine))

    def delete(self, study: int) -> None:
        def remove(db: sqlite3.Connection) -> None:
            if not db.execute("delete from study where id = ?", (study,)).rowcount:
                raise gone(study)
            for table in ("head", "event", "trial", "refused"):
                db.execute(f"delete from {table} where study_id = ?", (study,))  # noqa: S608 (our own tables)

        self._file.write(remove)
        shutil.rmtree(self.checkpoint_folder(study), ignore_errors=True)

    def checkpoint_folder(self, study: int) -> str:
        """A folder beside the file, one for each study."""
        return f"{self.path}.files{os.sep}{study}"

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
                ledger.take(decode_event(kind, body))
            found = differences(ledger, rows)
            told = (len(events), len(ledger.trials), *ledger.states.values())
            if heads and heads[0] != told:
                found.append(f"its head says {heads[0]} (position, next number, counts) and its log {told}")
            wrong.extend(f"study {info.spec.name!r}: {difference}" for difference in found)
        return wrong

    def _keep_evidence(self, study: int, events: Sequence[Event], bodies: Sequence[str], why: str) -> None:
        def insert(db: sqlite3.Connection) -> None:
            db.executemany(
                "insert into refused (study_id, at, kind, number, attempt, body, why)"
                " values (?, ?, ?, ?, ?, ?, ?)",
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
