"""Which store and which study a command means."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tunesmith.errors import StoreError, StudyError

DEFAULT = "sqlite:///tunesmith.db"
F = TypeVar("F", bound=Callable[..., Any])


def storage_option(command: F) -> F:
    """`--storage`, with the environment variable and the default that all commands share."""
    return click.option(
        "--storage",
        envvar="TUNESMITH_STORAGE",
        default=DEFAULT,
        show_default=True,
        metavar="WHERE",
        help="A path, or sqlite:///path; also TUNESMITH_STORAGE.",
    )(command)


def json_option(command: F) -> F:
    """`--json`, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Strict JSON, for programs; NaN is null.")(
        command
    )


def existing(storage: str) -> Any:
    """The store at `storage`. Raises StoreError when there is none: to read is not to create."""
    from tunesmith import presets

    _, separator, rest = storage.partition("://")
    path = Path(rest.removeprefix("/") if separator else storage).expanduser()
    if storage.startswith("sqlite://") or not separator:
        if path.is_dir():
            raise StoreError(f"{path} is a folder: give the file in it that holds the studies")
        if not path.exists():
            raise StoreError(
                f"there is no store at {path}, so there are no studies: `tunesmith run` makes one, "
                "or say where it is with --storage"
            )
    return presets.store(storage)


def load(name: str | None, storage: str) -> Any:
    """The study of this name, or the only one there is when no name is given; a near name is suggested."""
    from tunesmith import api
    from tunesmith.terminal.words import place

    store = existing(storage)
    known = [info.spec.name for info in store.list()]
    where = place(store)
    if name is None and len(known) == 1:
        name = known[0]
    if name is None:
        listed = f"{where} holds {', '.join(known)}" if known else f"{where} is empty"
        raise StudyError(f"which study? {listed}; write its name after the command")
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else _held(known)
        raise StudyError(f"there is no study named {name!r} in {where}: {hint}")
    return api.load_study(name, storage=store)


def _held(known: list[str]) -> str:
    if not known:
        return "it is empty"
    return f"it holds {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"
