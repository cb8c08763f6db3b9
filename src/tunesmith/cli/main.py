"""The command `tunesmith`: its subcommands by name, each imported when it is called.

This file and those of the commands import click and nothing heavy: `tunesmith --help` is there at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from tunesmith._version import __version__
from tunesmith.errors import TunesmithError

_COMMANDS = {
    "run": "tunesmith.cli.run:run",
    "watch": "tunesmith.cli.watch:watch",
    "resume": "tunesmith.cli.control:resume",
    "stop": "tunesmith.cli.control:stop",
    "logs": "tunesmith.cli.logs:logs",
    "list": "tunesmith.cli.read:list_",
    "show": "tunesmith.cli.read:show",
    "best": "tunesmith.cli.read:best",
    "trials": "tunesmith.cli.read:trials",
    "export": "tunesmith.cli.export:export",
    "delete": "tunesmith.cli.delete:delete",
    "demo": "tunesmith.cli.demo:demo",
}


class Sentence(click.ClickException):
    """What Tunesmith raises on purpose, said in one sentence on the error stream."""

    def show(self, file: Any = None) -> None:  # noqa: ARG002
        """Print it."""
        click.echo(f"tunesmith: {self.format_message()}", err=True)


class Commands(click.Group):
    """A group whose commands are imported when they are looked up."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        """The command of this name."""
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors become sentences."""
        try:
            return super().invoke(ctx)
        except TunesmithError as error:
            raise Sentence(str(error)) from error


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0; 1 for an error, or no complete trial; 2 for wrong usage; 130 and 143 when "
    "interrupted.",
)
@click.version_option(__version__, message="tunesmith %(version)s")
def cli() -> None:
    """Tune the hyperparameters of anything.

    A study is a search with all its trials, kept in a file (./tunesmith.db). Running it again resumes it.
    """


def main() -> None:
    """The entry point: exit code 0, 1 for an error, 2 for wrong usage, 130 and 143 when interrupted."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:  # the reader of a pipe has gone, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
