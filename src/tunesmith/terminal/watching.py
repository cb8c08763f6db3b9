"""Following a study that other processes run, from its log alone."""

from __future__ import annotations

import time
from typing import TextIO

from tunesmith.kernel.study import Study
from tunesmith.record.ledger import Ledger
from tunesmith.terminal.follow import Follower
from tunesmith.terminal.frame import ascii_only, frame
from tunesmith.terminal.pieces import plain
from tunesmith.terminal.progress import line, status
from tunesmith.terminal.screen import Screen, unicode_fits, writable

_EVERY = 0.25  # seconds between looks at the log on a terminal
_PLAIN = 1.0  # and elsewhere
_MINUTE = 60.0


class Watch:
    """Looks on while a study grows. Nothing is written to its log."""

    def __init__(self, study: Study, file: TextIO) -> None:
        self._study = study
        self._file = file
        self._follower = Follower(study.name, study.spec.problem, study.cursor.scheduler)
        self._now = self._follower.snapshot()

    def once(self, width: int, height: int = 10_000) -> str:
        """The view as text, as the study stands now."""
        self._look()
        text = "\n".join(plain(frame(self._now, width, height)))
        return text if unicode_fits(self._file) else "\n".join(map(ascii_only, text.split("\n")))

    def live(self) -> None:
        """Show the view until the study's budget is done."""
        ledger = self._look()
        screen = Screen(lambda width, height: frame(self._now, width, height), self._file)
        screen.open(at_once=True)
        try:
            while not is_done(ledger):
                time.sleep(_EVERY)
                ledger = self._look()
        finally:
            screen.close()

    def lines(self) -> None:
        """Write a line for each trial that ends, until the study's budget is done."""
        cursor = self._study.cursor
        ledger = self._look()
        self._write(status(self._now))
        said = time.monotonic()
        while not is_done(ledger):
            time.sleep(_PLAIN)
            ledger = cursor.read()
            for trial in self._follower.take(ledger):
                self._write(line(trial, self._follower.best))
            if time.monotonic() - said >= _MINUTE:
                said = time.monotonic()
                self._write(status(self._follower.snapshot()))

    def _look(self) -> Ledger:
        ledger = self._study.cursor.read()
        self._follower.take(ledger)
        self._now = self._follower.snapshot()
        return ledger

    def _write(self, text: str) -> None:
        self._file.write(writable(f"{text}\n", self._file))
        self._file.flush()


def is_done(ledger: Ledger) -> bool:
    """Whether all trials that the study shall hold have ended."""
    return ledger.n_trials is not None and ledger.finished >= ledger.n_trials
