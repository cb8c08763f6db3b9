"""What a regression learns from a history: rows with losses that may be compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.record.history import STATES, History
from tunesmith.record.trial import COMPLETE, FAILED
from tunesmith.search._ranking import ranking_of

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
    """The last row of each trial; a trial that was stopped early gets the loss that its rank deserves."""
    rows = history.latest
    losses = history.losses[rows]
    broken = np.isnan(losses).any(axis=1)
    failed = rows[broken]
    rows, losses = rows[~broken], losses[~broken]
    if len(rows) and not (history.states[rows] == _COMPLETE).all() and losses.shape[1] == 1:
        losses = _deserved(history, rows, losses)
    return Targets(rows, _finite(losses), failed)


def _finite(losses: Floats) -> Floats:
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


def _deserved(history: History, rows: Indices, losses: Floats) -> Floats:
    """What was stopped is ranked at the last step that it shares with others (see `Ranking`), and gets the
    loss of the completed trial of that rank; so nobody leads because it alone was run to the end."""
    ranking = ranking_of(history, len(rows))
    order = ranking.leaders(history, len(rows))
    whole = history.states[rows] == _COMPLETE
    if not whole.any() or not history.steps[rows].any():
        return losses
    place = np.empty(history.n, dtype=np.intp)
    place[order] = np.arange(len(order))
    places = place[rows]
    known = np.sort(losses[whole, 0])
    at = np.sort(places[whole])
    found = losses.copy()
    found[~whole, 0] = np.interp(places[~whole], at, known)
    return found
