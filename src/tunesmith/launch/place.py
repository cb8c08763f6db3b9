"""Where the files of a trial lie: in a folder of the trial, beside the study's store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NUMBER = re.compile(r"stdout\.(\d+)\.txt")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one attempt. `folder` is the trial's, for the program's own, too: attempts share it."""

    base: Path  # the folder of the study
    number: int
    attempt: int

    @property
    def folder(self) -> Path:
        """The folder of the trial."""
        return folder_of(self.base, self.number)

    @property
    def stdout(self) -> Path:
        """What the program prints."""
        return self.folder / f"stdout.{self.attempt}.txt"

    @property
    def stderr(self) -> Path:
        """What it prints to the error stream."""
        return self.folder / f"stderr.{self.attempt}.txt"

    @property
    def reports(self) -> Path:
        """What it reports, a JSON line each."""
        return self.folder / f"reports.{self.attempt}.jsonl"

    @property
    def params(self) -> Path:
        """Its parameters as JSON."""
        return self.folder / "params.json"

    @property
    def stop(self) -> Path:
        """A file that is there when the program shall end."""
        return self.folder / f"stop.{self.attempt}"

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)


def folder_of(base: Path, number: int) -> Path:
    """The folder of a trial within that of its study."""
    return base.absolute() / "trials" / str(number)


def attempts(base: Path, number: int) -> list[int]:
    """The attempts of a trial whose output is kept, oldest first."""
    folder = folder_of(base, number)
    found = [_NUMBER.fullmatch(path.name) for path in folder.glob("stdout.*.txt")]
    return sorted(int(match[1]) for match in found if match)
