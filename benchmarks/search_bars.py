"""The bars of the searchers that learn: quality by family, trainings, workers, time per ask."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from benchmarks.bars import MS, Bar, Results, Row, cell, figure, times
from benchmarks.quality.stored import MARK

AUTO, GP, FOREST, CMAES = (f"tunesmith-{name}" for name in ("auto", "gp", "forest", "cmaes"))
GP_PEERS = ("optuna-gp", "hebo", "ax", "smac-bb")
SETS = ("quality", "quality-held")
FAMILIES = (
    "smooth numeric",
    "conditional",
    "BBOB 5-d",
    "BBOB 20-d",
    "synthetic mixed",
    "scikit-learn",
)
Means = Mapping[str, Mapping[str, Any]]


def best_peer(means: Means, among: Collection[str] = ()) -> str | None:
    """The peer whose mean is lowest: of all, or of those among."""
    peers = [
        who
        for who in means
        if not who.startswith(("tunesmith-", "plain-")) and (not among or who.removesuffix(MARK) in among)
    ]
    return min(peers, key=lambda who: means[who]["mean"], default=None)


def below(
    what: str, ours: str, means: Means, most: float, among: Collection[str] = (), *, every: bool = False
) -> list[Row]:
    """Our mean over that of the best peer, at most `most`; with `every`, over each peer among."""
    says = f"≤ {most:g}x" if most != 1 else "≤ 1x"
    mine = means.get(ours)
    wanted = [best_peer(means, [who]) for who in among] if every else [best_peer(means, among)]
    rows = []
    for place, peer in enumerate(wanted):
        if mine is None or peer is None:
            missing = ours if mine is None else (list(among)[place] if every else "a peer")
            rows.append(Row(what=what, bar=says, why=f"{missing} was not measured"))
            continue
        a, b = mine["mean"], means[peer]["mean"]
        rows.append(
            Row(
                what=what,
                ours=f"{a:.4f}",
                peer=f"{peer}, {means[peer]['seeds']} seeds",
                theirs=f"{b:.4f}",
                ratio=f"{a / b:.2f}x" if b > 0 else "",
                bar=says,
                met=a <= most * b + 1e-12,
            )
        )
    return rows


def overall(results: Results) -> list[Row]:
    return [
        row
        for name, record in _records(results)
        for point, means in record["points"].items()
        for row in below(f"{name}{point} trials", AUTO, means, 1.0)
    ] or _none("mean regret", "lowest")


def by_family(results: Results) -> list[Row]:
    return _families(results, AUTO, FAMILIES, ("10", "25", "50", "100", "200"), 1.05)


def gp(results: Results) -> list[Row]:
    """Where it was not played by its own name, as `auto` plays it to 300 trials of one objective."""
    known = [who for _, record in _records(results) for who in record["points"].get("50", {})]
    return _families(
        results,
        GP if GP in known else AUTO,
        ("smooth numeric", "synthetic mixed"),
        ("25", "50", "100"),
        0.9,
        GP_PEERS,
    )


def forest(results: Results) -> list[Row]:
    peers = ("smac-hpo", "optuna-tpe-group", "hyperopt-tpe")
    return _families(results, FOREST, ("conditional",), ("50", "100", "200"), 1.0, peers, every=True)


def cmaes(results: Results) -> list[Row]:
    peers = ("optuna-cmaes", "nevergrad-ngopt")
    return _families(results, CMAES, ("BBOB 20-d",), ("200",), 1.0, peers, every=True)


def wide(results: Results) -> list[Row]:
    record = results.get("quality-wide")
    if record is None:
        return _none("100 dimensions, 300 trials", "≤ 1x")
    means = record["points"].get("300", {})
    return below("300 trials", AUTO, means, 1.0, ("optuna-tpe", "optuna-cmaes"), every=True)


def trainings(results: Results) -> list[Row]:
    record = results.get("trainings")
    if record is None:
        return _none("loss on data held out", "below")
    means = record["scores"]
    peers = sorted({who for who in means if not who.startswith(("tunesmith-", "plain-"))})
    return below("as reported", AUTO, means, 1.0, peers, every=True)


def several(results: Results) -> list[Row]:
    """What is missing of the greatest hypervolume."""
    record = results.get("goals")
    if record is None:
        return _none("hypervolume, 100 and 200 trials", "≤ 1x")
    peers = ("optuna-tpe", "optuna-gp", "optuna-nsga2")
    return [
        row
        for point in ("100", "200")
        if point in record["points"]
        for row in below(
            f"{point} trials, missing of it", AUTO, record["points"][point], 1.0, peers, every=True
        )
    ]


def workers(results: Results) -> list[Row]:
    """Over its own sequential regret; and below every peer with as many workers."""
    rows = []
    own = results.get("quality-workers")  # of fewer seeds
    for name, record in _records(results) if own is None else [("", own)]:
        regret, n = record["workers"]["regret"], record["workers"]["n"]
        mine = regret.get(AUTO, {})
        for count, most in (("4", 1.15), ("16", 1.3), ("64", 1.6)):
            what, says = f"{name}{count} workers, {n} trials", f"≤ {most:g}x"
            if count not in mine or "1" not in mine:
                rows.append(Row(what=what, bar=says, why=f"{AUTO} was not measured"))
                continue
            a, b = mine[count], mine["1"]
            rows.append(
                Row(
                    what=what, ours=f"{a:.4f}", peer="itself, 1 worker", theirs=f"{b:.4f}",
                    ratio=f"{a / b:.2f}x", bar=says, met=a <= most * b,
                )
            )  # fmt: skip
            means = {
                who: {"mean": of[count], "seeds": record["seeds"]}
                for who, of in regret.items()
                if count in of
            }
            rows += below(what, AUTO, means, 1.0)
    return rows or _none("simulated workers", "≤ 1.15x")


def ask_models(results: Results) -> list[Row]:
    """By CPU time; Ax and HEBO where they are run."""
    rows = []
    for n in (50, 200, 1_000):
        for peer, most in (("optuna-gp", 8), ("ax", 30), ("hebo", 80)):
            rows.append(_faster(results, "ask-models", GP, peer, n, most, "cpu"))
    flat = [cell(results, "ask-models", GP, n) for n in (2_000, 4_000)]
    if all(one is not None and one.runs for one in flat):
        a, b = (one.least("mean") * MS for one in reversed(flat))
        rows.append(
            Row(
                what="4,000 trials, against its own 2,000", ours=figure(a, "ms"), peer="itself",
                theirs=figure(b, "ms"), ratio=f"{a / b:.2f}x", bar="≤ 1.2x", met=a <= 1.2 * b,
            )
        )  # fmt: skip
    return rows


def hidden(results: Results) -> list[Row]:
    rows = []
    for n in (50, 200, 1_000):
        found, what = cell(results, "ask-hidden", GP, n), f"{n:,} trials"
        if found is None or not found.runs:
            rows.append(Row(what=what, bar="≤ 1 ms", why="not measured"))
            continue
        value = found.least("wall") * MS
        rows.append(Row(what=what, ours=figure(value, "ms"), bar="≤ 1 ms", met=value <= 1))
    return rows


def others(results: Results) -> list[Row]:
    """At 1,000 trials, at most the fastest peer's with a method of the kind."""
    pairs: Sequence[tuple[str, str, Sequence[str]]] = (
        ("ask-models", "forest", ("smac-hpo", "skopt-forest")),
        ("ask-populations", "cmaes", ("optuna-cmaes", "nevergrad-cma")),
        ("ask-populations", "de", ("nevergrad-de",)),
        ("ask-populations", "genetic", ("optuna-nsga2",)),
        ("ask-populations", "nsga2", ("optuna-nsga2",)),
    )
    return [
        _faster(results, case, f"tunesmith-{name}", peer, 1_000, 1, "mean")
        for case, name, peers in pairs
        for peer in peers
    ]


def _faster(results: Results, case: str, ours: str, peer: str, n: int, most: float, key: str) -> Row:
    says = f"≥ {most:g}x faster"
    what = f"{ours.removeprefix('tunesmith-')}, {n:,} trials"
    mine, other = (cell(results, case, who, n) for who in (ours, peer))
    for who, found in ((ours, mine), (peer, other)):
        if found is None or not found.runs:
            why = f"{who}: {found.not_run if found else 'not measured'}"
            return Row(what=what, peer=peer, bar=says, why=why)
    a, b = (one.least(key) * MS for one in (mine, other))
    return Row(
        what=what,
        ours=figure(a, "ms"),
        peer=peer,
        theirs=figure(b, "ms"),
        ratio=times(a, b),
        bar=says,
        met=a * most <= b,
    )


def _families(
    results: Results,
    ours: str,
    names: Sequence[str],
    points: Sequence[str],
    most: float,
    among: Collection[str] = (),
    *,
    every: bool = False,
) -> list[Row]:
    return [
        row
        for said, record in _records(results)
        for name in names
        if name in record.get("families", {})
        for point in points
        if point in record["families"][name]["points"]
        for row in below(
            f"{said}{name}, {point} trials",
            ours,
            record["families"][name]["points"][point],
            most,
            among,
            every=every,
        )
    ] or _none(", ".join(names), f"≤ {most:g}x")


def _records(results: Results) -> list[tuple[str, Mapping[str, Any]]]:
    """The shared tasks, and those kept aside."""
    return [("" if name == "quality" else "kept aside, ", results[name]) for name in SETS if name in results]


def _none(what: str, bar: str) -> list[Row]:
    return [Row(what=what, bar=bar, why="not measured")]


def search_bars() -> tuple[Bar, ...]:
    return (
        Bar(title="`auto`: mean normalised regret, against the best peer", case="quality", rows=overall),
        Bar(title="`auto` by family, against the family's best peer", case="quality", rows=by_family),
        Bar(title="`gp` by family, against the best Gaussian-process peer", case="quality", rows=gp),
        Bar(title="`forest` on conditional spaces", case="quality", rows=forest),
        Bar(title="`cmaes` on BBOB in 20 dimensions", case="quality", rows=cmaes),
        Bar(title="`auto` in 100 dimensions", case="quality-wide", rows=wide),
        Bar(title="Noisy trainings: loss on data held out", case="trainings", rows=trainings),
        Bar(title="Several objectives: hypervolume", case="goals", rows=several),
        Bar(title="`auto` with simulated asynchronous workers", case="quality", rows=workers),
        Bar(title="`gp`: time of an ask", case="ask-models", rows=ask_models),
        Bar(title="`gp`: what is seen of an ask while a trial of 0.2 s runs", case="ask-hidden", rows=hidden),
        Bar(title="Other methods: time of an ask", case="ask-models", rows=others),
    )
