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
    when the study holds all its trials, was told to stop, or no run of it is alive; Ctrl-C leaves before,
    and the study goes on.
    """
    from tunesmith.launch.job import is_recorded
    from tunesmith.terminal.commands import command, look_steps, run_steps
    from tunesmith.terminal.screen import is_terminal
    from tunesmith.terminal.summary import summary
    from tunesmith.terminal.watching import Watch

    study = load(name, storage)
    watching = Watch(study, sys.stdout)
    go_on = f"; {command(study.name, study.cursor.store, 'resume')}" if is_recorded(study) else ""
    if once:
        click.echo(watching.once(shutil.get_terminal_size().columns))
        if dead := watching.dead():
            click.echo(f"{dead}{go_on}")
        return
    try:
        why = watching.live() if is_terminal(sys.stdout) else watching.lines()
    except KeyboardInterrupt:
        return
    store, ledger = study.cursor.store, study.cursor.fold.ledger
    ended = ledger.n_trials is not None and ledger.finished >= ledger.n_trials
    steps = look_steps(study.name, store)
    if not ended:
        dead = watching.dead()
        click.echo(f"{dead}{go_on}" if dead else f"{study.name}: {why}")
        steps += run_steps(study.name, store, None, "go on")[:1] if is_recorded(study) else []
    click.echo("\n".join(summary(study.name, ledger, store, steps)))
