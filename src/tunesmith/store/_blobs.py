"""Where the bytes of checkpoints lie: files named by their SHA-256, whole or not there at all.

Saving what is there already changes nothing but its age; so equal files of any trials are kept once. Who
removes goes by age, too: what somebody has just saved, or found again, may be about to be named in the log.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tunesmith import _owner
from tunesmith.errors import CheckpointLost

DIGEST = re.compile(r"[0-9a-f]{64}")
OLD_NAME = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]{16}\.ckpt")
"""Of checkpoints that early versions have stored, one file each; the hash is a part of their name."""
_CHUNK = 1 << 20


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_whole(digest: str, path: Path) -> bool:
    """Whether a file holds what its name says."""
    found = digest_of(path)
    return found == digest or digest.endswith(f"-{found[:16]}.ckpt")


class Blobs(ABC):
    """A place for files named by their hash.

    `patience`: seconds within which a file that was saved, or found again, may yet be named in the log.
    `lag`: by how many seconds the time of a file may be behind the clock.
    """

    patience: float
    lag: float

    @abstractmethod
    def staging(self) -> Path:
        """A local path where a file can be written that is to be put here."""

    @abstractmethod
    def scratch(self) -> Path:
        """A local path for what is read from here, free."""

    @abstractmethod
    def put(self, digest: str, staged: Path) -> None:
        """Take the staged file over, durably; or let what is there already be as good as new."""

    @abstractmethod
    def renew(self, digest: str, size: int) -> bool:
        """Let the file be as good as new; False when it is not there, or not of this size."""

    @abstractmethod
    def get(self, digest: str, target: Path) -> None:
        """Copy the file to a new one at `target`. Raises CheckpointLost when it is gone or damaged."""

    @abstractmethod
    def there(self, digest: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def ages(self) -> Mapping[str, float]:
        """All files, and the seconds since each was saved last."""

    @abstractmethod
    def age(self, digest: str) -> float | None:
        """The seconds since it was saved last; None when it is not there."""

    @abstractmethod
    def remove(self, digests: Iterable[str], older: float) -> set[str]:
        """Remove those that are older than so many seconds; which of them are gone now."""

    @abstractmethod
    def tidy(self, older: float) -> None:
        """Remove what dead processes have left behind; of others, what is older than so many seconds."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all that is here."""


class Folder(Blobs):
    """A local folder: temporary name, fsync, rename, fsync of the folder."""

    patience = 10.0
    lag = 0.02

    def __init__(self, root: Path, durable: bool = True) -> None:
        self._root = root
        self._durable = durable  # whether it must outlive a power cut
        self._blobs = root / "blobs"
        self._coming = root / "coming"

    def _path(self, digest: str) -> Path:
        """Where the file lies."""
        if OLD_NAME.fullmatch(digest):
            return self._root / digest
        return self._blobs / digest[:2] / digest

    def staging(self) -> Path:
        self._coming.mkdir(parents=True, exist_ok=True)
        return self._coming / own_name()

    def scratch(self) -> Path:
        (self._root / "loaded").mkdir(parents=True, exist_ok=True)
        return self._root / "loaded" / own_name()

    def put(self, digest: str, staged: Path) -> None:
        size = staged.stat().st_size
        if self.renew(digest, size):
            staged.unlink()
            return
        path = self._path(digest)
        new = not path.parent.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._durable:
            with staged.open("rb+") as file:
                os.fsync(file.fileno())
        staged.replace(path)
        for folder in (path.parent, self._blobs, self._root) if new else (path.parent,):
            self._sync(folder)

    def renew(self, digest: str, size: int) -> bool:
        path = self._path(digest)
        try:
            if path.stat().st_size != size or not is_whole(digest, path):
                return False
            os.utime(path)
            self._sync(path.parent)  # whoever put it there may not have come so far yet
        except OSError:
            return False
        return True

    def _sync(self, folder: Path) -> None:
        if self._durable:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def get(self, digest: str, target: Path) -> None:
        try:
            shutil.copyfile(self._path(digest), target)
        except FileNotFoundError:
            raise CheckpointLost(f"it is not in {self._root} any more") from None
        if not is_whole(digest, target):
            target.unlink()
            raise CheckpointLost(f"the file {self._path(digest)} is damaged")

    def there(self, digest: str) -> bool:
        return self._path(digest).is_file()

    def ages(self) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for path in _files(self._root, self._blobs):
            with contextlib.suppress(FileNotFoundError):
                found[path.name] = time.time() - path.stat().st_mtime
        return found

    def age(self, digest: str) -> float | None:
        try:
            return time.time() - self._path(digest).stat().st_mtime
        except FileNotFoundError:
            return None

    def remove(self, digests: Iterable[str], older: float) -> set[str]:
        gone = set()
        for digest in digests:
            age = self.age(digest)
            if age is None or (age >= older and self._remove(digest, older)):
                gone.add(digest)
        return gone

    def _remove(self, digest: str, older: float) -> bool:
        """Take it out of sight first: who saves the same meanwhile has touched it by then, or writes anew."""
        path = self._path(digest)
        aside = self._coming / own_name()
        try:
            self._coming.mkdir(exist_ok=True)
            path.rename(aside)
            if time.time() - aside.stat().st_mtime < older:
                aside.rename(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            pass  # another process was faster
        return True

    def tidy(self, older: float) -> None:
        for place in (self._coming, self._root / "loaded"):
            for path in list(place.iterdir()) if place.is_dir() else ():
                if left_behind(path, older):
                    discard(path)

    def clear(self) -> None:
        for place in (self._blobs, self._coming, self._root / "loaded"):
            shutil.rmtree(place, ignore_errors=True)
        for path in self._root.glob("*.ckpt"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._root.rmdir()  # when nothing else is in it


def own_name() -> str:
    """A name that nothing has, and that says which process has made it."""
    return f"{_owner.identity()}:{uuid.uuid4().hex}".replace(":", "~")


def left_behind(path: Path, older: float) -> bool:
    """Whether what bears an `own_name` is nobody's any more; where that cannot be known, its age tells."""
    owner = path.name.rpartition("~")[0].replace("~", ":")
    if _owner.surely_dead(owner):
        return True
    if owner == _owner.identity():
        return False
    try:
        return time.time() - path.stat().st_mtime >= older
    except FileNotFoundError:
        return False


def discard(path: Path) -> None:
    """Remove a file or a folder, whatever is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _files(root: Path, blobs: Path) -> Iterator[Path]:
    yield from (path for path in root.glob("*.ckpt") if OLD_NAME.fullmatch(path.name))
    yield from (path for path in blobs.glob("??/*") if DIGEST.fullmatch(path.name))
