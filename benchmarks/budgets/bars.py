"""The bars of learning curves: at every budget against the best peer, and the cost of what random search
comes to."""

from __future__ import annotations

from benchmarks.bars import Bar, Results, Row
from benchmarks.budgets.pages import OURS, SHARE, best_peer

_JUDGED = ("3", "5", "10", "25", "50", "100")
_SAYS = "≤ 1x"


def each_budget(results: Results) -> list[Row]:
    """Means of all runs of a contender; at how many each stands says the section."""
    rows = []
    for case, record in results.items():
        if not case.startswith("budgets"):
            continue
        where = case.removeprefix("budgets").removeprefix("-") or "public"
        for point in _JUDGED:
            what, of = f"{where}, {point} full trainings", record["points"].get(point, {})
            peer = best_peer(of)
            if peer is None or OURS not in of:
                rows.append(Row(what=what, bar=_SAYS, why="not measured"))
                continue
            mine, its = of[OURS]["mean"], of[peer]["mean"]
            rows.append(
                Row(
                    what=what,
                    ours=f"{mine:.4f} ({of[OURS]['runs']} runs)",
                    peer=f"{peer}, {of[peer]['runs']} runs",
                    theirs=f"{its:.4f}",
                    ratio=f"{mine / its:.2f}x" if its > 0 else "",
                    bar=_SAYS,
                    met=mine <= its,
                )
            )
    return rows or [Row(what="mean regret", bar=_SAYS, why="not measured")]


def share(results: Results) -> list[Row]:
    """Only where random search was followed to 100 full trainings."""
    rows = []
    for case, record in results.items():
        found = record.get("reach") if case.startswith("budgets") else None
        if not found or found["after"] < 100:
            continue
        cost = found["cost"].get(OURS)
        where = case.removeprefix("budgets").removeprefix("-") or "public"
        rows.append(
            Row(
                what=where,
                ours="not reached" if cost is None else f"{cost:.1f} full trainings",
                peer="random search",
                theirs=f"{found['after']} full trainings",
                ratio="" if cost is None else f"1/{found['after'] / cost:.1f}",
                bar=f"≤ 1/{SHARE}",
                met=cost is not None and cost * SHARE <= found["after"],
            )
        )
    return rows or [Row(what="cost", bar=f"≤ 1/{SHARE}", why="not measured")]


def budget_bars() -> tuple[Bar, ...]:
    return (
        Bar(
            title="Learning curves: `auto` with freeze-thaw, regret against the best peer",
            case="budgets",
            rows=each_budget,
        ),
        Bar(
            title="Learning curves: cost of the regret that random search has after 100 full trainings",
            case="budgets",
            rows=share,
        ),
    )
