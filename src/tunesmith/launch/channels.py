"""The ways by which a program tells what it measures, read as they grow."""

from __future__ import annotations

import json
from pathlib import Path

from tunesmith import _script
from tunesmith.errors import TrialFailed
from tunesmith.launch import tfevents
from tunesmith.launch.collect import Collector
from tunesmith.launch.metrics import Lines, Measurement, Reading, Scanner, of_mapping

_PRINTED, _EVENTS, _REPORTED = 1, 2, 3  # the ranks: who speaks to us on purpose is heard first
_CHUNK = 1 << 20
_ROUNDS = 64


class Channels:
    """Printed lines, TensorBoard's files and the report file of one attempt.

    `asks`: the program has asked whether it should stop.
    """

    def __init__(self, reading: Reading, collector: Collector, reports: Path, events: Path | None) -> None:
        self.asks = False
        self._reading = reading
        self._collector = collector
        self._scanner = Scanner(reading)
        self._path = reports
        self._offset = 0
        self._lines = Lines()
        self._events = None if events is None else tfevents.Folder(events)

    @property
    def heard(self) -> bool:
        """Whether it has written to the report file."""
        return self._offset > 0

    def printed(self, data: bytes) -> None:
        """Take output."""
        for found in self._scanner.feed(data):
            self._collector.take(found, _PRINTED)

    def poll(self) -> None:
        """Look at the files."""
        self._reported()
        if self._events is not None:
            for tag, step, value in self._events.read():
                if tag in self._reading.names:
                    self._collector.take(Measurement({tag: value}, {}, step), _EVENTS)

    def flush(self) -> None:
        """The program has ended: what is left in all of them."""
        for found in self._scanner.flush():
            self._collector.take(found, _PRINTED)
        self.poll()
        for line in self._lines.flush().splitlines():
            self._line(line)

    def _reported(self) -> None:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for _ in range(_ROUNDS):
                    data = file.read(_CHUNK)
                    if not data:
                        return
                    self._offset += len(data)
                    for line in self._lines.feed(data).splitlines():
                        self._line(line)
        except OSError:
            return  # nothing was reported yet

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            shown = line[:80].decode("utf-8", "replace")
            raise TrialFailed(f"wrote {shown!r} to {_script.REPORT_FILE}, which takes a JSON object a line")
        if body == _script.ASKS:
            self.asks = True
            return
        found = of_mapping(body, self._reading)
        if found is not None:
            self._collector.take(found, _REPORTED)
