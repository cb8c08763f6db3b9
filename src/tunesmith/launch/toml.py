"""study.toml: a search written down in a file."""

from __future__ import annotations

import contextlib
import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tunesmith import _check, presets
from tunesmith.errors import SettingError, SpaceError, TunesmithError
from tunesmith.kernel.stop import Budget
from tunesmith.launch import make, template, tomlspace
from tunesmith.launch.job import Job
from tunesmith.record.fidelity import Fidelity, joined
from tunesmith.record.problem import Direction
from tunesmith.space import Domain, Space

_METRICS = ("regex", "final", "tensorboard", "steps")
_RUN = ("trials", "workers", "timeout", "budget", "trial_timeout", "retries", "seed")
_WHAT = ("command", "objective", "name", "storage", "cwd", "env", "grace", "metrics")
_GOALS = ("maximize", "minimize", "direction", "objectives")
_SEARCH = ("searcher", "replicates", "scheduler", "fidelity", "target", "space", "constraints")
_KEYS = (*_WHAT, *_GOALS, *_RUN, *_SEARCH)


def load(path: Path) -> Job:
    """The job in a file. Raises SettingError or SpaceError that begin with the file and the key's place."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path} cannot be read as TOML: {error}") from None
    with placed(path):
        return job_of(body, path.stem, path.absolute().parent)


@contextlib.contextmanager
def placed(path: Path) -> Iterator[None]:
    """What is raised inside begins with the file."""
    try:
        yield
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from None
    except TunesmithError as error:
        raise SettingError(f"{path}: {error}") from None


def job_of(body: Mapping[str, Any], stem: str, folder: Path) -> Job:
    """The job that a table describes; paths in it count from `folder`."""
    known(body, _KEYS, "")
    if ("command" in body) is ("objective" in body):
        raise SettingError("a study runs either a command or an objective: give command = or objective =")
    goals, direction = _goals(body)
    fidelity = _fidelity(body.get("fidelity"))
    common: dict[str, Any] = {
        "goals": goals,
        "direction": direction,
        "fidelity": fidelity,
        "searcher": method("searcher", body.get("searcher"), presets.searcher_from),
        "replicates": body.get("replicates"),
        "scheduler": _schedulers(body.get("scheduler")),
        "timeout": _duration(body, "timeout"),
        "budget": None if "budget" not in body else Budget(body["budget"]).amounts,
        "trial_timeout": _duration(body, "trial_timeout"),
        "target": None if "target" not in body else _check.number("target", body["target"]),
        "storage": _text(body, "storage"),
        **_counts(body),
    }
    space = tomlspace.read(body["space"]) if "space" in body else {}
    constraints = _texts(body, "constraints")
    if "objective" in body:
        refused = [key for key in ("env", "cwd", "grace", "metrics") if key in body]
        if refused:
            raise SettingError(
                f"{refused[0]} is for commands, and this study runs a Python objective: remove it"
            )
        return Job(
            name=_text(body, "name") or stem,
            objective=_located(str(_text(body, "objective")), folder),
            space=Space.of(space, constraints) if space else None,
            constraints=() if space else constraints,
            **common,
        )
    return _command(body, stem, folder, space, constraints, common)


def _command(
    body: Mapping[str, Any],
    stem: str,
    folder: Path,
    space: Mapping[str, Domain],
    constraints: tuple[str, ...],
    common: dict[str, Any],
) -> Job:
    words = _words(body["command"])
    name = _text(body, "name") or (stem if stem != "study" else make.name_of(words))
    if common["direction"] is not None:
        raise SettingError('direction does not name the metric: write maximize = "acc" or minimize = "loss"')
    program, compiled = make.program(
        words,
        common["goals"],
        study=name,
        space=space,
        constraints=constraints,
        fidelity=common["fidelity"],
        trial_timeout=common["trial_timeout"],
        grace=_duration(body, "grace"),
        cwd=str(folder / (_text(body, "cwd") or ".")),
        env=_environment(body.get("env", {})),
        **_metrics(body.get("metrics", {})),
    )
    return Job(name=name, program=program, space=compiled, **common)


def known(body: Any, keys: tuple[str, ...], place: str) -> None:
    """Raises SettingError for a key that is none of these."""
    if not isinstance(body, Mapping):
        raise SettingError(f"{place} must be a table of keys and values, got {body!r}")
    for key in body:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, 1, 0.6)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(keys)}"
            raise SettingError(f"there is no key {f'{place}.{key}' if place else key!r}: {hint}")


def method(what: str, given: Any, build: Callable[[Mapping[str, Any]], Any]) -> Any:
    """A searcher or scheduler: a name, or a table of its name and settings."""
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise SettingError(f'{what} must be a name or a table such as {{name = "tpe"}}, got {given!r}')
    settings = {key: value for key, value in given.items() if key != "name"}
    try:
        return build({"name": given["name"], "settings": settings})
    except TypeError as error:
        raise SettingError(f"{what}: {given['name']} does not take these settings: {error}") from None


def _schedulers(given: Any) -> Any:
    """A scheduler, or a list of several."""
    if isinstance(given, list):
        return [method("scheduler", one, presets.scheduler_from) for one in given]
    return method("scheduler", given, presets.scheduler_from)


def _goals(body: Mapping[str, Any]) -> tuple[dict[str, str], str | None]:
    """The metrics with their directions, or one direction for what the objective returns."""
    goals: dict[str, str] = {}
    for way in ("maximize", "minimize"):
        for name in _texts(body, way):
            if name in goals:
                raise SettingError(f"{way}: {name!r} cannot be both maximized and minimized")
            goals[name] = way
    for name, way in body.get("objectives", {}).items():
        goals[name] = Direction.of(way).value
    direction = _text(body, "direction")
    if direction is not None and goals:
        raise SettingError("give direction, or the metrics with maximize and minimize, not both")
    return goals, None if direction is None else Direction.of(direction).value


def _fidelity(given: Any) -> Fidelity | None:
    if given is None:
        return None
    if isinstance(given, str):
        return make.fidelity_of(given)
    if isinstance(given, list):
        return joined([one for item in given if (one := _fidelity(item)) is not None])
    known(given, ("name", "low", "high", "eta", "fold"), "fidelity")
    missing = [key for key in ("name", "low", "high") if key not in given]
    if missing:
        raise SettingError(f"fidelity.{missing[0]} is missing: it takes name, low, high, eta and fold")
    return Fidelity(**given)


def _counts(body: Mapping[str, Any]) -> dict[str, Any]:
    least = {"trials": 1, "workers": 1, "retries": 0, "seed": 0}
    return {key: _check.integer(key, body[key], low) for key, low in least.items() if key in body}


def _duration(body: Mapping[str, Any], key: str) -> float | str | None:
    if key in body:
        _check.seconds(key, body[key])
    found: float | str | None = body.get(key)
    return found


def _text(body: Mapping[str, Any], key: str) -> str | None:
    found = body.get(key)
    if found is not None and (not isinstance(found, str) or not found):
        raise SettingError(f"{key} must be text, got {found!r}")
    return found


def _texts(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """One text, or several."""
    found = body.get(key, ())
    listed = (found,) if isinstance(found, str) else found
    if not isinstance(listed, (list, tuple)) or not all(isinstance(item, str) and item for item in listed):
        raise SettingError(f"{key} must be text or a list of texts, got {found!r}")
    return tuple(listed)


def _words(given: Any) -> tuple[str, ...]:
    """A command: a list of words, or text that is cut into words as a shell would, and never run by one."""
    if isinstance(given, str):
        try:
            words = template.split(given)
        except ValueError as error:
            raise SettingError(f"command cannot be cut into words ({error}): {given!r}") from None
    else:
        words = _texts({"command": given}, "command")
    if not words:
        raise SettingError('command is empty: write command = "python train.py --lr {lr}"')
    return words


def _environment(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(type(v) in (str, int, float) for v in given.values()):
        raise SettingError(f"env must be a table of texts and numbers, got {given!r}")
    return {key: str(value) for key, value in given.items()}


def _metrics(given: Any) -> dict[str, Any]:
    known(given, _METRICS, "metrics")
    found: dict[str, Any] = {}
    if "regex" in given:
        found["regexes"] = _texts(given, "regex")
    if "steps" in given:
        found["steps"] = _texts(given, "steps")
    if "final" in given:
        found["final"] = given["final"]
    where = given.get("tensorboard", False)
    if where is True:
        found["tensorboard"] = "{trial.dir}"
    elif where is not False:
        found["tensorboard"] = _text(given, "tensorboard")
    return found


def _located(objective: str, folder: Path) -> str:
    """train.py:objective, the file counted from the folder of the study's."""
    place, colon, name = objective.rpartition(":")
    if place.endswith(".py") and not Path(place).is_absolute() and folder != Path.cwd():
        return f"{folder / place}{colon}{name}"
    return objective
