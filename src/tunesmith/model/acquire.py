"""The maximum of an acquisition over a mixed and conditional space."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.view import View
from tunesmith.numeric.maximize import ascend

Floats = NDArray[np.float64]
Valued = Callable[[Floats], tuple[Floats, Callable[[], Floats]]]

_ROUNDS = 3


class Effort(NamedTuple):
    """How hard to look: even candidates, near ones, ascents, steps of each."""

    even: int = 256
    near: int = 256
    starts: int = 8
    steps: int = 25
    polished: int = 2


def maximise(
    view: View, function: Valued, anchors: Floats, scale: Floats, rng: np.random.Generator, effort: Effort
) -> Floats:
    """Rows, the best first: even and near candidates, ascents from the best, exchanges of what is discrete;
    then all candidates, for spaces in which the best ones were tried already.

    `function`: rows to values, and to their gradients when asked. `anchors`: good rows, the best first.
    `scale` (dims,): the lengths over which the function changes.
    """
    candidates = view.spread(rng, effort.even)
    if len(anchors):
        candidates = np.concatenate([candidates, view.near(anchors, rng, effort.near)])
    values = function(candidates)[0]
    order = np.argsort(-values, kind="stable")
    rows, found = climb(view, function, candidates[order[: effort.starts]], scale, effort.steps)
    places = np.argsort(-found, kind="stable")
    polished = [
        polish(view, function, (rows[i], found[i]), anchors, scale, effort)
        for i in (places[: effort.polished] if (view.categorical | view.cells).any() else ())
    ]
    if polished:
        rows = np.concatenate([np.array([row for row, _ in polished]), rows])
        found = np.concatenate([[value for _, value in polished], found])
        places = np.argsort(-found, kind="stable")
    return np.concatenate([rows[places], candidates[order]])


def climb(view: View, function: Valued, rows: Floats, scale: Floats, steps: int) -> tuple[Floats, Floats]:
    """Ascents over the numbers, then cells at their middles."""

    def differentiated(points: Floats) -> tuple[Floats, Floats]:
        values, gradient = function(points)
        return values, gradient()

    free = ~np.isnan(rows) & ~view.categorical
    if not free.any():
        return rows, function(rows)[0]
    found, values = ascend(differentiated, rows, free, scale, steps, limits=view.limits)
    if view.cells.any():
        found = view.finish(found)
        values = function(found)[0]
    return found, values


def polish(
    view: View,
    function: Valued,
    best: tuple[Floats, float],
    anchors: Floats,
    scale: Floats,
    effort: Effort,
) -> tuple[Floats, float]:
    """Exchange one category or step at a time while that helps, with an ascent after each."""
    row, value = best
    for _ in range(_ROUNDS):
        others = view.neighbours(row, anchors)
        if not len(others):
            break
        values = function(others)[0]
        top = np.argsort(-values, kind="stable")[:2]
        rows, found = climb(view, function, others[top], scale, effort.steps // 2)
        if not float(found.max()) > value + 1e-6:
            break
        row, value = rows[int(np.argmax(found))], float(found.max())
    return row, value
