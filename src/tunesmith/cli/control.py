"""The commands that end a run from elsewhere, and go on with it: stop, resume."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import click

from tunesmith.cli.run import budget_of
from tunesmith.cli.stores import load, storage_option
from tunesmith.errors import StudyError


@click.command(short_help="End a study's runs, wherever they are.")
@click.argument("name", required=False)
@click.option("--now", is_flag=True, help="Do not wait for running trials: put them back.")
@storage_option
def stop(name: str | None, now: bool, storage: str) -> None:
    """End a study's runs, wherever they are: running trials finish, and no more are started.

    `tunesmith resume` goes on.
    """
    from tunesmith.terminal.words import plural

    study = load(name, storage)
    lost = len(study.cursor.store.renew(study.cursor.id, []).lapsed)  # of runs that were killed
    running = len(study.cursor.fold.ledger.running) - lost
    study.stop(now=now)
    if running:
        fate = "will be put back" if now else "will finish"
        click.echo(f"{study.name}: {plural(running, 'running trial')} {fate}, no more will be started")
    else:
        click.echo(f"{study.name}: no trial is running; a run that is about to start one ends")
    if lost:
        click.echo(
            f"{study.name}: {plural(lost, 'trial')} interrupted before; `tunesmith resume` runs it again"
        )


@click.command(short_help="Go on with a study that `tunesmith run` started.")
@click.argument("name", required=False)
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="A new total; default: as it was.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Trials run at once; default: as it was."
)
@click.option("--timeout", metavar="TIME", help="End the run after this long.")
@click.option("--budget", multiple=True, metavar="NAME=AMOUNT", callback=budget_of, help="A new budget.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask whether to run a command from elsewhere.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@storage_option
@click.pass_context
def resume(
    ctx: click.Context, /, name: str | None, yes: bool, quiet: bool, storage: str, **changes: Any
) -> None:
    """Go on with a study that `tunesmith run` started, by the command that it has on record."""
    from tunesmith.cli import launching
    from tunesmith.launch import job as jobs

    study = load(name, storage)
    job = jobs.recorded(study)
    if not quiet:
        click.echo(f"{study.name}: {jobs.shown(job)}", err=True)
    if not yes and not jobs.is_ours(study):
        _ask(study.name, jobs.shown(job))
    given = {key: value for key, value in changes.items() if value is not None}
    job = dataclasses.replace(job, storage=storage, **given)
    ledger = study.cursor.fold.ledger
    done = len(ledger.trials) - len(ledger.waiting) - len(ledger.running) - len(ledger.paused)
    if job.trials is not None and done >= job.trials and not quiet:
        click.echo(
            f"{study.name}: all {job.trials} trials are done; --trials {2 * done} makes more", err=True
        )
    if job.program is None:
        _go(job.folder)
    ctx.exit(launching.start(job, quiet=quiet, store=study.cursor.store))


def _ask(name: str, what: str) -> None:
    """A study file from elsewhere names a command: nobody shall run it unseen."""
    if not sys.stdin.isatty():
        raise StudyError(
            f"study {name!r} was started by another user or on another machine, and would run: {what}; "
            "say --yes if that is what you want"
        )
    if not click.confirm("It was started by another user or on another machine. Run this command here?"):
        click.echo(f"{name}: not resumed")
        raise click.exceptions.Exit(1)


def _go(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise StudyError(f"the study was started in {folder}, which is not there: {error.strerror}") from None
