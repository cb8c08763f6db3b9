"""`python -m benchmarks trainings`: what is reported after real, noisy trainings, on data held out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.quality import stats, tasks
from benchmarks.quality.command import finish, head, installed, options, played, resolve
from benchmarks.quality.runs import Job
from benchmarks.quality.traces import Traces

CONTENDERS = (
    "tunesmith-auto",
    "tunesmith-gp",
    "tunesmith-forest",
    "tunesmith-tpe",
    "optuna-tpe",
    "optuna-tpe-group",
    "optuna-gp",
    "optuna-cmaes",
    "hyperopt-tpe",
    "nevergrad-ngopt",
    "smac-hpo",
    "skopt-gp",
    "ax",
    "hebo",
    "plain-random",
)


@click.command("trainings")
@click.option("--set", "wanted", default="all", show_default=True, help="A set of tasks, or names.")
@click.option("--trials", default=50, show_default=True)
@click.option("--contenders", default=",".join(CONTENDERS), show_default=True)
@options
def trainings(
    wanted: str,
    trials: int,
    contenders: str,
    seeds: int,
    jobs: int,
    pythons: Sequence[str],
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """Peers report what they saw to be best; Tunesmith what `study.recommend()` says."""
    place = resolve("trainings")
    found, ours = installed(contenders, pythons)
    names = tasks.names(place, wanted)
    plan = [
        Job(contender=who, task=task, seed=seed, trials=trials)
        for seed in range(seeds)
        for task in names
        for who in ours
    ]
    begun = time.perf_counter()
    failures = played(place, plan, Traces(traces), jobs)
    runs = list(Traces(traces).read(plan).values())
    record: dict[str, Any] = {
        **head("trainings", found, begun, failures, trials >= 50),
        "base": ours[0] if ours else "",
        "seeds": seeds,
        "trials": trials,
        "tasks": names,
        "scores": scores(runs, tasks.references(place, names), ours[0] if ours else "", names),
    }
    finish(record, results, out)


def scores(
    runs: Sequence[Mapping[str, Any]],
    refs: Mapping[str, tasks.Reference],
    base: str,
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """By contender: the mean over tasks of what was reported, of what was observed to be best, and ranks.

    Ranks are among the contenders that played the same task and seed.
    """
    reported, observed = (_normalised(runs, refs, key) for key in ("score", "best_score"))
    here = stats.columns(reported, names, 0)
    best = stats.columns(observed, names, 0)
    found: dict[str, dict[str, Any]] = {}
    for who, of in here.items():
        by_task = [float(np.mean(list(rows.values()))) for rows in of]
        found[who] = {
            "mean": float(np.mean(by_task)),
            "observed": float(np.mean([np.mean(list(rows.values())) for rows in best[who]])),
            "tasks": dict(zip(names, by_task, strict=True)),
            "rank": _rank(who, here),
            "seeds": min(len(rows) for rows in of),
            "cpu_ms": 1e3
            * sum(run["cpu_s"] for run in runs if run["contender"] == who)
            / sum(len(run["values"]) for run in runs if run["contender"] == who),
        }
        if who != base and base in here:
            found[who] |= stats.difference(of, here[base])
    return found


def _normalised(
    runs: Sequence[Mapping[str, Any]], refs: Mapping[str, tasks.Reference], key: str
) -> stats.Regrets:
    """Neither end is cut off: what is held out may be kinder than any configuration is on average."""
    found: stats.Regrets = {}
    for run in runs:
        ref = refs[run["task"]]
        row = np.array([(run[key] - ref.best) / (ref.median - ref.best)])
        found.setdefault(run["contender"], {}).setdefault(run["task"], {})[run["seed"]] = row
    return found


def _rank(who: str, here: stats.Columns) -> float:
    """The average over tasks and seeds; equals share theirs."""
    ranks = []
    for index, rows in enumerate(here[who]):
        for seed, value in rows.items():
            others = [of[index][seed] for name, of in here.items() if name != who and seed in of[index]]
            below = sum(other < value for other in others)
            ranks.append(1 + below + sum(other == value for other in others) / 2)
    return float(np.mean(ranks))
