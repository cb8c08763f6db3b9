"""Scalars from TensorBoard's event files, as they grow: a reader of that format and nothing else.

A file is a row of records: length (8 bytes, little endian), a masked CRC-32C of it, the data, and one of the
data. The data are a protocol buffer `Event` {step = 2, summary = 5 {value = 1 {tag = 1, simple_value = 2,
tensor = 8 {dtype = 1, tensor_content = 4, float_val = 5, double_val = 6}}}}; the rest is passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEAD = struct.Struct("<QI")
_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_MOST = 1 << 26  # bytes of a record that is read whole: a scalar takes a hundred
_FLOAT, _DOUBLE = 1, 2


class Scalar(NamedTuple):
    """One measured number."""

    tag: str
    step: int
    value: float


class EventFile:
    """A growing event file; `read` gives what was not given before."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._damaged = False

    def read(self) -> Iterator[Scalar]:
        """The scalars of all whole records since the last time. A damaged file ends where the damage is."""
        if self._damaged:
            return
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while True:
                    data = self._record(file.read(_HEAD.size), file)
                    if data is None:
                        return
                    self._offset += _HEAD.size + len(data) + 4
                    yield from _scalars(data)
        except OSError:
            return  # removed, or not there yet

    def _record(self, head: bytes, file: object) -> bytes | None:
        if len(head) < _HEAD.size:
            return None
        size, check = _HEAD.unpack(head)
        if check != _masked(head[:8]) or size > _MOST:
            self._damaged = True
            return None
        data: bytes = file.read(size + 4)  # type: ignore[attr-defined]
        return data[:size] if len(data) == size + 4 else None


class Folder:
    """The event files below a folder; what lay there before is not read again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = {file: EventFile(file, file.stat().st_size) for file in self._found()}

    def read(self) -> Iterator[Scalar]:
        """What was written since the last time."""
        for file in self._found():
            if file not in self._files:
                self._files[file] = EventFile(file)
            yield from self._files[file].read()

    def _found(self) -> list[Path]:
        return sorted(p for p in self._path.rglob("*tfevents*") if p.is_file())


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        found.append(byte)
    return tuple(found)


_TABLE = _table()


def _masked(data: bytes) -> int:
    """The CRC-32C of the data, rotated and shifted as the format wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer: (number, value). Ends early where the data make no sense."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == 2:
            size, place = _varint(data, place)
        else:
            size = {1: 8, 5: 4}.get(kind, len(data))
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            break
    return value, place


def _scalars(event: bytes) -> Iterator[Scalar]:
    step, summaries = 0, []
    for number, value in _fields(event):
        if number == 2 and isinstance(value, int):
            step = value
        elif number == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, value in _fields(summary):
            if number == 1 and isinstance(value, bytes):
                found = _scalar(value)
                if found is not None:
                    yield Scalar(found[0], step, found[1])


def _scalar(data: bytes) -> tuple[str, float] | None:
    tag, measured = "", None
    for number, value in _fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            tag = value.decode("utf-8", "replace")
        elif number == 2 and len(value) == 4:
            measured = struct.unpack("<f", value)[0]
        elif number == 8:
            measured = _tensor(value)
    return None if measured is None else (tag, measured)


def _tensor(data: bytes) -> float | None:
    """The one number of a tensor; None when it holds another kind, or several."""
    kind, content = 0, b""
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number in (4, 5, 6) and isinstance(value, bytes):
            content += value
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(kind)
    if form is None or len(content) != struct.calcsize(form):
        return None
    found: float = struct.unpack(form, content)[0]
    return found
