"""Contenders in turn, each in a fresh process, for every size; what comes of it as records for JSON."""

from __future__ import annotations

import json
import math
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCHEMA = 2
_PATIENCE = 3
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much is done: no size over `cap`, `repeat` runs of each, none over `limit` seconds of CPU time."""

    name: str
    cap: int
    repeat: int
    limit: float
    seconds: float  # of asks, per run
    every: bool = True  # all sizes, or the greatest alone

    def sizes(self, *wanted: int) -> tuple[int, ...]:
        found = tuple(n for n in wanted if n <= self.cap) or (self.cap,)
        return found if self.every else found[-1:]

    def n(self, wanted: int) -> int:
        return min(wanted, self.cap)


PROFILES = {
    "full": Profile(name="full", cap=1_000_000, repeat=3, limit=60.0, seconds=1.0),
    "quick": Profile(name="quick", cap=1_000, repeat=1, limit=20.0, seconds=0.3, every=False),
    "tiny": Profile(name="tiny", cap=16, repeat=1, limit=120.0, seconds=0.01, every=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One contender at one size: what it was, every run's figures, or why there are none."""

    who: str
    n: int
    space: str = "floats"
    runs: tuple[Mapping[str, Any], ...] = ()
    not_run: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def least(self, key: str) -> float | None:
        """The least of all runs: what the rest of the machine did can only add. "a+b" is a sum."""
        return min((sum(run[part] for part in key.split("+")) for run in self.runs), default=None)

    def spread(self, key: str) -> float | None:
        """The greatest over the least, less one."""
        found = [run[key] for run in self.runs]
        return max(found) / min(found) - 1 if len(found) > 1 and min(found) > 0 else None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Cell:
        return cls(**{**found, "runs": tuple(found["runs"])})


class OverLimit(Exception):
    """A run was stopped."""


def environment() -> dict[str, str]:
    """One thread for every numerical library, and this checkout's packages first."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}


def run(spec: Mapping[str, Any], limit: float, *, terminal: bool = False) -> dict[str, Any]:
    """A measurement in a process of its own. Raises OverLimit, and RuntimeError with what it said last.

    The limit is one of CPU time; a busy machine is given three times as long.
    """
    command = [sys.executable, "-m", "benchmarks.child", json.dumps({**spec, "limit": limit})]
    try:
        code, out, err = (_on_terminal if terminal else _piped)(command, _PATIENCE * limit)
    except subprocess.TimeoutExpired:
        raise OverLimit(f"over the limit of {limit:g} s of CPU time") from None
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise OverLimit(f"over the limit of {limit:g} s of CPU time")
    if code:
        said = (err.strip().splitlines() or ["nothing said"])[-1]
        raise RuntimeError(f"failed: {said[:200]}")
    return dict(json.loads(out.strip().splitlines()[-1]))


def _piped(command: list[str], limit: float) -> tuple[int, str, str]:
    """Ends with its children, if it must be ended: agents wait for their parent's word."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(timeout=limit)
        except BaseException:  # the limit, and Ctrl-C, which a session of its own does not hear
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
    return child.returncode, out, err


def _on_terminal(command: list[str], limit: float) -> tuple[int, str, str]:
    """With a terminal of 100 columns, which a live view needs to be one."""
    driver, terminal = pty.openpty()
    chunks: list[bytes] = []

    def drain() -> None:
        while True:
            try:
                chunk = os.read(driver, 65536)
            except OSError:
                return
            if not chunk:
                return
            chunks.append(chunk)

    env = environment() | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    reader = threading.Thread(target=drain, daemon=True)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        os.close(terminal)
        reader.start()
        try:
            _, err = child.communicate(timeout=limit)
        except BaseException:  # the limit, and Ctrl-C, which a session of its own does not hear
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise
    reader.join(5)
    os.close(driver)
    return child.returncode, b"".join(chunks).decode(errors="replace"), err


Spec = Callable[[str, int], Mapping[str, Any]]


def in_turn(
    contenders: Sequence[str],
    sizes: Sequence[int],
    spec: Spec,
    profile: Profile,
    *,
    space: str = "floats",
    per_run: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None,
) -> list[Cell]:
    """Every contender at every size, a run of each before the second of any.

    A size that would take longer than the limit, judged by the size before, is not run; a run that takes
    more than a third of the limit is not repeated.
    """
    cells: list[Cell] = []
    before: dict[str, tuple[int, float]] = {}
    measure = per_run or (lambda found: run(found, profile.limit))
    for n in sizes:
        runs: dict[str, list[dict[str, Any]]] = {who: [] for who in contenders}
        why: dict[str, str] = {}
        for who, (smaller, spent) in before.items():
            if spent * n / smaller > profile.limit:
                took = f"{spent:.3g} s" if math.isfinite(spent) else "not run"
                why[who] = f"over the limit of {profile.limit:g} s of CPU time: {took} at {smaller:,}"
        for repeat in range(profile.repeat):
            for who in contenders:
                done = runs[who]
                if who in why or (repeat and done and done[0]["spent"] > profile.limit / 3):
                    continue
                say(f"{space} {n:,} {who}")
                try:
                    figures = measure(spec(who, n))
                except (OverLimit, RuntimeError) as error:
                    why[who] = str(error)
                    continue
                if "not_run" in figures:
                    why[who] = figures["not_run"]
                    continue
                done.append(figures)
        for who in contenders:
            cells.append(Cell(who=who, n=n, space=space, runs=tuple(runs[who]), not_run=why.get(who, "")))
            if runs[who]:
                before[who] = (n, min(run["spent"] for run in runs[who]))
            else:
                before[who] = (n, math.inf)
    say("")
    return cells


def say(text: str) -> None:
    """What is being done, in place on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
