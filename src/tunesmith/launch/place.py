"""Where the files of a trial lie: in a folder of the trial, beside the study's store."""

from __future__ import annotations

import itertools
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
        """Make the folder, without what an earlier study of this place has left in it.

        Attempts are numbered from 1 and none comes twice. What lies there before the first is not of this
        study: it is moved aside, since the program may have written it, to `3.earlier` and so on.
        """
        if self.attempt <= 1 and self.folder.is_dir() and any(self.folder.iterdir()):
            self.folder.rename(_free(self.folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reports.unlink(missing_ok=True)
        self.stop.unlink(missing_ok=True)


def _free(folder: Path) -> Path:
    """A name beside the folder that nothing has yet."""
    names = (f"{folder.name}.earlier{count or ''}" for count in itertools.count())
    return next(path for path in map(folder.with_name, names) if not path.exists())


def folder_of(base: Path, number: int) -> Path:
    """The folder of a trial within that of its study."""
    return base.absolute() / "trials" / str(number)


def attempts(base: Path, number: int) -> list[int]:
    """The attempts of a trial whose output is kept, oldest first."""
    folder = folder_of(base, number)
    found = [_NUMBER.fullmatch(path.name) for path in folder.glob("stdout.*.txt")]
    return sorted(int(match[1]) for match in found if match)
