"""Checkpoints: where they are kept and how long, and how one is saved and comes back.

What the log names is `kind:hash`. The kinds of `_formats` are one file each; `file` and `folder` are a list,
in JSON, of the files that were saved by path.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tunesmith import _check
from tunesmith.errors import CheckpointLost, SettingError, StoreError, TunesmithError
from tunesmith.record.ledger import MOST_CHECKPOINTS
from tunesmith.record.problem import StudySpec
from tunesmith.store import _formats, _paths
from tunesmith.store._blobs import OLD_NAME, Blobs, Folder, discard, own_name
from tunesmith.store._remote import Remote, remote

__all__ = ["Checkpoints", "Shelf", "discard", "parsed", "shelf_of"]

_NAME = re.compile(r"([a-z]+):([0-9a-f]{64})")
_SECRET = re.compile(r"secret|passw|token|credential|sas|account_key|connection_string|private|^key$", re.I)
_NO_SECRETS = ("anon", "google_default", "cloud", "cache", "browser")  # words for ways to find one


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Where a study's checkpoints are kept, and which: given to `tune` and `create_study`.

    Of a trial that may still run the newest are kept, of finished ones those of the best trials, and whatever
    another trial is to start from.

    Args:
        where: a folder, or an address that fsspec knows, such as "s3://bucket/folder" (extra `fsspec`, and
            the package of that protocol); each study gets a folder of its own there. None: beside the store;
            for a study in memory a temporary folder that goes with it.
        keep_best: so many finished trials keep their checkpoints, the best ones; None: all do.
        keep_last: so many checkpoints of each trial are kept, the newest; at most 8.
        options: of fsspec's file system, as plain JSON; they are recorded with the study, so leave
            credentials to the environment.

    Raises:
        SettingError: for numbers out of range, and for credentials, which a store must not hold.
    """

    where: str | os.PathLike[str] | None = None
    keep_best: int | None = 1
    keep_last: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.where is not None and not isinstance(self.where, (str, os.PathLike)):
            raise SettingError(f"checkpoints are kept in a folder or at a URL, got where={self.where!r}")
        if self.keep_best is not None:
            _check.integer("keep_best", self.keep_best, 0)
        if _check.integer("keep_last", self.keep_last, 1) > MOST_CHECKPOINTS:
            raise SettingError(f"keep_last must be at most {MOST_CHECKPOINTS}, got {self.keep_last}")
        _refuse_secrets(self.where, self.options)

    @classmethod
    def of(cls, given: Checkpoints | str | os.PathLike[str] | None) -> Checkpoints | None:
        """What `checkpoints=` takes: an object, or the place alone."""
        return given if given is None or isinstance(given, Checkpoints) else cls(given)

    @classmethod
    def recorded(cls, record: Mapping[str, Any]) -> Checkpoints:
        """Those of a study's record."""
        return cls(**{key: value for key, value in record.items() if key != "folder"})

    def record(self, study: str) -> dict[str, Any]:
        """As JSON, for the record of a new study of this name, which gets a folder of its own."""
        found: dict[str, Any] = {"keep_best": self.keep_best, "keep_last": self.keep_last}
        if self.where is not None:
            own = f"{re.sub(r'[^A-Za-z0-9._-]', '-', study)[:40]}-{uuid.uuid4().hex[:8]}"
            found |= {"where": self.base, "folder": own}
        return found | ({"options": dict(self.options)} if self.options else {})

    @property
    def told(self) -> dict[str, Any]:
        """What makes one like another."""
        return {
            "where": self.base,
            "keep_best": self.keep_best,
            "keep_last": self.keep_last,
            "options": dict(self.options),
        }

    @property
    def base(self) -> str | None:
        """The place as it is recorded: local paths are absolute."""
        if self.where is None:
            return None
        text = os.fspath(self.where)
        scheme, separator, path = text.partition("://")
        if separator and scheme not in ("file", "local"):
            return text.rstrip("/")
        return os.path.abspath(os.path.expanduser(path if separator else text))


def _refuse_secrets(where: Any, options: Mapping[str, Any]) -> None:
    if isinstance(where, str) and "://" in where and urlsplit(where).password is not None:
        raise SettingError(
            "the address of checkpoints holds a password, which would be recorded with the study: leave it "
            "to the environment, or to fsspec's configuration files"
        )
    for name, value in _flat(options):
        if _SECRET.search(name) and isinstance(value, str) and value not in _NO_SECRETS:
            raise SettingError(
                f"options={{{name!r}: …}} of checkpoints looks like a secret, and would be recorded with the "
                "study: leave it to the environment, or to fsspec's configuration files"
            )


def _flat(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        else:
            yield str(name), value


@dataclass(frozen=True, slots=True)
class Shelf:
    """The place for one study's checkpoints; plain data, which travels to workers.

    `pid`: the process whose memory it is in, for "memory://" alone. `durable`: whether it must outlive a
    power cut, which the folder of a study in memory need not.
    """

    where: str
    options: str = "{}"
    pid: int | None = None
    durable: bool = True

    def __str__(self) -> str:
        return self.where

    @property
    def blobs(self) -> Blobs:
        """The files there. Raises MissingExtra, or SettingError for another process's memory."""
        if self.pid is not None and self.pid != os.getpid():
            raise SettingError(
                f"{self.where} is the memory of one process, and this is another one: keep checkpoints in a "
                "folder, or at a URL that all workers reach"
            )
        return _blobs(self.where, self.options, self.durable)

    def save(self, data: Any, *, pickle: bool = False) -> str:
        """Store `data` durably; the name by which it is found. Raises SettingError, StoreError."""
        try:
            if isinstance(data, (str, os.PathLike)):
                return _paths.save(self.blobs, Path(data))
            kind, write = _formats.written(data, pickle)
            return f"{kind}:{_paths.put(self.blobs, write)[0]}"
        except TunesmithError:
            raise
        except Exception as error:
            raise StoreError(
                f"a checkpoint could not be stored in {self.where}: {type(error).__name__}: {error}"
            ) from error

    def load(self, name: str, *, pickle: bool = False, within: Path | None = None) -> tuple[Any, Path | None]:
        """What was saved under `name`; of files a copy, and what to `discard` when it is needed no more.

        `within`: the folder for the copy, when it is not to lie in this place. Raises CheckpointLost when it
        is gone or damaged, StoreError when that cannot be told.
        """
        kind, digest = parsed(name)
        try:
            copy = self.blobs.scratch() if within is None else within / f"tunesmith-{own_name()}"
            if kind in _paths.KINDS:
                return _paths.load(self.blobs, digest, copy), copy
            try:
                self.blobs.get(digest, copy)
                return _formats.read(kind, copy, pickle), None
            finally:
                copy.unlink(missing_ok=True)
        except TunesmithError:
            raise
        except Exception as error:
            raise StoreError(
                f"the checkpoint {name} could not be read from {self.where}: {type(error).__name__}: {error}"
            ) from error

    def parts(self, name: str) -> frozenset[str]:
        """The files that a checkpoint is made of; none beside its list where that cannot be read any more."""
        kind, digest = parsed(name)
        if kind not in _paths.KINDS:
            return frozenset((digest,))
        try:
            return _paths.parts(self.blobs, digest)
        except CheckpointLost:
            return frozenset((digest,))

    def copy(self, names: Collection[str], to: Shelf) -> None:
        """Copy these checkpoints, as far as they are whole."""
        for digest in sorted({part for name in names for part in self.parts(name)}):
            staged = to.blobs.staging()
            try:
                self.blobs.get(digest, staged)
            except CheckpointLost:
                continue
            to.blobs.put(digest, staged)

    def clear(self) -> None:
        """Remove all checkpoints of the study."""
        self.blobs.clear()


def parsed(name: str) -> tuple[str, str]:
    """The kind and the file of a checkpoint. Raises StoreError for a name that none of ours has."""
    if OLD_NAME.fullmatch(name):
        return "bytes", name
    found = _NAME.fullmatch(name)
    if found is None or found[1] not in _formats.KINDS | _paths.KINDS:
        raise StoreError(f"{name!r} is not the name of a checkpoint; the log may have been tampered with")
    return found[1], found[2]


@lru_cache(maxsize=64)
def _blobs(where: str, options: str, durable: bool) -> Blobs:
    if "://" not in where:
        return Folder(Path(where), durable)
    return remote(where, options)


def shelf_of(record: Mapping[str, Any], beside: str | None, durable: bool = True) -> Shelf | None:
    """The place that a study's record names; `beside` the store, as durable as that, where it names none."""
    where = record.get("where")
    if where is None:
        return None if beside is None else Shelf(beside, durable=durable)
    own = f"{where}/{record['folder']}" if "://" in where else os.path.join(where, record["folder"])
    pid = os.getpid() if where.startswith("memory:") else None
    return Shelf(own, json.dumps(record.get("options", {}), sort_keys=True), pid)


def label(spec: StudySpec) -> None:
    """Make the place that a new study's record names, if it is a remote one: what is wrong shows now.

    Raises MissingExtra, or StoreError when nothing can be written there.
    """
    shelf = shelf_of(spec.checkpoints, None)
    if shelf is None or "://" not in shelf.where:
        return
    try:
        blobs = shelf.blobs
        if isinstance(blobs, Remote):
            blobs.label({"study": spec.name, "created": spec.created})
    except TunesmithError:
        raise
    except Exception as error:
        raise StoreError(
            f"checkpoints cannot be stored in {shelf.where}: {type(error).__name__}: {error}"
        ) from error
