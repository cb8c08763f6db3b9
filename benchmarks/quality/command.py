"""`python -m benchmarks quality`: play what is not played yet, then write the tables."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import click

from benchmarks import elsewhere
from benchmarks.adapters import Peers, peers
from benchmarks.harness import ROOT, SCHEMA, environment, say
from benchmarks.machine import machine
from benchmarks.quality import stats, tasks
from benchmarks.quality.families import families
from benchmarks.quality.runs import Job, play
from benchmarks.quality.stored import stored as read_stored
from benchmarks.quality.traces import Traces, key

CONTENDERS = (
    "tunesmith-auto",
    "tunesmith-gp",
    "tunesmith-forest",
    "tunesmith-cmaes",
    "tunesmith-tpe",
    "tunesmith-random",
    "optuna-tpe",
    "optuna-tpe-group",
    "optuna-cmaes",
    "hyperopt-tpe",
    "nevergrad-ngopt",
    "rustuna-tpe",
    "plain-random",
)
ASYNCHRONOUS = "tunesmith-auto,tunesmith-gp,tunesmith-tpe,optuna-tpe,rustuna-tpe,nevergrad-ngopt"
POINTS = (10, 25, 50, 100, 200, 300)
_FAR = 100  # trials of runs with several workers


def options(command: Any) -> Any:
    """What all commands that play runs take."""
    for option in reversed(
        (
            click.option("--seeds", default=10, show_default=True),
            click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes at once."),
            click.option(
                "--python",
                "pythons",
                multiple=True,
                metavar="NAME=PATH",
                help=f"A peer's own interpreter; may be repeated. Also {elsewhere.VARIABLE}, with commas.",
            ),
            click.option(
                "--traces",
                type=click.Path(path_type=Path),
                default=ROOT / ".bench" / "traces",
                help="Saved runs.",
            ),
            click.option(
                "--results", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results"
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                default=ROOT / "docs" / "benchmarks.md",
                help="The page.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command("quality")
@click.option(
    "--tasks",
    "place",
    envvar="BENCH_TASKS",
    default=tasks.BUILT_IN,
    metavar="FOLDER",
    help='A folder with a tasks.py and a refs.json; "aside" for our own; else the built-in analytic ones. '
    "Also BENCH_TASKS.",
)
@click.option(
    "--set", "wanted", default="all", show_default=True, help="A set of tasks, or names with commas."
)
@click.option("--trials", default=200, show_default=True)
@click.option(
    "--workers", default="4,16,64", show_default=True, help='Simulated asynchronous workers; "" for none.'
)
@click.option("--worker-seeds", type=int, help="Seeds of runs with several workers; all of them.")
@click.option(
    "--contenders", default=",".join(CONTENDERS), show_default=True, help="All are compared with the first."
)
@click.option("--asynchronous", default=ASYNCHRONOUS, show_default=True, help="Those with several workers.")
@click.option(
    "--stored", type=click.Path(exists=True, path_type=Path), help="A folder of runs that were played before."
)
@click.option("--name", help="Of the result: quality, quality-built-in, or quality-SET of our own tasks.")
@options
def quality(
    place: str,
    wanted: str,
    trials: int,
    workers: str,
    worker_seeds: int | None,
    contenders: str,
    asynchronous: str,
    stored: Path | None,
    name: str | None,
    seeds: int,
    jobs: int,
    pythons: Sequence[str],
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """Regret after 10 to 300 trials, beside the peers. Runs are saved, and not played twice."""
    place, name = resolve(place), name or _name(place, wanted)
    found, ours = installed(contenders, pythons)
    names = tasks.names(place, wanted)
    counts = [int(count) for count in workers.split(",") if count]
    alone = [
        Job(contender=who, task=task, seed=seed, trials=trials)
        for seed in range(seeds)
        for task in names
        for who in ours
    ]
    many = [
        Job(contender=who, task=task, seed=seed, trials=min(_FAR, trials), workers=count)
        for seed in range(seeds if worker_seeds is None else worker_seeds)
        for task in names
        for count in counts
        for who in ours
        if who in asynchronous.split(",")
    ]
    begun = time.perf_counter()
    failures = played(place, [*alone, *many], Traces(traces), jobs)
    runs = list(Traces(traces).read([*alone, *many]).values())
    runs += read_stored(stored, names, ours) if stored else []
    record = {
        **head(name, found, begun, failures, trials >= 200),
        "seeds": seeds,
        "trials": trials,
        "tasks": names,
        **tabled(runs, tasks.references(place, names), ours[0] if ours else "", trials),
    }
    finish(record, results, out)


def resolve(place: str) -> str:
    """The folder in full: workers may stand elsewhere."""
    return place if place == tasks.BUILT_IN else str(Path(tasks.HOMES.get(place, place)).resolve())


def _name(place: str, wanted: str) -> str:
    if place == tasks.BUILT_IN:
        return "quality-built-in"
    return f"quality-{wanted}" if place == "aside" and wanted.isidentifier() else "quality"


def installed(contenders: str, pythons: Sequence[str]) -> tuple[Peers, list[str]]:
    """Peers that are here, and the contenders whose peer is; the others are named on the error stream."""
    elsewhere.add(pythons)
    asked = [who for who in contenders.split(",") if who]
    found = peers(sorted({who.split("-")[0] for who in asked}))
    ours = [who for who in asked if _known(found, who)]
    for who in sorted(set(asked) - set(ours)):
        name, _, searcher = who.partition("-")
        click.echo(f"{who}: {found.missing.get(name, f'unknown searcher {searcher!r}')}", err=True)
    return found, ours


def _known(found: Peers, who: str) -> bool:
    name, _, searcher = who.partition("-")
    module = found.found.get(name)
    known = getattr(module, "knows", None)
    if module is None:
        return False
    return known(searcher) if known else (searcher or "default") in module.SEARCHERS


def played(
    place: str,
    plan: Sequence[Job],
    traces: Traces,
    jobs: int,
    play: Callable[[str, Job], dict[str, Any]] = play,
) -> list[str]:
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


def head(case: str, found: Peers, begun: float, failures: Sequence[str], full: bool = True) -> dict[str, Any]:
    """What a result says of how it was made."""
    return {
        "schema": SCHEMA,
        "case": case,
        "profile": "full" if full else "short",
        "machine": machine(),
        "versions": found.versions(),
        "missing": {name: why for name, why in found.missing.items() if "left out" not in why},
        "took_s": round(time.perf_counter() - begun, 1),
        "failures": list(failures),
    }


def finish(record: Mapping[str, Any], results: Path, out: Path) -> None:
    """Written, and with it the page."""
    from benchmarks.__main__ import read, write
    from benchmarks.page import page

    for line in record["failures"]:
        click.echo(line, err=True)
    write(results / f"{record['case']}.json", dict(record))
    out.write_text(page(read(results)), encoding="utf-8")
    from benchmarks.quality.pages import section

    click.echo(section(record))


def tabled(
    runs: Sequence[Mapping[str, Any]], refs: Mapping[str, tasks.Reference], base: str, trials: int
) -> dict[str, Any]:
    """All that the page shows."""
    refs = stats.best_known(refs, runs)
    points = [n for n in POINTS if n <= trials] or [trials]
    alone = stats.regrets(refs, [run for run in runs if run["workers"] == 1], points)
    index = points.index(50) if 50 in points else len(points) - 1
    shown = min(_FAR, points[-1])
    return {
        "base": base,
        "points": stats.table(alone, points, base),
        "families": {
            name: {"tasks": of, "points": stats.table(alone, points, base, of, brief=True)}
            for name, of in families(sorted(refs)).items()
        },
        "per_task": {"n": points[index], "regret": stats.per_task(alone, index)},
        "workers": {"n": shown, "regret": _workers(refs, runs, shown)},
        "cpu_ms": {
            who: 1e3 * sum(run["cpu_s"] for run in mine) / sum(len(run["values"]) for run in mine)
            for who in alone
            if (mine := [run for run in runs if run["contender"] == who and run["workers"] == 1])
        },
    }


def _workers(
    refs: Mapping[str, tasks.Reference], runs: Sequence[Mapping[str, Any]], point: int
) -> dict[str, dict[str, float]]:
    """Mean regret at one point by contender and number of workers, of those that played with several, and of
    the seeds that they did so with."""
    many = {(run["contender"], run["seed"]) for run in runs if run["workers"] > 1}
    found: dict[str, dict[str, float]] = {}
    for count in sorted({run["workers"] for run in runs}):
        here = [run for run in runs if run["workers"] == count and (run["contender"], run["seed"]) in many]
        table = stats.table(stats.regrets(refs, here, [point]), [point], "", sorted(refs), brief=True)
        for who, of in table[str(point)].items():
            found.setdefault(who, {})[str(count)] = of["mean"]
    return found
