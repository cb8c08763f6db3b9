"""`python -m benchmarks quality`: play what is not played yet, then write the tables."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import click

from benchmarks.adapters import peers
from benchmarks.harness import ROOT, SCHEMA, environment, say
from benchmarks.machine import machine
from benchmarks.quality import stats, tasks
from benchmarks.quality.runs import Job, play
from benchmarks.quality.traces import Traces, key

BASE = "tunesmith-tpe"
CONTENDERS = (
    BASE,
    "optuna-tpe",
    "optuna-tpe-group",
    "hyperopt-tpe",
    "rustuna-tpe",
    "tunesmith-random",
    "optuna-random",
    "hyperopt-random",
    "plain-random",
)
ASYNCHRONOUS = (BASE, "optuna-tpe", "rustuna-tpe")
POINTS = (10, 25, 50, 100, 200)


@click.command("quality")
@click.option(
    "--tasks",
    "place",
    envvar="BENCH_TASKS",
    default=tasks.BUILT_IN,
    metavar="FOLDER",
    help="A folder with a tasks.py and a refs.json; else the built-in analytic ones. Also BENCH_TASKS.",
)
@click.option(
    "--set", "wanted", default="all", show_default=True, help="A set of tasks, or names with commas."
)
@click.option("--seeds", default=10, show_default=True)
@click.option("--trials", default=200, show_default=True)
@click.option(
    "--workers", default="4,16", show_default=True, help='Simulated asynchronous workers; "" for none.'
)
@click.option("--contenders", default=",".join(CONTENDERS), show_default=True)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes at once.")
@click.option(
    "--traces", type=click.Path(path_type=Path), default=ROOT / ".bench" / "traces", help="Saved runs."
)
@click.option("--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results")
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "benchmarks.md", help="The page."
)
def quality(
    place: str,
    wanted: str,
    seeds: int,
    trials: int,
    workers: str,
    contenders: str,
    jobs: int,
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """Regret after 10 to 200 trials, beside the peers. Runs are saved, and not played twice."""
    place = place if place == tasks.BUILT_IN else str(Path(place).resolve())
    installed = peers()
    asked = [who for who in contenders.split(",") if who]
    ours = [who for who in asked if who.split("-")[0] in installed.found]
    for who in sorted(set(asked) - set(ours)):
        click.echo(f"{who}: {installed.missing.get(who.split('-')[0], 'unknown')}", err=True)
    names = tasks.names(place, wanted)
    counts = [int(count) for count in workers.split(",") if count]
    most = min(100, trials)
    plan = [
        Job(contender=who, task=name, seed=seed, trials=trials)
        for seed in range(seeds)
        for name in names
        for who in ours
    ]
    plan += [
        Job(contender=who, task=name, seed=seed, trials=most, workers=count)
        for seed in range(seeds)
        for name in names
        for count in counts
        for who in ours
        if who in ASYNCHRONOUS
    ]
    begun = time.perf_counter()
    failures = _play(place, plan, Traces(traces), jobs)
    for line in failures:
        click.echo(line, err=True)
    record = {
        "schema": SCHEMA,
        "case": "quality" if place != tasks.BUILT_IN else "quality-built-in",
        "profile": "full" if trials >= max(POINTS) else "short",
        "machine": machine(),
        "versions": installed.versions(),
        "missing": dict(installed.missing),
        "took_s": round(time.perf_counter() - begun, 1),
        "failures": failures,
        "seeds": seeds,
        "trials": trials,
        "tasks": names,
        **_tables(place, plan, Traces(traces), names, trials),
    }
    from benchmarks.__main__ import read, write
    from benchmarks.page import page

    write(results / f"{record['case']}.json", record)
    text = page(read(results))
    out.write_text(text, encoding="utf-8")
    click.echo(json.dumps(record["points"], indent=1))


def _play(place: str, plan: Sequence[Job], traces: Traces, jobs: int) -> list[str]:
    """Runs that failed, in a sentence each; they are played again next time."""
    done = traces.read(plan)
    left = [job for job in plan if key(job) not in done]
    failures: list[str] = []
    if not left:
        return failures
    os.environ.update(environment())  # before the workers start: their libraries read it
    context = multiprocessing.get_context("spawn")
    begun = time.perf_counter()
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {pool.submit(play, place, job): job for job in left}
        for count, future in enumerate(as_completed(futures), 1):
            job = futures[future]
            try:
                traces.add(future.result())
            except Exception as error:
                failures.append(
                    f"{job.contender} on {job.task}, seed {job.seed}: {type(error).__name__}: {error}"[:200]
                )
            eta = (time.perf_counter() - begun) / count * (len(left) - count)
            say(f"{count} of {len(left)} runs, {eta / 60:.0f} min left")
    say("")
    return failures


def _tables(
    place: str, plan: Sequence[Job], traces: Traces, names: Sequence[str], trials: int
) -> dict[str, Any]:
    runs = list(traces.read(plan).values())
    refs = stats.best_known(tasks.references(place, names), runs)
    points = [n for n in POINTS if n <= trials] or [trials]
    alone = stats.regrets(refs, [run for run in runs if run["workers"] == 1], points)
    shown = min(100, points[-1])
    many: dict[str, dict[str, float]] = {}
    for count in sorted({run["workers"] for run in runs}):
        of = stats.regrets(refs, [run for run in runs if run["workers"] == count], [shown])
        for who, found in of.items():
            if who in ASYNCHRONOUS:
                mean = sum(float(column.mean()) for column in found.values()) / len(found)
                many.setdefault(who, {})[str(count)] = mean
    cpu = {
        who: 1e3 * sum(run["cpu_s"] for run in mine) / sum(len(run["values"]) for run in mine)
        for who in alone
        if (mine := [run for run in runs if run["contender"] == who and run["workers"] == 1])
    }
    index = points.index(50) if 50 in points else len(points) - 1
    return {
        "points": stats.table(alone, points, BASE),
        "per_task": {"n": points[index], "regret": stats.per_task(alone, index)},
        "workers": {"n": shown, "regret": many},
        "cpu_ms": cpu,
    }
