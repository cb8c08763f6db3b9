"""Which rows of a history lead, at a price that does not grow with the history.

The rows are cut into blocks. Of everything up to the end of a block its leaders are remembered, a pure
function of the rows so far; at any later position the leaders are found among those and the rows since.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.hypervolume import reference_point, spread
from tunesmith.numeric.pareto import ranks
from tunesmith.record.history import STATES, History
from tunesmith.record.trial import TrialState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_COMPLETE = STATES.index(TrialState.COMPLETE)
_PAUSED = STATES.index(TrialState.PAUSED)
_BLOCK = 128
_MOST_RUNGS = 12


class _Block(NamedTuple):
    """Everything before the end of a block: its leaders, and how many rows are infeasible."""

    leaders: Indices
    broken: int


@dataclass(slots=True)
class Ranking:
    """Leaders of one log at any position; lives in `History.scratch`. `keep`: how many are remembered."""

    keep: int
    blocks: list[_Block] = field(default_factory=lambda: [_Block(np.empty(0, dtype=np.intp), 0)])
    read: int = 0
    last: dict[int, int] = field(default_factory=dict)  # the last row of each trial that has paused
    later: dict[int, int] = field(default_factory=dict)  # a row -> the next one of the same trial
    again: list[int] = field(default_factory=list)  # the rows of trials that had one before, in order
    curves: dict[int, tuple[list[float], list[float]]] = field(default_factory=dict)

    def leaders(self, history: History, count: int) -> Indices:
        """The best `count` rows or fewer, best first; none that failed, and the last of each trial only.

        Feasible before infeasible ones, those by violation. With several objectives front by front. When
        some did not run to the end, by how many beat them at the last step that both have reached.
        """
        self._read(history)
        whole = history.n // _BLOCK
        while len(self.blocks) <= whole:
            self.blocks.append(self._next(history))
        return self._rank(history, self._pool(whole, history.n), count)

    def ordered(self, history: History, rows: Indices) -> Indices:
        """These rows, the current ones of their trials, best first; none that failed."""
        self._read(history)
        return self._rank(history, rows, len(rows))

    def counts(self, history: History) -> tuple[int, int]:
        """How many trials there are, and how many rows are infeasible; after `leaders`."""
        whole = history.n // _BLOCK
        broken = np.count_nonzero(history.violations[whole * _BLOCK :] > 0.0)
        return history.n - bisect_left(self.again, history.n), self.blocks[whole].broken + int(broken)

    def current(self, rows: list[int], n: int) -> list[int]:
        """Those of the rows that none before row n has replaced; after `leaders`."""
        return [row for row in rows if self.later.get(row, n) >= n] if self.later else rows

    def _read(self, history: History) -> None:
        """Note which rows are replaced by which. What is noted holds at every position of the log."""
        states = history.states[self.read :]
        if self.last or (states == _PAUSED).any():
            rows = zip(states.tolist(), history.numbers[self.read :].tolist(), strict=True)
            for row, (state, number) in enumerate(rows, self.read):
                before = self.last.get(number)
                if before is not None:
                    self.later[before] = row
                    self.again.append(row)
                if before is not None or state == _PAUSED:
                    self.last[number] = row
        self.read = max(self.read, history.n)

    def _next(self, history: History) -> _Block:
        whole = len(self.blocks)
        end = whole * _BLOCK
        broken = np.count_nonzero(history.violations[end - _BLOCK : end] > 0.0)
        leaders = self._rank(history, self._pool(whole - 1, end), self.keep)
        return _Block(leaders, self.blocks[-1].broken + int(broken))

    def _pool(self, whole: int, n: int) -> Indices:
        rows = [*self.blocks[whole].leaders.tolist(), *range(whole * _BLOCK, n)]
        return np.array(self.current(rows, n), dtype=np.intp)

    def _rank(self, history: History, pool: Indices, count: int) -> Indices:
        losses = history.losses[pool]
        if losses.shape[1] > 1:
            return pool[_by_fronts(losses, *_quality(history, pool), count)]
        column = losses[:, 0]
        states, violations = history.states[pool], history.violations[pool]
        if not states.any() and not violations.any():  # all complete and feasible
            found = np.argsort(column, kind="stable")[:count]
            return pool[found[~np.isnan(column[found])]]
        pool = pool[~np.isnan(column)]
        whole = history.states[pool] == _COMPLETE
        if not whole.all() and history.steps[pool].any():
            order = self._at_common_steps(history, pool)
        else:
            order = np.lexsort((history.losses[pool, 0], ~whole, history.violations[pool]))
        return pool[order[:count]]

    def _at_common_steps(self, history: History, pool: Indices) -> Indices:
        """The order by violation, then by how many beat each one at the last step that both have reached.

        A trial that was stopped was not beaten by those that ran on because they ran on, and the first one
        of a study does not lead because it alone was never stopped.
        """
        steps = history.steps[pool]
        rungs = np.unique(steps)
        if len(rungs) > _MOST_RUNGS:
            rungs = rungs[np.linspace(0, len(rungs) - 1, _MOST_RUNGS).round().astype(np.intp)]
        whole = history.states[pool] == _COMPLETE
        reached = np.maximum(np.searchsorted(rungs, steps, side="right") - 1, 0)
        reached[whole & (steps == 0)] = len(rungs) - 1  # it reported nothing on its way
        curves = np.array([self.curve(history, row, rungs) for row in pool.tolist()])
        final = history.losses[pool, 0]
        curves[np.flatnonzero(whole), reached[whole]] = final[whole]
        common = np.minimum(reached[:, None], reached[None, :])
        mine = np.take_along_axis(curves, common, axis=1)  # of row i, at the common step of i and j
        beaten = (mine > mine.T).sum(axis=1)
        return np.lexsort((final, -reached, beaten, history.violations[pool]))

    def curve(self, history: History, row: int, rungs: Floats) -> list[float]:
        """The loss of a row's trial at each rung: the last one reported by then, else the first."""
        found = self.curves.get(row)
        if found is None:
            reports = history.trial(row).reports
            found = [report.step for report in reports], [report.losses[0] for report in reports]
            self.curves[row] = found
        steps, losses = found
        if not steps:
            return [float(history.losses[row, 0])] * len(rungs)
        return [losses[max(bisect_right(steps, rung) - 1, 0)] for rung in rungs.tolist()]


def ranking_of(history: History, keep: int) -> Ranking:
    """The ranking of the log that the history is of."""
    found: Ranking = history.scratch.setdefault(("ranking", keep), Ranking(keep))
    return found


def _quality(history: History, pool: Indices) -> tuple[Floats, Bools]:
    return history.violations[pool], history.states[pool] == _COMPLETE


def _by_fronts(losses: Floats, violations: Floats, whole: Bools, count: int) -> Indices:
    """Completed feasible rows front by front, the last one by hypervolume; then the others.

    Those by violation, and by the mean place among all losses.
    """
    failed = np.isnan(losses).any(axis=1)
    usable = np.flatnonzero(whole & ~failed & (violations <= 0.0))
    chosen: list[Indices] = []
    missing = min(count, len(usable))
    order = ranks(losses[usable], missing)
    for front in range(int(order.max(initial=-1)) + 1):
        members = usable[order == front]
        if missing <= 0:
            break
        if len(members) > missing:
            members = members[spread(losses[members], reference_point(losses[usable]), missing)]
        chosen.append(members)
        missing -= len(members)
    found = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)
    if len(found) < count:
        others = np.flatnonzero(~failed & ~(whole & (violations <= 0.0)))
        places = np.argsort(np.argsort(losses[others], axis=0, kind="stable"), axis=0).mean(axis=1)
        others = others[np.lexsort((places, ~whole[others], violations[others]))]
        found = np.concatenate([found, others[: count - len(found)]])
    return found
