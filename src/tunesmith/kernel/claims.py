"""What a driver holds: claims that no trial came of, and the end of many at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Container, Sequence
from itertools import chain

from tunesmith.errors import Conflict, LeaseLost
from tunesmith.kernel.cursor import Cursor
from tunesmith.record.event import Event, singles
from tunesmith.record.trial import RUNNING


def unheld(cursor: Cursor, held: Container[int]) -> list[tuple[int, int]]:
    """The claims that this thread has made last, that the log says it holds, and that are not `held`."""
    if cursor.opening is None or cursor.opening[0] != threading.get_ident():
        return []
    trials = cursor.read().trials
    found = []
    for event in cursor.opening[1]:
        for number in range(event.number, event.number + getattr(event, "size", 1)):
            if number in held or number >= len(trials):
                continue
            trial = trials[number]
            mine = (trial.state, trial.attempt, trial.worker) == (RUNNING, event.attempt, cursor.worker)
            found.extend([(number, event.attempt)] if mine else [])
    return found


def end_all(cursor: Cursor, events: Sequence[Event]) -> None:
    """Write how many attempts ended, in one go; what no longer holds its trial is passed over."""
    with cursor.lock:
        try:
            cursor.append(events)
        except LeaseLost:
            for single in chain.from_iterable(map(singles, events)):
                with contextlib.suppress(LeaseLost, Conflict):
                    cursor.append([single])
        for event in events:
            for number in range(event.number, event.number + getattr(event, "size", 1)):
                cursor._claims.pop(number, None)
