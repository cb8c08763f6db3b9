"""From a command line to a run: what is to be tuned, started under a live view, and how to go on with it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tunesmith.cli import objective as objectives
from tunesmith.cli.run import Conclusion, tune
from tunesmith.cli.stores import DEFAULT
from tunesmith.errors import StudyError
from tunesmith.launch import make, toml
from tunesmith.launch.check import startable
from tunesmith.launch.job import NOTE, Job, is_recorded, recorded, shown
from tunesmith.space import parse_space
from tunesmith.store._base import Store

_FILES = (".toml", ".yaml", ".yml")
_FOR_PROGRAMS = ("regexes", "final", "tensorboard", "env", "grace")
_OVERRIDES = (
    "name", "trials", "workers", "timeout", "budget", "trial_timeout", "retries", "seed", "searcher",
    "replicates", "scheduler", "storage",
)  # fmt: skip


def job_of(what: str | None, words: tuple[str, ...] | None, options: Mapping[str, Any]) -> Job:
    """What the command line asks for. Raises a usage error, or what is wrong in a sentence."""
    if words is not None:
        if what is not None:
            raise click.UsageError(f"give {what!r} or a command after --, not both")
        return _command(words, options)
    if what is None:
        raise click.UsageError("say what to tune: train.py:objective, study.toml, or a command after --")
    if Path(what).suffix in _FILES:
        return _file(Path(what), options)
    _refuse(options, _FOR_PROGRAMS, "a command after --")
    return Job(
        name=options["name"] or objectives.stem(what),
        objective=what,
        space_name=options["space"],
        constraints=tuple(options["constraints"]),
        fidelity=None if options["fidelity"] is None else make.fidelity_of(options["fidelity"]),
        **_goals(options),
        **_given(options),
    )


def _command(words: tuple[str, ...], options: Mapping[str, Any]) -> Job:
    _refuse(options, ("space", "direction"), "a Python objective")
    if not words:
        raise click.UsageError("there is no command after --")
    make.unquoted(words, os.getcwd())
    fidelity = None if options["fidelity"] is None else make.fidelity_of(options["fidelity"])
    goals = _goals(options)
    if "direction" in goals:
        raise click.UsageError("say which metric the command prints: --maximize acc, or --minimize loss")
    name = options["name"] or make.name_of(words)
    settings = {key: options[key] for key in ("final", "tensorboard") if options[key] is not None}
    program, space = make.program(
        words,
        goals.get("goals", {}),
        study=name,
        constraints=options["constraints"],
        fidelity=fidelity,
        trial_timeout=options["trial_timeout"],
        grace=options["grace"],
        cwd=os.getcwd(),
        env=dict(_variable(text) for text in options["env"]),
        regexes=tuple(options["regexes"]),
        **settings,
    )
    return Job(
        name=name, program=program, space=space, fidelity=fidelity, **goals,
        **{key: value for key, value in _given(options).items() if key != "name"},
    )  # fmt: skip


def _file(path: Path, options: Mapping[str, Any]) -> Job:
    """A study.toml or a sweep file, with what the command line says otherwise."""
    names = (*_FOR_PROGRAMS, "space", "direction", "maximize", "minimize", "fidelity", "constraints")
    _refuse(options, names, "a study without a file: write it into the file")
    if path.suffix == ".toml":
        job = toml.load(path)
    else:
        from tunesmith.launch import sweep

        job = sweep.load(path)
    changed = dataclasses.replace(
        job, **{key: options[key] for key in _OVERRIDES if options[key] is not None}
    )
    if changed.program is None:
        return changed
    program = dataclasses.replace(changed.program, study=changed.name)
    if options["trial_timeout"] is not None:
        from tunesmith import _check

        limit = _check.seconds("trial_timeout", options["trial_timeout"])
        program = dataclasses.replace(program, timeout=limit)
    return dataclasses.replace(changed, program=program)


def _refuse(options: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    for name in names:
        if options[name]:
            option = {"regexes": "regex", "constraints": "constraint"}.get(name, name)
            raise click.UsageError(f"--{option} is for {what}")


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: options[k] for k in _OVERRIDES if k != "name" and options[k] is not None}


def _variable(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"--env is written NAME=VALUE, got {text!r}")
    return name, value


def start(job: Job, *, quiet: bool, store: Store | None = None) -> int:
    """Run the job; the exit code. `store`: an open one, instead of the one the job names."""
    arguments: dict[str, Any] = {
        "n_trials": job.trials,
        "timeout": job.timeout,
        "budget": job.budget,
        "stop": job.rule,
        "searcher": job.searcher,
        "replicates": job.replicates,
        "scheduler": job.scheduler,
        "fidelity": job.fidelity,
        "workers": job.workers,
        "retries": job.retries,
        "name": job.name,
        "storage": store or job.storage or DEFAULT,
        "seed": job.seed,
        "direction": job.direction,
        "objectives": dict(job.goals) or None,
        **(_program(job) if job.program is not None else _function(job)),
    }
    record = job.record()

    def note(study: Any) -> None:
        for line in () if quiet else _remarks(study, job):
            click.echo(f"{job.name}: {line}", err=True)
        if study.cursor.fold.ledger.notes.get(NOTE) != record:
            study.set_user_attr(NOTE, record)

    return tune(arguments, Conclusion(_steps, prepare=note), quiet=quiet)


def _remarks(study: Any, job: Job) -> list[str]:
    """What may not be meant: another command than before, and parameters that the command does not take."""
    found = []
    if is_recorded(study) and study.cursor.fold.ledger.trials:
        before, now = shown(recorded(study)), shown(job)
        if before != now:
            found.append(f"the command differs from the recorded one: {before}; trials before ran that one")
    unused = job.program.unused if job.program is not None else ()
    if unused:
        verb, them = ("is", "it") if len(unused) == 1 else ("are", "them")
        found.append(
            f"{', '.join(unused)} {verb} not in the command: the program sees {them} only in TUNESMITH_PARAMS"
        )
    return found


def _program(job: Job) -> dict[str, Any]:
    program = job.program
    if program is None:
        raise StudyError(f"study {job.name!r} has no command")
    startable(program)
    return {"objective": program, "space": job.space}


def _function(job: Job) -> dict[str, Any]:
    target = objectives.find(str(job.objective))
    module = target.module
    space: Any = job.space if job.space is not None else objectives.find_space(module, job.space_name)
    constraints = (
        [*getattr(module, "constraints", ()), *job.constraints] if space is not None else job.constraints
    )
    return {
        "objective": target.objective,
        "space": space if space is None else parse_space(space, constraints),
        "constraints": constraints if space is None else (),
        "fidelity": job.fidelity or getattr(module, "fidelity", None),
        "trial_timeout": job.trial_timeout,
    }


def _steps(study: Any, total: int | None, purpose: str) -> list[tuple[str, str]]:
    from tunesmith.terminal.commands import run_steps

    return run_steps(study.name, study.cursor.store, total, purpose)


def _goals(options: Mapping[str, Any]) -> dict[str, Any]:
    """`direction=` or `goals=`, from --direction, --maximize and --minimize."""
    named = {name: way for way in ("maximize", "minimize") for name in options[way]}
    if options["direction"] is not None:
        if named:
            raise click.UsageError("give --direction, or --maximize and --minimize, not both")
        return {"direction": options["direction"]}
    if len(named) != len(options["maximize"]) + len(options["minimize"]):
        raise click.UsageError("each metric is either maximized or minimized, once: name them apart")
    if list(named) == ["value"]:
        return {"direction": named["value"]}
    return {"goals": named} if named else {}
