"""The command that tunes."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from tunesmith.cli.stores import DEFAULT, storage_option
from tunesmith.errors import SettingError

_ENDLESS = "this search would never end: say --trials 50, or --timeout 10m"


def _metric(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    for value in values:
        if ":" in value or value.endswith(".py"):
            raise click.BadParameter(f"{value!r} is no metric's name: write the objective before --{param.name}")
    return values


def _goal(name: str, text: str) -> Any:
    return click.option(
        f"--{name}",
        multiple=True,
        is_flag=False,
        flag_value="value",
        metavar="[METRIC]",
        callback=_metric,
        help=text,
    )


@click.command()
@click.argument("objective")
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="How many trials the study shall hold in all.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Trials run at once.")
@click.option("--name", metavar="TEXT", help="The study's name; by default that of the file.")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="Default: minimize.")
@_goal("maximize", "Maximize what the objective returns, or this metric of it; repeat for several.")
@_goal("minimize", "Minimize it.")
@click.option("--space", metavar="NAME", help="The space: a dict or dataclass of the file. Default: space or Config.")
@click.option("--searcher", metavar="NAME", help="tpe (the default), random, qmc, grid, …")
@click.option("--scheduler", metavar="NAME", help="none (the default), asha, …")
@click.option("--timeout", metavar="TIME", help="Start no trial after this long, such as 90s, 10m, 2h.")
@click.option("--trial-timeout", metavar="TIME", help="A trial that runs longer fails.")
@click.option("--retries", type=click.IntRange(min=0), default=0, metavar="N", help="Runs again of a killed trial.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of all random choices.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@storage_option
@click.pass_context
def run(ctx: click.Context, objective: str, **options: Any) -> None:
    """Tune OBJECTIVE, such as train.py:objective or package.module:objective.

    The study is durable: the same command again resumes it, whatever ended it before. --trials is the
    study's total.
    """
    from tunesmith.cli import objective as objectives

    target = objectives.find(objective)
    space = objectives.find_space(target.module, options["space"])
    name = options["name"] or target.stem
    code = tune(
        {
            "objective": target.objective,
            "space": space,
            **_goals(options),
            "n_trials": options["trials"],
            "timeout": options["timeout"],
            "searcher": options["searcher"],
            "scheduler": options["scheduler"],
            "workers": options["workers"],
            "retries": options["retries"],
            "trial_timeout": options["trial_timeout"],
            "name": name,
            "storage": options["storage"],
            "seed": options["seed"],
        },
        command=_Command(objective, name, options),
        quiet=options["quiet"],
    )
    ctx.exit(code)


class _Command:
    """The command line that goes on with this study."""

    def __init__(self, objective: str, name: str, options: Mapping[str, Any]) -> None:
        self._objective, self._name, self._options = objective, name, options

    def again(self, trials: int | None) -> str:
        """The same run, up to `trials` trials in all; what the study's record holds is left out."""
        words = ["tunesmith", "run", self._objective]
        if trials is not None:
            words += ["--trials", str(trials)]
        for option in ("workers", "space", "retries", "trial_timeout", "timeout"):
            value = self._options[option]
            if value and value != {"workers": 1}.get(option):
                words += [f"--{option.replace('_', '-')}", str(value)]
        return shlex.join([*words, "--name", self._name, *self._where()])

    def best(self) -> str:
        """What reads its best trial."""
        return shlex.join(["tunesmith", "best", self._name, *self._where(), "--json"])

    def _where(self) -> list[str]:
        storage = self._options["storage"]
        return [] if storage == DEFAULT else ["--storage", storage]


def tune(arguments: dict[str, Any], command: Any, *, quiet: bool) -> int:
    """Run `ts.tune` under a live view, print what it found and what to type next; the exit code."""
    from tunesmith import api
    from tunesmith.cli.interrupt import Ended, Interrupts
    from tunesmith.report.progress import Progress
    from tunesmith.report.summary import summary

    progress = None if quiet else Progress(summary=False)
    ended = Ended()
    hushed = _hushed(ended) if quiet else contextlib.nullcontext()
    with hushed, Interrupts(progress.note if progress else _nothing) as interrupts:
        try:
            study = api.tune(**arguments, callbacks=[ended, interrupts, *([progress] if progress else [])])
        except KeyboardInterrupt:
            return interrupts.code or 130
        except SettingError as error:
            raise SettingError(_ENDLESS) if "would never end" in str(error) else error from None
        finally:
            if progress:
                progress.close()
    ledger = study.cursor.fold.ledger
    left = ledger.n_trials is not None and ledger.finished < ledger.n_trials
    if progress:
        total = ledger.n_trials if left else max(2 * ledger.finished, 1)
        steps = [(command.again(total), "go on" if left else "more trials"), (command.best(), "for programs")]
        if interrupts.code:
            click.echo(f"\n{study.name}: interrupted; nothing is lost, and what was running is put back")
        elif left:
            click.echo(f"\n{study.name}: ended early, {ended.reason}")
        click.echo("\n".join(["", *summary(study.name, ledger, study.cursor.store, steps)]))
    return interrupts.code or int(ledger.best is None and len(ledger.signs) == 1)


def _goals(options: Mapping[str, Any]) -> dict[str, Any]:
    """`direction=` or `objectives=`, from --direction, --maximize and --minimize."""
    named = {name: way for way in ("maximize", "minimize") for name in options[way]}
    if options["direction"] is not None:
        if named:
            raise click.UsageError("give --direction, or --maximize and --minimize, not both")
        return {"direction": options["direction"]}
    if len(named) != len(options["maximize"]) + len(options["minimize"]):
        raise click.UsageError("each metric is either maximized or minimized, once: name them apart")
    if list(named) == ["value"]:
        return {"direction": named["value"]}
    return {"objectives": named} if named else {}


def _nothing(_: str) -> None:
    pass


@contextlib.contextmanager
def _hushed(ended: Any) -> Iterator[None]:
    """Keep back what `tune` says of a resumed study; from the first trial on, the error stream is as it was."""
    real = sys.stderr
    ended.on_start = lambda: setattr(sys, "stderr", real)
    sys.stderr = io.StringIO()
    try:
        yield
    finally:
        sys.stderr = real
