"""The command that shows what a trial's program has printed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import click

from tunesmith.cli.stores import load, storage_option
from tunesmith.errors import NoTrial, StudyError

_POLL = 0.2


@click.command(short_help="Show what a trial's program has printed.")
@click.argument("name")
@click.argument("number", type=click.IntRange(min=0), required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on until the trial ends.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Default: the last.")
@click.option("--path", "paths", is_flag=True, help="Say where the files lie, and no more.")
@storage_option
def logs(name: str, number: int | None, follow: bool, attempt: int | None, paths: bool, storage: str) -> None:
    """Show what a trial's program has printed: its output here, its errors on the error stream.

    Without NUMBER it is the newest trial.
    """
    from tunesmith.launch import place

    study = load(name, storage)
    base = study.cursor.context.files
    trials = study.trials
    if number is None:
        number = len(trials) - 1
    if not 0 <= number < len(trials):
        raise NoTrial(f"study {name!r} has no trial {number}: it holds {len(trials)}, from 0 on")
    kept = [] if base is None else place.attempts(Path(base), number)
    if base is None or not kept or (attempt is not None and attempt not in kept):
        raise StudyError(_nothing(study, number, attempt, kept))
    files = place.Files(Path(base), number, attempt or kept[-1])
    if paths:
        click.echo(f"{files.stdout}\n{files.stderr}")
        return
    streams = [(files.stdout, sys.stdout.buffer), (files.stderr, sys.stderr.buffer)]
    _show([_Tail(path, stream) for path, stream in streams], study, files, follow)


def _nothing(study: Any, number: int, attempt: int | None, kept: list[int]) -> str:
    if kept:
        return f"trial {number} had no attempt {attempt}; there are {', '.join(map(str, kept))}"
    return (
        f"no output of trial {number} of study {study.name!r} is kept: it is kept of programs, "
        "and not of Python objectives"
    )


def _show(tails: list[_Tail], study: Any, files: Any, follow: bool) -> None:
    while True:
        trial = study.trials[files.number]
        over = trial.state.value != "RUNNING" or trial.attempt != files.attempt
        for tail in tails:
            tail.more()
        if over or not follow:
            return
        time.sleep(_POLL)


class _Tail:
    """A growing file, copied to a stream; one that was made shorter goes on at its end."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._place = 0
        self._file = 0

    def more(self) -> None:
        try:
            with self._path.open("rb") as file:
                found = self._path.stat()
                if self._file not in (0, found.st_ino):
                    self._place = found.st_size  # its middle was left out meanwhile
                self._file = found.st_ino
                file.seek(self._place)
                while data := file.read(1 << 16):
                    self._stream.write(data)
                    self._place += len(data)
        except FileNotFoundError:
            return
        self._stream.flush()
