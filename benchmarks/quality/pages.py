"""Results of quality as sections of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

_TITLES = {
    "quality": "Quality on a folder of tasks",
    "quality-built-in": "Quality on built-in analytic tasks",
    "quality-dev": "Quality on tasks of our own that were used for tuning",
    "quality-held": "Quality on tasks of our own that were kept aside",
    "quality-tpe": "Quality of `tpe`, on the same folder of tasks",
    "quality-workers": "Quality with asynchronous workers",
    "quality-wide": "Quality in 100 dimensions",
    "quality-noisy": "Quality where values are noisy",
    "goals": "Two and three objectives: hypervolume",
    "trainings": "Real, noisy trainings with scikit-learn",
}


def section(record: Record) -> str:
    """One result."""
    if record["case"].startswith("ablation"):
        return _ablation(record)
    if record["case"] == "goals":
        return _goals(record)
    if record["case"].startswith("budgets"):
        from benchmarks.budgets.pages import curves

        return curves(record)
    return _trainings(record) if record["case"] == "trainings" else _quality(record)


def _quality(record: Record) -> str:
    base = record.get("base", "tunesmith-tpe")
    title = _TITLES.get(record["case"], f"Quality, {record['case'].removeprefix('quality-')}")
    parts = [
        f"### {title}\n",
        f"{len(record['tasks'])} tasks ({', '.join(record['tasks'])}), {record['seeds']} seeds each; fewer "
        "for peers whose runs were stored. Regret: 0 is the best known value, 1 the median of random "
        "configurations; where values are noisy, the true value of what looked best counts. Tasks weigh the "
        "same; intervals are 95 % bootstrap intervals over seeds. Difference: the contender's less that of "
        f"{base}, with its standard error over seeds (the tasks fixed) and, in brackets, over tasks. Beaten: "
        f"how often a run of {base} beats one of the contender's on the same task.\n",
    ]
    for point, of in record["points"].items():
        if of:
            parts += [f"After {point} trials:\n", _overall(of)]
    for name, of in record.get("families", {}).items():
        parts.append(_family(name, of, base))
    parts += [_tasks(record), _workers(record)]
    parts.extend(f"- failed: {line}" for line in record["failures"])
    return "\n".join(parts)


def _overall(of: Mapping[str, Record]) -> str:
    rows = []
    for who, found in sorted(of.items(), key=lambda pair: pair[1]["mean"]):
        low, high = found["interval"]
        beaten = ""
        if "beaten" in found:
            worst, best = found["beaten_interval"]
            beaten = f"{found['beaten']:.0%} ({worst:.0%} to {best:.0%})"
        rows.append(
            (
                who, f"{found['mean']:.4f}", f"{low:.4f} to {high:.4f}", f"{found['median']:.4f}",
                f"{found['rank']:.2f}", plus_minus(found), beaten, str(found.get("seeds", "")),
            )
        )  # fmt: skip
    return grid(("", "mean regret", "interval", "median", "rank", "difference", "beaten", "seeds"), rows)


def plus_minus(found: Record) -> str:
    """A difference, its standard error over seeds, and over tasks."""
    if "difference" not in found:
        return ""
    over = "" if found["se_tasks"] is None else f" ({found['se_tasks']:.4f})"
    return f"{found['difference']:+.4f} ± {found['se']:.4f}{over}"


def _family(name: str, of: Record, base: str) -> str:
    """Contenders by points; the difference at the last that they reached."""
    points = of["points"]
    who = list(dict.fromkeys(name for found in points.values() for name in found))
    last = {one: [point for point in points if one in points[point]][-1] for one in who}
    rows = [
        (
            one,
            *(f"{points[point][one]['mean']:.4f}" if one in points[point] else "" for point in points),
            plus_minus(points[last[one]][one]),
        )
        for one in who
    ]
    said = f"{name[0].upper()}{name[1:]} ({', '.join(of['tasks'])}), mean regret after so many trials:\n\n"
    return said + grid(("", *points, f"difference from {base}"), rows)


def _tasks(record: Record) -> str:
    regret = record["per_task"]["regret"]
    who = list(dict.fromkeys(name for of in regret.values() for name in of))
    rows = [(task, *(f"{of[name]:.4f}" if name in of else "" for name in who)) for task, of in regret.items()]
    cpu = ", ".join(f"{name} {value:.3g} ms" for name, value in record["cpu_ms"].items())
    return (
        f"Mean regret by task after {record['per_task']['n']} trials:\n\n{grid(('', *who), rows)}\n"
        f"CPU time of ask and tell a trial in these runs: {cpu}.\n"
    )


def _workers(record: Record) -> str:
    found = record["workers"]
    counts = sorted({int(count) for of in found["regret"].values() for count in of})
    if len(counts) < 2:
        return ""
    rows = [
        (who, *(f"{of[str(c)]:.4f}" if str(c) in of else "" for c in counts))
        for who, of in found["regret"].items()
    ]
    said = f"Mean regret after {found['n']} trials with simulated asynchronous workers:\n\n"
    return said + grid(("", *map(str, counts)), rows)


def _trainings(record: Record) -> str:
    parts = [
        f"### {_TITLES['trainings']}\n",
        f"{len(record['tasks'])} tasks ({', '.join(record['tasks'])}), {record['trials']} trials, "
        f"{record['seeds']} seeds. Every evaluation is a cross-validation on a split of its own, so values "
        "are noisy; what counts is the loss on data held out (another split every seed) of the configuration "
        "that is reported, fitted again: what `study.recommend()` says for ours, the best observed for "
        "peers. 0 is the best of many configurations tried there, 1 the median of random ones, and neither "
        "end is cut off.\n",
    ]
    rows = [
        (
            who, f"{of['mean']:.4f}", f"{of['observed']:.4f}", plus_minus(of), f"{of['rank']:.2f}",
            *(f"{value:.4f}" for value in of["tasks"].values()), str(of["seeds"]), f"{of['cpu_ms']:.3g}",
        )
        for who, of in sorted(record["scores"].items(), key=lambda pair: pair[1]["mean"])
    ]  # fmt: skip
    title = (
        "", "reported", "best observed", f"difference from {record['base']}", "rank", *record["tasks"],
        "seeds", "CPU ms a trial",
    )  # fmt: skip
    parts.append(grid(title, rows))
    parts.extend(f"- failed: {line}" for line in record["failures"])
    return "\n".join(parts)


def _goals(record: Record) -> str:
    parts = [
        f"### {_TITLES['goals']}\n",
        f"{len(record['tasks'])} tasks ({', '.join(record['tasks'])}), {record['seeds']} seeds each, fewer "
        "seeds and trials for slow peers. Regret: the share of the hypervolume of the true front that is "
        "missing; for models, which should err little and be small, of all that anyone found. Hypervolume is "
        "measured within a point that nine of ten random configurations are below in each objective. "
        "Difference and beaten: "
        f"as above, against {record['base']}.\n",
    ]
    for point, of in record["points"].items():
        parts += [f"After {point} trials:\n", _overall(of)]
    parts.append(_tasks(record))
    parts.extend(f"- failed: {line}" for line in record["failures"])
    return "\n".join(parts)


def _ablation(record: Record) -> str:
    """By family: without an ingredient less with it, so above zero is what the ingredient is worth."""
    parts = [
        f"### Ablation of `{record['method']}`\n",
        f"{len(record['tasks'])} tasks, {record['seeds']} seeds each, paired. A row is a setting that is not "
        "the default; figures are its mean regret less the default's (above zero: the default is better), "
        "the standard error over seeds and, in brackets, over tasks.\n",
    ]
    for family, points in record["families"].items():
        default = ", ".join(f"{of[record['base']]['mean']:.4f} at {point}" for point, of in points.items())
        rows = [
            (label, *(plus_minus(of[who]) if who in of else "" for of in points.values()))
            for who, label in record["variants"].items()
        ]
        said = f"{family[0].upper()}{family[1:]} (default: {default}):\n\n"
        parts.append(said + grid(("", *(f"at {point}" for point in points)), rows))
    parts.extend(f"- failed: {line}" for line in record["failures"])
    return "\n".join(parts)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, the first column to the left."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
