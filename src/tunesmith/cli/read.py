"""The commands that look: list, show, best, trials."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Any

import click

from tunesmith.cli.stores import existing, json_option, load, storage_option
from tunesmith.errors import NoTrial

_STATES = ["waiting", "running", "paused", "complete", "stopped", "failed"]


def width() -> int | None:
    """The terminal's width; None where nothing should be cut, as in a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None


@click.command("list")
@storage_option
@json_option
def list_(storage: str, as_json: bool) -> None:
    """List all studies of a store."""
    from tunesmith.terminal.table import table
    from tunesmith.terminal.words import place

    store = existing(storage)
    infos = store.list()
    if as_json:
        from tunesmith.cli.plainjson import emit, info_record

        emit([info_record(info) for info in infos])
        return
    if not infos:
        click.echo(f"{place(store)} holds no study yet")
        return
    rows = [_listed(info) for info in infos]
    heads = ("study", "complete", "failed", "open", "updated", "searcher", "objective")
    click.echo("\n".join(table(heads, rows, width())))


def _listed(info: Any) -> tuple[str, ...]:
    counts = info.counts
    unfinished = sum(counts.get(state, 0) for state in ("WAITING", "RUNNING", "PAUSED"))
    goals = ", ".join(f"{o.direction.value} {o.name}" for o in info.spec.problem.objectives)
    return (
        info.spec.name,
        str(counts.get("COMPLETE", 0) + counts.get("STOPPED", 0)),
        str(counts.get("FAILED", 0)),
        str(unfinished),
        time.strftime("%Y-%m-%d %H:%M", time.localtime(info.updated)),
        str(info.spec.searcher.get("name", "")),
        goals,
    )


@click.command()
@click.argument("name", required=False)
@click.option(
    "--trial", type=click.IntRange(min=0), metavar="N", help="This trial, and what to expect of it."
)
@storage_option
@json_option
def show(name: str | None, trial: int | None, storage: str, as_json: bool) -> None:
    """Show a study: its settings, its trials in numbers, its best trial."""
    study = load(name, storage)
    ledger = study.cursor.fold.ledger
    if trial is not None:
        from tunesmith.cli.onetrial import show_trial

        show_trial(study, trial, as_json)
        return
    if as_json:
        from tunesmith.cli.plainjson import emit, study_record

        emit(study_record(study, ledger))
        return
    from tunesmith.cli.onetrial import under_way
    from tunesmith.terminal.summary import failures, summary

    spec = study.spec
    goals = ", ".join(f"{o.direction.value} {o.name}" for o in spec.problem.objectives)
    click.echo(f"{spec.name}: {goals}; {_methods(spec)}, seed {spec.seed}")
    click.echo(f"search: {study.explain_search()}")
    lines = [f"  {p.name}: {p.domain!r}" for p in ledger.space.parameters]
    click.echo("\n".join(["space" if lines else "the space is not known yet", *lines, ""]))
    failed = failures(ledger) if ledger.best is not None or not spec.problem.single else []
    lines = summary(spec.name, ledger, study.cursor.store)
    click.echo("\n".join([*lines, *under_way(study), *([""] if failed else []), *failed]))


def _methods(spec: Any) -> str:
    searcher, scheduler = spec.searcher.get("name"), spec.scheduler.get("name")
    return f"searcher {searcher}" + ("" if scheduler in (None, "none") else f", scheduler {scheduler}")


@click.command()
@click.argument("name", required=False)
@storage_option
@json_option
def best(name: str | None, storage: str, as_json: bool) -> None:
    """Show the best trial, or the Pareto front of several objectives."""
    study = load(name, storage)
    single = study.spec.problem.single
    if as_json:
        from tunesmith.cli.plainjson import emit, trial_record

        names = tuple(objective.name for objective in study.spec.problem.objectives)
        if single:
            emit(trial_record(study.best_trial, names))
        else:
            emit([trial_record(trial, names) for trial in study.best_trials])
        return
    from tunesmith.kernel.view import why_none
    from tunesmith.terminal.summary import verdict
    from tunesmith.terminal.words import params_python

    ledger = study.cursor.fold.ledger
    if ledger.best is None:
        raise NoTrial(why_none(study.name, ledger))
    found = [study.best_trial] if single else study.best_trials
    click.echo("\n".join([*verdict(ledger), *(_expected(study) if single else [])]))
    for trial in found:
        click.echo(f"\n{'' if single else f'# trial {trial.number}' + chr(10)}{params_python(trial.params)}")


def _expected(study: Any) -> list[str]:
    """A line where another trial than the best one is to be deployed."""
    from tunesmith.terminal.words import number

    try:
        found = study.recommend()
    except NoTrial:
        return []
    if found.number == study.best_trial.number:
        return []
    low, high = map(number, found.interval)
    return [
        f"deploy trial #{found.number}: {number(found.value)} expected ({low} to {high}); "
        f"the best score is lucky by {number(found.optimism)}"
    ]


@click.command()
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(_STATES, case_sensitive=False), help="Only trials in this state.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N trials.")
@click.option(
    "--sort",
    type=click.Choice(["number", "value", "duration"]),
    default="number",
    show_default=True,
    help="By number, best value first, or longest first.",
)
@storage_option
@json_option
def trials(
    name: str | None, state: str | None, limit: int | None, sort: str, storage: str, as_json: bool
) -> None:
    """List the trials of a study."""
    study = load(name, storage)
    chosen = [t for t in study.trials if state is None or t.state.value == state.upper()]
    if sort == "value":
        chosen.sort(key=lambda t: t.losses[0] if t.losses else float("inf"))
    elif sort == "duration":
        chosen.sort(key=lambda t: -(t.duration or 0.0))
    chosen = chosen[:limit]
    if as_json:
        from tunesmith.cli.plainjson import emit, trial_record

        names = tuple(objective.name for objective in study.spec.problem.objectives)
        emit([trial_record(trial, names) for trial in chosen])
        return
    from tunesmith.terminal.table import table

    if not chosen:
        click.echo("no trial to show")
        return
    click.echo(
        "\n".join(table(("trial", "state", "value", "time", "params"), [_row(t) for t in chosen], width()))
    )


def _row(trial: Any) -> tuple[str, ...]:
    from tunesmith.terminal.words import cause, params_line, seconds, values

    told = params_line(trial.params)
    if trial.error and trial.state.value == "FAILED":
        told = f"{cause(trial.error)}  {told}"
    return (str(trial.number), trial.state.value.lower(), values(trial.values), seconds(trial.duration), told)
