"""A running trial's checkpoints: what it saves, and what it starts from."""

from __future__ import annotations

import os
import tempfile
import warnings
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunesmith.errors import CheckpointLost, SettingError, StoreError
from tunesmith.record.event import Checkpointed
from tunesmith.store.checkpoints import Shelf, discard

_STAYING: list[Saved] = []  # whose copies of files users may look at whenever they like


class Saved:
    """The checkpoints of one trial, newest first, and the copies of files that were made of them.

    The copies lie in a place of their own, and go with this object.
    """

    __slots__ = ("__weakref__", "_copies", "_number", "_shelf", "_within", "trail")

    def __init__(self, shelf: Shelf | None, number: int, trail: Sequence[Checkpointed]) -> None:
        self._shelf = shelf
        self._number = number
        self.trail = tuple(trail)
        self._copies: list[Path] = []
        self._within: Path | None = None
        weakref.finalize(self, _discard, self._copies, os.getpid())

    @property
    def shelf(self) -> Shelf:
        """Where they lie. Raises SettingError when the study has no place for them."""
        if self._shelf is None:
            raise SettingError(
                "the store of this study keeps no checkpoints: make it with checkpoints=, a folder or a URL"
            )
        return self._shelf

    def save(self, data: Any, pickle: bool) -> str:
        """Store `data`; its name for the log."""
        try:
            return self.shelf.save(data, pickle=pickle)
        except StoreError as error:
            raise StoreError(f"trial {self._number}: {error}; what was saved before stands") from error

    def add(self, checkpoint: Checkpointed) -> None:
        """The log has it: it is the newest."""
        self.trail = (checkpoint, *self.trail)

    def to_the_end(self) -> Saved:
        """Itself, with copies that stay until this process ends."""
        _STAYING.append(self)
        self._within = Path(tempfile.gettempdir())  # a study in memory takes its own place along
        return self

    def load(self, pickle: bool) -> tuple[Any, float] | None:
        """The newest that is whole, with its step; None when there is none.

        Raises CheckpointLost when the trial should start from another one's, and none is left.
        """
        lost: list[str] = []
        for checkpoint in self.trail:
            try:
                data, copy = self.shelf.load(checkpoint.file, pickle=pickle, within=self._within)
            except CheckpointLost as error:
                lost.append(
                    f"the checkpoint of trial {checkpoint.number} at step {checkpoint.step:g}: {error}"
                )
                continue
            if copy is not None:
                self._copies.append(copy)
            if lost:
                self._warn(lost[0], f"it starts from the one of step {checkpoint.step:g}")
            return data, checkpoint.step
        if lost and all(checkpoint.number != self._number for checkpoint in self.trail):
            raise CheckpointLost(f"trial {self._number} cannot start from its parent: {lost[0]}")
        if lost:
            self._warn(lost[0], "it starts from its beginning, and reports no step twice")
        return None

    def _warn(self, what: str, then: str) -> None:
        warnings.warn(f"trial {self._number} has lost {what}; {then}", RuntimeWarning, stacklevel=4)


def _discard(copies: list[Path], pid: int) -> None:
    if pid == os.getpid():  # and not a forked child, which has made none of them
        for path in copies:
            discard(path)
