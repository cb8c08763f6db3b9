"""What worker processes print, led past the live view instead of through it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, TextIO


class Funnel:
    """While open, those of file descriptors 1 and 2 that are a terminal lead into a pipe, and `say` gets each
    line that comes out.

    Worker processes inherit them, so that what they print appears above a live view and not in its midst.
    `terminal` is where the view itself is to be drawn.
    """

    def __init__(self, numbers: Sequence[int], view: int, encoding: str) -> None:
        self._kept = {number: os.dup(number) for number in numbers}
        self.terminal: IO[str] = os.fdopen(os.dup(view), "w", encoding=encoding, errors="replace")
        self._reader: threading.Thread | None = None

    @classmethod
    def of(cls, file: TextIO) -> Funnel | None:
        """A funnel around a view on `file`; None when that is not this process's own terminal."""
        try:
            if file not in (sys.stdout, sys.stderr) or file.fileno() not in (1, 2):
                return None
            numbers = [number for number in (1, 2) if os.isatty(number)]
            return cls(numbers, file.fileno(), file.encoding or "utf-8") if numbers else None
        except (OSError, ValueError, AttributeError):
            return None

    def open(self, say: Callable[[str], None]) -> None:
        """Begin."""
        _flush()
        source, sink = os.pipe()
        for number in self._kept:
            os.dup2(sink, number)
        os.close(sink)
        self._reader = threading.Thread(
            target=_read, args=(source, say), name="tunesmith-output", daemon=True
        )
        self._reader.start()

    def close(self) -> None:
        """Give the descriptors back; lines of workers that still run are passed on as they come."""
        _flush()
        for number, kept in self._kept.items():
            os.dup2(kept, number)
            os.close(kept)
        if self._reader is not None:
            self._reader.join(0.2)


def _read(source: int, say: Callable[[str], None]) -> None:
    with (
        open(source, encoding="utf-8", errors="replace", newline=None) as lines,
        contextlib.suppress(OSError, ValueError),
    ):
        for line in lines:
            say(line.rstrip("\n"))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
