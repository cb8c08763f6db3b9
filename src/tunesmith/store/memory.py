"""A store inside the process: for studies that need not outlive it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tunesmith.errors import Conflict, LeaseLost, StudyError
from tunesmith.record.codec import same
from tunesmith.record.event import BATCHES, Event, Released, Row, admit, admit_batch, gap
from tunesmith.record.packed import Packed
from tunesmith.record.problem import StudySpec
from tunesmith.record.trial import RUNNING, TrialState
from tunesmith.store._base import Claim, Leases, Store, StudyInfo


@dataclass(slots=True)
class _Log:
    spec: StudySpec
    events: Packed[Event] = field(default_factory=Packed)
    rows: list[Row] = field(default_factory=list)
    leases: dict[int, float] = field(default_factory=dict)  # running trials: until when
    refused: list[Event] = field(default_factory=list)


class MemoryStore(Store):
    """Keeps logs as lists; fast, shared by the threads of one process, gone with it."""

    shared = False

    def __init__(self, lease: float = 60.0) -> None:
        self.lease = lease
        self._lock = threading.Lock()
        self._logs: dict[int, _Log] = {}
        self._next = 1
        self._files = Path(tempfile.gettempdir(), f"tunesmith-{uuid.uuid4().hex}")
        weakref.finalize(self, _remove, self._files, os.getpid())

    def create(self, spec: StudySpec) -> int:
        with self._lock:
            if any(log.spec.name == spec.name for log in self._logs.values()):
                raise StudyError(
                    f"a study named {spec.name!r} exists already: load it, or choose another name"
                )
            study, self._next = self._next, self._next + 1
            self._logs[study] = _Log(spec)
            return study

    def append(self, study: int, events: Sequence[Event], expect: int | None = None) -> int:
        with self._lock:
            log = self._logs.get(study) or self._log(study)
            if expect is not None and expect != len(log.rows):
                if self._repeats(log, events):
                    return len(log.events)
                raise Conflict(f"trial number {expect} is taken: read on, and propose the next number")
            undo: list[tuple[int, Row | None]] = []
            try:
                self._admit(log, events, undo)
            except (Conflict, LeaseLost) as error:
                self._restore(log, undo)
                if self._repeats(log, events):
                    return len(log.events)
                if isinstance(error, LeaseLost):
                    log.refused.extend(events)
                raise
            log.events.extend(events)
            return len(log.events.rows)

    def _admit(self, log: _Log, events: Sequence[Event], undo: list[tuple[int, Row | None]]) -> None:
        """Let the events past the fence; `undo` takes the rows as they were."""
        rows = log.rows
        for event in events:
            number = event.number
            if isinstance(event, BATCHES):
                held: list[Row | None] = [*rows[number : number + event.size]]
                held += [None] * (event.size - len(held))
                after = admit_batch(event, held)
                if number > len(rows):
                    raise gap(number, len(rows))
                undo.extend(zip(after, held, strict=True))
                rows[number : number + event.size] = after.values()
                for each, was in zip(after, held, strict=True):
                    self._lease(log, each, was, rows[each])
                continue
            before = rows[number] if 0 <= number < len(rows) else None
            row = admit(event, before, type(event) is Released and self._lapsed(log, number))
            if row is None:
                continue
            if before is not None:
                rows[number] = row
            elif number == len(rows):
                rows.append(row)
            else:
                raise gap(number, len(rows))
            undo.append((number, before))
            self._lease(log, number, before, row)

    def _lease(self, log: _Log, number: int, before: Row | None, after: Row) -> None:
        """A trial gets a lease when it is claimed, and needs none when it runs no more."""
        if after.state is not RUNNING:
            log.leases.pop(number, None)
        elif before is None or before.state is not RUNNING:
            log.leases[number] = time.monotonic() + self.lease

    def _restore(self, log: _Log, undo: Sequence[tuple[int, Row | None]]) -> None:
        for number, before in reversed(undo):
            after = log.rows[number]
            if before is None:
                del log.rows[number:]
                log.leases.pop(number, None)
            else:
                log.rows[number] = before
                self._lease(log, number, after, before)

    def read(self, study: int, after: int = 0, most: int | None = None) -> Sequence[Event]:
        events = self._log(study).events
        return list(islice(events.since(after), most)) if after < len(events.rows) else ()

    def list(self) -> Sequence[StudyInfo]:
        with self._lock:
            return [self._info(study, log) for study, log in self._logs.items()]

    def renew(self, study: int, claims: Sequence[Claim]) -> Leases:
        with self._lock:
            log = self._log(study)
            until = time.monotonic() + self.lease
            lost = []
            for number, attempt in claims:
                row = log.rows[number] if number < len(log.rows) else None
                if row is not None and row.state is RUNNING and row.attempt == attempt:
                    log.leases[number] = until
                else:
                    lost.append((number, attempt))
            mine = {number for number, _ in claims}
            lapsed = tuple(
                (number, log.rows[number].attempt)
                for number in log.leases
                if number not in mine and self._lapsed(log, number)
            )
            return Leases(tuple(lost), lapsed)

    def delete(self, study: int) -> None:
        with self._lock:
            self._log(study)
            del self._logs[study]
        shutil.rmtree(self.checkpoint_folder(study), ignore_errors=True)

    def checkpoint_folder(self, study: int) -> str:
        """A temporary folder, made when it is needed, that goes with this store."""
        return str(self._files / str(study))

    def _log(self, study: int) -> _Log:
        try:
            return self._logs[study]
        except KeyError:
            raise StudyError(f"there is no study {study} in this store: it was deleted") from None

    def refused(self, study: int) -> Sequence[Event]:
        """The events that came from attempts which no longer held their trials: evidence, never counted."""
        return tuple(self._log(study).refused)

    @staticmethod
    def _lapsed(log: _Log, number: int) -> bool:
        return log.leases.get(number, float("inf")) < time.monotonic()

    @staticmethod
    def _repeats(log: _Log, events: Sequence[Event]) -> bool:
        """Whether these very events are the last that was written about their trials."""
        numbers = {event.number for event in events}
        if not events or min(numbers) < 0:
            return False
        tail = list(islice((e for e in _backwards(log.events) if e.number in numbers), len(events)))
        return len(tail) == len(events) and all(
            same(a, b) for a, b in zip(reversed(tail), events, strict=True)
        )

    @staticmethod
    def _info(study: int, log: _Log) -> StudyInfo:
        counts = {state.value: 0 for state in TrialState}
        for row in log.rows:
            counts[row.state.value] += 1
        return StudyInfo(
            id=study,
            spec=log.spec,
            position=len(log.events),
            counts=counts,
            updated=log.events[-1].at if log.events else log.spec.created,
        )


def _backwards(events: Packed[Event]) -> Iterator[Event]:
    return (events[index] for index in range(len(events) - 1, -1, -1))


def _remove(folder: Path, pid: int) -> None:
    if pid == os.getpid() and folder.exists():  # a forked child leaves its parent's alone
        shutil.rmtree(folder, ignore_errors=True)
