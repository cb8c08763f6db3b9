"""Sweep files of Weights & Biases, read as they are: https://docs.wandb.ai/models/sweeps/sweep-config-keys.

What a key of theirs means here: `bayes` is the default searcher; `early_terminate: hyperband` is asha, its
asynchronous form; the metric is what the program prints, writes or reports to us, not what it logs to them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunesmith import _check, _optional
from tunesmith.errors import SettingError
from tunesmith.launch import make, template
from tunesmith.launch.job import Job
from tunesmith.launch.sweepspace import parameters
from tunesmith.launch.toml import known, placed
from tunesmith.record.problem import Direction
from tunesmith.schedule.asha import ASHA

_KEYS = ("program", "command", "method", "metric", "parameters", "early_terminate", "run_cap")
_LABELS = ("name", "description", "project", "entity")  # of their site: the name is the study's here
_METHODS = {"grid": "grid", "random": "random", "bayes": None}
_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
_MACRO = re.compile(r"\$\{([^}]*)\}")
_MACROS: Mapping[str, str] = {
    "env": "/usr/bin/env",
    "interpreter": "python",
    "args": "{args}",
    "args_no_hyphens": "{args.plain}",
    "args_no_boolean_flags": "{args.flags}",
    "args_json": "{args.json}",
    "args_json_file": "{args.file}",
}


def load(path: Path) -> Job:
    """The job in a sweep file. Raises SettingError or SpaceError in one sentence for what it cannot do."""
    yaml = _optional.require("yaml", "yaml", "a sweep file")
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise SettingError(f"{path} cannot be read as YAML: {told}") from None
    with placed(path):
        return job_of(body, path.stem, path.absolute().parent)


def job_of(body: Any, stem: str, folder: Path) -> Job:
    """The job that a sweep configuration describes; its paths count from `folder`."""
    if not isinstance(body, Mapping):
        raise SettingError("a sweep is a mapping with program, method, metric and parameters")
    known(body, (*_KEYS, *_LABELS), "")
    method = body.get("method")
    if method not in _METHODS:
        raise SettingError(f"method must be grid, random or bayes, got {method!r}")
    metric = body.get("metric")
    if metric is None:
        raise SettingError(
            "metric is missing: a search must know what to optimise, as in metric: {name: loss}"
        )
    known(metric, ("name", "goal", "target"), "metric")
    if not isinstance(metric.get("name"), str):
        raise SettingError(f"metric.name must be text, got {metric.get('name')!r}")
    goals = {metric["name"]: Direction.of(metric.get("goal", "minimize")).value}
    name = str(body.get("name") or stem)
    program, space = make.program(
        _words(body),
        goals,
        study=name,
        space=parameters(body.get("parameters")),
        cwd=str(folder),
    )
    return Job(
        name=name,
        program=program,
        space=space,
        goals=goals,
        searcher=_METHODS[method],
        scheduler=_scheduler(body.get("early_terminate")),
        trials=None if "run_cap" not in body else _check.integer("run_cap", body["run_cap"], 1),
        target=None if "target" not in metric else _check.number("metric.target", metric["target"]),
    )


def _words(body: Mapping[str, Any]) -> tuple[str, ...]:
    command = body.get("command", _COMMAND)
    if isinstance(command, str) or not isinstance(command, Sequence):
        raise SettingError(f"command must be a list of words, got {command!r}")
    if "program" not in body and any("${program}" in str(word) for word in command):
        raise SettingError("program is missing: the script to run")
    words = [_word(str(word), str(body.get("program", ""))) for word in command]
    return tuple(word for word in words if word)


def _word(word: str, program: str) -> str:
    """A word with its macros in our own notation."""
    done, place = "", 0
    for macro in _MACRO.finditer(word):
        done += template.escape(word[place : macro.start()])
        place = macro.end()
        if macro[1] == "program":
            done += template.escape(program)
        elif macro[1].startswith("envvar:"):
            done += f"{{env.{macro[1].removeprefix('envvar:')}}}"
        elif macro[1] in _MACROS:
            done += _MACROS[macro[1]]
        else:
            raise SettingError(
                f"command: ${{{macro[1]}}} is not known; there are ${{program}}, ${{envvar:NAME}}, "
                f"{', '.join(f'${{{name}}}' for name in _MACROS)}"
            )
    return done + template.escape(word[place:])


def _scheduler(given: Any) -> ASHA | None:
    """Hyperband's brackets, as they are used there to stop runs, are the rungs of asha's stopping form."""
    if given is None:
        return None
    known(given, ("type", "min_iter", "max_iter", "s", "eta", "strict"), "early_terminate")
    if given.get("type") != "hyperband":
        raise SettingError(f"early_terminate.type must be hyperband, got {given.get('type')!r}")
    if given.get("strict"):
        raise SettingError("early_terminate.strict is not there: asha keeps the top 1/eta of each rung")
    eta = _check.integer("early_terminate.eta", given.get("eta", 3), 2)
    if ("min_iter" in given) is ("max_iter" in given):
        raise SettingError("early_terminate takes min_iter, or max_iter with s")
    if "min_iter" in given:
        return ASHA(low=_check.integer("early_terminate.min_iter", given["min_iter"], 1), eta=eta)
    high = _check.integer("early_terminate.max_iter", given["max_iter"], 1)
    halvings = _check.integer("early_terminate.s", given.get("s", 1), 1)
    return ASHA(low=max(1, round(high / eta**halvings)), high=high, eta=eta)
