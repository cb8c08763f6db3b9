"""What a run has spent and found, and one run of one contender."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.adapters import split
from benchmarks.budgets.tasks import Task, task
from benchmarks.quality.runs import Job, stream


@dataclass(slots=True)
class Meter:
    """Every new epoch is charged; `found` is the lowest loss so far, wherever it fell: (epochs, loss)."""

    budget: int
    spent: int = 0
    best: float = math.inf
    found: list[tuple[int, float]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.spent >= self.budget

    def epoch(self, loss: float) -> None:
        self.spent += 1
        if loss < self.best:
            self.best = loss
            self.found.append((self.spent, float(f"{loss:.7g}")))


def at(found: list[Any], epochs: float) -> float:
    """The lowest loss after so many epochs."""
    return min((loss for spent, loss in found if spent <= epochs), default=math.inf)


def play(place: str, job: Job) -> dict[str, Any]:  # noqa: ARG001
    """`trials` of the job are full trainings. What is taken up again goes on from its checkpoint, for all."""
    module, method = split(job.contender)
    curves = task(job.task)
    begun = time.perf_counter()
    session = module.steps(method or "default", curves.space, stream(job), curves.high)
    meter = Meter(job.trials * curves.high)
    cpu, configs = run(session, curves, meter)
    return {
        **asdict(job),
        "values": [],
        "found": meter.found,
        "configs": configs,
        "cpu_s": round(cpu + getattr(session, "cpu_s", 0.0), 4),
        "wall_s": round(time.perf_counter() - begun, 3),
    }


def run(session: Any, curves: Task, meter: Meter) -> tuple[float, int]:
    """Until the meter is over; CPU seconds of the session's calls, and how many were trained."""
    trained: dict[str, tuple[Any, int]] = {}  # curve, and how far
    cpu = 0.0
    while not meter.over:
        before = time.process_time()
        handle, key, config, last = session.ask()
        cpu += time.process_time() - before
        if key not in trained:
            trained[key] = (curves.curve(config), 0)
        curve, step = trained[key]
        while step < last:
            step += 1
            meter.epoch(float(curve[step - 1]))
            if meter.over:
                return cpu, len(trained)
            before = time.process_time()
            goes_on = session.report(handle, step, float(curve[step - 1]))
            cpu += time.process_time() - before
            if not goes_on:
                break
        trained[key] = (curve, step)
        reached = min(step, last)
        before = time.process_time()
        session.tell(handle, reached, float(curve[reached - 1]))
        cpu += time.process_time() - before
    return cpu, len(trained)
