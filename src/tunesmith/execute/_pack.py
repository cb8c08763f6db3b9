"""The objective, packed for its way into worker processes."""

from __future__ import annotations

import functools
import inspect
import os
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import cloudpickle

from tunesmith.errors import ObjectiveError
from tunesmith.execute._base import RunFactory
from tunesmith.execute._wire import Setup, Tag, frame

_WAY_OUT = (
    "define it at module level, and open files, connections and locks inside the objective, "
    "or run with one worker"
)


def pack(factory: RunFactory) -> bytes:
    """The SETUP frame. Raises ObjectiveError that names what cannot be pickled."""
    try:
        body = cloudpickle.dumps(factory)
    except Exception as error:
        route, culprit = _culprit(factory)
        where = f" (reached as {route})" if route else ""
        raise ObjectiveError(
            f"the objective cannot be sent to worker processes, because {type(culprit).__qualname__} "
            f"{_short(culprit)}{where} cannot be pickled ({error}): {_WAY_OUT}"
        ) from error
    # '' means the current directory, which an objective may change.
    path = tuple(entry or os.path.abspath(entry) for entry in sys.path)
    setup = Setup(factory=body, path=path, cwd=_cwd(), argv=tuple(sys.argv))
    return frame(Tag.SETUP, pickle.dumps(setup, protocol=pickle.HIGHEST_PROTOCOL))


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.path.sep  # the directory we stand in has been removed


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _culprit(value: Any) -> tuple[str, Any]:
    """The innermost part that cannot be pickled, and the path to it."""
    path, seen = [], {id(value)}
    while True:
        for name, part in _parts(value):
            if id(part) not in seen and not _picklable(part):
                seen.add(id(part))
                path.append(name)
                value = part
                break
        else:
            return " / ".join(path), value


def _picklable(value: Any) -> bool:
    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001  (whatever __reduce__ raises)
        return False
    return True


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What pickling `value` would pickle with it, by name."""
    if isinstance(value, functools.partial):
        yield "function", value.func
        yield from ((f"argument {i}", item) for i, item in enumerate(value.args))
        yield from value.keywords.items()
    elif inspect.isfunction(value):
        found = inspect.getclosurevars(value)
        yield from found.nonlocals.items()
        yield from found.globals.items()
        yield from ((f"default {i}", item) for i, item in enumerate(value.__defaults__ or ()))
    elif inspect.ismethod(value):
        yield "self", value.__self__
    elif isinstance(value, dict):
        yield from ((repr(key), item) for key, item in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"item {i}", item) for i, item in enumerate(value))
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from ((f".{name}", item) for name, item in vars(value).items())
