"""What is compared. A case is a function of the size of the run; less is better in every figure."""

from __future__ import annotations

import importlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

from benchmarks.harness import Line, Measure, Result, in_turn, noted, seconds

PEERS = tuple(importlib.import_module(f"benchmarks.adapters.{name}") for name in ("tunesmith", "optuna"))
OURS = PEERS[0]
_PROCESSES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is done: `share` of the trials, `repeat` times."""

    share: float = 1.0
    repeat: int = 3

    def of(self, n: int) -> int:
        return max(_PROCESSES, int(n * self.share) // _PROCESSES * _PROCESSES)


def memory(size: Size) -> Result:
    """Random search in memory: the price of the framework itself."""
    n = size.of(10_000)
    lines = in_turn(
        {p.NAME: partial(_per_trial, partial(p.minimize, _ten, n), n, 1e6) for p in PEERS}, size.repeat
    )
    return Result(
        case="memory", title=f"Random search in memory, {n:,} trials of 10 floats, define-by-run",
        unit="µs a trial", lines=lines, bars=dict.fromkeys(_others(lines), 8.0),
    )  # fmt: skip


def durable(size: Size) -> Result:
    """One process that keeps every trial on disk, synced."""
    n = size.of(1_000)
    counts = {"RDB (SQLite)": size.of(96), "JournalFile": size.of(200)}  # slow peers do fewer
    contenders: dict[str, Measure] = {}
    notes: dict[str, str] = {}
    for peer, store in _stores():
        count = n if peer is OURS else counts[store]
        contenders[_called(peer, store)] = partial(_kept, peer, store, count)
        notes[_called(peer, store)] = f"{count:,} trials"
    lines = noted(in_turn(contenders, size.repeat), notes)
    return Result(
        case="durable", title="Every trial synced to disk, one process, 3 floats", unit="ms a trial",
        lines=lines,
        bars={"Optuna, RDB (SQLite)": 10.0, "Optuna, JournalFile": 2.0},
        facts=(_fsync(),),
    )  # fmt: skip


def imports(size: Size) -> Result:
    """`import`, in fresh interpreters; the interpreter's own start is taken off."""
    contenders: dict[str, Measure] = {
        f"import {p.MODULE}": partial(_started, f"import {p.MODULE}") for p in PEERS
    }
    lines = in_turn({**contenders, "nothing": partial(_started, "pass")}, max(5, 5 * size.repeat))
    bare = min(lines[-1].runs)
    found = tuple(Line(who=li.who, runs=tuple(max(0.01, run - bare) for run in li.runs)) for li in lines[:-1])
    return Result(
        case="imports", title="Import in a fresh interpreter", unit="ms", lines=found,
        bars=dict.fromkeys(_others(found), 2.0),
        facts=tuple(f"least: {li.who} {min(li.runs):.1f} ms" for li in found),
    )  # fmt: skip


def processes(size: Size) -> Result:
    """Many processes on one study in one file."""
    n, peer_n = size.of(1_000), size.of(400)
    contenders: dict[str, Measure] = {}
    censuses: dict[str, list[str]] = {}
    notes: dict[str, str] = {}
    for peer, store in _stores():
        if store == "RDB (SQLite)":
            continue  # minutes
        who, count = _called(peer, store), n if peer is OURS else peer_n
        censuses[who], notes[who] = [], f"{count:,} trials"
        contenders[who] = partial(_together, peer, store, count, censuses[who])
    lines = noted(in_turn(contenders, size.repeat), notes)
    return Result(
        case="processes", title=f"{_PROCESSES} processes on one study in one file", unit="ms a trial",
        lines=lines,
        bars={},
        facts=tuple(f"{who}: {'; '.join(dict.fromkeys(found))}" for who, found in censuses.items()),
    )  # fmt: skip


def opening(size: Size) -> Result:
    """Opening a study that is there, and reading its best value and its trials."""
    n = size.of(10_000)
    best: dict[str, list[float]] = {}
    with ExitStack() as stack:
        contenders: dict[str, Measure] = {}
        for peer, store in _stores():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            peer.prepare(store, folder, n)
            contenders[_called(peer, store)] = partial(
                _opened, peer, store, folder, best.setdefault(_called(peer, store), [])
            )
        lines = in_turn(contenders, size.repeat)
    return Result(
        case="opening",
        title=f"Open a study of {n:,} trials in a fresh process, read its best value and all trials",
        unit="ms",
        lines=lines,
        bars={},
        facts=(
            "imports are not counted",
            *(f"best value alone: {who} {statistics.median(runs):.0f} ms" for who, runs in best.items()),
        ),
    )


def tpe(size: Size, told: int) -> Result:
    """An ask of TPE, at so many told trials."""
    lines = in_turn({p.NAME: partial(_asked, p, told) for p in PEERS}, size.repeat)
    return Result(
        case=f"tpe-{told}", title=f"TPE: one ask and tell at {told:,} told trials, 10 floats", unit="ms",
        lines=lines,
        bars={},
    )  # fmt: skip


CASES: Mapping[str, Callable[[Size], Result]] = {
    "memory": memory,
    "durable": durable,
    "imports": imports,
    "processes": processes,
    "opening": opening,
    "tpe-100": partial(tpe, told=100),
    "tpe-1000": partial(tpe, told=1_000),
    "tpe-10000": partial(tpe, told=10_000),
}


def _ten(trial: Any) -> float:
    return sum(float(trial.suggest_float(f"x{i}", -1.0, 1.0)) ** 2 for i in range(10))


def _three(trial: Any) -> float:
    return sum(float(trial.suggest_float(f"x{i}", -1.0, 1.0)) ** 2 for i in range(3))


def _stores() -> list[tuple[ModuleType, str]]:
    return [(peer, store) for peer in PEERS for store in peer.STORES]


def _called(peer: ModuleType, store: str) -> str:
    return f"{peer.NAME}, {store}"


def _others(lines: tuple[Line, ...]) -> list[str]:
    return [line.who for line in lines[1:]]


def _per_trial(work: Callable[[], Any], n: int, scale: float) -> float:
    return seconds(work) / n * scale


def _kept(peer: ModuleType, store: str, n: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return _per_trial(partial(peer.durable, store, folder, _three, n), n, 1e3)


def _started(code: str) -> float:
    return 1e3 * seconds(partial(subprocess.run, [sys.executable, "-c", code], check=True))


def _together(peer: ModuleType, store: str, n: int, censuses: list[str]) -> float:
    """All agents are imported and waiting before the clock starts."""
    with tempfile.TemporaryDirectory() as folder:
        peer.make(store, folder)
        code = (
            f"import sys; from benchmarks.adapters import {peer.MODULE} as peer; print('ready', flush=True); "
            f"sys.stdin.readline(); peer.agent({store!r}, {folder!r}, {n}, {_PROCESSES})"
        )
        agents = [
            subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(_PROCESSES)
        ]
        for agent in agents:
            agent.stdout.readline()

        def work() -> None:
            for agent in agents:
                agent.stdin.write("go\n")
                agent.stdin.flush()
            for agent in agents:
                agent.wait()

        took = seconds(work)
        errors = sum(agent.returncode != 0 for agent in agents)
        for agent in agents:
            agent.communicate()
        numbers, complete = peer.census(store, folder)
        exact = sorted(numbers) == list(range(n))
        censuses.append(
            f"{complete} of {n} complete, numbers {f'0 to {n - 1}, each once' if exact else 'not exact'}, "
            f"{errors} processes failed"
        )
        return took / n * 1e3


def _opened(peer: ModuleType, store: str, folder: str, best: list[float]) -> float:
    """In a process of its own, for caches; it says itself how long it took."""
    code = (
        f"import time; from benchmarks.adapters import {peer.MODULE} as peer; start = time.perf_counter(); "
        f"study = peer.reopen({store!r}, {folder!r}); study.best_value; print(time.perf_counter() - start); "
        "len(study.trials); print(time.perf_counter() - start)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    first, total = map(float, done.stdout.split())
    best.append(first * 1e3)
    return total * 1e3


def _fsync() -> str:
    """What the disk takes: figures of durable stores mean little without it."""
    with tempfile.TemporaryFile() as file:

        def sync() -> None:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

        took = statistics.median(seconds(sync) for _ in range(50))
    return f"the disk takes {took * 1e3:.2g} ms to sync 4 KiB"


def _asked(peer: ModuleType, told: int) -> float:
    rng = random.Random(0)
    rows = [[rng.random() for _ in range(10)] for _ in range(told)]
    ask = peer.tpe_ask(10, rows, [sum(x * x for x in row) for row in rows])
    ask()
    return statistics.median(seconds(ask) for _ in range(10)) * 1e3
