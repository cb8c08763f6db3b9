"""What a program prints, kept in a file: its beginning and its end, however much there is between them."""

from __future__ import annotations

import os
from pathlib import Path

MOST = 8 << 20  # bytes a file may take
_HEAD = 1 << 20
_TAIL = 4 << 20  # kept of the newest when the file is full
_RING = 4096


class Kept:
    """A file that takes all that is written and keeps its first megabyte and its last four to seven.

    A full disk ends the keeping, not the program.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self.path = path
        self._most = most
        self._head = min(_HEAD, most // 8)
        self._tail = min(_TAIL, most // 2)
        self._left_out = 0
        self._size = 0
        self._newest = b""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)

    def write(self, data: bytes) -> None:
        """Take more output."""
        self._newest = (self._newest + data)[-_RING:] if len(data) < _RING else data[-_RING:]
        if self._descriptor < 0:
            return
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            self._size += len(data)
            if self._size > self._most:
                self._compact()
        except OSError:
            self.close()

    def tail(self, lines: int = 20) -> list[str]:
        """The last lines, whatever bytes they are made of."""
        text = self._newest.decode("utf-8", "replace")
        return [line for line in text.replace("\r", "\n").split("\n") if line.strip()][-lines:]

    def close(self) -> None:
        """Write no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _compact(self) -> None:
        """Leave out the middle: the file is replaced, so that who reads it never sees half of it."""
        head = os.pread(self._descriptor, self._head, 0)
        tail = os.pread(self._descriptor, self._tail, self._size - self._tail)
        self._left_out += self._size - len(head) - len(tail)
        note = f"\n[… about {self._left_out:,} bytes are left out here …]\n".encode()
        temporary = self.path.with_name(f".{self.path.name}")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        for part in (head, note, tail):
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        temporary.replace(self.path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._size = len(head) + len(note) + len(tail)
