"""The Pareto front as trials come in, and how much of loss space it covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.numeric.hypervolume import hypervolume
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.terminal.snapshot import Front

_POINTS = 24  # of the trend
_QUICK = (3, 300)  # objectives, and trials that were ever on the front, up to which hypervolumes are computed


class FrontSoFar:
    """Takes complete trials one by one; keeps those that no earlier one was better than."""

    def __init__(self, problem: Problem) -> None:
        self._names = [objective.name for objective in problem.objectives]
        self._signs = problem.signs
        self._on: list[tuple[float, ...]] = []
        self._sizes: list[tuple[int, float]] = []
        self._entered: list[tuple[int, tuple[float, ...]]] = []
        self._worst = [-np.inf] * len(self._names)
        self._trend: tuple[Sequence[float], float | None] = ((), None)
        self._stale = True

    def take(self, trial: Trial, count: int) -> None:
        """`trial`, the `count`-th that ended, is complete and feasible."""
        losses = trial.losses
        if losses is None or not np.isfinite(losses).all():
            return
        self._worst = [max(pair) for pair in zip(self._worst, losses, strict=True)]
        if any(all(a <= b for a, b in zip(other, losses, strict=True)) for other in self._on):
            return
        self._on = [o for o in self._on if any(a < b for a, b in zip(o, losses, strict=True))] + [losses]
        self._entered.append((count, losses))
        self._sizes.append((count, float(len(self._on))))
        self._stale = True

    def summed(self, count: int, *, fresh: bool) -> Front | None:
        """The front after `count` trials have ended; None while it is empty.

        `fresh`: follow its growth up to now, which takes milliseconds; else show that of the last time.
        """
        if not self._on:
            return None
        if fresh and self._stale:
            self._trend, self._stale = self._covered(count), False
        trend, share = self._trend
        columns = zip(*self._on, strict=True)
        spans = []
        for name, sign, column in zip(self._names, self._signs, columns, strict=True):
            low, high = sorted((min(column) * sign, max(column) * sign))
            spans.append((name, low, high))
        ago = count - self._entered[-1][0]
        return Front(size=len(self._on), share=share, ago=ago, trend=trend, spans=spans)

    def _covered(self, count: int) -> tuple[Sequence[float], float | None]:
        """Hypervolume as a share of the box from the best to the worst values, over time."""
        points = np.array([losses for _, losses in self._entered])
        if points.shape[1] > _QUICK[0] or len(points) > _QUICK[1]:
            return [size for _, size in self._sizes[-_POINTS:]], None
        low, high = points.min(axis=0), np.array(self._worst)
        box = np.where(high > low, high - low, 1.0)
        scaled = (points - low) / box
        reference = np.where(high > low, 1.0, 1.1)
        whole = float(np.prod(reference))
        counts = np.array([number for number, _ in self._entered])
        at = sorted({max(1, place * count // _POINTS) for place in range(1, _POINTS + 1)})
        trend = [hypervolume(scaled[counts <= c], reference) / whole for c in at if c >= counts[0]]
        return trend, trend[-1]
