"""One trial as `tunesmith show` says it: what was measured, and what to expect of a trial that goes on."""

from __future__ import annotations

from typing import Any

import click

from tunesmith.errors import NoTrial, SettingError
from tunesmith.record.trial import COMPLETE, STOPPED, Trial

_MOST = 5  # trials of which is said what to expect


def show_trial(study: Any, wanted: int, as_json: bool) -> None:
    """Print trial `wanted`. Raises NoTrial."""
    trials = study.trials
    if wanted >= len(trials):
        raise NoTrial(f"study {study.name!r} has no trial {wanted}: it has {len(trials)} so far")
    trial = trials[wanted]
    if as_json:
        from tunesmith.cli.plainjson import emit, trial_record

        record = trial_record(trial, tuple(o.name for o in study.spec.problem.objectives))
        record["expected"] = [vars_of(found) for _, found in forecasts(study, trial)]
        emit(record)
        return
    from tunesmith.terminal.words import cause, params_python, seconds, values

    told = f"{values(trial.values)}" if trial.values else ""
    where = f"at {_axis(study)} {_step(trial.step)}" if trial.reports else ""
    click.echo(" ".join(filter(None, [f"trial #{wanted}: {trial.state.value.lower()}", told, where])))
    for line in expected(study, trial):
        click.echo(line)
    if trial.duration is not None:
        click.echo(f"took {seconds(trial.duration)}")
    if trial.error:
        click.echo(cause(trial.error))
    click.echo(f"\n{params_python(trial.params)}")


def under_way(study: Any) -> list[str]:
    """A line for each trial that runs or is paused and has reported, the newest ones last."""
    ledger = study.cursor.fold.ledger
    numbers = sorted([*ledger.running, *ledger.paused])
    trials = [t for t in (ledger.trials[number] for number in numbers) if t.reports]
    return [f"trial #{t.number}: {line}" for t in trials[-_MOST:] for line in expected(study, t)]


def forecasts(study: Any, trial: Trial) -> list[tuple[str, Any]]:
    """By objective, what to expect of a trial at its end; nothing where there is nothing to expect."""
    if trial.state is COMPLETE or not trial.reports:
        return []
    found = []
    for objective in study.spec.problem.objectives:
        try:
            one = study.forecast(trial.number, objective=objective.name)
        except SettingError:  # the end is not known, or nothing finite was reported
            continue
        if one.steps[0] > trial.step:
            found.append((objective.name, one))
    return found


def expected(study: Any, trial: Trial) -> list[str]:
    """Such as 'expected 0.231 (0.21 to 0.26) at epoch 81'."""
    from tunesmith.terminal.words import number

    lines = []
    single = study.spec.problem.single
    verb = "was heading for" if trial.state is STOPPED else "expected"
    for name, one in forecasts(study, trial):
        low, mean, high = (number(z[0]) for z in (one.low, one.mean, one.high))
        line = f"{verb} {mean} ({low} to {high}) at {_axis(study)} {_step(one.steps[0])}"
        lines.append(line if single else f"{name} {line}")
    return lines


def vars_of(found: Any) -> dict[str, Any]:
    """A forecast as JSON."""
    return {"step": found.steps[0], "mean": found.mean[0], "low": found.low[0], "high": found.high[0]}


def _axis(study: Any) -> str:
    fidelity = study.spec.problem.fidelity
    return "step" if fidelity is None else str(fidelity.name)


def _step(value: float) -> str:
    return f"{value:g}"
