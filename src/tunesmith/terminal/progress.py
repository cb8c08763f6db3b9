"""A run as it goes on: a live view on a terminal, a line a trial anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TextIO

from tunesmith.kernel.callback import Callback
from tunesmith.kernel.study import Study
from tunesmith.record.trial import Trial, TrialState
from tunesmith.terminal.commands import look_steps
from tunesmith.terminal.follow import Follower
from tunesmith.terminal.frame import frame
from tunesmith.terminal.pieces import Line
from tunesmith.terminal.screen import Screen, is_terminal, writable
from tunesmith.terminal.snapshot import Snapshot
from tunesmith.terminal.summary import summary
from tunesmith.terminal.words import cause, clock, number, params_line, safe, seconds, values

_MINUTE = 60.0  # between two status lines, at least
_PATIENCE = 0.05  # seconds for which a repaint waits for a busy study


class Progress(Callback):
    """Shows how a run goes: `ts.tune(..., callbacks=[ts.Progress()])`; `progress=True` is the short form.

    On a terminal a view that is repainted; elsewhere (a file, a pipe, CI, TERM=dumb) one line for each
    trial that ends, and at most one line a minute on where the study stands. `live` overrules that; `file`
    is where to (stdout by default); `summary` prints what was found when the run is over.
    """

    def __init__(self, *, live: bool | None = None, file: TextIO | None = None, summary: bool = True) -> None:
        self._file = sys.stdout if file is None else file
        self._live = is_terminal(self._file) if live is None else live
        self._at_once = live is True
        self._summary = summary
        self._study: Study | None = None
        self._follower: Follower | None = None
        self._screen: Screen | None = None
        self._total: int | None = None
        self._workers = 1
        self._note = ""
        self._said = time.monotonic()

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:  # noqa: ARG002
        """Take in what the study holds already, and open the view."""
        ledger = study.cursor.fold.ledger
        self._study, self._total, self._workers = study, n_trials, workers
        self._follower = Follower(study.name, study.spec.problem, study.cursor.scheduler)
        self._follower.take(ledger)
        self._said = time.monotonic()
        if self._live and (n_trials is None or ledger.finished < n_trials):
            self._screen = Screen(self._draw, self._file, funnel=workers > 1)
            self._screen.open(at_once=self._at_once)

    def ended(self, study: Study, trial: Trial) -> None:
        """A line for the trial, when there is no view."""
        if not self._live:
            best = study.cursor.fold.ledger.best
            self._write(line(trial, best if study.spec.problem.single else None))
            self._status()

    def waiting(self, study: Study) -> None:  # noqa: ARG002
        """Once a minute, where the study stands."""
        if not self._live:
            self._status()

    def closed(self, study: Study, reason: str) -> None:  # noqa: ARG002
        """Close the view, and say what was found."""
        self.close()
        if self._summary:
            ledger, store = study.cursor.fold.ledger, study.cursor.store
            self._write("\n".join(["", *summary(study.name, ledger, store, look_steps(study.name, store))]))

    def note(self, text: str) -> None:
        """Show a remark below the view, or as a line of its own."""
        self._note = text
        if self._screen is None:
            self._write(text)

    def close(self) -> None:
        """Take the view off the terminal, which is as it was before then."""
        screen, self._screen = self._screen, None
        if screen is not None:
            screen.close()

    @property
    def shown(self) -> bool:
        """Whether the view has been on the terminal."""
        return self._screen is not None and self._screen.shown

    def snapshot(self) -> Snapshot:
        """The run as it is now, or was a moment ago while the study is busy."""
        study, follower = self._study, self._follower
        if study is None or follower is None:
            return Snapshot(name="", done=0, total=None)
        if study.cursor.lock.acquire(timeout=_PATIENCE):
            try:
                follower.take(study.cursor.fold.ledger)
            finally:
                study.cursor.lock.release()
        return follower.snapshot(workers=self._workers, total=self._total, note=self._note)

    def _draw(self, width: int, height: int) -> list[Line]:
        return frame(self.snapshot(), width, height)

    def _status(self) -> None:
        now = time.monotonic()
        if now - self._said >= _MINUTE:
            self._said = now
            self._write(status(self.snapshot()))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a reader that has gone does not end the study
            self._file.write(writable(f"{text}\n", self._file))
            self._file.flush()


class Glance(Progress):
    """The view, and one line when it is over: what `ts.tune` shows on a terminal when it is not asked."""

    def __init__(self, *, file: TextIO) -> None:
        super().__init__(file=file, summary=False)

    def closed(self, study: Study, reason: str) -> None:
        """The line, when there was a view; of an interruption somebody else speaks."""
        shown = self.shown
        super().closed(study, reason)
        if shown and reason != "interrupted":
            self._write(status(self.snapshot()))


def line(trial: Trial, best: Trial | None) -> str:
    """'trial 12  complete  0.9731  best 0.9802 (#7)  1.2 s  lr=0.001'."""
    state = "put back" if trial.state is TrialState.WAITING else trial.state.value.lower()
    parts = [f"trial {trial.number}", state]
    if trial.state is TrialState.FAILED:
        parts.append(cause(trial.error))
    elif trial.values:
        parts.append(values(trial.values))
    if trial.violation > 0:
        parts.append("infeasible")
    if best is not None:
        parts.append(f"best {number(best.value)} (#{best.number})")
    if trial.duration is not None:
        parts.append(seconds(trial.duration))
    return "  ".join([*parts, params_line(trial.params)]).rstrip()


def status(now: Snapshot) -> str:
    """'digits: 23 of 48 done, ETA 2:05, 3 running, 1 failed, best 0.9871 (#42)'."""
    parts = [f"{now.done} of {now.total} done" if now.total else f"{now.done} done"]
    if now.eta is not None and now.total and now.done < now.total:
        parts.append(f"ETA {clock(now.eta)}")
    counts = (
        (now.running, "running"),
        (now.failed, "failed"),
        (now.stopped, "stopped"),
        (now.infeasible, "infeasible"),
    )
    parts += [f"{count} {what}" for count, what in counts if count]
    if now.best is not None:
        parts.append(f"best {number(now.best.value)} (#{now.best.number})")
    if now.front is not None:
        parts.append(f"{now.front.size} on the front")
    return f"{safe(now.name)}: {', '.join(parts)}"
