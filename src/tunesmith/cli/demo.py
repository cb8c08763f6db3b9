"""`tunesmith demo`: a real search on real data, durable and resumable, in about two minutes on two cores."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

N_TRIALS = 60
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@click.command()
@click.option(
    "--trials", type=click.IntRange(min=3), default=N_TRIALS, show_default=True, metavar="N", help="In all."
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Trials run at once."
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the study is kept.",
)
@click.pass_context
def demo(ctx: click.Context, trials: int, workers: int, folder: Path) -> None:
    """Tune a classifier of handwritten digits: two minutes, two workers.

    Three kinds of scikit-learn model, each with its own parameters, by TPE. Stop it whenever you like,
    kill it: the same command goes on.
    """
    from tunesmith import _optional

    for name in _THREADS:  # a worker a core; more threads would only get in each other's way
        os.environ[name] = "1"
    _optional.require("sklearn", "sklearn", "the demo")
    from tunesmith.cli import digits
    from tunesmith.cli.run import Conclusion, tune
    from tunesmith.terminal.commands import run_steps

    folder.mkdir(parents=True, exist_ok=True)
    store = folder / "tunesmith.db"
    click.echo("Which classifier reads handwritten digits best?")
    click.echo(f"{trials} trials, {workers} at a time, scikit-learn's defaults first.")
    click.echo("Ctrl-C or kill it: the same command goes on.\n")

    def steps(study: Any, total: int | None, purpose: str) -> list[tuple[str, str]]:
        again = _again(folder, workers, trials if total is None else total)
        return [(again, purpose), *run_steps(study.name, study.cursor.store, total, purpose)[1:]]

    arguments = {
        "objective": digits.objective,
        "space": digits.space,
        "direction": "maximize",
        "n_trials": trials,
        "searcher": "tpe",
        "workers": workers,
        "retries": 1,
        "name": "demo",
        "storage": str(store),
        "seed": digits.SEED,
    }
    ctx.exit(tune(arguments, Conclusion(steps, told=_told, prepare=_prepare), quiet=False))


def _again(folder: Path, workers: int, total: int | None) -> str:
    """The demo with more trials."""
    words = ["tunesmith", "demo"]
    words += [] if folder == Path("demo") else ["--folder", str(folder)]
    words += [] if workers == 2 else ["--workers", str(workers)]
    return shlex.join([*words, *([] if total in (None, N_TRIALS) else ["--trials", str(total)])])


def _prepare(study: Any) -> None:
    """Have scikit-learn's defaults of the other models tried first, too."""
    from tunesmith.cli import digits

    if not study.cursor.fold.ledger.trials:
        for params in digits.DEFAULTS:
            study.enqueue(params)


def _told(ledger: Any) -> list[str]:
    """What the defaults and the best configuration are worth: in the search, and on digits it never saw."""
    from tunesmith.cli import digits
    from tunesmith.record.trial import Source
    from tunesmith.terminal.table import table

    given = [t for t in ledger.trials if t.source in (Source.DEFAULT, Source.QUEUE) and t.value is not None]
    rows = [(f"{t.params['model']}, default", t) for t in sorted(given, key=lambda t: t.value)]
    if ledger.best is not None:
        rows.append((f"{ledger.best.params['model']}, tuned (trial #{ledger.best.number})", ledger.best))
    told = [(text, _score(t), f"{digits.held_out(t.params):.4f}") for text, t in rows]
    heads = ("accuracy", "10-fold CV, ± SE", "1197 held out")
    return ["", *table(heads, told)] if told else []


def _score(trial: Any) -> str:
    error = trial.user_attrs.get("standard_error")
    return f"{trial.value:.4f}" + (f" ± {error:.4f}" if error is not None else "")
