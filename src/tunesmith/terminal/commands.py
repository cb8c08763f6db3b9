"""Command lines to type next: each exists, and does what is said of it when pasted where one stands."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from tunesmith.terminal.words import place

_DEFAULT = "tunesmith.db"  # where commands look for studies by themselves

Step = tuple[str, str]
"""A command line, and its purpose."""


def command(name: str, store: Any, verb: str, *options: str) -> str:
    """`tunesmith VERB NAME`, told where the study is unless commands look there by themselves."""
    where = place(store)
    default = where == _DEFAULT and not os.environ.get("TUNESMITH_STORAGE")
    return shlex.join(["tunesmith", verb, name, *options, *([] if default else ["--storage", where])])


def look_steps(name: str, store: Any) -> list[Step]:
    """For who has looked on, or runs a script: to look again, and to take the trials elsewhere."""
    if not kept(store):
        return []
    file = re.sub(r"[^\w.-]+", "_", name).lstrip(".-") or "trials"
    return [
        (command(name, store, "show"), "look again"),
        (command(name, store, "export", "-o", f"{file}.csv"), "all trials"),
    ]


def run_steps(name: str, store: Any, total: int | None, purpose: str) -> list[Step]:
    """For who runs a study by the command line: to go on with it, and to read its best trial."""
    more = [] if total is None else ["--trials", str(total)]
    return [
        (command(name, store, "resume", *more), purpose),
        (command(name, store, "best", "--json"), "for programs"),
    ]


def kept(store: Any) -> bool:
    """Whether the study is there for commands to find."""
    return getattr(store, "path", None) is not None


def lines(steps: Sequence[Step]) -> list[str]:
    """'next', and a line for each."""
    if not steps:
        return []
    size = max(len(purpose) for _, purpose in steps)
    return ["next", *(f"  {purpose.ljust(size)}   {text}" for text, purpose in steps)]
