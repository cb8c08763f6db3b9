"""The page of figures, written from a run's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = """# Benchmarks

Tunesmith beside its peers: same tasks, same machine, each peer at its documented defaults, measured in turn
within one run. Less is better. A ratio says how many times Tunesmith's median the peer's is; the bar is the
least ratio that we hold to be good enough. Losses are printed like wins. `make bench` writes this page;
absolute figures depend on the machine, and its noise.

Measured on {machine}, Python {python}; {peers}. Figures are medians of {repeat} runs{quick}.
"""


def page(run: Mapping[str, Any]) -> str:
    """The whole page."""
    peers = ", ".join(f"{name} {version}" for name, version in run["peers"].items())
    quick = " (a quick run: fewer trials)" if run["quick"] else ""
    parts = [
        _HEAD.format(
            machine=run["machine"], python=run["python"], peers=peers, repeat=run["repeat"], quick=quick
        )
    ]
    parts.append(_verdict(run["results"]))
    parts.extend(_section(result) for result in run["results"])
    return "\n".join(parts)


def _verdict(results: list[Mapping[str, Any]]) -> str:
    judged = [(result, line) for result in results for line in result["lines"] if line["met"] is not None]
    missed = [(result, line) for result, line in judged if not line["met"]]
    lost = [(result, line) for result, line in judged if line["ratio"] < 1]
    text = f"{len(judged) - len(missed)} of {len(judged)} bars met"
    if missed:
        text += "; missed: " + "; ".join(
            f"{_short(r)} against {li['who']} ({li['ratio']:.2g}x)" for r, li in missed
        )
    slower = "; ".join(f"{_short(r)} against {li['who']} ({li['ratio']:.2g}x)" for r, li in lost)
    return f"**{text}.** Tunesmith is slower in: {slower or 'none of these'}.\n"


def _short(result: Mapping[str, Any]) -> str:
    return f"`{result['case']}`"


def _section(result: Mapping[str, Any]) -> str:
    rows = [f"## {result['title']}\n", f"`--only {result['case']}`\n"]
    rows += [
        f"| | {result['unit']}, median | least | ratio | bar | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for line in result["lines"]:
        bar, met = line["bar"], line["met"]
        verdict = [] if met is None else ["met" if met else "**missed**"]
        note = ", ".join([*verdict, *([line["note"]] if line["note"] else [])])
        ratio = "" if line is result["lines"][0] else f"{line['ratio']:.2f}x"
        shown = "" if bar is None else f"≥ {bar:g}x"
        cells = (line["who"], _figure(line["median"]), _figure(line["min"]), ratio, shown, note)
        rows.append(f"| {' | '.join(cells)} |")
    if result["facts"]:
        rows += ["", *(f"- {fact}" for fact in result["facts"])]
    return "\n".join(rows) + "\n"


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
