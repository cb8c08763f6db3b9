"""A run as it goes on: a live view on a terminal, a line a trial anywhere else."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

from tunesmith.kernel.callback import Callback
from tunesmith.kernel.study import Study
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.report.frame import frame
from tunesmith.report.funnel import Funnel, possible
from tunesmith.report.snapshot import Best, Row, Snapshot, eta
from tunesmith.report.summary import summary
from tunesmith.report.words import number, params_line, seconds, values

_RECENT = 200  # durations that the ETA looks at
_RATE = 4  # repaints a second, at most


class Progress(Callback):
    """Shows how a run goes: `ts.tune(..., callbacks=[ts.Progress()])`.

    On a terminal a view that is repainted; elsewhere (a file, a pipe, CI, TERM=dumb) one line for each
    trial that ends. `live` overrules that; `summary` prints what was found when the run is over.
    """

    def __init__(self, *, live: bool | None = None, file: TextIO | None = None, summary: bool = True) -> None:
        self._file = sys.stdout if file is None else file
        self._live = is_terminal(self._file) if live is None else live
        self._summary = summary
        self._view: Any = None
        self._funnel: Funnel | None = None
        self._lock = threading.Lock()
        self._reset("", None, 1)

    def _reset(self, name: str, total: int | None, workers: int) -> None:
        self._name, self._total, self._workers = name, total, workers
        self._done = self._failed = self._stopped = self._paused = 0
        self._best: Trial | None = None
        self._ago = 0
        self._trend: list[float] = []
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self._rows: dict[int, tuple[Trial, float]] = {}
        self._note = ""

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:  # noqa: ARG002
        """Take in what the study holds already, and open the view."""
        ledger = study.cursor.fold.ledger
        self._reset(study.name, n_trials, workers)
        for trial in ledger.trials:
            if trial.state.finished:
                self._count(trial, single=len(ledger.signs) == 1)
        self._counts(ledger)
        if self._live and (n_trials is None or ledger.finished < n_trials):
            self._open()

    def opened(self, study: Study, trial: Trial) -> None:
        """A row for the trial."""
        with self._lock:
            self._rows[trial.number] = (study.cursor.fold.ledger.trials[trial.number], time.monotonic())

    def reported(self, study: Study, trial: Trial) -> None:  # noqa: ARG002
        """What it has measured."""
        with self._lock:
            since = self._rows.get(trial.number, (trial, time.monotonic()))[1]
            self._rows[trial.number] = (trial, since)

    def ended(self, study: Study, trial: Trial) -> None:
        """Its row goes; its result counts, and is a line when there is no view."""
        ledger = study.cursor.fold.ledger
        with self._lock:
            self._rows.pop(trial.number, None)
            if trial.state.finished:
                self._count(trial, single=len(ledger.signs) == 1)
            self._counts(ledger)
        if not self._live:
            self._write(line(trial, self._best))

    def closed(self, study: Study, reason: str) -> None:  # noqa: ARG002
        """Close the view, and say what was found."""
        self.close()
        if self._summary:
            ledger = study.cursor.fold.ledger
            self._write("\n".join(["", *summary(study.name, ledger, study.cursor.store)]))

    def note(self, text: str) -> None:
        """Show a remark below the view, or as a line of its own."""
        self._note = text
        if self._view is None:
            self._write(text)

    def close(self) -> None:
        """Take the view off the terminal, which is as it was before then."""
        view, self._view = self._view, None
        funnel, self._funnel = self._funnel, None
        if funnel is not None:
            funnel.close()
        if view is not None:
            atexit.unregister(self.close)
            with contextlib.suppress(OSError):
                view.stop()

    def snapshot(self) -> Snapshot:
        """The run as it is now."""
        now = time.monotonic()
        with self._lock:
            rows = tuple(_row(trial, now - since) for _, (trial, since) in sorted(self._rows.items()))
            ages = [row.age for row in rows]
            left = 0 if self._total is None else self._total - self._done - len(rows)
            return Snapshot(
                name=self._name,
                done=self._done,
                total=self._total,
                failed=self._failed,
                stopped=self._stopped,
                paused=self._paused,
                rows=rows,
                eta=eta(left, ages, self._durations, self._workers),
                note=self._note,
                best=self._best_so_far(),
            )

    def _best_so_far(self) -> Best | None:
        best = self._best
        if best is None or best.value is None:
            return None
        return Best(
            number=best.number,
            value=best.value,
            ago=self._ago,
            params=best.params,
            trend=tuple(self._trend),
        )

    def _count(self, trial: Trial, *, single: bool) -> None:
        self._ago += 1
        if trial.duration is not None and trial.source is not Source.IMPORT:
            self._durations.append(trial.duration)
        if not single or trial.state is not TrialState.COMPLETE or trial.losses is None:
            return
        best = self._best
        if best is None or _rank(trial) < _rank(best):
            self._best, self._ago = trial, 0
        if self._best is not None and self._best.value is not None:
            self._trend.append(self._best.value)

    def _counts(self, ledger: Ledger) -> None:
        self._done = ledger.finished
        self._failed = ledger.states[TrialState.FAILED]
        self._stopped = ledger.states[TrialState.STOPPED]
        self._paused = ledger.states[TrialState.PAUSED]

    def _open(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        if self._workers > 1 and possible(self._file):
            self._funnel = Funnel()
        file = self._file if self._funnel is None else self._funnel.terminal
        console = Console(file=file, force_terminal=True, highlight=False)
        self._view = Live(
            console=console,
            get_renderable=lambda: _painted(self.snapshot(), console.size.width, console.size.height),
            refresh_per_second=_RATE,
            transient=True,
            vertical_overflow="crop",
        )
        atexit.register(self.close)  # a run that ends by an exception must not leave the cursor hidden
        self._view.start()
        if self._funnel is not None:
            self._funnel.open(lambda said: console.print(Text.from_ansi(said)))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a reader that has gone does not end the study
            self._file.write(f"{text}\n")
            self._file.flush()


def is_terminal(file: TextIO) -> bool:
    """Whether a view can be repainted there."""
    automatic = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if automatic or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return False
    try:
        return file.isatty()
    except ValueError:
        return False


def line(trial: Trial, best: Trial | None) -> str:
    """'trial 12  complete  0.9731  best 0.9802 (#7)  1.2 s  lr=0.001'."""
    state = "put back" if trial.state is TrialState.WAITING else trial.state.value.lower()
    parts = [f"trial {trial.number}", state]
    if trial.state is TrialState.FAILED:
        parts.append((trial.error or "unknown").strip().splitlines()[-1])
    elif trial.values:
        parts.append(values(trial.values))
    if best is not None:
        parts.append(f"best {number(best.value)} (#{best.number})")
    if trial.duration is not None:
        parts.append(seconds(trial.duration))
    return "  ".join([*parts, params_line(trial.params)]).rstrip()


def _rank(trial: Trial) -> tuple[float, float]:
    return (trial.violation, trial.losses[0] if trial.losses else float("inf"))


def _row(trial: Trial, age: float) -> Row:
    return Row(
        number=trial.number,
        params=trial.params,
        step=trial.step,
        budget=trial.budget,
        curve=tuple(report.value for report in trial.reports),
        age=age,
    )


def _painted(snapshot: Snapshot, width: int, height: int) -> Any:
    from rich.text import Text

    text = Text(no_wrap=True, overflow="crop", end="")
    for i, pieces in enumerate(frame(snapshot, width, height)):
        text.append("\n" if i else "")
        for piece in pieces:
            text.append(piece.text, piece.style)
    return text
