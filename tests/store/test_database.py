"""Who may write when, and what is synced: the promises that no crash on this machine would show."""

import fcntl
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tunesmith.errors import StoreError
from tunesmith.record.event import Noted, Paused, Reported, Suggested
from tunesmith.store import _database
from tunesmith.store.sqlite import SQLiteStore
from tunesmith.testing._store_samples import created, finished, spec


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


def _free(path: Path) -> bool:
    """Whether nobody holds the right to write."""
    descriptor = os.open(f"{path}-lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


class Watched(sqlite3.Connection):
    """A connection that notes, for each change of the files, whether the lock was held."""

    path: Path
    held: list[tuple[str, bool]]

    def execute(self, *args: Any) -> sqlite3.Cursor:
        before = self._files()
        cursor = super().execute(*args)
        self._note(str(args[0]).split()[0], before)
        return cursor

    def close(self) -> None:
        before = self._files()
        super().close()
        self._note("close", before)

    def _files(self) -> list[object]:
        found: list[object] = []
        for suffix in ("", "-wal"):
            try:
                status = os.stat(f"{self.path}{suffix}")
                found.append((status.st_size, status.st_mtime_ns))
            except FileNotFoundError:
                found.append(None)
        return found

    def _note(self, what: str, before: list[object]) -> None:
        for name, old, new in zip(("file", "wal"), before, self._files(), strict=True):
            if old != new:
                self.held.append((f"{what} {name}", not _free(self.path)))


def test_every_write_and_checkpoint_is_made_under_the_lock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watched.path, Watched.held = path, []
    connect = sqlite3.connect

    def watched(*args: Any, **named: Any) -> sqlite3.Connection:
        return connect(*args, factory=Watched, **named)

    monkeypatch.setattr(sqlite3, "connect", watched)
    with SQLiteStore(path) as store:
        study = store.create(spec())
        for number in range(12):
            text = "x" * 1_000_000  # past the thousand pages at which SQLite checkpoints by itself
            store.append(study, [created(number), Noted(-1, 0, key="k", value=text)])
            store.renew(study, [(number, 1)])
        store.delete(study)
        store.create(spec())  # so that closing has something to fold into the file
    kinds = {what for what, _ in Watched.held}
    assert {"commit wal", "commit file", "close file", "close wal"} <= kinds
    assert all(held for _, held in Watched.held)
    assert _free(path)


def test_the_lock_is_given_back_after_a_refusal(path: Path) -> None:
    with SQLiteStore(path) as store:
        study = store.create(spec())
        for _ in range(3):
            with pytest.raises(StoreError):
                store.append(study, [finished(7)])
            assert _free(path)
        assert store.append(study, [created(0)]) == 1


@pytest.mark.parametrize("durability", ["full", "process"])
def test_what_is_told_is_synced_and_reports_ride_along(
    path: Path, monkeypatch: pytest.MonkeyPatch, durability: Any
) -> None:
    synced: list[str] = []

    def fdatasync(descriptor: int) -> None:
        assert _free(path)  # others may write meanwhile
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with SQLiteStore(path, durability=durability) as store:
        study = store.create(spec())
        synced.clear()
        store.append(study, [created(0), created(1)])
        store.append(study, [finished(0)])
        store.append(study, [finished(0)])  # the first may have failed to sync
        expected = 3 if durability == "full" else 0
        assert synced == [f"{path}-wal"] * expected
        store.append(study, [Suggested(1, 1, params={}), Reported(1, 1, step=1, values=(1.0,))])
        store.renew(study, [(1, 1)])
        store.read(study)
        assert len(synced) == expected
        store.append(study, [Reported(1, 1, step=2, values=(1.0,)), Paused(1, 1, step=2)])
        assert len(synced) == (4 if durability == "full" else 0)


@pytest.fixture
def held(path: Path) -> Iterator[int]:
    """Somebody else holds the right to write."""
    SQLiteStore(path).close()
    descriptor = os.open(f"{path}-lock", os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def test_ctrl_c_ends_the_wait_for_the_lock(path: Path, held: int) -> None:
    with SQLiteStore(path) as store:
        study = store.create(spec())
        fcntl.flock(held, fcntl.LOCK_EX)
        start = time.monotonic()

        def append() -> None:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            store.append(study, [created(0)])

        with pytest.raises(KeyboardInterrupt):
            append()
        assert time.monotonic() - start < 5
        fcntl.flock(held, fcntl.LOCK_UN)
        assert store.append(study, [created(0)]) == 1


def test_readers_do_not_wait_for_writers(path: Path, held: int) -> None:
    with SQLiteStore(path) as store:
        study = store.create(spec())
        fcntl.flock(held, fcntl.LOCK_EX)
        writer = threading.Thread(target=store.append, args=(study, [created(0)]))
        writer.start()
        time.sleep(0.05)
        assert list(store.read(study)) == []
        assert not store.renew(study, []).lapsed
        fcntl.flock(held, fcntl.LOCK_UN)
        writer.join()
        assert len(store.read(study)) == 1


def test_a_foreign_client_is_waited_for_and_then_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_database, "_SLICE", 0.05)
    with SQLiteStore(path) as store:
        study = store.create(spec())
        foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        foreign.execute("begin immediate")
        threading.Timer(0.3, foreign.execute, ("rollback",)).start()
        assert store.append(study, [created(0)]) == 1
        foreign.execute("begin immediate")
        monkeypatch.setattr(_database, "_PATIENCE", 0.2)
        with pytest.raises(StoreError, match="another program has kept"):
            store.append(study, [created(1)])
        foreign.close()
        assert store.append(study, [created(1)]) == 2


def test_an_interrupted_transaction_is_rolled_back(path: Path) -> None:
    with SQLiteStore(path) as store:
        study = store.create(spec())

        def interrupted(db: sqlite3.Connection) -> None:
            db.execute("update head set position = 77")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            store._file.write(interrupted)
        assert store.append(study, [created(0)]) == 1
        assert store.check() == []


def test_two_stores_of_one_process_share_a_file(path: Path) -> None:
    with SQLiteStore(path) as one, SQLiteStore(path) as two:
        study = one.create(spec())
        for number in range(20):
            (one, two)[number % 2].append(study, [created(number)], expect=number)
        assert list(one.read(study)) == list(two.read(study))
