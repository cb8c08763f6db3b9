"""Whether a command can be started at all, asked before the first trial."""

from __future__ import annotations

import difflib
import os
import shutil
from pathlib import Path

from tunesmith.errors import ObjectiveError
from tunesmith.launch import template
from tunesmith.launch.program import Program


def startable(program: Program) -> None:
    """Raises ObjectiveError for a folder, a program or a script that is known not to be there."""
    cwd = Path(program.cwd)
    if not cwd.is_dir():
        raise ObjectiveError(f"there is no folder {str(cwd)!r} to run the command in")
    words = [template.parse(word) for word in program.words]
    fixed = [word[0] if len(word) == 1 and isinstance(word[0], str) else None for word in words]
    first = fixed[0]
    if first is None:
        return
    _executable(first, cwd, program.env.get("PATH", os.environ.get("PATH", os.defpath)))
    script = fixed[1] if len(fixed) > 1 and Path(first).name.startswith("python") else None
    if script is not None and script.endswith(".py") and not (cwd / script).is_file():
        raise ObjectiveError(f"there is no script {script!r} in {cwd.absolute()}{_near(cwd / script)}")


def _executable(word: str, cwd: Path, path: str) -> None:
    if "/" not in word:
        if shutil.which(word, path=path) is None:
            if (cwd / word).is_file():
                raise ObjectiveError(f"{word!r} is no program on the PATH, but a file here: write './{word}'")
            raise ObjectiveError(f"there is no program {word!r} on the PATH{_known(word, path)}")
        return
    file = cwd / word
    if not file.exists():
        raise ObjectiveError(f"there is no program {word!r}{_near(file)}")
    if file.is_dir() or not os.access(file, os.X_OK):
        raise ObjectiveError(f"{word!r} is not executable: write its interpreter before it, or chmod +x it")


def _near(file: Path) -> str:
    if not file.parent.is_dir():
        return f": the folder {str(file.parent)!r} does not exist"
    near = difflib.get_close_matches(file.name, [p.name for p in file.parent.iterdir()], 1, 0.6)
    return f": did you mean {near[0]!r}?" if near else ""


def _known(word: str, path: str) -> str:
    for other in (f"{word}3", word.removesuffix("3")):
        if other != word and shutil.which(other, path=path):
            return f": did you mean {other!r}?"
    return ""
