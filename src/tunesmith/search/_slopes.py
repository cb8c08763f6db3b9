"""Where a process that knows slopes expects the next descent to pay: starts for the searcher `gradient`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.numeric.gp_gradients import Slopes, conditioned, modelled, most_promising

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_ROWS = 600  # of the linear system: values and slopes
_FEWEST = 8  # points that are worth a model
_ANYWHERE, _NEARBY = 256, 64
_CLIMBS = 4


def promising(
    rows: Floats, losses: Floats, slopes: Floats, pending: Floats, like: Floats, sloped: Bools, rng: Rng
) -> Floats | None:
    """A unit row where improvement is expected, moving the `sloped` parameters of the row `like` alone.

    `rows`, `losses`, `slopes`: what was observed, losses finite where they count. Those that differ from
    `like` in another parameter say nothing. None when too little is known, or too many parameters move.
    """
    moving = np.flatnonzero(sloped)
    most = _MOST_ROWS // (len(moving) + 1)
    alike = _alike(rows, like, sloped) & np.isfinite(losses)
    known = np.flatnonzero(alike)
    if most < _FEWEST or len(known) < 2:
        return None
    chosen = _chosen(known, losses, most)
    told = Slopes(rows[np.ix_(chosen, moving)], losses[chosen], slopes[np.ix_(chosen, moving)])
    observed, process = modelled(told)
    best = float(observed.values.min())
    waiting = pending[_alike(pending, like, sloped)][:, moving]
    if len(waiting):  # as if they had brought what is expected of them
        fantasies = Slopes(
            np.concatenate([observed.points, waiting]),
            np.append(observed.values, process.means(waiting)[0]),
            np.concatenate([observed.slopes, np.full(waiting.shape, np.nan)]),
        )
        process = conditioned(fantasies, process.lengths, process.noise) or process
    generator = rng.generator("slopes")
    leader = observed.points[int(np.argmin(observed.values))]
    near = leader + generator.normal(0.0, 0.1, (_NEARBY, len(moving)))
    starts = np.concatenate([generator.random((_ANYWHERE, len(moving))), np.clip(near, 0.0, 1.0)])
    found = like.copy()
    found[moving] = most_promising(process, best, starts, _CLIMBS)
    return found


def _alike(rows: Floats, like: Floats, sloped: Bools) -> Bools:
    same = (rows == like) | (np.isnan(rows) & np.isnan(like)) | sloped
    found: Bools = same.all(axis=1) & ~np.isnan(rows[:, sloped]).any(axis=1)
    return found


def _chosen(known: NDArray[np.intp], losses: Floats, most: int) -> NDArray[np.intp]:
    """The better half of what there is room for, and the latest of the others."""
    if len(known) <= most:
        return known
    order = known[np.argsort(losses[known], kind="stable")]
    leaders = order[: most // 2]
    latest = np.setdiff1d(known, leaders)[-(most - len(leaders)) :]
    return np.sort(np.concatenate([leaders, latest]))
