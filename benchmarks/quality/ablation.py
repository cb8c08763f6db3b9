"""`python -m benchmarks ablation gp --without '{"shape": false}'`: what each ingredient is worth."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.quality import stats, tasks
from benchmarks.quality.command import finish, head, installed, options, played, resolve
from benchmarks.quality.families import families
from benchmarks.quality.runs import Job
from benchmarks.quality.traces import Traces

POINTS = (25, 50, 100, 200, 300, 400, 500)


@click.command("ablation")
@click.argument("method")
@click.option(
    "--without",
    multiple=True,
    metavar="SETTINGS",
    help='Settings that differ from the default, as JSON: {"shape": false}; may be repeated. Without it, '
    "every setting of the method that is true is set to false, and of auto each rule is left out.",
)
@click.option("--tasks", "place", default="aside", show_default=True, metavar="FOLDER")
@click.option("--set", "wanted", default="dev", show_default=True)
@click.option("--trials", type=int, help="100; of a method that goes by rules 500, for some begin late.")
@options
def ablation(
    method: str,
    without: Sequence[str],
    place: str,
    wanted: str,
    trials: int | None,
    seeds: int,
    jobs: int,
    pythons: Sequence[str],
    traces: Path,
    results: Path,
    out: Path,
) -> None:
    """A searcher with settings other than its own, paired over tasks and seeds."""
    place, base = resolve(place), f"tunesmith-{method}"
    found, known = installed(base, pythons)
    if not known:
        raise click.ClickException(f"{method!r} is no searcher of this version")
    changes = [json.loads(text) for text in without] or switches(method)
    trials = trials or (500 if any("rules" in settings for settings in changes) else 100)
    variants = {
        f"{base}:{json.dumps(settings, separators=(',', ':'))}": _said(settings) for settings in changes
    }
    for who in variants:  # a setting that there is not is said before an hour of runs
        found.found["tunesmith"].method(who.removeprefix("tunesmith-"))
    names = tasks.names(place, wanted)
    plan = [
        Job(contender=who, task=task, seed=seed, trials=trials)
        for seed in range(seeds)
        for task in names
        for who in (base, *variants)
    ]
    begun = time.perf_counter()
    failures = played(place, plan, Traces(traces), jobs)
    runs = list(Traces(traces).read(plan).values())
    refs = stats.best_known(tasks.references(place, names), runs)
    points = [n for n in POINTS if n <= trials] or [trials]
    regrets = stats.regrets(refs, runs, points)
    record: dict[str, Any] = {
        **head(f"ablation-{method}", found, begun, failures, trials >= 100),
        "method": method,
        "base": base,
        "seeds": seeds,
        "trials": trials,
        "tasks": names,
        "variants": variants,
        "families": {
            name: stats.table(regrets, points, base, of, brief=True)
            for name, of in {"all tasks": names, **families(names)}.items()
        },
    }
    finish(record, results, out)


def switches(method: str) -> list[dict[str, Any]]:
    """Every setting that is on, off; of a method that goes by rules, each of them left out."""
    from tunesmith import presets

    settings = presets.record(presets.searcher(method))["settings"]
    rules = settings.get("rules", ())
    without = [[*rules[:k], *rules[k + 1 :]] for k in range(len(rules))]
    return [
        *({name: False} for name, value in settings.items() if value is True),
        *({**settings, "rules": left} for left in without),
    ]


def _said(settings: dict[str, Any]) -> str:
    if "rules" in settings:
        from tunesmith import presets

        kept = {str(why) for _, _, why in settings["rules"]}
        return "without the rule: " + "; ".join(why for _, _, why in presets.AUTO if why not in kept)
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in settings.items())
