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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    contender: str
    task: str
    seed: int
    trials: int
    workers: int = 1


def play(place: str, job: Job) -> dict[str, Any]:
    """The values in the order in which they were told, and the CPU time of all asks and tells."""
    module, searcher = split(job.contender)
    found = task(place, job.task)
    session = module.session(searcher, found.space, stream(job), job.trials)
    begun = time.perf_counter()
    values, cpu = simulate(session, found, job)
    return {
        **asdict(job),
        "values": [float(f"{value:.7g}") for value in values],
        "cpu_s": round(cpu, 4),
        "wall_s": round(time.perf_counter() - begun, 3),
    }


def stream(job: Job) -> int:
    """Another stream for every task, the same for all contenders: luck is not shared between tasks."""
    return zlib.crc32(f"{job.task}/{job.seed}".encode()) % (2**31 - 1)


def simulate(session: Any, found: Task, job: Job) -> tuple[list[float], float]:
    """Ask when a worker is free; a trial's length is log-normal, its median 1, whatever is tried."""
    clock = random.Random(stream(job) + 1)
    running: list[tuple[float, int, Any, Any]] = []
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
        values.append(value)
    return values, cpu
