"""From traces to tables: normalised regret, ranks, win rates, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.quality.tasks import Reference

Array = npt.NDArray[np.float64]
Regrets = dict[str, dict[str, Array]]  # contender, task: seeds x points
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
    """The regret of the best value among the first n told, for every n of `points`."""
    rows: dict[str, dict[str, dict[int, list[float]]]] = {}
    for run in runs:
        best = np.minimum.accumulate(run["values"])
        row = [refs[run["task"]].regret(float(best[n - 1])) for n in points]
        rows.setdefault(run["contender"], {}).setdefault(run["task"], {})[run["seed"]] = row
    return {
        who: {task: np.array([seeds[seed] for seed in sorted(seeds)]) for task, seeds in tasks.items()}
        for who, tasks in rows.items()
    }


def table(found: Regrets, points: Sequence[int], base: str) -> dict[str, dict[str, dict[str, Any]]]:
    """By point and contender: mean, its interval, median, average rank, and how often `base` beats it.

    Tasks weigh the same. Intervals are 95 % bootstrap intervals over seeds, the tasks fixed.
    """
    rng = np.random.Generator(np.random.PCG64(0))
    tasks = sorted(set.intersection(*(set(of) for of in found.values())))
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for index, point in enumerate(points):
        means = {who: [float(of[task][:, index].mean()) for task in tasks] for who, of in found.items()}
        ranks = _ranks(means)
        result[str(point)] = {
            who: {
                "mean": float(np.mean(means[who])),
                "interval": _interval([of[task][:, index] for task in tasks], rng),
                "median": float(np.median(np.concatenate([of[task][:, index] for task in tasks]))),
                "rank": ranks[who],
                **(
                    {}
                    if who == base or base not in found
                    else _wins([(found[base][task][:, index], of[task][:, index]) for task in tasks], rng)
                ),
            }
            for who, of in found.items()
        }
    return result


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
        columns = rng.integers(0, len(theirs), (_RESAMPLES, len(theirs)))
        resampled += beats[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
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
        task: {who: float(of[task][:, index].mean()) for who, of in found.items() if task in of}
        for task in tasks
    }
