"""Blobs at any address that fsspec knows: object stores, SFTP, memory and so on."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunesmith import _optional
from tunesmith.errors import CheckpointLost
from tunesmith.store._blobs import DIGEST, Blobs, is_whole, own_name

FRESH = 1800.0
"""Seconds for which a file that is there counts as just saved; older ones are written again, to be young."""
_AT_ONCE = frozenset(
    ["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "cos", "r2", "hf", "memory"]
)  # where an upload is not seen before it is whole
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "modify", "updated", "created")


class Remote(Blobs):
    """Files under `url`. `options` are those of fsspec's file system."""

    patience = 60.0
    lag = 2.0

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        fsspec = _optional.require("fsspec", "fsspec", f"the place for checkpoints {url!r}")
        self._fs, root = fsspec.core.url_to_fs(url, **options)
        self._root = root.rstrip("/")
        self._at_once = url.partition(":")[0] in _AT_ONCE

    def _path(self, digest: str) -> str:
        """Where the file lies."""
        return f"{self._root}/blobs/{digest[:2]}/{digest}"

    def label(self, note: Mapping[str, Any]) -> None:
        """Say in a small file what this place is for: whoever cannot write here knows at once."""
        self._fs.makedirs(self._root, exist_ok=True)
        self._fs.pipe_file(f"{self._root}/study.json", json.dumps(note).encode())

    def staging(self) -> Path:
        return Path(tempfile.gettempdir(), f"tunesmith-{own_name()}")

    def scratch(self) -> Path:
        return self.staging()

    def put(self, digest: str, staged: Path) -> None:
        if not self.renew(digest, staged.stat().st_size):
            self._upload(str(staged), self._path(digest))
        staged.unlink()

    def _upload(self, staged: str, path: str) -> None:
        fs = self._fs
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self._at_once:
            fs.put_file(staged, path)
            return
        coming = f"{self._root}/coming/{own_name()}"
        fs.makedirs(f"{self._root}/coming", exist_ok=True)
        fs.put_file(staged, coming)
        try:
            fs.mv(coming, path)
        except OSError:  # where nothing may be renamed to what is there
            with contextlib.suppress(FileNotFoundError):
                fs.rm_file(path)
            fs.mv(coming, path)

    def renew(self, digest: str, size: int) -> bool:
        info = self._info(digest)
        return info is not None and info.get("size") == size and self._age(info) < FRESH

    def get(self, digest: str, target: Path) -> None:
        try:
            self._fs.get_file(self._path(digest), str(target))
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            raise CheckpointLost(f"it is not in {self._root} any more") from None
        if not is_whole(digest, target):
            target.unlink()
            raise CheckpointLost(f"the file {self._path(digest)} is damaged")

    def there(self, digest: str) -> bool:
        return self._info(digest) is not None

    def ages(self) -> Mapping[str, float]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.find(f"{self._root}/blobs", detail=True)
        except FileNotFoundError:
            return {}
        named = {path.rpartition("/")[2]: info for path, info in found.items()}
        return {name: self._age(info) for name, info in named.items() if DIGEST.fullmatch(name)}

    def age(self, digest: str) -> float | None:
        info = self._info(digest)
        return None if info is None else self._age(info)

    def remove(self, digests: Iterable[str], older: float) -> set[str]:
        gone = set()
        for digest in digests:
            age = self.age(digest)
            if age is None or age >= older:
                with contextlib.suppress(FileNotFoundError):
                    self._fs.rm_file(self._path(digest))
                gone.add(digest)
        return gone

    def tidy(self, older: float) -> None:
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for path, info in self._fs.find(f"{self._root}/coming", detail=True).items():
                if self._age(info) >= older:
                    self._fs.rm_file(path)

    def clear(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._root, recursive=True)

    def _info(self, digest: str) -> Mapping[str, Any] | None:
        self._fs.invalidate_cache()
        try:
            found: Mapping[str, Any] = self._fs.info(self._path(digest))
        except FileNotFoundError:
            return None
        return found

    def _age(self, info: Mapping[str, Any]) -> float:
        """Seconds since it was written; 0, and so never old enough to go, where that cannot be known."""
        for name in _TIMES:
            if info.get(name) is not None:
                return max(0.0, time.time() - _seconds(info[name]))
        return 0.0


def _seconds(value: Any) -> float:
    """A moment, in whatever way a file system tells it, as Unix seconds."""
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str) and value.isdigit():
        value = datetime.strptime(value[:14], "%Y%m%d%H%M%S")
    elif isinstance(value, str):
        value = datetime.fromisoformat(value)
    moment: datetime = value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@lru_cache(maxsize=16)
def remote(url: str, options: str) -> Remote:
    """The files under `url`, connected once a process."""
    return Remote(url, json.loads(options))
