"""Measurements of single asks of searchers that learn, by CPU time and by the wall clock."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from benchmarks import spaces
from benchmarks.adapters import split

Figures = dict[str, Any]
_ROUNDS = 20
_START = {"smac-hpo": 110, "smac-bb": 110}  # trials told do not count for its start, which models nothing


def model(contender: str, n: int, how: str, seconds: float) -> Figures:
    """Ask and tell of a study with n trials; `told` from outside, or `asked` for by itself.

    Every trial is told its value before the next ask, so that every ask has news to fit. CPU time is that of
    all threads, the peer's process too where it lives in another.
    """
    module, searcher = split(contender)
    space = spaces.FLOATS
    value = spaces.score(space)
    begun = time.perf_counter()
    session = module.session(searcher, space, 0, n + n // 5 + _ROUNDS)
    if how == "told":
        session.load(*spaces.told(space, n))
    else:
        for _ in range(n):
            handle, config = session.ask()
            session.tell(handle, value(config))
    for _ in range(1 + _START.get(contender, 0)):  # what is made once is no part of it
        handle, config = session.ask()
        session.tell(handle, value(config))
    gc.collect()
    walls: list[float] = []
    cpus: list[float] = []
    start = time.perf_counter()
    rounds = max(_ROUNDS, n // 5)  # the clock of CPU time may tick in milliseconds: the mean of many is right
    while len(walls) < rounds and (len(walls) < 3 or time.perf_counter() - start < seconds):
        first, used = time.perf_counter(), _cpu(session)
        handle, config = session.ask()
        session.tell(handle, value(config))
        walls.append(time.perf_counter() - first)
        cpus.append(_cpu(session) - used)
    return {
        "cpu": statistics.median(cpus),
        "mean": statistics.fmean(cpus),  # of those who fit once in several asks
        "wall": statistics.median(walls),
        "rounds": len(walls),
        "elsewhere": float(getattr(session, "cpu_s", 0.0)),
        "took": time.perf_counter() - begun,
    }


def _cpu(session: Any) -> float:
    return time.process_time() + float(getattr(session, "cpu_s", 0.0))


def between(contender: str, n: int, trial: float) -> Figures:
    """What passes between the end of an objective that sleeps and the start of the next, n trials told."""
    module, searcher = split(contender)
    space = spaces.FLOATS
    value = spaces.score(space)
    session = module.session(searcher, space, 0, n + _ROUNDS)
    session.load(*spaces.told(space, n))
    times: list[tuple[float, float]] = []

    def objective(handle: Any) -> float:
        begun = time.perf_counter()
        config = spaces.suggest(handle, space)
        time.sleep(trial)
        times.append((begun, time.perf_counter()))
        return value(config)

    session.study.optimize(objective, n_trials=module.total(n, _ROUNDS))
    gaps = [after - before for (_, before), (after, _) in pairwise(times)][2:]
    return {"wall": statistics.median(gaps), "worst": max(gaps), "took": times[-1][1] - times[0][0]}


MEASURES: Mapping[str, Any] = {"model": model, "between": between}
