"""A program of the pieces that users write: one way for the command line, study.toml and sweep files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunesmith import _check
from tunesmith.errors import SettingError, SpaceError
from tunesmith.launch import template
from tunesmith.launch.program import Program
from tunesmith.record.fidelity import Fidelity
from tunesmith.space import Domain, Space

_INTERPRETERS = (
    "python",
    "bash",
    "sh",
    "node",
    "julia",
    "ruby",
    "perl",
    "Rscript",
    "env",
    "uv",
    "poetry",
    "run",
)


def name_of(words: Sequence[str]) -> str:
    """A study's name for a command: that of its script, else of its program."""
    for word in words:
        path = Path(word)
        if word.startswith(("-", "{", "$")) or path.name.rstrip("0123456789.") in _INTERPRETERS:
            continue
        return path.stem or "study"
    return Path(words[0]).stem if words else "study"


def unquoted(words: Sequence[str], cwd: str) -> None:
    """Raises SettingError for a whole command that was given as one word, in quotes."""
    first = words[0]
    try:
        several = len(template.split(first)) > 1
    except ValueError:  # a quotation mark that is not closed
        several = " " in first
    if several and shutil.which(first) is None and not Path(cwd, first).exists():
        raise SettingError(
            f"the command {first!r} is one word: leave out the quotes around it, and put them only around "
            "what stands in braces"
        )


def fidelity_of(text: str) -> Fidelity:
    """A fidelity as text: 'epoch:1:81', 'epoch:1:81:3' with its eta; several with commas between them."""
    first, *others = (_one_fidelity(part) for part in text.split(","))
    return replace(first, along=tuple(others))


def _one_fidelity(text: str) -> Fidelity:
    name, *numbers = (part.strip() for part in text.split(":"))
    try:
        low, high, *eta = (int(n) if n.isdigit() else float(n) for n in numbers)
        return Fidelity(name, low, high, *eta)  # type: ignore[arg-type]  # a fraction as eta is refused there
    except (TypeError, ValueError):
        raise SettingError(
            f"a fidelity is written name:lowest:highest, such as epoch:1:81, got {text!r}"
        ) from None


def program(
    words: Sequence[str],
    goals: Mapping[str, str],
    *,
    study: str,
    space: Mapping[str, Domain] | None = None,
    constraints: Sequence[str] = (),
    fidelity: Fidelity | None = None,
    trial_timeout: float | str | None = None,
    grace: float | str | None = None,
    **settings: Any,
) -> tuple[Program, Space]:
    """The program and its space; `settings` are those of Program. Raises what is wrong, in a sentence.

    Parameters are declared in the words, in `space`, or in both; with none named in the words, all are
    appended as `--name=value`.
    """
    plain, found = template.declared(words)
    twice = found.keys() & (space or {}).keys()
    if twice:
        raise SpaceError(
            f"the parameter {min(twice)!r} is declared in the command and in the space: do it once"
        )
    declared = {**(space or {}), **found}
    if not declared:
        raise SpaceError(
            "there is nothing to tune: put parameters into the command, such as --lr '{lr: log(1e-5, 1e-1)}'"
        )
    if not goals:
        raise SettingError("say which metric to optimise: --maximize acc, or --minimize loss")
    compiled = Space.of(declared, tuple(constraints))
    names = tuple(dict.fromkeys(parameter.name for parameter in compiled.parameters))
    for name in names:
        if template.reserved(name):
            raise SpaceError(f"a parameter cannot be called {name!r}: that name is taken")
    if not template.slots(plain):
        plain = (*plain, f"{{{template.EVERY}}}")
    steps = () if fidelity is None else (fidelity.name,)
    limits: dict[str, Any] = {}
    if trial_timeout is not None:
        limits["timeout"] = _check.seconds("trial_timeout", trial_timeout)
    if grace is not None:
        limits["grace"] = _check.seconds("grace", grace)
    made = Program(
        words=plain,
        goals=dict(goals),
        study=study,
        names=names,
        steps=(*settings.pop("steps", ()), *steps),
        **limits,
        **settings,
    )
    return made, compiled
