"""`python -m benchmarks budgets`: regret on learning curves against epochs trained, beside the peers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import elsewhere
from benchmarks.adapters import Peers, peers
from benchmarks.budgets import tasks
from benchmarks.budgets.meter import at, play
from benchmarks.harness import ROOT
from benchmarks.quality.command import finish, head, options, played
from benchmarks.quality.runs import Job
from benchmarks.quality.tasks import Reference
from benchmarks.quality.traces import Traces

CONTENDERS = (
    "tunesmith-freeze-thaw",
    "tunesmith-freeze-thaw-stop",
    "tunesmith-bohb",
    "tunesmith-dehb",
    "tunesmith-smac",
    "optuna-tpe+none",
    "optuna-tpe+median",
    "optuna-tpe+asha",
    "optuna-tpe+hyperband",
    "optuna-random+none",
    "optuna-random+asha",
    "optuna-gp+none",
    "smac-mf",
    "dehb",
    "synetune-asha",
    "synetune-bohb",
)
RANDOM = "optuna-random+none"
POINTS = (1, 3, 5, 10, 25, 50, 100)  # full trainings
_SEEDS = 100  # of saved runs, that many at most are read
Runs = Sequence[Mapping[str, Any]]


@click.command("budgets")
@click.option("--set", "wanted", default="public", show_default=True, help="public, aside, or names.")
@click.option("--full", default=25, show_default=True, help="Epochs to spend, in full trainings.")
@click.option("--contenders", default=",".join(CONTENDERS), show_default=True, help="Played by this call.")
@click.option("--name", help="Of the result: budgets, or budgets-SET.")
@options
def budgets(
    wanted: str,
    full: int,
    contenders: str,
    name: str | None,
    seeds: int,
    jobs: int,
    pythons: Sequence[str],
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """Regret on learning curves. The table has all runs that are saved, whatever call played them."""
    elsewhere.add(pythons)
    if traces == ROOT / ".bench" / "traces":
        traces = ROOT / ".bench" / "curves"
    names = tasks.names(wanted)
    if lacking := sorted(set(names) - set(tasks.references(names))):
        raise click.ClickException(
            f"{', '.join(lacking)}: no references, say python -m benchmarks.budgets.tasks {','.join(lacking)}"
        )
    before = [who for who in CONTENDERS if (traces / f"{who}.jsonl").exists()]
    found, known = installed(list(dict.fromkeys((*contenders.split(","), *before))))
    plan = [
        Job(contender=who, task=task, seed=seed, trials=full)
        for seed in range(seeds)
        for task in names
        for who in contenders.split(",")
        if who in known
    ]
    begun = time.perf_counter()
    failures = played("", plan, Traces(traces), jobs, play)
    runs = saved(Traces(traces), known, names)
    record: dict[str, Any] = {
        **head(name or ("budgets" if wanted == "public" else f"budgets-{wanted}"), found, begun, failures),
        "took_s": round(sum(run["wall_s"] for run in runs), 1),
        "tasks": names,
        "high": {name: tasks.task(name).high for name in names},
        **tabled(runs, tasks.references(names)),
        "runs": [line(run) for run in runs],
    }
    finish(record, results, out)


def installed(contenders: Sequence[str]) -> tuple[Peers, list[str]]:
    """Peers that are here, and the contenders that they have."""
    found = peers(sorted({who.split("-")[0] for who in contenders}))
    known = []
    for who in contenders:
        name, _, method = who.partition("-")
        if (method or "default") in getattr(found.found.get(name), "STEPS", ()):
            known.append(who)
        else:
            click.echo(f"{who}: {found.missing.get(name, f'unknown method {method!r}')}", err=True)
    return found, known


def saved(traces: Traces, contenders: Sequence[str], names: Sequence[str]) -> list[dict[str, Any]]:
    """All runs there are of these, of whatever length: of one that was played twice, the longer."""
    jobs = [
        Job(contender=who, task=task, seed=seed, trials=1)
        for who in contenders
        for task in names
        for seed in range(_SEEDS)
    ]
    found = traces.read(jobs)
    return [found[key] for job in jobs if (key := (job.contender, job.task, job.seed, 1)) in found]


def line(run: Mapping[str, Any]) -> str:
    """Who, task, seed, full trainings, configurations, CPU seconds; then epoch:loss, the lowest so far."""
    steps = " ".join(f"{spent}:{loss:.6g}" for spent, loss in thinned(run["found"], _high(run)))
    facts = (run[key] for key in ("contender", "task", "seed", "trials", "configs"))
    return f"{' '.join(map(str, facts))} {run['cpu_s']:.3g} {steps}"


def thinned(found: Sequence[Sequence[float]], high: int) -> list[Sequence[float]]:
    """The last improvement before each point of the table, and before each epoch of a grid whose spacing
    grows by 5 %: a curve that falls is not kept whole."""
    last = found[-1][0] if found else 0
    grid = {point * high for point in POINTS} | {math.ceil(1.05**i) for i in range(200)} | {last}
    kept: list[Sequence[float]] = []
    for epoch in sorted(grid):
        before = [step for step in found if step[0] <= epoch]
        if before and (not kept or before[-1][0] > kept[-1][0]):
            kept.append(before[-1])
    return kept


def tabled(runs: Runs, refs: Mapping[str, Reference]) -> dict[str, Any]:
    """All that the page shows."""
    best = {
        name: Reference(
            min([ref.best, *(run["found"][-1][1] for run in runs if run["task"] == name)]), ref.median, False
        )
        for name, ref in refs.items()
    }
    who = list(dict.fromkeys(run["contender"] for run in runs))
    return {
        "points": {
            str(point): {name: of for name in who if (of := mean(name, point, runs, best))}
            for point in POINTS
        },
        "per_task": per_task(runs, best),
        "reach": reach(runs, best),
        "configs": {
            name: [float(np.mean([run["configs"] / run["trials"] for run in mine])), _per_epoch(mine)]
            for name in who
            if (mine := [run for run in runs if run["contender"] == name])
        },
    }


def _per_epoch(runs: Runs) -> float:
    """CPU milliseconds of a contender for each epoch."""
    return 1e3 * sum(run["cpu_s"] for run in runs) / sum(run["trials"] * _high(run) for run in runs)


def _high(run: Mapping[str, Any]) -> int:
    return tasks.task(run["task"]).high


def regrets(who: str, point: int, runs: Runs, refs: Mapping[str, Reference]) -> dict[str, list[float]]:
    """By task, of the runs that are long enough."""
    found: dict[str, list[float]] = {}
    for run in runs:
        if run["contender"] == who and run["trials"] >= point:
            value = at(run["found"], point * _high(run))
            found.setdefault(run["task"], []).append(refs[run["task"]].regret(value))
    return found


def mean(who: str, point: int, runs: Runs, refs: Mapping[str, Reference]) -> dict[str, float] | None:
    """Over the runs of a task, then over tasks; None unless every task has one."""
    found = regrets(who, point, runs, refs)
    if set(found) != set(refs):
        return None
    errors = [np.var(of, ddof=1) / len(of) for of in found.values() if len(of) > 1]
    return {
        "mean": float(np.mean([np.mean(of) for of in found.values()])),
        "error": math.sqrt(sum(errors)) / len(found) if len(errors) == len(found) else math.nan,
        "runs": sum(map(len, found.values())),
    }


def per_task(runs: Runs, refs: Mapping[str, Reference], point: int = 25) -> dict[str, Any]:
    """Mean regret by contender and task at one point, or at the greatest that any run has."""
    shown = min(point, max((run["trials"] for run in runs), default=point))
    of = {
        who: {task: float(np.mean(values)) for task, values in regrets(who, shown, runs, refs).items()}
        for who in dict.fromkeys(run["contender"] for run in runs)
    }
    return {"n": shown, "regret": {who: by for who, by in of.items() if by}}


def reach(runs: Runs, refs: Mapping[str, Reference]) -> dict[str, Any]:
    """When a contender's mean regret is what random search, every training to the end, has last.

    In full trainings, by contender; the mean of runs is followed epoch by epoch.
    """
    far = max((run["trials"] for run in runs if run["contender"] == RANDOM), default=0)
    goal = mean(RANDOM, far, runs, refs) if far else None
    if goal is None:
        return {}
    found = {}
    for who in dict.fromkeys(run["contender"] for run in runs):
        mine = [run for run in runs if run["contender"] == who]
        found[who] = _reached(mine, refs, goal["mean"])
    return {"after": far, "regret": goal["mean"], "cost": found}


def _reached(runs: Runs, refs: Mapping[str, Reference], goal: float) -> float | None:
    """Only the runs that are as long as the longest stretch that all tasks have are followed, one epoch of
    each at a time."""
    most = min((max((r["trials"] for r in runs if r["task"] == name), default=0) for name in refs), default=0)
    for upto in sorted({run["trials"] for run in runs if run["trials"] <= most}):
        long = [run for run in runs if run["trials"] >= upto]
        if {run["task"] for run in long} != set(refs):
            continue
        high = max(_high(run) for run in long)
        for epoch in range(1, upto * high + 1):
            if _mean_at(long, refs, epoch / high) <= goal:
                return epoch / high
    return None


def _mean_at(runs: Runs, refs: Mapping[str, Reference], point: float) -> float:
    by: dict[str, list[float]] = {}
    for run in runs:
        value = at(run["found"], point * _high(run))
        by.setdefault(run["task"], []).append(refs[run["task"]].regret(value))
    return float(np.mean([np.mean(of) for of in by.values()]))
