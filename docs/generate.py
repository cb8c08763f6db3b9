"""The tables of the pages, from the code: `python -m docs.generate` rewrites what lies between markers.

`--check` changes nothing and exits with 1 when a table is out of date.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from tunesmith import presets
from tunesmith.cli.main import cli
from tunesmith.execute._base import Executor
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Handles, Searcher
from tunesmith.store._base import Store

ROOT = Path(__file__).parents[1]
_MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SENTENCE = re.compile(r"(.+?[.;:](?=\s|$))", re.DOTALL)


def rewrite(text: str) -> str:
    """A page with all its marked tables as the code has them now."""
    return _MARKED.sub(lambda m: f"{m[1]}{TABLES[m[2]]()}{m[3]}", text)


def intent(thing: Any) -> str:
    """The first sentence of a docstring, on one line; a pipe would end a cell."""
    found = _SENTENCE.match(inspect.cleandoc(thing.__doc__ or ""))
    text = " ".join((found[1] if found else "").split()).rstrip(".;:")
    return text.replace("|", "\\|")


def _named(names: Mapping[str, str]) -> dict[str, type[Any]]:
    found = {}
    for name, path in names.items():
        module, _, attribute = path.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return found


def takes(handles: Handles) -> str:
    """What a searcher can deal with."""
    words = [
        word
        for able, word in (
            (handles.conditions, "conditions"),
            (handles.constraints, "constraints"),
            (handles.define_by_run, "define-by-run"),
            (handles.outcome_constraints, "outcome constraints"),
            (handles.gradients, "gradients"),
        )
        if able
    ]
    if handles.fidelity:
        words.append("with a fidelity only")
    if not handles.continuous:
        words.append("finite spaces only")
    return ", ".join([*words, _objectives(handles.objectives)])


def _objectives(most: int | None) -> str:
    return "any number of objectives" if most is None else f"{most} objective{'s' if most > 1 else ''}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def searchers() -> str:
    """All searchers with a name."""
    rows = [
        (f"`{n}`", intent(k), takes(k.handles))
        for n, k in _named(presets.SEARCHERS).items()
        if issubclass(k, Searcher)
    ]
    return _table(("searcher", "what it does", "takes"), rows)


def schedulers() -> str:
    """All schedulers with a name."""
    rows = [
        (f"`{n}`", intent(k), ("pauses and resumes trials, " if k.pauses else "") + _objectives(k.objectives))
        for n, k in _named(presets.SCHEDULERS).items()
        if issubclass(k, Scheduler)
    ]
    return _table(("scheduler", "what it does", "takes"), rows)


def _kinds(package: str, base: type[Any]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if module.name.startswith("_"):
            continue
        things = vars(importlib.import_module(f"{package}.{module.name}"))
        kinds = {name: thing for name, thing in things.items() if inspect.isclass(thing)}
        found |= {n: k for n, k in kinds.items() if issubclass(k, base) and not inspect.isabstract(k)}
    return found


def stores() -> str:
    """All stores."""
    return _table(
        ("store", "what it is"), [(f"`{n}`", intent(k)) for n, k in _kinds("tunesmith.store", Store).items()]
    )


def executors() -> str:
    """All executors."""
    rows = [(f"`{n}`", intent(k)) for n, k in _kinds("tunesmith.execute", Executor).items()]
    return _table(("executor", "what it does"), rows)


def commands() -> str:
    """All commands of the command line."""
    context = click.Context(cli)
    rows = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        rows.append((f"`tunesmith {name}`", command.get_short_help_str(200).rstrip(".") if command else ""))
    return _table(("command", "what it does"), rows)


def works() -> str:
    """All of them, for the front page."""
    return "\n".join([searchers(), schedulers(), stores(), executors(), commands()])


TABLES: Mapping[str, Callable[[], str]] = {
    "works": works,
    "searchers": searchers,
    "schedulers": schedulers,
    "stores": stores,
    "executors": executors,
    "commands": commands,
}


def main() -> int:
    """Rewrite the pages, or with --check only say which are out of date."""
    stale = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        fresh = rewrite(text)
        if fresh != text:
            stale.append(page)
            if "--check" not in sys.argv:
                page.write_text(fresh, encoding="utf-8")
    for page in stale:
        sys.stdout.write(
            f"{page.relative_to(ROOT)} {'is out of date' if '--check' in sys.argv else 'was rewritten'}\n"
        )
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
