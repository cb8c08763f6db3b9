"""What worker processes print, led past the live view instead of through it."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import IO, TextIO


class Funnel:
    """While open, file descriptors 1 and 2 lead into a pipe, and `say` gets each line that comes out.

    Worker processes inherit them, so that what they print appears above a live view and not in its midst.
    `terminal` is where the view itself is to be drawn.
    """

    def __init__(self) -> None:
        self._kept = (os.dup(1), os.dup(2))
        self.terminal: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
        self._reader: threading.Thread | None = None

    def open(self, say: Callable[[str], None]) -> None:
        """Begin."""
        _flush()
        source, sink = os.pipe()
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.close(sink)
        self._reader = threading.Thread(
            target=_read, args=(source, say), name="tunesmith-output", daemon=True
        )
        self._reader.start()

    def close(self) -> None:
        """Give both descriptors back; lines of workers that still run are passed on as they come."""
        _flush()
        for number, kept in enumerate(self._kept, start=1):
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


def possible(file: TextIO) -> bool:
    """Whether `file` is this process's own standard output, on descriptor 1."""
    try:
        return file is sys.stdout and sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False
