"""`python -m benchmarks goals`: hypervolume after so many trials, beside the peers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.adapters import split
from benchmarks.goals import tasks
from benchmarks.quality import stats
from benchmarks.quality.command import finish, head, installed, options, played
from benchmarks.quality.runs import Job, stream
from benchmarks.quality.traces import Traces

CONTENDERS = (
    "tunesmith-auto",
    "tunesmith-gp",
    "tunesmith-tpe",
    "tunesmith-nsga2",
    "tunesmith-nsga3",
    "optuna-gp",
    "optuna-tpe",
    "optuna-nsga2",
    "tunesmith-random",
)
POINTS = (25, 50, 100, 200)


@click.command("goals")
@click.option("--set", "wanted", default="all", show_default=True, help="all, analytic, models, or names.")
@click.option("--trials", default=200, show_default=True)
@click.option(
    "--contenders", default=",".join(CONTENDERS), show_default=True, help="All are compared with the first."
)
@click.option("--slow", default="optuna-gp", show_default=True, help="Those with fewer seeds and trials.")
@click.option("--slow-seeds", default=3, show_default=True)
@click.option("--slow-trials", default=100, show_default=True)
@options
def goals(
    wanted: str,
    trials: int,
    contenders: str,
    slow: str,
    slow_seeds: int,
    slow_trials: int,
    seeds: int,
    jobs: int,
    pythons: Sequence[str],
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """Hypervolume of two and three objectives. Runs are saved, and not played twice."""
    found, ours = installed(contenders, pythons)
    names = tasks.names(wanted)
    late = slow.split(",")
    plan = [
        Job(contender=who, task=task, seed=seed, trials=min(trials, slow_trials) if who in late else trials)
        for seed in range(seeds)
        for task in names
        for who in ours
        if seed < slow_seeds or who not in late
    ]
    begun = time.perf_counter()
    failures = played("", plan, Traces(traces), jobs, play)
    runs = list(Traces(traces).read(plan).values())
    record: dict[str, Any] = {
        **head("goals", found, begun, failures, trials >= max(POINTS)),
        "base": ours[0] if ours else "",
        "seeds": seeds,
        "trials": trials,
        "tasks": names,
        **tabled(runs, ours[0] if ours else "", trials),
    }
    finish(record, results, out)


def play(place: str, job: Job) -> dict[str, Any]:  # noqa: ARG001
    """All losses in the order of the trials; tasks of several objectives live in no folder."""
    module, searcher = split(job.contender)
    task = tasks.task(job.task)
    session = module.several(searcher, task.space, stream(job), job.trials, task.objectives)
    begun = time.perf_counter()
    values, cpu = [], 0.0
    for _ in range(job.trials):
        before = time.process_time()
        handle, config = session.ask()
        cpu += time.process_time() - before
        losses = task.evaluate(config)
        before = time.process_time()
        session.tell(handle, losses)
        cpu += time.process_time() - before
        values.append([float(f"{loss:.7g}") for loss in losses])
    return {
        **asdict(job),
        "values": values,
        "cpu_s": round(cpu + getattr(session, "cpu_s", 0.0), 4),
        "wall_s": round(time.perf_counter() - begun, 3),
    }


def tabled(runs: Sequence[Mapping[str, Any]], base: str, trials: int) -> dict[str, Any]:
    """What is missing of the greatest hypervolume, as the regret of other tables."""
    points = [n for n in POINTS if n <= trials] or [trials]
    found = missing(runs, points)
    index = points.index(100) if 100 in points else len(points) - 1
    return {
        "points": stats.table(found, points, base),
        "per_task": {"n": points[index], "regret": stats.per_task(found, index)},
        "cpu_ms": {
            who: 1e3 * sum(run["cpu_s"] for run in mine) / sum(len(run["values"]) for run in mine)
            for who in found
            if (mine := [run for run in runs if run["contender"] == who])
        },
    }


def missing(runs: Sequence[Mapping[str, Any]], points: Sequence[int]) -> stats.Regrets:
    """1 - hypervolume / the greatest, by contender, task and seed; a row an element of `points`."""
    found: stats.Regrets = {}
    for name in dict.fromkeys(run["task"] for run in runs):
        mine = [run for run in runs if run["task"] == name]
        most = greatest(name, mine)
        for run in mine:
            losses = np.array(run["values"])
            row = np.array(
                [1.0 - volume(name, losses[:n]) / most if n <= len(losses) else np.nan for n in points]
            )
            found.setdefault(run["contender"], {}).setdefault(name, {})[run["seed"]] = row
    return found


def greatest(name: str, runs: Sequence[Mapping[str, Any]]) -> float:
    """The hypervolume of the true front; where it is not known, of all that was found by anyone."""
    front = tasks.task(name).front
    if front is not None:
        return _true(name)
    return volume(name, np.concatenate([np.array(run["values"]) for run in runs]))


_KNOWN: dict[str, float] = {}


def _true(name: str) -> float:
    front = tasks.task(name).front
    if name not in _KNOWN and front is not None:
        _KNOWN[name] = volume(name, front())
    return _KNOWN[name]


def volume(name: str, losses: tasks.Array) -> float:
    """Hypervolume within the task's reference point."""
    from tunesmith.numeric.hypervolume import hypervolume

    return hypervolume(losses, tasks.references()[name])
