"""The page of figures, written from the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.bars import Bar, Results, Row, bars, figure
from benchmarks.budgets.bars import budget_bars
from benchmarks.cases import CASES, View
from benchmarks.harness import Cell
from benchmarks.quality.pages import section
from benchmarks.search_bars import search_bars

_HEAD = """# Benchmarks

Tunesmith beside its peers: the same spaces, objective, history and seeds, each peer at its documented
defaults with its log output off. Every figure comes from a fresh process with one thread; contenders run in
turn, and the least of their runs is shown (and by how much the greatest was over it). A peer's figure stands
beside ours from the same run. Losses are printed like wins. Absolute figures depend on the machine and what
else it does; ratios hold better.

```sh no-run
make bench                                     # all of it, 20 minutes on a quiet machine, and this page
make bench-quick                               # small sizes, five minutes or less; nothing is written
make bench TASKS=FOLDER                        # with quality on a folder of tasks, not on the built-in ones
python -m benchmarks run --only ask-tpe        # one case; --quick for small sizes of all
python -m benchmarks quality --tasks FOLDER    # played runs are saved, and not played twice
python -m benchmarks quality --tasks aside --set held    # tasks of our own; --set dev for tuning
python -m benchmarks trainings                 # real, noisy trainings: what is reported, on data held out
python -m benchmarks budgets                   # learning curves: regret against epochs; --set aside
python -m benchmarks ablation gp               # what each of its settings is worth
```
"""
_MARKS = {True: "met", False: "**missed**", None: ""}


def page(results: Results) -> str:
    """The whole page."""
    parts = [_HEAD, _verdict(results), _setting(results), "## Bars\n"]
    parts.extend(f"### {bar.title}\n\n{_rows(bar.rows(results))}" for bar in _bars())
    parts.append("## All figures\n")
    parts.extend(_case(name, results[name]) for name in CASES if name in results)
    parts.extend(section(record) for name, record in results.items() if name not in CASES)
    return "\n".join(parts)


def _bars() -> Sequence[Bar]:
    return (*bars(), *search_bars(), *budget_bars())


def _verdict(results: Results) -> str:
    judged = [(bar, row) for bar in _bars() for row in bar.rows(results) if row.bar]
    met = [row for _, row in judged if row.met]
    missed = [f"{bar.title}: {_short(row)}" for bar, row in judged if row.met is False]
    unjudged = [f"{bar.title}: {_short(row)}" for bar, row in judged if row.met is None]
    text = (
        f"**{len(met)} of {len(judged)} judgements met, {len(missed)} missed, {len(unjudged)} not judged.**\n"
    )
    for title, lines in (("Missed", missed), ("Not judged", unjudged)):
        if lines:
            text += f"\n{title}:\n\n" + "".join(f"- {line}\n" for line in lines)
    return text


def _short(row: Row) -> str:
    parts = [row.what, f"against {row.peer}" if row.peer else "", row.ratio or row.ours, row.why]
    return ", ".join(part for part in parts if part) + f" (bar: {row.bar})"


def _setting(results: Results) -> str:
    """Machines, versions and sizes; one line where all cases agree."""
    lines = ["Measured on\n"]
    groups: dict[str, list[str]] = {}
    for name, record in results.items():
        groups.setdefault(_machine(record), []).append(name)
    for said, names in groups.items():
        who = "all cases" if len(groups) == 1 else ", ".join(f"`{name}`" for name in names)
        lines.append(f"- {who}: {said}")
    missing = sorted({why for record in results.values() for why in record["missing"].values()})
    lines.extend(f"- not compared: {said}" for said in missing)
    took = sum(record["took_s"] for record in results.values())
    lines.append(
        f"- in {took / 60:.0f} minutes in all: "
        + ", ".join(f"{name} {record['took_s']:.0f} s" for name, record in results.items())
    )
    lines.append("- a bar on programs that hang, fork or flood their output is no figure: the tests hold it")
    return "\n".join(lines) + "\n"


def _machine(record: Mapping[str, Any]) -> str:
    machine = record["machine"]
    versions = ", ".join(
        f"{name} {version}" for name, version in record["versions"].items() if name != "plain"
    )
    kind = "" if record["profile"] == "full" else f" ({record['profile']} run: small sizes)"
    return (
        f"{machine['cores']} cores ({machine['architecture']}, shared), {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {versions}{kind}"
    )


def _rows(rows: Iterable[Row]) -> str:
    lines = ["| | Tunesmith | peer | its figure | | bar | |", "| --- | ---: | --- | ---: | --- | --- | --- |"]
    for row in rows:
        verdict = _MARKS[row.met]
        if row.met is None and row.bar:
            verdict = "not judged"
        verdict = "; ".join(part for part in (verdict, row.why) if part)
        cells = (row.what, row.ours, row.peer, row.theirs, row.ratio, row.bar, verdict)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _case(name: str, record: Mapping[str, Any]) -> str:
    case = CASES[name]
    cells = [Cell.read(found) for found in record["cells"]]
    parts = [f"### {case.title}\n", f"`--only {name}`. {case.note}\n"]
    for view in case.views:
        for space in dict.fromkeys(cell.space for cell in cells):
            here = [cell for cell in cells if cell.space == space]
            where = "" if len({cell.space for cell in cells}) == 1 else f", {space}"
            parts.append(f"{view.title}{where}, {view.unit}:\n")
            parts.append(_grid(view, here))
    reasons = [
        f"- {cell.who}, {cell.n:,}, {cell.space}: not run: {cell.not_run}" for cell in cells if cell.not_run
    ]
    return "\n".join([*parts, *reasons, ""] if reasons else parts)


def _grid(view: View, cells: Sequence[Cell]) -> str:
    """Contenders by sizes; where each has its own size, one column with it."""
    who = list(dict.fromkeys(cell.who for cell in cells))
    sizes = sorted({cell.n for cell in cells})
    spread = all(sum(cell.who == name for cell in cells) == 1 for name in who) and len(sizes) > 1
    if spread:
        lines = ["| | trials | |", "| --- | ---: | ---: |"]
        lines += [f"| {cell.who} | {cell.n:,} | {_shown(view, cell)} |" for cell in cells]
        return "\n".join(lines) + "\n"
    found = {(cell.who, cell.n): cell for cell in cells}
    lines = [
        "| | " + " | ".join(f"n = {n:,}" for n in sizes) + " |",
        "| --- |" + " ---: |" * len(sizes),
    ]
    for name in who:
        shown = [_shown(view, found[name, n]) if (name, n) in found else "" for n in sizes]
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _shown(view: View, cell: Cell) -> str:
    """The least of the runs, and how far the greatest is from it."""
    value = view.of(cell)
    if cell.runs and cell.n < view.from_n:
        return ""
    if value is None:
        return "failed" if cell.not_run.startswith("failed") else "not run"
    spread = cell.spread(view.key)
    return figure(value, "") + ("" if spread is None else f" (+{spread:.0%})")
