"""Saved runs: a line of JSON each, a file a contender, so that a comparison goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.adapters import split
from benchmarks.quality.runs import Job

Key = tuple[str, str, int, int]  # contender, task, seed, workers


@dataclass(frozen=True, slots=True)
class Traces:
    """A folder of them. Runs of other versions are left where they are, and not read."""

    folder: Path

    def read(self, jobs: Iterable[Job]) -> dict[Key, dict[str, Any]]:
        """Those of these jobs that are there, long enough and made by the code that is installed."""
        wanted = {key(job): job for job in jobs}
        found: dict[Key, dict[str, Any]] = {}
        for contender in sorted({job.contender for job in wanted.values()}):
            path = self._path(contender)
            if not path.exists():
                continue
            mine = code(contender)
            for line in path.read_text(encoding="utf-8").splitlines():
                run = _run(line)
                if run is None or run["code"] != mine:
                    continue
                place = (run["contender"], run["task"], run["seed"], run["workers"])
                job = wanted.get(place)
                # several workers know how many trials are still to come, so their runs are not cut
                if job and (run["trials"] == job.trials if job.workers > 1 else run["trials"] >= job.trials):
                    found[place] = run
        return found

    def add(self, run: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(run | {"code": code(run["contender"])}, separators=(",", ":"))
        with self._path(run["contender"]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _path(self, contender: str) -> Path:
        """Settings are told apart within the file of their method."""
        return self.folder / f"{contender.partition(':')[0]}.jsonl"


def _run(line: str) -> dict[str, Any] | None:
    """None for a line that was cut when its writer was killed."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


def key(job: Job) -> Key:
    return (job.contender, job.task, job.seed, job.workers)


def code(contender: str) -> str:
    """What made a run: the peer's version; ours is a fingerprint of the code."""
    module, searcher = split(contender)
    print_of = getattr(module, "fingerprint", None)
    return f"{module.version()} {print_of(searcher)}" if print_of else str(module.version())
