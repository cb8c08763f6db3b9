"""The command that tunes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tunesmith.cli.stores import storage_option
from tunesmith.errors import SettingError

F = TypeVar("F", bound=Callable[..., Any])
_ENDLESS = "this search would never end: say --trials 50, or --timeout 10m, or --budget epoch=1300"
_DECLARED = re.compile(r"\{\s*[A-Za-z_][\w.-]*\s*:")  # a parameter, as only a command's words have it
_FORGOTTEN = " If a command shall be tuned, put -- before it, as in -- python train.py --lr '{lr: …}'."
_WORDS = "tunesmith.words"


class _Run(click.Command):
    """A command whose words after `--` are somebody else's, and left alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set aside what comes after the first `--`."""
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[_WORDS] = args[:at], tuple(args[at + 1 :])
            return super().parse_args(ctx, args)
        declares = any(map(_DECLARED.search, args))
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if declares or "unexpected extra argument" in error.message:
                raise click.UsageError(f"{error.format_message()}{_FORGOTTEN}", ctx) from None
            raise


def _metric(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    for value in values:
        if ":" in value or value.endswith(".py"):
            raise click.BadParameter(
                f"{value!r} is no metric's name: write the objective before --{param.name}"
            )
    return values


def _goal(name: str, text: str) -> Callable[[F], F]:
    return click.option(
        f"--{name}",
        multiple=True,
        is_flag=False,
        flag_value="value",
        metavar="[METRIC]",
        callback=_metric,
        help=text,
    )


def _several(ctx: click.Context, option: click.Parameter, given: str | None) -> Any:  # noqa: ARG001
    """A name, or a list of several with commas between."""
    return given.split(",") if given and "," in given else given


def _replicates(_: click.Context, __: click.Parameter, text: str | None) -> int | str | None:
    """A number where it is one; the searcher says what else is wrong."""
    return int(text) if text is not None and text.isdigit() else text


def budget_of(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, float | str] | None:
    """Amounts by name; numbers where they are such, the budget itself says what is wrong with others."""
    found: dict[str, float | str] = {}
    for text in texts:
        name, sign, amount = text.partition("=")
        if not sign:
            raise click.BadParameter(f"a budget is written NAME=AMOUNT, such as epoch=1300, got {text!r}")
        try:
            found[name] = float(amount)
        except ValueError:
            found[name] = amount
    return found or None


@click.command(
    cls=_Run,
    options_metavar="[OPTIONS]",
    short_help="Tune an objective of Python, or any program.",
    epilog="The command after -- comes last.",
)
@click.argument("what", required=False, metavar="[WHAT] [-- COMMAND …]")
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="How many trials the study shall hold in all."
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Trials run at once; default: 1.")
@click.option("--name", metavar="TEXT", help="The study's name; by default that of the file.")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="Default: minimize.")
@_goal("maximize", "Maximize what the objective returns, or this metric of it; repeat for several.")
@_goal("minimize", "Minimize it.")
@click.option(
    "--space", metavar="NAME", help="The space: a dict or dataclass of the file. Default: space or Config."
)
@click.option("--searcher", metavar="NAME", help="auto (the default), gp, tpe, cmaes, random, …")
@click.option(
    "--replicates", metavar="auto|N", callback=_replicates, help="Try good configurations again: for noise."
)
@click.option(
    "--scheduler",
    metavar="NAME",
    callback=_several,
    help="none (the default), asha, … or several: asha,patience",
)
@click.option("--fidelity", metavar="NAME:LOW:HIGH", help="The steps of a trial, such as epoch:1:81.")
@click.option("--constraint", "constraints", multiple=True, metavar="TEXT", help="Such as 'depth < width'.")
@click.option("--timeout", metavar="TIME", help="End the run after this long, such as 90s, 10m, 2h.")
@click.option(
    "--budget",
    multiple=True,
    metavar="NAME=AMOUNT",
    callback=budget_of,
    help="What trials may use in all, such as epoch=1300, seconds=8h; repeat for several.",
)
@click.option("--trial-timeout", metavar="TIME", help="A trial that runs longer fails.")
@click.option("--retries", type=click.IntRange(min=0), metavar="N", help="Runs again of a killed trial.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of all random choices.")
@click.option("--regex", "regexes", multiple=True, metavar="REGEX", help="Finds the metric on printed lines.")
@click.option(
    "--final", type=click.Choice(["last", "best"]), help="Which value of a metric counts; default: last."
)
@click.option(
    "--tensorboard", metavar="FOLDER", help="Read event files there, such as 'runs/{trial.number}'."
)
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="Set a variable for the command.")
@click.option("--grace", metavar="TIME", help="How long a command may take to end itself; default: 5s.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@storage_option
@click.pass_context
def run(ctx: click.Context, /, what: str | None, **options: Any) -> None:
    """Tune an objective of Python, or any program.

    WHAT is FILE.py:OBJECTIVE, such as train.py:objective, or a file that says it all: study.toml, or a sweep
    file of Weights & Biases. A program is written after --, with its parameters in braces:

    \b
      tunesmith run --maximize acc --trials 50 -- \\
          python train.py --lr '{lr: log(1e-5, 1e-1)}'

    The study is durable: the same command again resumes it, whatever ended it before, and so does `tunesmith
    resume`. --trials is the study's total. A Python file may also define `constraints`, a list of texts such
    as "depth < width", and `fidelity`, such as ts.Fidelity("epoch", 1, 81).
    """
    from tunesmith.cli import launching

    chosen = dict(options)
    if ctx.get_parameter_source("storage") is click.core.ParameterSource.DEFAULT:
        chosen["storage"] = None
    job = launching.job_of(what, ctx.meta.get(_WORDS), chosen)
    ctx.exit(launching.start(job, quiet=options["quiet"]))


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run of the command line says at its end, and does at its beginning.

    `steps`, called with the study, a total, and what that is for: the command lines to type next. `told`:
    lines of its own about the ledger. `prepare`: called with the study before its first trial.
    """

    steps: Callable[[Any, int | None, str], list[tuple[str, str]]]
    told: Callable[[Any], list[str]] | None = None
    prepare: Callable[[Any], None] | None = None


def tune(arguments: dict[str, Any], conclusion: Conclusion, *, quiet: bool) -> int:
    """Run `ts.tune` under a live view, print what it found and what to type next; the exit code."""
    from tunesmith import api
    from tunesmith.cli.interrupt import Course, Interrupts
    from tunesmith.terminal.progress import Progress

    progress = None if quiet else Progress(summary=False)
    course = Course(conclusion.prepare)
    with Interrupts(progress.note if progress else _nothing) as interrupts:
        try:
            listening = [course, interrupts, *([progress] if progress else [])]
            study = api.tune(**arguments, callbacks=listening, quiet=quiet)
        except KeyboardInterrupt:
            return interrupts.code or 130
        except SettingError as error:
            raise SettingError(_ENDLESS) if "would never end" in str(error) else error from None
        finally:
            if progress:
                progress.close()
    ledger = study.cursor.fold.ledger
    if not quiet:
        _conclude(study, ledger, conclusion, course.reason, interrupted=bool(interrupts.code))
    return interrupts.code or int(ledger.best is None)


def _conclude(study: Any, ledger: Any, conclusion: Conclusion, reason: str, *, interrupted: bool) -> None:
    from tunesmith.terminal.summary import summary

    left = ledger.n_trials is not None and len(ledger.trials) - len(ledger.waiting) < ledger.n_trials
    if left and not interrupted:
        click.echo(f"\n{study.name}: ended early, {reason}")
    total = None if left else max(2 * len(ledger.trials), 1)
    steps = conclusion.steps(study, total, "go on" if left else "more trials")
    lines = summary(study.name, ledger, study.cursor.store, steps)
    if conclusion.told is not None and not interrupted:
        lines = [*conclusion.told(ledger), "", *lines]
    click.echo("\n".join(["", *lines]))


def _nothing(_: str) -> None:
    pass
