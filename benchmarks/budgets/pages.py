"""Learning curves as a section of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.quality.pages import grid

Record = Mapping[str, Any]
OURS = "tunesmith-freeze-thaw"
SHARE = 8  # ours is to reach what random search has at the end for that part of its cost
_TITLES = {
    "budgets": "Learning curves",
    "budgets-aside": "Learning curves that were never used for tuning",
    "budgets-real": "Learning curves of models that are really trained",
}


def curves(record: Record) -> str:
    """One result of `budgets`."""
    points = record["points"]
    ours = {who for of in points.values() for who in of if who.startswith("tunesmith-")}
    parts = [
        f"### {_TITLES.get(record['case'], 'Learning curves, ' + record['case'].removeprefix('budgets-'))}\n",
        f"Tasks: {', '.join(record['tasks'])}. Lowest loss seen at any epoch, against epochs trained, in "
        f"full trainings of {', '.join(map(str, sorted(set(record['high'].values()))))} epochs. Every new "
        "epoch is charged, and what is taken up again goes on from its checkpoint, for all alike. Regret: 0 "
        "is the best known value (a random sample, a long search, and every run here), 1 the median of the "
        "lowest losses of random configurations; clipped to [0, 1], averaged over the runs of a task, then "
        "over tasks. Runs of a task and seed have the same seed, and all runs are this comparison's. Of what "
        "the shared benchmark has stored, the references of its three tasks are used (random sample, median, "
        "long search), and no run of a peer. Peers have their defaults, pruners and Hyperband from one epoch "
        "on with a reduction of 3, SMAC a first design of 20.\n",
        _table(points),
        f'`{OURS}` is what `scheduler="auto"` is for an objective that yields; `{OURS}-stop` for one that '
        "reports and cannot pause.\n",
    ]
    if OURS in ours:
        parts += [
            f"`{OURS}` against the best peer at each point (standard errors over runs, the tasks fixed; "
            "where peers have few runs, the best of them is so by luck, too):\n",
            _against(points),
        ]
    parts += [_reach(record), _tasks(record), _costs(record)]
    parts.extend(f"- failed: {line}" for line in record["failures"])
    return "\n".join(parts)


def _table(points: Record) -> str:
    shown = {point: of for point, of in points.items() if of}
    everyone = list(dict.fromkeys(who for of in shown.values() for who in of))
    last = "10" if "10" in shown else next(reversed(shown), "")
    order = sorted(everyone, key=lambda who: shown[last].get(who, {"mean": 9.0})["mean"])
    rows = []
    for who in order:
        cells = [f"{of[who]['mean']:.3f}" if who in of else "" for of in shown.values()]
        rows.append((who, *cells, _runs(shown, who)))
    return grid(("", *(f"{point}x" for point in shown), "runs"), rows)


def _runs(shown: Record, who: str) -> str:
    """How many, and from where on fewer."""
    said: list[str] = []
    before = 0
    for point, of in shown.items():
        count = of[who]["runs"] if who in of else before
        if count != before:
            said.append(f"{count} from {point}x" if said else str(count))
        before = count
    return ", ".join(said)


def best_peer(of: Record) -> str | None:
    """The lowest mean of all that are not ours."""
    theirs = [who for who in of if not who.startswith("tunesmith-")]
    return min(theirs, key=lambda who: of[who]["mean"], default=None)


def _against(points: Record) -> str:
    rows = []
    for point, of in points.items():
        peer = best_peer(of)
        if peer is None or OURS not in of:
            continue
        mine, its = of[OURS], of[peer]
        factor = mine["mean"] / its["mean"] if its["mean"] else float("inf")
        verdict = "win" if factor < 1 else "**loss**"
        error = math.hypot(mine["error"], its["error"])
        if math.isnan(error):
            verdict += ", one run a task: error not known"
        elif abs(mine["mean"] - its["mean"]) <= 2 * error:
            verdict += ", within two standard errors"
        rows.append((f"{point}x", _said(mine), peer, _said(its), f"{factor:.2f}x", verdict))
    return grid(("", "Tunesmith", "best peer", "its regret", "factor", ""), rows)


def _said(of: Record) -> str:
    error = "" if of["error"] != of["error"] else f" ± {of['error']:.3f}"
    return f"{of['mean']:.3f}{error} ({of['runs']} runs)"


def _reach(record: Record) -> str:
    found = record["reach"]
    if not found:
        return ""
    after = found["after"]
    rows = []
    for who, cost in sorted(found["cost"].items(), key=lambda pair: (pair[1] is None, pair[1])):
        share = "not reached" if cost is None else f"{cost:.1f}"
        rows.append((who, share, "" if cost is None else f"1/{after / cost:.1f}"))
    mine = found["cost"].get(OURS)
    met = mine is not None and mine * SHARE <= after
    said = (
        f"Random search that trains everything to the end has a regret of {found['regret']:.3f} after "
        f"{after} full trainings. Cost at which the mean of others is there"
    )
    if after >= 100:
        said += f" (bar for `{OURS}`: 1/{SHARE} of it: {'met' if met else '**missed**'})"
    return said + ":\n\n" + grid(("", "full trainings", "of random search's"), rows)


def _tasks(record: Record) -> str:
    of = record["per_task"]
    rows = [
        (who, *(f"{by[name]:.3f}" if name in by else "" for name in record["tasks"]))
        for who, by in of["regret"].items()
    ]
    return f"Mean regret by task at {of['n']}x:\n\n" + grid(("", *record["tasks"]), rows)


def _costs(record: Record) -> str:
    rows = [(who, f"{configs:.1f}", f"{cpu:.2g}") for who, (configs, cpu) in record["configs"].items()]
    said = "Configurations tried for one full training, and CPU milliseconds of the method an epoch:\n\n"
    return said + grid(("", "configurations", "CPU ms"), rows)
