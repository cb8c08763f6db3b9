"""Checkpoints that are saved by path: a list of files, each kept under its hash."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tunesmith.errors import CheckpointLost, SettingError
from tunesmith.store._blobs import DIGEST, Blobs, digest_of, discard

KINDS = frozenset(("file", "folder"))


def put(blobs: Blobs, write: Callable[[Path], Any]) -> tuple[str, int]:
    """Store what `write` writes to the path that it is given: hash and size."""
    staged = blobs.staging()
    try:
        write(staged)
        digest, size = digest_of(staged), staged.stat().st_size
        blobs.put(digest, staged)
    finally:
        staged.unlink(missing_ok=True)
    return digest, size


def save(blobs: Blobs, source: Path) -> str:
    """Store a file or a folder with all that is in it; its name. Raises SettingError for anything else."""
    name = os.path.basename(os.path.abspath(source))
    if source.is_dir():
        kind, files = "folder", dict(_walk(source))
    elif source.is_file():
        kind, files = "file", {name: source}
    else:
        raise SettingError(
            f"there is no file or folder at {str(source)!r} to save as a checkpoint; text itself is saved as "
            "bytes, or within a dict"
        )
    found = {file: _put_file(blobs, path) for file, path in files.items() if path is not None}
    for file, (digest, size) in found.items():  # one that was there before may have gone while others came
        if not blobs.renew(digest, size):
            found[file] = put(blobs, _copying(files[file]))
    listed = {
        "kind": kind,
        "name": name,
        "files": found,
        "folders": [folder for folder, path in files.items() if path is None],
    }
    text = json.dumps(listed, sort_keys=True, separators=(",", ":"))
    return f"{kind}:{put(blobs, lambda path: path.write_text(text))[0]}"


def _put_file(blobs: Blobs, path: Path) -> tuple[str, int]:
    digest, size = digest_of(path), path.stat().st_size
    return (digest, size) if blobs.renew(digest, size) else put(blobs, _copying(path))


def _copying(source: Path | None) -> Callable[[Path], Any]:
    if source is None:
        raise SettingError("a folder has no content of its own")
    return lambda target: shutil.copyfile(source, target)


def _walk(root: Path) -> Iterator[tuple[str, Path | None]]:
    """All files below a folder by their path within it, and the empty folders with None."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        for name in [*folders, *files]:
            path = here / name
            mode = path.stat().st_mode
            linked = stat.S_ISDIR(mode) and path.is_symlink()
            if linked or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise SettingError(
                    f"{path} is neither a file nor a folder (a link to a folder, a socket or the like), and "
                    "cannot be a part of a checkpoint: leave it out"
                )
        for name in files:
            yield (here / name).relative_to(root).as_posix(), here / name
        if not folders and not files and here != root:
            yield here.relative_to(root).as_posix(), None


def load(blobs: Blobs, digest: str, target: Path) -> Path:
    """A copy of what was saved, within a new folder at `target`. Raises CheckpointLost."""
    found = _listed(blobs, digest, target)
    try:
        return _laid_out(blobs, found, target)
    except BaseException:
        discard(target)
        raise


def parts(blobs: Blobs, digest: str) -> frozenset[str]:
    """The files of the list, and the list itself. Raises CheckpointLost."""
    staged = blobs.staging()
    listed = _listed(blobs, digest, staged)
    return frozenset((digest, *(found for found, _ in listed["files"].values())))


def _listed(blobs: Blobs, digest: str, place: Path) -> dict[str, Any]:
    """The list of files; `place` is free for a moment."""
    try:
        blobs.get(digest, place)
        found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        if not all(DIGEST.fullmatch(part) for part, _ in found["files"].values()):
            raise CheckpointLost("its list names files that are none of ours")
    finally:
        place.unlink(missing_ok=True)
    return found


def _laid_out(blobs: Blobs, listed: dict[str, Any], target: Path) -> Path:
    name = _inside(listed["name"] or "checkpoint")
    top = target if listed["kind"] == "file" else target / name
    top.mkdir(parents=True)
    for folder in listed["folders"]:
        (top / _inside(folder)).mkdir(parents=True, exist_ok=True)
    for file, (digest, _) in listed["files"].items():
        path = top / _inside(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        blobs.get(digest, path)
    return target / name


def _inside(name: str) -> PurePosixPath:
    """A path within a folder. Raises CheckpointLost for one that leads out of it: nobody has saved that."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name
    if outside or (os.name == "nt" and any(mark in name for mark in "\\:")):
        raise CheckpointLost(f"its list names {name!r}, which lies outside of it")
    return path
