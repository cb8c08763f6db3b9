"""What a fresh process does when it measures. Times are seconds, memory bytes; `took` is wall time."""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil

from benchmarks import spaces
from benchmarks.adapters import adapter, split
from benchmarks.machine import sync_time

Figures = dict[str, Any]
_WARM = 25  # trials before the clock starts: more than any peer's random start
_STATUS = Path("/proc/self/status")


@dataclass(slots=True)
class Clock:
    """CPU and wall time, and what the memory grew by, between `start` and `stop`."""

    cpu: float = 0.0
    wall: float = 0.0
    rss: int = 0

    @classmethod
    def start(cls) -> Clock:
        gc.collect()
        rss = psutil.Process().memory_info().rss
        return cls(time.process_time(), time.perf_counter(), rss)

    def stop(self) -> Figures:
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        gc.collect()
        grown = psutil.Process().memory_info().rss - self.rss
        return {"cpu": cpu, "wall": wall, "grown": grown, "peak": peak(), "took": wall}


def peak() -> int:
    """The most memory that this process has held. getrusage would count the parent's, kept over exec."""
    if _STATUS.exists():
        line = next(li for li in _STATUS.read_text().splitlines() if li.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def optimize(contender: str, space: str, n: int) -> Figures:
    """The peer's own loop, in memory."""
    module, searcher = split(contender)
    make = getattr(module, "loop", module.session)
    make(searcher, spaces.SPACES[space], 1).optimize(_WARM)
    study = make(searcher, spaces.SPACES[space], 0)
    clock = Clock.start()
    study.optimize(n)
    return clock.stop()


def ask(contender: str, space: str, n: int, rounds: int, seconds: float) -> Figures:
    """Asks of a study that has been told n trials. Each is told a bad value, so that every ask sees news."""
    module, searcher = split(contender)
    session = module.session(searcher, spaces.SPACES[space], 0, n + rounds)
    start = time.perf_counter()
    configs, values = spaces.told(spaces.SPACES[space], n)
    session.load(configs, values)
    loaded = time.perf_counter() - start
    bad = 1e6
    for _ in range(2):
        session.tell(session.ask()[0], bad)
    asks: list[float] = []
    tells: list[float] = []
    walls: list[float] = []
    begun = time.perf_counter()
    gc.collect()
    while len(asks) < rounds and (len(asks) < 3 or time.perf_counter() - begun < seconds):
        first = (
            time.perf_counter()
        )  # the clock of CPU time is too coarse for one ask; medians bear with the rest
        handle, _ = session.ask()
        second = time.perf_counter()
        session.tell(handle, bad)
        third = time.perf_counter()
        asks.append(second - first)
        tells.append(third - second)
        walls.append(third - first)
    return {
        "ask": statistics.median(asks),
        "tell": statistics.median(tells),
        "wall": statistics.median(walls),
        "loading": loaded,
        "rounds": len(asks),
        "peak": peak(),
        "took": time.perf_counter() - start,
    }


def batch(contender: str, space: str, n: int, size: int) -> Figures:
    """Ask for `size` trials, then tell them all, until n are told; peers without batches ask one by one."""
    module, searcher = split(contender)

    def rounds(session: Any, total: int) -> None:
        many = getattr(session, "ask_many", None)
        for begin in range(0, total, size):
            count = min(size, total - begin)
            pairs = many(count) if many else [session.ask() for _ in range(count)]
            for handle, config in pairs:
                session.tell(handle, value(config))

    value = spaces.score(spaces.SPACES[space])
    rounds(module.session(searcher, spaces.SPACES[space], 1), _WARM)
    session = module.session(searcher, spaces.SPACES[space], 0, n)
    clock = Clock.start()
    rounds(session, n)
    return clock.stop()


def vectorized(contender: str, n: int, size: int) -> Figures:
    """An objective on arrays."""
    module, searcher = split(contender)
    if module.vectorized(spaces.FLOATS, 2 * size, size, searcher) is None:
        return {"not_run": "this version of Tunesmith has no vectorized="}
    clock = Clock.start()
    study = module.vectorized(spaces.FLOATS, n, size, searcher)
    figures = clock.stop()
    if len(study.trials) != n:
        raise RuntimeError(f"{len(study.trials)} trials were made, not {n}")
    return figures


def arrays(contender: str, n: int, size: int) -> Figures:  # noqa: ARG001
    """The floor under it: the same numbers drawn and summed with NumPy, kept, nothing else."""
    import numpy as np

    rng = np.random.Generator(np.random.PCG64(0))
    kept = []
    clock = Clock.start()
    for begin in range(0, n, size):
        rows = rng.uniform(-1.0, 1.0, (min(size, n - begin), len(spaces.FLOATS)))
        kept.append((rows, (rows**2).sum(axis=1)))
    return clock.stop()


def started(code: str) -> Figures:
    """A fresh interpreter that imports, for its CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall, "took": wall}


def durable(peer: str, store: str, n: int, folder: str) -> Figures:
    """One process that keeps every trial."""
    module = adapter(peer)
    warm = Path(folder) / "warm"
    warm.mkdir()
    module.create(store, str(warm), spaces.FLOATS)
    module.attach(store, str(warm), spaces.FLOATS, 0).optimize(2)
    module.create(store, folder, spaces.FLOATS)
    session = module.attach(store, folder, spaces.FLOATS, 0)
    clock = Clock.start()
    session.optimize(n)
    return clock.stop() | {"sync": sync_time()}


def processes(peer: str, store: str, n: int, count: int, folder: str) -> Figures:
    """Many processes on one study; all have imported and wait before the clock starts."""
    module = adapter(peer)
    module.create(store, folder, spaces.FLOATS)
    code = (
        f"import sys; from benchmarks import spaces; from benchmarks.adapters import adapter; "
        f"peer = adapter({peer!r}); print('ready', flush=True); sys.stdin.readline(); "
        f"peer.agent({store!r}, {folder!r}, spaces.FLOATS, {n}, {count})"
    )
    agents = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    for agent in agents:
        agent.stdout.readline()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for agent in agents:
        agent.stdin.write("go\n")
        agent.stdin.flush()
    errors = sum(agent.wait() != 0 for agent in agents)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for agent in agents:
        agent.communicate()
    numbers, complete = module.census(store, folder)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu": cpu,
        "wall": wall,
        "wall_each": wall / max(1, complete),  # of those that were done: agents may fail
        "cpu_each": cpu / max(1, complete),
        "complete": complete,
        "distinct": len(set(numbers)),
        "numbers": len(numbers),
        "exact": sorted(numbers) == list(range(n)) and complete == n,
        "errors": errors,
        "took": wall,
    }


def bulk(peer: str, store: str, n: int, folder: str) -> Figures:
    """A durable study of n trials made at once."""
    module = adapter(peer)
    configs, values = spaces.told(spaces.FLOATS, n)
    clock = Clock.start()
    module.bulk(store, folder, spaces.FLOATS, configs, values)
    figures = clock.stop()
    size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    return figures | {"disk": size}


def opening(peer: str, store: str, n: int, folder: str) -> Figures:
    """Opening it in a fresh process: its best value, and all its trials."""
    module = adapter(peer)
    warm = Path(folder) / f"warm-{uuid.uuid4().hex}"
    warm.mkdir()
    module.bulk(store, str(warm), spaces.FLOATS, *spaces.told(spaces.FLOATS, 2))
    module.opened(store, str(warm))
    clock = Clock.start()
    best, found = module.opened(store, folder)
    figures = clock.stop()
    if found != n:
        raise RuntimeError(f"{peer} holds {found} trials, not {n}")
    return figures | {"best": best}


def view(live: bool, workers: int, seconds: float) -> Figures:
    """The CPU share of the process that drives sleeping workers, with and without the live view."""
    import tunesmith as ts

    class Watch(ts.Callback):
        """CPU and wall time at each report: the start and the end of a run are no part of the share."""

        times: ClassVar[list[tuple[float, float]]] = []

        def reported(self, study: Any, trial: Any) -> None:  # noqa: ARG002
            self.times.append((time.process_time(), time.perf_counter()))

    steps = max(2, round(seconds / 2 / 0.25))
    shown = [ts.Progress()] if live else []
    clock = Clock.start()
    ts.tune(
        _sleeper(steps),
        {"x": ts.Float(0, 1), "lr": ts.Float(1e-5, 1e-1, log=True)},
        n_trials=2 * workers,
        workers=workers,
        searcher="random",
        seed=0,
        quiet=True,
        callbacks=[*shown, Watch()],
    )
    (first, begun), (last, ended) = Watch.times[0], Watch.times[-1]
    return clock.stop() | {"share": (last - first) / (ended - begun), "reports": len(Watch.times)}


def _sleeper(steps: int) -> Callable[[Any], float]:
    def objective(trial: Any) -> float:
        for step in range(1, steps + 1):
            time.sleep(0.25)
            trial.report(trial.params["x"] / step, step=step)
        return float(trial.params["x"])

    return objective


MEASURES: Mapping[str, Callable[..., Figures]] = {
    "optimize": optimize,
    "ask": ask,
    "batch": batch,
    "vectorized": vectorized,
    "arrays": arrays,
    "started": started,
    "durable": durable,
    "processes": processes,
    "bulk": bulk,
    "opening": opening,
    "view": view,
}
