"""A worker in a process of its own, for tests that kill or stop it: `python hand.py TASK PATH …`.

It says what the store has acknowledged, one line each, written at once.
"""

import contextlib
import os
import sys
import time

from tunesmith._owner import identity
from tunesmith.errors import Conflict, LeaseLost, StoreError
from tunesmith.record.event import Created, Finished, Reported
from tunesmith.record.trial import TrialState
from tunesmith.store.sqlite import SQLiteStore


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def ask(store: SQLiteStore, study: int, position: int, number: int) -> tuple[int, int]:
    """Create the next trial; the position read up to, and its number."""
    while True:
        event = Created(number, 1, params={"x": number / 3}, worker=identity(), at=time.time())
        with contextlib.suppress(Conflict):
            store.append(study, [event], expect=number)
            return position, number
        fresh = store.read(study, position)
        position += len(fresh)
        number += sum(isinstance(event, Created) and event.number >= number for event in fresh)


def tell(store: SQLiteStore, study: int, number: int, value: float) -> None:
    end = Finished(number, 1, state=TrialState.COMPLETE, values=(value,), at=time.time())
    store.append(study, [Reported(number, 1, step=1, values=(value,)), end])


def work(path: str, count: str) -> None:
    """So many trials, each told and then said."""
    with SQLiteStore(path) as store:
        study = store.list()[0].id
        position = number = 0
        for _ in range(int(count)):
            position, number = ask(store, study, position, number)
            say(f"asked {number}")
            value = os.getpid() + number / 7
            tell(store, study, number, value)
            say(f"told {number} {value!r}")


def hold(path: str, lease: str) -> None:
    """Take one trial, wait for a line, tell."""
    with SQLiteStore(path, lease=float(lease)) as store:
        study = store.list()[0].id
        _, number = ask(store, study, 0, 0)
        say(f"asked {number}")
        sys.stdin.readline()
        try:
            tell(store, study, number, -1.0)
            say("told")
        except LeaseLost:
            say("lost")
        _, number = ask(store, study, 0, 0)  # the process lives, and takes the next trial
        tell(store, study, number, 2.0)
        say(f"told {number}")


def fill(path: str, size: str) -> None:
    """Write until the disk (or a limit on the file's size) is full; wait for a line; go on."""
    if int(size):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    with SQLiteStore(path) as store:
        study = store.list()[0].id
        number = 0
        try:
            while True:
                event = Created(number, 1, params={"x": "y" * 2000}, worker="w", at=1.0)
                store.append(study, [event], expect=number)
                say(f"told {number}")
                number += 1
        except StoreError as error:
            say(f"full {error}")
        sys.stdin.readline()
        if int(size):
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.append(study, [Created(number, 1, params={}, worker="w", at=1.0)], expect=number)
        say(f"went on {number} {store.check()}")


if __name__ == "__main__":
    {"work": work, "hold": hold, "fill": fill}[sys.argv[1]](*sys.argv[2:])
