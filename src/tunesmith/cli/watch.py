"""The command that looks on while others run a study."""

from __future__ import annotations

import shutil
import sys

import click

from tunesmith.cli.stores import load, storage_option


@click.command()
@click.argument("name", required=False)
@click.option("--once", is_flag=True, help="Show how things stand, and leave.")
@storage_option
def watch(name: str | None, once: bool, storage: str) -> None:
    """Watch a study while other processes run it.

    On a terminal the live view of `tunesmith run`; elsewhere a line for each trial that ends. It is over
    when the study holds all its trials; Ctrl-C leaves before that, and the study goes on.
    """
    from tunesmith.terminal.screen import is_terminal
    from tunesmith.terminal.summary import next_steps, summary
    from tunesmith.terminal.watching import Watch

    study = load(name, storage)
    watching = Watch(study, sys.stdout)
    if once:
        click.echo(watching.once(shutil.get_terminal_size().columns))
        return
    try:
        if is_terminal(sys.stdout):
            watching.live()
        else:
            watching.lines()
    except KeyboardInterrupt:
        return
    store = study.cursor.store
    click.echo("\n".join(summary(study.name, study.cursor.fold.ledger, store, next_steps(study.name, store))))
