"""A SQLite file held by one process: one connection, one transaction at a time, safe across forks.

Every write and every checkpoint of the write-ahead log (WAL) happens under an exclusive `flock` of
`<file>-lock`. Waiting for it is a queue of the kernel's instead of SQLite's polling, it ends when the holder
dies, and it makes the WAL-reset bug of SQLite < 3.51.3 (https://sqlite.org/wal.html#walresetbug) impossible,
for that needs two connections that write or checkpoint at the same moment. Readers take no lock.

A durable write is committed with `synchronous=NORMAL`, and its WAL is synced after the lock was given back:
the same promise as `synchronous=FULL`, except that processes wait for the disk together, not in turn.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tunesmith.errors import StoreError
from tunesmith.store._place import check_place
from tunesmith.store._schema import check_version, migrate

if sys.platform == "win32":
    fcntl = None
else:
    import fcntl

T = TypeVar("T")
Rows = list[tuple[Any, ...]]

_PATIENCE = 60.0  # seconds to wait for a foreign SQL client that holds SQLite's own lock
_SLICE = 1.0  # of them at once: inside SQLite, Ctrl-C is not heard
_WAL_RESET_FIXED = (3, 51, 3)


class Database:
    """The connection to one file; opened at once, opened anew in a forked child when it is used there."""

    _db: sqlite3.Connection | None
    _lock_file: int  # descriptors, -1 when not open
    _wal: int
    _flock: bool  # whether the file system has locks of this kind
    _file: tuple[int, int] | None  # device and inode, once open

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self._durable = durable
        self._closed = False
        self._forget()
        with self._writing:
            self._open()
        _ALIVE.add(self)

    def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """The result of `work` inside a transaction; when `durable`, it is on the disk on return."""
        try:
            with self._writing:
                db = self._connection()
                try:
                    self._hold()
                    with self._lock:
                        result = _transaction(db, work)
                finally:
                    self._let_go()
            if durable:
                self._sync()
            return result
        except (sqlite3.Error, OSError, UnicodeEncodeError, OverflowError) as error:
            raise explained(error, self.path) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """What a query finds."""
        return self.read(lambda db: _patiently(db, sql, values).fetchall())

    def snapshot(self, *queries: tuple[str, Sequence[Any]]) -> list[Rows]:
        """What several queries find at one moment."""

        def read(db: sqlite3.Connection) -> list[Rows]:
            db.execute("begin")
            try:
                return [_patiently(db, sql, values).fetchall() for sql, values in queries]
            finally:
                db.execute("rollback")

        return self.read(read)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `work`, which only reads, while no other thread uses the connection."""
        try:
            if self._db is None:
                with self._writing:
                    self._connection()
            with self._lock:
                return work(self._connection())
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.path) from error

    def close(self) -> None:
        """Give the file back; the last process to do so folds the WAL into it."""
        with self._writing:
            if not self._closed:
                self._closed = True
                _ALIVE.discard(self)
                self._drop()

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._open()
        if self._db is None:
            raise StoreError(f"the store {self.path} was closed: open it again")
        return self._db

    def _open(self) -> None:
        if self._closed:
            return
        check_place(self.path)
        try:
            if fcntl is not None:
                self._lock_file = os.open(f"{self.path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._hold()
            try:
                self._connect()
            finally:
                self._let_go()
        except BaseException as error:
            self._drop()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise explained(error, self.path) from error
            raise

    def _connect(self) -> None:
        """Open the file, make it a store when it is new, and choose how its transactions are kept."""
        if self.path.exists() and self.path.stat().st_size:
            with contextlib.closing(_connect(self.path, "ro")) as reader:
                check_version(reader, self.path)
        self._db = db = _connect(self.path, "rwc")
        db.execute("pragma trusted_schema = off")
        guarded = fcntl is not None and self._flock
        wal = guarded or sqlite3.sqlite_version_info >= _WAL_RESET_FIXED
        mode = _patiently(db, f"pragma journal_mode = {'wal' if wal else 'delete'}").fetchone()[0]
        own_sync = guarded and mode == "wal"
        db.execute(f"pragma synchronous = {'normal' if own_sync or not self._durable else 'full'}")
        _transaction(db, migrate)
        if own_sync and self._durable:
            self._wal = os.open(f"{self.path}-wal", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        found = self.path.stat()
        self._file = (found.st_dev, found.st_ino)

    def _hold(self) -> None:
        """Wait for this machine's only right to write to the file. Ctrl-C ends the wait."""
        if fcntl is not None and self._flock:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            except OSError:
                if self._file is not None:
                    raise
                self._flock = False  # no WAL then
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(self.path)
                if self._file == (found.st_dev, found.st_ino):
                    return
            raise StoreError(
                f"{self.path} was removed or replaced while it was in use, so nothing can be kept in it any "
                f"more: put it back, or start again"
            )

    def _let_go(self) -> None:
        if fcntl is not None and self._flock and self._lock_file >= 0:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _sync(self) -> None:
        if self._wal >= 0:
            getattr(os, "fdatasync", os.fsync)(self._wal)

    def _drop(self) -> None:
        """Close what is open. Closing the last connection checkpoints, and so is done under the lock."""
        db, self._db = self._db, None
        try:
            if db is not None:
                if fcntl is not None and self._flock:
                    fcntl.flock(self._lock_file, fcntl.LOCK_EX)
                with self._lock:
                    db.close()
        finally:
            for opened in (self._wal, self._lock_file):  # closing the lock file gives the lock back
                if opened >= 0:
                    os.close(opened)
            self._wal = self._lock_file = -1

    def _forget(self) -> None:
        self._writing = threading.Lock()  # one writer among this process's threads, and then:
        self._lock = threading.Lock()  # one user of the connection, be it reader or writer
        self._db = None
        self._lock_file = self._wal = -1
        self._flock = True
        self._file = None

    def _after_fork(self) -> None:
        """In a child: close the parent's connection, under a lock of the child's own, and open none yet.

        Merely leaving it would not do: SQLite would believe that this process holds the locks that its
        parent holds, and give them to the connection that is opened next.
        """
        db, flock = self._db, self._flock
        for inherited in (self._wal, self._lock_file):  # else the child kept a dead parent's lock alive
            if inherited >= 0:
                os.close(inherited)
        self._forget()
        if db is not None:
            if fcntl is not None and flock:
                self._lock_file = os.open(f"{self.path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._db, self._flock = db, flock
            self._drop()
        self._forget()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_SLICE, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip


def _patiently(db: sqlite3.Connection, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
    """Execute, waiting for other programs' locks in slices between which signals are heard."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return db.execute(sql, values)
        except sqlite3.OperationalError as error:
            name = error.sqlite_errorname or ""
            if not name.startswith(("SQLITE_BUSY", "SQLITE_PROTOCOL")) or time.monotonic() > until:
                raise


def _transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    if db.in_transaction:  # a second Ctrl-C kept an earlier one from rolling back
        db.execute("rollback")
    try:
        _patiently(db, "begin immediate")
        result = work(db)
        _patiently(db, "commit")
        return result
    except BaseException:
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                db.execute("rollback")
        raise


def explained(error: Exception, path: Path) -> StoreError:
    """`error` in one sentence: what, where, what to do."""
    name: str = getattr(error, "sqlite_errorname", None) or ""
    if isinstance(error, (UnicodeEncodeError, OverflowError)):
        return StoreError(
            f"{path} cannot hold a value: {error}; give valid text, and whole numbers below 2**63"
        )
    if name == "SQLITE_FULL" or getattr(error, "errno", None) in (28, 122):  # ENOSPC, EDQUOT
        return StoreError(
            f"the disk of {path} is full, so the last write was not kept: free some space and go on; "
            f"everything told before is there"
        )
    if name == "SQLITE_NOTADB":
        return StoreError(f"{path} is not a SQLite database: name another file for the studies")
    if name.startswith("SQLITE_CORRUPT"):
        return StoreError(
            f"{path} is damaged ({error}): restore a copy, or try `sqlite3 {path.name} .recover`"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN")) or isinstance(
        error, PermissionError
    ):
        return StoreError(
            f"{path} cannot be opened for writing ({error}): make the file and its folder writable, or name "
            f"another file"
        )
    if name.startswith("SQLITE_BUSY"):
        return StoreError(
            f"another program has kept {path} locked for {_PATIENCE:.0f} s: end its transaction, and go on"
        )
    kind = name or type(error).__name__
    return StoreError(f"{path} could not be read or written ({kind}: {error}): check the disk")


_ALIVE: weakref.WeakSet[Database] = weakref.WeakSet()
_QUIET: list[Database] = []


def _before_fork() -> None:
    """No thread may be inside SQLite at a fork: its locks would stay shut in the child for ever."""
    _QUIET.extend(_ALIVE)
    for database in _QUIET:
        database._lock.acquire()


def _after_fork_in_parent() -> None:
    while _QUIET:
        _QUIET.pop()._lock.release()


def _after_fork_in_child() -> None:
    while _QUIET:
        _QUIET.pop()._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
