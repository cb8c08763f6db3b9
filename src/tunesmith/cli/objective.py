"""An objective named on the command line: found, imported, and made ready to travel to workers."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from tunesmith.errors import ObjectiveError, SpaceError

_SPACES = ("space", "Config")


class Target(NamedTuple):
    """The objective, the module it is defined in, and a name for its study."""

    objective: Callable[..., Any]
    module: ModuleType
    stem: str


def find(text: str) -> Target:
    """The objective 'file.py:function' or 'module:function'. Raises ObjectiveError in one sentence."""
    place, separator, name = text.rpartition(":")
    if not separator or not place or not name:
        raise ObjectiveError(
            f"{text!r} names no objective: write file.py:function, or package.module:function; a program "
            "comes after --, as in tunesmith run --maximize acc -- python train.py"
        )
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        there = [
            k
            for k, v in vars(module).items()
            if callable(v) and getattr(v, "__module__", "") == module.__name__
        ]
        hint = f"it defines {', '.join(there[:8])}" if there else "it defines no function"
        raise ObjectiveError(f"{place} has no function {name!r}: {hint}")
    return Target(found, module, stem(text))


def stem(text: str) -> str:
    """A study's name for an objective: that of its file or module."""
    place = text.rpartition(":")[0]
    return Path(place).stem if place.endswith(".py") else place.rpartition(".")[2] or "study"


def find_space(module: ModuleType, name: str | None) -> Any:
    """The space of this name in the module; without a name, its `space` or `Config` if it has one."""
    if name is not None:
        if not hasattr(module, name):
            raise SpaceError(
                f"{module.__file__} has no attribute {name!r} to be the space: --space names one"
            )
        return getattr(module, name)
    for candidate in _SPACES:
        found = getattr(module, candidate, None)
        declared = isinstance(found, Mapping) or (isinstance(found, type) and dataclasses.is_dataclass(found))
        if declared or type(found).__name__ == "Space":
            return found
    return None


def _from_name(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise ObjectiveError(f"the module {name!r} cannot be imported: {_told(error)}") from error


def _from_file(path: Path) -> ModuleType:
    """The module in a file: imported by its stem, so that workers import it too, or, where another module has
    that name, under a name of its own, and sent to workers by value."""
    file = path.expanduser().resolve()
    if not file.is_file():
        raise ObjectiveError(f"there is no file {path}: the objective is written file.py:function")
    folder, stem = str(file.parent), file.stem
    try:
        if _taken(stem, file):
            sys.path.append(folder)  # last: here the file would hide the module it is named like
            return _by_value(file)
        sys.path.insert(0, folder)
        return importlib.import_module(stem)
    except (Exception, SystemExit) as error:
        raise ObjectiveError(f"{path} cannot be imported: {_told(error, file)}") from error


def _taken(stem: str, file: Path) -> bool:
    """Whether importing by this name would find, or hide, another module."""
    if not stem.isidentifier() or stem == "__main__" or stem in sys.stdlib_module_names:
        return True
    loaded = sys.modules.get(stem)
    if loaded is not None:
        return getattr(loaded, "__file__", None) != str(file)
    try:
        found = importlib.util.find_spec(stem)
    except (ImportError, ValueError):
        return False
    return found is not None and (found.origin is None or Path(found.origin).resolve() != file)


def _by_value(file: Path) -> ModuleType:
    import cloudpickle

    name = f"_tunesmith_{''.join(c if c.isalnum() else '_' for c in file.stem)}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    cloudpickle.register_pickle_by_value(module)
    return module


def _told(error: BaseException, file: Path | None = None) -> str:
    """The error in a line, and where it comes from: the last line of the user's `file` on the way to it."""
    said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    if isinstance(error, SystemExit):
        said = f'it calls sys.exit({error.code!r}), as scripts do: put that under if __name__ == "__main__"'
    if isinstance(error, SyntaxError) and error.filename:
        return f"{said} ({_place(error.filename, error.lineno, error.text)})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    own = [frame for frame in frames if file is not None and frame.filename == str(file)]
    for frame in (own or frames)[-1:]:
        return f"{said} ({_place(frame.filename, frame.lineno, frame.line)})"
    return said


def _place(file: str, line: int | None, text: str | None) -> str:
    """'train.py:7: import torhc': what an editor jumps to."""
    near = os.path.relpath(file)
    where = f"{file if near.startswith('..') else near}:{line}"
    return where if text is None or not text.strip() else f"{where}: {text.strip()}"
