"""What a regression learns from a history: rows with losses that may be compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.ranking import ranking_of
from tunesmith.record.history import STATES, History
from tunesmith.record.trial import COMPLETE, FAILED

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_MOST = 1e150
_COMPLETE, _FAILED = STATES.index(COMPLETE), STATES.index(FAILED)


class Targets(NamedTuple):
    """`rows` of the history with finite `losses` (n, objectives); `failed`: rows of trials that failed."""

    rows: Indices
    losses: Floats
    failed: Indices


def targets(history: History) -> Targets:
    """The last row of each trial; one that was stopped early gets the loss that was to be expected."""
    rows = history.latest
    losses = history.losses[rows]
    broken = np.isnan(losses).any(axis=1)
    failed = rows[broken]
    rows, losses = rows[~broken], finite(losses[~broken])
    if len(rows) and not (history.states[rows] == _COMPLETE).all() and losses.shape[1] == 1:
        losses = _expected(history, rows, losses)
    return Targets(rows, losses, failed)


def finite(losses: Floats) -> Floats:
    """Infinite losses become a little more than the largest, or less than the smallest, finite one; of what
    is beyond 1e150, squares would overflow."""
    if (np.abs(losses) < _MOST).all():
        return losses
    found = np.where(np.isfinite(losses), np.clip(losses, -_MOST, _MOST), losses)
    for column in found.T:
        known = column[np.isfinite(column)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
        margin = 0.1 * (high - low) or 1.0
        column[column == np.inf] = high + margin
        column[column == -np.inf] = low - margin
    return found


def _expected(history: History, rows: Indices, losses: Floats) -> Floats:
    """What was stopped early gets the loss that it may be expected to have come to: its own, less what those
    that went on (all completed trials; while there are none, those that are furthest) have gained from that
    step on, in the median. So nobody leads because it alone was run to the end."""
    steps = history.steps[rows]
    if not steps.any():
        return losses
    whole = history.states[rows] == _COMPLETE
    last = whole if whole.any() else steps == steps.max()
    ranking, found = ranking_of(history, 0), losses.copy()
    stopped = np.unique(steps[~last])
    curves = np.array([ranking.curve(history, row, stopped) for row in rows[last].tolist()])
    for place, step in enumerate(stopped.tolist()):
        gained = np.median(losses[last, 0] - curves[:, place])
        found[~last & (steps == step), 0] += gained
    return found
