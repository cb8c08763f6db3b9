"""Which trials a Parzen estimator models as good, and which as bad."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.ranking import Ranking, ranking_of
from tunesmith.record.history import History

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Split(NamedTuple):
    """Rows of the history: good ones with weights, bad ones with weights, and the shares of c-TPE."""

    good: Indices
    weights: Floats
    bad: Indices
    bad_weights: Floats
    share: float  # of good ones
    feasible: float  # share of feasible ones


def split(history: History, gamma: float, max_good: int, max_bad: int) -> Split:
    """The best share gamma of all trials, at most `max_good`, and of the others at most `max_bad`.

    Of many others: the nearly good, the latest, and an even sample that stands for all of the rest. The
    cost does not grow with the history.
    """
    nearly = max_bad // 4
    ranking = ranking_of(history, max_good + nearly)
    single = history.losses.shape[1] == 1  # else the nearly good are not worth their price
    leaders = ranking.leaders(history, max_good + nearly if single else max_good)
    n, broken = ranking.counts(history)
    good = leaders[: min(math.ceil(gamma * n), max_good)]
    bad, bad_weights = _others(history, ranking, n, good, leaders, max_bad)
    weights = _improvements(history, leaders, len(good))
    return Split(good, weights, bad, bad_weights, len(good) / n, 1.0 - broken / history.n)


def _improvements(history: History, leaders: Indices, good: int) -> Floats:
    """By how much good rows beat the best bad one (EI weights, Watanabe 2023), with mean 1."""
    losses = history.losses
    if losses.shape[1] > 1 or not 0 < good < len(leaders):
        return np.ones(good)
    best = leaders[: good + 1]
    if history.states[best].any() or history.violations[best].any():
        return np.ones(good)
    *better, bar = losses[best, 0].tolist()
    gains = [bar - loss for loss in better]
    mean = sum(gains) / good
    if min(gains) < 0.0:  # such lead by what they reported on their way
        return np.ones(good)
    return np.array(gains) / mean if 0.0 < mean < math.inf else np.ones(good)


def _others(
    history: History, ranking: Ranking, n: int, good: Indices, leaders: Indices, most: int
) -> tuple[Indices, Floats]:
    rows = history.n
    if rows - len(good) <= most:
        chosen = np.ones(rows, dtype=np.bool_)
        chosen[good] = False
        bad = np.array(ranking.current(np.flatnonzero(chosen).tolist(), rows), dtype=np.intp)
        return bad, np.ones(len(bad))
    taken = set(good.tolist())
    exact, sample = [], []
    for row in (*leaders[len(good) :].tolist(), *range(rows - most // 4, rows)):
        if row not in taken:
            taken.add(row)
            exact.append(row)
    even = ((np.arange(most // 2) + 0.5) * (rows / (most // 2))).astype(np.intp)
    sample = [row for row in even.tolist() if row not in taken]
    exact, sample = ranking.current(exact, rows), ranking.current(sample, rows)
    weight = (n - len(good) - len(exact)) / max(len(sample), 1)
    weights = np.repeat([1.0, weight], [len(exact), len(sample)])
    return np.array(exact + sample, dtype=np.intp), weights
