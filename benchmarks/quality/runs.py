"""One run of one contender on one task, with one worker or with several that finish when they finish."""

from __future__ import annotations

import heapq
import math
import random
import time
import zlib
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.adapters import split
from benchmarks.quality.tasks import Task, task
from benchmarks.spaces import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    contender: str
    task: str
    seed: int
    trials: int
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Played:
    """In the order in which trials were told; CPU seconds of all asks and tells."""

    configs: list[Config]
    values: list[float]
    cpu_s: float


def play(place: str, job: Job) -> dict[str, Any]:
    """The values told, and what is said of the configuration that is reported where the task judges it."""
    module, searcher = split(job.contender)
    found = task(place, job.task)
    found.begin(job.seed)
    session = module.session(searcher, found.space, stream(job), job.trials, job.workers)
    begun = time.perf_counter()
    run = simulate(session, found, job)
    record = {
        **asdict(job),
        "values": _short(run.values),
        "cpu_s": round(run.cpu_s, 4),
        "wall_s": round(time.perf_counter() - begun, 3),
    }
    if found.truth is not None:
        record["truths"] = _short([found.truth(config) for config in run.configs])
    if found.judge is not None:
        best = run.configs[run.values.index(min(run.values))]
        advise = getattr(session, "recommend", None)
        said = advise() if advise else None
        record["best_score"] = found.judge(best)
        record["score"] = record["best_score"] if said in (None, best) else found.judge(said)
    return record


def _short(values: list[float]) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def stream(job: Job) -> int:
    """Another stream for every task, the same for all contenders: luck is not shared between tasks."""
    return zlib.crc32(f"{job.task}/{job.seed}".encode()) % (2**31 - 1)


def simulate(session: Any, found: Task, job: Job) -> Played:
    """Ask when a worker is free; a trial's length is log-normal, its median 1, whatever is tried."""
    clock = random.Random(stream(job) + 1)
    running: list[tuple[float, int, Any, Config]] = []
    configs: list[Config] = []
    values: list[float] = []
    cpu, now, asked = 0.0, 0.0, 0
    while len(values) < job.trials:
        before = time.process_time()
        while asked < job.trials and len(running) < job.workers:
            handle, config = session.ask()
            heapq.heappush(running, (now + math.exp(clock.gauss(0.0, 0.5)), asked, handle, config))
            asked += 1
        cpu += time.process_time() - before
        now, _, handle, config = heapq.heappop(running)
        value = float(found.evaluate(config))
        before = time.process_time()
        session.tell(handle, value)
        cpu += time.process_time() - before
        configs.append(config)
        values.append(value)
    return Played(configs, values, cpu + getattr(session, "cpu_s", 0.0))
