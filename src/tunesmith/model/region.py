"""A trust region: the box around the best trial in which a model of very many parameters is believed.

Eriksson et al. (2019), Scalable global optimization via local Bayesian optimization (TuRBO), NeurIPS 32,
section 2: it doubles after successes, halves after failures, and begins anew when it has become tiny: as
large as it gets, around the best trial still, since the model keeps all of them. Trials of others count too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.record.history import STATES, History
from tunesmith.record.trial import PAUSED

Floats = NDArray[np.float64]

FIRST, LEAST, MOST = 0.8, 0.5**7, 1.6  # side lengths, of the unit cube
SUCCESSES, FAILURES = 3, 4  # in a row, after which the length changes; failures: or one a parameter, if more
_GAIN = 1e-3  # of what the start has gained on its median, that a success has to gain
_PAUSED = STATES.index(PAUSED)


class Region(NamedTuple):
    """A box, its sides (dims,) `low` and `high`, and the row in its middle."""

    low: Floats
    high: Floats
    centre: Floats


class _Walk(NamedTuple):
    """How the region stands after some rows of a history: its length, what came in a row, the best yet."""

    length: float
    successes: int
    failures: int
    best: tuple[float, float]  # violation and loss


def region_of(history: History, start: int, centre: Floats, lengths: Floats) -> Region:
    """The region around a row (dims,), its sides in proportion to the model's lengths (dims,).

    `start`: trials before the model was used, which move nothing.
    """
    length = _length(history, start, len(centre))
    sides = length * lengths / np.exp(np.log(lengths).mean())
    free = np.isnan(centre)  # parameters that the middle does not have may be anything
    low = np.where(free, 0.0, np.clip(centre - 0.5 * sides, 0.0, 1.0))
    high = np.where(free, 1.0, np.clip(centre + 0.5 * sides, 0.0, 1.0))
    return Region(low, high, centre)


def _length(history: History, start: int, dims: int) -> float:
    """The side length at the end of the history; what is known of its first rows is kept."""
    walks: list[_Walk] = history.scratch.setdefault(("gp/region", start, dims), [])
    if not walks:
        walks.append(_Walk(FIRST, 0, 0, (np.inf, np.inf)))
    losses, violations, states = history.losses[:, 0], history.violations, history.states
    known = losses[:start][np.isfinite(losses[:start])]
    least = _GAIN * float(np.median(known) - known.min()) if len(known) else 0.0
    for row in range(len(walks) - 1, history.n):
        walk = walks[-1]
        if states[row] != _PAUSED:
            result = float(violations[row]), float(losses[row])
            walk = _stepped(walk, result, least, max(FAILURES, dims), row < start)
        walks.append(walk)
    return walks[history.n].length


def _stepped(walk: _Walk, result: tuple[float, float], least: float, patience: int, starting: bool) -> _Walk:
    violation, loss = result
    better = loss == loss and (violation, loss) < walk.best
    best = result if better else walk.best
    if starting:
        return walk._replace(best=best)
    if better and (violation < walk.best[0] or walk.best[1] - loss >= least):
        if walk.successes + 1 == SUCCESSES:
            return _Walk(min(2.0 * walk.length, MOST), 0, 0, best)
        return _Walk(walk.length, walk.successes + 1, 0, best)
    if walk.failures + 1 == patience:
        length = 0.5 * walk.length
        return _Walk(length if length >= LEAST else MOST, 0, 0, best)
    return _Walk(walk.length, 0, walk.failures + 1, best)
