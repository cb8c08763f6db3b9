"""The command that tunes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from tunesmith.cli.stores import DEFAULT, storage_option
from tunesmith.errors import SettingError

F = TypeVar("F", bound=Callable[..., Any])
_ENDLESS = "this search would never end: say --trials 50, or --timeout 10m"


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


@click.command()
@click.argument("objective")
@click.option(
    "--trials", type=click.IntRange(min=1), metavar="N", help="How many trials the study shall hold in all."
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Trials run at once."
)
@click.option("--name", metavar="TEXT", help="The study's name; by default that of the file.")
@click.option("--direction", type=click.Choice(["minimize", "maximize"]), help="Default: minimize.")
@_goal("maximize", "Maximize what the objective returns, or this metric of it; repeat for several.")
@_goal("minimize", "Minimize it.")
@click.option(
    "--space", metavar="NAME", help="The space: a dict or dataclass of the file. Default: space or Config."
)
@click.option("--searcher", metavar="NAME", help="tpe (the default), random, qmc, grid, …")
@click.option("--scheduler", metavar="NAME", help="none (the default), asha, …")
@click.option("--timeout", metavar="TIME", help="Start no trial after this long, such as 90s, 10m, 2h.")
@click.option("--trial-timeout", metavar="TIME", help="A trial that runs longer fails.")
@click.option(
    "--retries", type=click.IntRange(min=0), default=0, metavar="N", help="Runs again of a killed trial."
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of all random choices.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@storage_option
@click.pass_context
def run(ctx: click.Context, /, objective: str, **options: Any) -> None:
    """Tune OBJECTIVE, such as train.py:objective or package.module:objective.

    The study is durable: the same command again resumes it, whatever ended it before. --trials is the
    study's total. The file may also define `constraints`, a list of texts such as "depth < width", and
    `fidelity`, such as ts.Fidelity("epoch", 1, 81), for schedulers that need to know it.
    """
    from tunesmith.cli import objective as objectives

    target = objectives.find(objective)
    space = objectives.find_space(target.module, options["space"])
    name = options["name"] or target.stem
    code = tune(
        {
            "objective": target.objective,
            "space": space,
            "constraints": getattr(target.module, "constraints", ()) if space is not None else (),
            "fidelity": getattr(target.module, "fidelity", None),
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
        Conclusion(_Command(objective, name, options)),
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


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run of the command line says at its end, and does at its beginning.

    `command` knows the command lines to type next. `told`: lines of its own about the ledger. `prepare`:
    called with the study before its first trial.
    """

    command: Any
    told: Callable[[Any], list[str]] | None = None
    prepare: Callable[[Any], None] | None = None


def tune(arguments: dict[str, Any], conclusion: Conclusion, *, quiet: bool) -> int:
    """Run `ts.tune` under a live view, print what it found and what to type next; the exit code."""
    from tunesmith import api
    from tunesmith.cli.interrupt import Course, Interrupts
    from tunesmith.report.progress import Progress

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
    return interrupts.code or int(ledger.best is None and len(ledger.signs) == 1)


def _conclude(study: Any, ledger: Any, conclusion: Conclusion, reason: str, *, interrupted: bool) -> None:
    from tunesmith.report.summary import summary

    left = ledger.n_trials is not None and len(ledger.trials) - len(ledger.waiting) < ledger.n_trials
    if left and not interrupted:
        click.echo(f"\n{study.name}: ended early, {reason}")
    total = ledger.n_trials if left else max(2 * ledger.finished, 1)
    command = conclusion.command
    steps = [(command.again(total), "go on" if left else "more trials"), (command.best(), "for programs")]
    lines = summary(study.name, ledger, study.cursor.store, steps)
    if conclusion.told is not None and not interrupted:
        lines = [*conclusion.told(ledger), "", *lines]
    click.echo("\n".join(["", *lines]))


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
