"""The command that removes a study."""

from __future__ import annotations

import click

from tunesmith.cli.stores import load, storage_option


@click.command()
@click.argument("name")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@storage_option
@click.pass_context
def delete(ctx: click.Context, /, name: str, yes: bool, storage: str) -> None:
    """Delete a study with all its trials."""
    from tunesmith.terminal.words import place, plural

    study = load(name, storage)
    store = study.cursor.store
    count = plural(len(study.trials), "trial")
    if not yes and not click.confirm(f"Delete study {name!r} with {count} from {place(store)}?"):
        click.echo(f"{name}: kept")
        ctx.exit(1)
    store.delete(study.cursor.id)
    click.echo(f"{name}: deleted, with {count}")
