"""Checkpoint files beside a store: written whole or not at all, checked when they are read.

A file is written under a temporary name in the same folder, flushed to disk and renamed; only then does the
log name it. The name holds trial and attempt, so that a late writer never touches another attempt's file.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

from tunesmith.errors import StoreError

_NAME = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]{16}\.ckpt")


def write_checkpoint(folder: Path, number: int, attempt: int, data: bytes | str | Path) -> str:
    """Store the bytes, or the file at the path; the stored file's name. Raises StoreError when it cannot."""
    try:
        content = data if isinstance(data, bytes) else Path(data).read_bytes()
        name = f"{number}-{attempt}-{hashlib.sha256(content).hexdigest()[:16]}.ckpt"
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}.{os.getpid()}"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(
            f"the checkpoint of trial {number} could not be stored in {folder}: {error}"
        ) from error
    return name


def checkpoint_path(folder: Path, name: str) -> Path | None:
    """The path of a stored checkpoint; None when the file is gone or is not what was stored.

    Raises StoreError for a name that no checkpoint of ours has.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is not the name of a checkpoint; the log may have been tampered with")
    path = folder / name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return None
    return path if name.endswith(f"-{digest}.ckpt") else None


def drop_older(folder: Path, name: str, needed: Collection[str] = ()) -> None:
    """Remove the trial's other checkpoints, now that `name` is in the log, but for those still `needed`."""
    number = name.partition("-")[0]
    for other in folder.glob(f"{number}-*.ckpt"):
        if other.name != name and other.name not in needed:
            other.unlink(missing_ok=True)
