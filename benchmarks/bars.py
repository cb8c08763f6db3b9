"""The bars that Tunesmith sets itself, judged from the results: figure, peer's figure, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.harness import Cell

Results = Mapping[str, Mapping[str, Any]]
US, MS = 1e6, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One judgement: figures, how they compare, and what was wanted; `met` is None where none was made."""

    what: str
    ours: str = ""
    peer: str = ""
    theirs: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    title: str
    rows: Callable[[Results], list[Row]]
    case: str


def cell(results: Results, case: str, who: str, n: int | None, space: str = "floats") -> Cell | None:
    """The contender's cell; with n None, the one of its greatest size that was run."""
    found = [
        Cell.read(one)
        for one in results.get(case, {}).get("cells", ())
        if one["who"] == who and one["space"] == space and (n is None or one["n"] == n)
    ]
    run = [one for one in found if one.runs]
    return max(run or found, key=lambda one: one.n, default=None)


def size(results: Results, case: str, wanted: int) -> int:
    """The size that stands for the wanted one: the greatest of a quick run."""
    sizes = {one["n"] for one in results.get(case, {}).get("cells", ())}
    return wanted if wanted in sizes or not sizes else max(sizes)


_CLOCK = "too short for this machine's clock"  # a CPU clock may tick in hundredths of a second


def compared(
    results: Results,
    case: str,
    key: str,
    ours: str,
    peer: str,
    n: int,
    *,
    scale: float,
    unit: str,
    most: float,
    says: str,
    per_trial: bool = False,
    space: str = "floats",
    what: str = "",
) -> Row:
    """Our figure over the peer's, at most `most`."""
    n = size(results, case, n)
    mine, other = (cell(results, case, who, n, space) for who in (ours, peer))
    what = what or f"{n:,} trials"
    for who, found in ((ours, mine), (peer, other)):
        if found is None or not found.runs:
            why = f"{who}: {found.not_run if found else 'not measured'}"
            return Row(what=what, peer=peer, bar=says, why=why)
    a, b = (c.least(key) * scale / (n if per_trial else 1) for c in (mine, other))
    if a <= 0 or b <= 0:
        return Row(what=what, ours=figure(a, unit), peer=peer, theirs=figure(b, unit), bar=says, why=_CLOCK)
    return Row(
        what=what,
        ours=figure(a, unit),
        peer=peer,
        theirs=figure(b, unit),
        ratio=times(a, b),
        bar=says,
        met=a <= most * b if says else None,
    )


def alone(what: str, value: float | None, unit: str, most: float, why: str = "not measured") -> Row:
    """A figure that is a bar by itself."""
    says = f"≤ {figure(most, unit)}"
    if value is None:
        return Row(what=what, bar=says, why=why)
    if value <= 0:
        return Row(what=what, ours=figure(value, unit), bar=says, why=_CLOCK)
    return Row(what=what, ours=figure(value, unit), bar=says, met=value <= most)


def figure(value: float, unit: str) -> str:
    shown = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{shown} {unit}".strip()


def times(ours: float, theirs: float) -> str:
    """In words that cannot be read the wrong way round."""
    if ours <= 0 or theirs <= 0:
        return ""
    return f"{theirs / ours:.3g}x faster" if ours <= theirs else f"{ours / theirs:.3g}x slower"


def random_loop(results: Results) -> list[Row]:
    ours, n = "tunesmith-random", 100_000
    common: dict[str, Any] = {"scale": US, "unit": "µs", "per_trial": True}
    mine = cell(results, "random", ours, size(results, "random", n))
    grown = None if mine is None or not mine.runs else mine.least("grown") / mine.n
    return [
        compared(
            results, "random", "cpu", ours, "optuna-random", n, most=1 / 10, says="≥ 10x faster", **common
        ),
        compared(
            results, "random", "cpu", ours, "rustuna-random", n, most=3, says="aim: ≤ 3x slower", **common
        ),
        alone("memory a trial", grown, "bytes", 1024),
    ]


def vectorized(results: Results) -> list[Row]:
    mine = cell(results, "vectorized", "tunesmith-random", None)
    if mine is None or not mine.runs:
        why = mine.not_run if mine else "not measured"
        return [alone("time a trial", None, "µs", 3, why), alone("peak memory", None, "MB", 1000, why)]
    return [
        alone(f"CPU time a trial, {mine.n:,} trials", mine.least("cpu") / mine.n * US, "µs", 3),
        alone(f"wall time a trial, {mine.n:,} trials", mine.least("wall") / mine.n * US, "µs", 3),
        alone("peak memory", mine.least("peak") / 1e6, "MB", 1000),
    ]


def tpe_ask(results: Results, space: str) -> list[Row]:
    ours = "tunesmith-tpe"
    common: dict[str, Any] = {"space": space, "scale": MS, "unit": "ms"}
    case = "ask-tpe"
    rows = [
        compared(
            results, case, "wall", ours, "optuna-tpe", 1_000, most=1 / 10, says="≥ 10x faster", **common
        ),
        compared(results, case, "wall", ours, "rustuna-tpe", 1_000, most=2, says="≤ 2x slower", **common),
        compared(
            results, case, "wall", ours, "rustuna-tpe", 10_000, most=1 / 8, says="≥ 8x faster", **common
        ),
    ]
    base = cell(results, case, ours, 1_000, space)
    for n in (10_000, 100_000):
        mine = cell(results, case, ours, n, space)
        what, says = f"{n:,} trials, against its own 1,000", "≤ 1.5x"
        if base is None or mine is None or not base.runs or not mine.runs:
            rows.append(Row(what=what, bar=says, why=mine.not_run if mine else "not measured"))
            continue
        a, b = mine.least("wall") * MS, base.least("wall") * MS
        if b <= 0:
            rows.append(Row(what=what, ours=figure(a, "ms"), bar=says, why=_CLOCK))
            continue
        rows.append(
            Row(
                what=what,
                ours=figure(a, "ms"),
                peer="itself",
                theirs=figure(b, "ms"),
                ratio=f"{a / b:.2f}x",
                bar=says,
                met=a <= 1.5 * b,
            )
        )
    return rows


def spaces(results: Results) -> list[Row]:
    return [
        Row(
            what=f"{space}, {row.what}",
            ours=row.ours,
            peer=row.peer,
            theirs=row.theirs,
            ratio=row.ratio,
            bar=row.bar,
            met=row.met,
            why=row.why,
        )
        for space in ("mixed", "conditional")
        for row in tpe_ask(results, space)
    ]


def quality(results: Results) -> list[Row]:
    """On the shared tasks where they were played, else on the built-in ones, and it is said which."""
    found = results.get("quality-tpe") or results.get("quality") or results.get("quality-built-in")
    if not found:
        return [Row(what="mean normalised regret", bar="below", why="not measured")]
    rows = []
    kind = "" if found is not results.get("quality-built-in") else "built-in tasks, "
    for point, of in found["points"].items():
        ours = of.get("tunesmith-tpe")
        for peer in ("optuna-tpe", "optuna-tpe-group", "hyperopt-tpe", "rustuna-tpe"):
            says = "below" if peer != "rustuna-tpe" else ""
            what = f"{kind}{point} trials"
            if peer not in of or ours is None:
                rows.append(Row(what=what, peer=peer, bar=says, why="not measured"))
                continue
            a, b = ours["mean"], of[peer]["mean"]
            low, high = of[peer]["beaten_interval"]
            rows.append(
                Row(
                    what=what,
                    ours=f"{a:.4f}",
                    peer=peer,
                    theirs=f"{b:.4f}",
                    ratio=f"{a / b:.2f}x; wins {of[peer]['beaten']:.0%} of runs ({low:.0%} to {high:.0%})",
                    bar=says,
                    met=a < b if says else None,
                )
            )
    return rows


def workers(results: Results) -> list[Row]:
    found = results.get("quality-tpe") or results.get("quality") or results.get("quality-built-in")
    if not found or "tunesmith-tpe" not in found["workers"]["regret"]:
        return [Row(what="4 and 16 workers", bar="≤ 1.15x", why="not measured")]
    rows = []
    n, regret = found["workers"]["n"], found["workers"]["regret"]
    base = regret["tunesmith-tpe"].get("1")
    for count, value in regret["tunesmith-tpe"].items():
        if count == "1" or base is None:
            continue
        of = regret.get("optuna-tpe", {})
        peer = f"{of[count] / of['1']:.2f}x" if count in of and "1" in of else ""
        rows.append(
            Row(
                what=f"{count} workers, regret at {n} trials over sequential",
                ours=f"{value:.4f}",
                peer="itself, 1 worker (Optuna's ratio: " + (peer or "not run") + ")",
                theirs=f"{base:.4f}",
                ratio=f"{value / base:.2f}x",
                bar="≤ 1.15x",
                met=value <= 1.15 * base,
            )
        )
    return rows


def store(results: Results) -> list[Row]:
    ours, peer = (cell(results, "processes", who, None) for who in ("tunesmith-sqlite", "optuna-rdb"))
    if ours is None or not ours.runs:
        return [Row(what="8 processes", bar="exactly once", why=ours.not_run if ours else "not measured")]
    exact = all(run["exact"] and not run["errors"] for run in ours.runs)
    rows = [
        Row(what=f"{ours.n:,} trials, each exactly once", ours="yes" if exact else "no", bar="yes", met=exact)
    ]
    for who in ("optuna-rdb", "optuna-journal", "rustuna-sqlite", "rustuna-journal"):
        peer = cell(results, "processes", who, None)
        says = "≥ 10x faster" if who == "optuna-rdb" else ""
        if peer is None or not peer.runs:
            rows.append(
                Row(what="trials a second", peer=who, bar=says, why=peer.not_run if peer else "not measured")
            )
            continue
        a, b = ours.least("wall_each"), peer.least("wall_each")
        rows.append(
            Row(
                what="trials a second",
                ours=figure(1 / a, ""),
                peer=f"{who} ({peer.n:,} trials)",
                theirs=figure(1 / b, ""),
                ratio=times(a, b),
                bar=says,
                met=a <= b / 10 if says else None,
                why=_census(peer),
            )
        )
    return rows


def _census(found: Cell) -> str:
    """What went wrong, if anything did."""
    wrong = [run for run in found.runs if not run["exact"] or run["errors"]]
    return "; ".join(
        f"{run['complete']} of {found.n} complete, {run['distinct']} numbers, {run['errors']} processes died"
        for run in wrong[:1]
    )


def opening(results: Results) -> list[Row]:
    mine = cell(results, "opening", "tunesmith-sqlite", None)
    if mine is None or not mine.runs:
        why = mine.not_run if mine else "not measured"
        return [alone("time", None, "s", 3, why), alone("memory", None, "MB", 300, why)]
    rows = [
        alone(f"wall time, {mine.n:,} trials", mine.least("wall"), "s", 3),
        Row(what=f"CPU time, {mine.n:,} trials", ours=figure(mine.least("cpu"), "s")),
        alone(f"peak memory, {mine.n:,} trials", mine.least("peak") / 1e6, "MB", 300),
    ]
    for who in ("optuna-rdb", "optuna-journal", "rustuna-sqlite", "rustuna-journal"):
        peer = cell(results, "opening", who, None)
        same = peer and cell(results, "opening", "tunesmith-sqlite", peer.n)
        if not peer or not peer.runs or not same or not same.runs:
            continue
        a, b = same.least("wall"), peer.least("wall")
        rows.append(
            Row(
                what=f"wall time, {peer.n:,} trials",
                ours=figure(a, "s"),
                peer=who,
                theirs=figure(b, "s"),
                ratio=times(a, b),
            )
        )
    return rows


def view(results: Results) -> list[Row]:
    with_it, without = (cell(results, "view", who, None) for who in ("view", "no view"))
    if with_it is None or without is None or not with_it.runs or not without.runs:
        return [alone("live view", None, "% CPU", 2)]
    a, b = 100 * with_it.least("share"), 100 * without.least("share")
    return [
        alone(f"what the view adds, {with_it.n} workers", max(0.0, a - b), "% CPU", 2),
        Row(
            what="the driver with the view, in all",
            ours=figure(a, "% CPU"),
            peer="without",
            theirs=figure(b, "% CPU"),
        ),
    ]


def imports(results: Results) -> list[Row]:
    """Not one of the bars; the interpreter's own start is taken off."""
    bare = cell(results, "imports", "plain", None)
    mine = cell(results, "imports", "tunesmith", None)
    if bare is None or mine is None or not bare.runs or not mine.runs:
        return [Row(what="import", why="not measured")]
    least = bare.least("cpu")
    a = MS * (mine.least("cpu") - least)
    rows = []
    for who in ("optuna", "rustuna", "hyperopt"):
        peer = cell(results, "imports", who, None)
        if peer and peer.runs:
            b = MS * (peer.least("cpu") - least)
            rows.append(
                Row(
                    what="CPU time of the import",
                    ours=figure(a, "ms"),
                    peer=who,
                    theirs=figure(b, "ms"),
                    ratio=times(a, b),
                )
            )
    return rows


def bars() -> Sequence[Bar]:
    return (
        Bar(title="Random search in memory, define-by-run, 100,000 trials", case="random", rows=random_loop),
        Bar(title="`vectorized=1024`, random, 1,000,000 trials", case="vectorized", rows=vectorized),
        Bar(
            title="TPE, one ask and tell, 10 floats",
            case="ask-tpe",
            rows=lambda found: tpe_ask(found, "floats"),
        ),
        Bar(title="TPE, one ask and tell, mixed and conditional spaces", case="ask-tpe", rows=spaces),
        Bar(title="TPE, quality: mean normalised regret", case="quality", rows=quality),
        Bar(title="TPE, simulated asynchronous workers", case="quality", rows=workers),
        Bar(title="SQLite, 8 processes on one study", case="processes", rows=store),
        Bar(title="Opening a durable study", case="opening", rows=opening),
        Bar(title="Live view, 8 workers", case="view", rows=view),
        Bar(title="Import", case="imports", rows=imports),
    )
