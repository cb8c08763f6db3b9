"""What a regression of losses learns from: rows of the history, and a label for each, less being better.

Labels are on one scale whatever happened to the trials. What is worse than the median is labelled by its
rank (half-rank warping: Song et al., 2024, The Vizier Gaussian process bandit algorithm, arXiv 2408.11527),
so that wild losses do not drown the good ones. A trial that failed counts as the worst one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.ranking import ranking_of
from tunesmith.numeric.labels import half_ranked, normal_scores, standardised
from tunesmith.record.history import STATES, History
from tunesmith.record.trial import TrialState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_COMPLETE = STATES.index(TrialState.COMPLETE)
_LEADING = 2  # of many rows so large a part are the best ones, at least: 1 / 2
_LEADING_FRONTS = 8  # with several objectives, where leaders cost more


class Evidence(NamedTuple):
    """`labels` (rows, objectives), standardised; `broken` (rows,): which broke an outcome constraint.

    While all rows are broken there is one label, of how much they are, and none counts as broken.
    """

    rows: Indices
    labels: Floats
    broken: Bools


def chosen(history: History, most: int) -> Indices:
    """At most `most` rows to learn from: the leaders, the latest and an even sample, in order of the log."""
    n = history.n
    if n <= most:
        return np.arange(n)
    keep = most // (_LEADING if history.losses.shape[1] == 1 else _LEADING_FRONTS)
    leaders = ranking_of(history, keep).leaders(history, keep)
    latest = np.arange(n - most // 4, n)
    picked = np.union1d(leaders, latest)
    even = ((np.arange(most) + 0.5) * (n / most)).astype(np.intp)
    rest = np.setdiff1d(even, picked)
    missing = most - len(picked)
    if len(rest) > missing:
        rest = rest[((np.arange(missing) + 0.5) * (len(rest) / missing)).astype(np.intp)]
    found: Indices = np.union1d(picked, rest)
    return found


def evidence_of(history: History, rows: Indices) -> Evidence | None:
    """The labels of these rows, of each trial the last one; None while all have failed."""
    rows = _last(history, rows)
    losses = history.losses[rows]
    losses = np.where(losses == -np.inf, _lowest(losses), losses)
    failed: Bools = ~np.logical_and.reduce(np.isfinite(losses), axis=1)
    if failed.all():
        return None
    broken: Bools = (history.violations[rows] > 0.0) & ~failed
    if broken[~failed].all():
        labels = _worst_last(half_ranked(history.violations[rows][~failed])[:, None], failed)
        return Evidence(rows, labels, np.zeros(len(rows), dtype=np.bool_))
    if losses.shape[1] == 1:
        labels = _single(history, rows[~failed], losses[~failed, 0])[:, None]
    else:
        labels = _several(history, rows[~failed], losses[~failed])
    return Evidence(rows, _worst_last(labels, failed), broken)


def _last(history: History, rows: Indices) -> Indices:
    """The last row of each trial, among these."""
    numbers = history.numbers[rows]
    _, place = np.unique(numbers[::-1], return_index=True)
    found: Indices = rows[np.sort(len(rows) - 1 - place)]
    return found


def _worst_last(labels: Floats, failed: Bools) -> Floats:
    """Labels of all rows, failed ones as the worst, column by column standardised."""
    found = np.empty((len(failed), labels.shape[1]))
    found[~failed] = labels
    found[failed] = labels.max(axis=0)
    return np.stack([standardised(column) for column in found.T], axis=1)


def _single(history: History, rows: Indices, losses: Floats) -> Floats:
    """Labels of rows that have not failed."""
    if (history.states[rows] == _COMPLETE).all() or not history.steps[rows].any():
        return half_ranked(losses)
    # some did not run to the end: by rank, each two compared at the last step that both have reached
    order = ranking_of(history, 0).ordered(history, rows)
    places = np.empty(len(rows))
    places[np.searchsorted(rows, order)] = np.arange(len(rows))
    return normal_scores(places)


def _several(history: History, rows: Indices, losses: Floats) -> Floats:
    """Labels of each objective; a trial that did not run to the end is no better than the median."""
    whole = history.states[rows] == _COMPLETE
    if whole.any() and not whole.all():
        losses = np.where(whole[:, None], losses, np.maximum(losses, np.median(losses[whole], axis=0)))
    return np.stack([half_ranked(column) for column in losses.T], axis=1)


def _lowest(losses: Floats) -> Floats:
    """The lowest finite loss of each objective."""
    found: Floats = np.where(np.isfinite(losses), losses, np.inf).min(axis=0)
    return found
