"""Following a study that other processes run, from its log alone."""

from __future__ import annotations

import time
from typing import TextIO

from tunesmith.kernel.study import Study
from tunesmith.record.event import Claimed, Created, CreatedBatch, Resumed
from tunesmith.terminal.follow import Follower
from tunesmith.terminal.frame import ascii_only, frame
from tunesmith.terminal.pieces import plain
from tunesmith.terminal.progress import line, status
from tunesmith.terminal.screen import Screen, unicode_fits, writable
from tunesmith.terminal.words import plural

_EVERY = 0.25  # seconds between looks at the log on a terminal
_PLAIN = 1.0  # and elsewhere
_MINUTE = 60.0
_PATIENCE = 3.0  # seconds that a run which resumes has to take over what another one left
_FEW = 1000  # events: of a study that goes on, one of so many starts a trial
_STARTS = (Created, CreatedBatch, Claimed, Resumed)


class Watch:
    """Looks on while a study grows. Nothing is written to its log."""

    def __init__(self, study: Study, file: TextIO) -> None:
        self._study = study
        self._file = file
        self._follower = Follower(study.name, study.spec.problem, study.cursor.scheduler)
        self._now = self._follower.snapshot()
        self._began = _since(study)
        self._dead_since: float | None = None

    def once(self, width: int, height: int = 10_000) -> str:
        """The view as text, as the study stands now."""
        self._look()
        text = "\n".join(plain(frame(self._now, width, height)))
        return text if unicode_fits(self._file) else "\n".join(map(ascii_only, text.split("\n")))

    def live(self) -> str:
        """Show the view until there is nothing more to wait for; why that is."""
        self._look()
        screen = Screen(lambda width, height: frame(self._now, width, height), self._file)
        screen.open(at_once=True)
        try:
            while not (why := self.over()):
                time.sleep(_EVERY)
                self._look()
        finally:
            screen.close()
        return why

    def lines(self) -> str:
        """Write a line for each trial that ends, as long as `live` shows the view; why it is over."""
        cursor = self._study.cursor
        self._look()
        self._write(status(self._now))
        said = time.monotonic()
        while not (why := self.over()):
            time.sleep(_PLAIN)
            ledger = cursor.read()
            for trial in self._follower.take(ledger):
                self._write(line(trial, self._follower.best))
            if time.monotonic() - said >= _MINUTE:
                said = time.monotonic()
                self._write(status(self._follower.snapshot()))
        return why

    def over(self) -> str:
        """Why there is nothing more to wait for, as the log was last read; nothing while there is."""
        cursor = self._study.cursor
        ledger = cursor.fold.ledger
        if ledger.n_trials is not None and ledger.finished >= ledger.n_trials:
            return f"all {ledger.n_trials} trials are done"
        if ledger.halted > self._began and not self._alive():
            return "it was told to stop"
        if not (dead := self.dead()):
            self._dead_since = None
            return ""
        now = time.monotonic()
        if self._dead_since is None:
            self._dead_since = now
        return dead if now - self._dead_since >= _PATIENCE else ""

    def dead(self) -> str:
        """That trials were interrupted and no run is there to go on with them; nothing where one may be.

        A run between two trials cannot be told from none, so that it takes a trial to tell.
        """
        running = len(self._study.cursor.fold.ledger.running)
        if not running or self._alive():
            return ""
        were = "was" if running == 1 else "were"
        return f"no run of {self._study.name} is alive: {plural(running, 'trial')} {were} interrupted"

    def _alive(self) -> set[int]:
        """The running trials but those whose run has died, as the store knows."""
        cursor = self._study.cursor
        running = set(cursor.fold.ledger.running)
        return running - {number for number, _ in cursor.store.renew(cursor.id, []).lapsed}

    def _look(self) -> None:
        ledger = self._study.cursor.read()
        self._follower.take(ledger)
        self._now = self._follower.snapshot()

    def _write(self, text: str) -> None:
        self._file.write(writable(f"{text}\n", self._file))
        self._file.flush()


def _since(study: Study) -> int:
    """The position in the log after which a word to stop is meant for the runs that are watched now.

    The last one counts when no trial was started after it: nobody has gone on with the study.
    """
    cursor = study.cursor
    ledger = cursor.read()
    after = cursor.store.read(cursor.id, ledger.halted, _FEW) if ledger.halted else ()
    resumed = any(isinstance(event, _STARTS) for event in after)
    return ledger.halted if resumed or not ledger.halted else ledger.halted - 1
