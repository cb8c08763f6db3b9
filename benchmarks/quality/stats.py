"""From traces to tables: normalised regret, ranks, win rates, differences, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.quality.tasks import Reference

Array = npt.NDArray[np.float64]
Regrets = dict[str, dict[str, dict[int, Array]]]  # contender, task, seed: by point, NaN past the run's end
Columns = dict[str, list[dict[int, float]]]  # contender: at one point, by task, seeds
_RESAMPLES = 2_000


def best_known(refs: Mapping[str, Reference], runs: Sequence[Mapping[str, Any]]) -> dict[str, Reference]:
    """Where the optimum is not known exactly, every run counts for the best known value."""
    found = dict(refs)
    for run in runs:
        ref = found.get(run["task"])
        low = min(run["values"], default=np.inf)
        if ref is not None and not ref.exact and low < ref.best:
            found[run["task"]] = Reference(low, ref.median, False)
    return found


def regrets(
    refs: Mapping[str, Reference], runs: Sequence[Mapping[str, Any]], points: Sequence[int]
) -> Regrets:
    """The regret of the best value among the first n told, for every n of `points`.

    Where values are noisy, the true value of the configuration that looked best.
    """
    found: Regrets = {}
    for run in runs:
        best = [_incumbent(run, n) for n in points]
        row = np.array([math.nan if value is None else refs[run["task"]].regret(value) for value in best])
        found.setdefault(run["contender"], {}).setdefault(run["task"], {})[run["seed"]] = row
    return found


def _incumbent(run: Mapping[str, Any], n: int) -> float | None:
    values = run["values"][:n]
    if len(values) < n:
        return None
    return float(run["truths"][int(np.argmin(values))] if "truths" in run else min(values))


def columns(found: Regrets, tasks: Sequence[str], index: int) -> Columns:
    """Of those who played every task that far, with as many seeds as did."""
    result: Columns = {}
    for who, of in found.items():
        rows = [
            {seed: float(row[index]) for seed, row in of.get(task, {}).items() if not math.isnan(row[index])}
            for task in tasks
        ]
        if all(rows):
            result[who] = rows
    return result


def table(
    found: Regrets, points: Sequence[int], base: str, tasks: Sequence[str] = (), *, brief: bool = False
) -> dict[str, dict[str, dict[str, Any]]]:
    """By point and contender: mean, interval, median, average rank, seeds, the difference from `base` and how
    often `base` beats it. Only the mean and the difference with `brief`.

    Tasks weigh the same. Intervals are 95 % bootstrap intervals over seeds, the tasks fixed.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    tasks = sorted(tasks or {task for of in found.values() for task in of})
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for index, point in enumerate(points):
        here = columns(found, tasks, index)
        means = {who: [_mean(rows) for rows in of] for who, of in here.items()}
        ranks = _ranks(means) if means else {}
        at: dict[str, dict[str, Any]] = {}
        for who, of in here.items():
            at[who] = {"mean": float(np.mean(means[who])), "seeds": min(len(rows) for rows in of)}
            if who != base and base in here:
                at[who] |= difference(of, here[base])
            if brief:
                continue
            values = [np.array(list(rows.values())) for rows in of]
            at[who] |= {
                "interval": _interval(values, rng),
                "median": float(np.median(np.concatenate(values))),
                "rank": ranks[who],
            }
            if who != base and base in here:
                ours = [np.array(list(rows.values())) for rows in here[base]]
                at[who] |= _wins(list(zip(ours, values, strict=True)), rng)
        result[str(point)] = at
    return result


def difference(theirs: Sequence[Mapping[int, float]], ours: Sequence[Mapping[int, float]]) -> dict[str, Any]:
    """Theirs less ours, mean over tasks; its standard error over seeds (the tasks fixed), and over tasks.

    Seeds that both played are paired; a task with fewer than two of them is compared unpaired.
    """
    means, variances = [], []
    for a, b in zip(theirs, ours, strict=True):
        common = sorted(set(a) & set(b))
        if len(common) > 1:
            pairs = np.array([a[seed] - b[seed] for seed in common])
            means.append(float(pairs.mean()))
            variances.append(float(pairs.var(ddof=1)) / len(pairs))
        else:
            means.append(_mean(a) - _mean(b))
            variances.append(_variance(a) + _variance(b))
    over_tasks = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return {
        "difference": float(np.mean(means)),
        "se": math.sqrt(sum(variances)) / len(means),
        "se_tasks": None if math.isnan(over_tasks) else over_tasks,
    }


def _mean(rows: Mapping[int, float]) -> float:
    return float(np.mean(list(rows.values())))


def _variance(rows: Mapping[int, float]) -> float:
    """Of the mean; one seed says nothing of it."""
    return float(np.var(list(rows.values()), ddof=1)) / len(rows) if len(rows) > 1 else 0.0


def _interval(columns: Sequence[Array], rng: np.random.Generator) -> list[float]:
    """Of the mean over tasks."""
    total = sum(
        column[rng.integers(0, len(column), (_RESAMPLES, len(column)))].mean(axis=1) for column in columns
    )
    return [float(q) for q in np.quantile(total / len(columns), (0.025, 0.975))]


def _wins(pairs: Sequence[tuple[Array, Array]], rng: np.random.Generator) -> dict[str, Any]:
    """How often a run of the first beats a run of the second on the same task; ties count half."""
    rate = np.zeros(())
    resampled = np.zeros(_RESAMPLES)
    for ours, theirs in pairs:
        beats = (ours[:, None] < theirs[None, :] - 1e-12) + 0.5 * (
            np.abs(ours[:, None] - theirs[None, :]) <= 1e-12
        )
        rate = rate + beats.mean()
        rows = rng.integers(0, len(ours), (_RESAMPLES, len(ours)))
        others = rng.integers(0, len(theirs), (_RESAMPLES, len(theirs)))
        resampled += beats[rows[:, :, None], others[:, None, :]].mean(axis=(1, 2))
    low, high = np.quantile(resampled / len(pairs), (0.025, 0.975))
    return {"beaten": float(rate / len(pairs)), "beaten_interval": [float(low), float(high)]}


def _ranks(means: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Average rank over tasks; equals share theirs."""
    who = list(means)
    grid = np.array([means[name] for name in who]).round(12)
    below = (grid[None, :, :] < grid[:, None, :]).sum(axis=1)
    equal = (grid[None, :, :] == grid[:, None, :]).sum(axis=1)
    ranks = (below + (equal + 1) / 2).mean(axis=1)
    return {name: float(rank) for name, rank in zip(who, ranks, strict=True)}


def per_task(found: Regrets, index: int) -> dict[str, dict[str, float]]:
    """Mean regret by task and contender at one point."""
    tasks = sorted({task for of in found.values() for task in of})
    return {
        task: {who: _mean(rows[0]) for who, rows in columns(found, [task], index).items()} for task in tasks
    }
