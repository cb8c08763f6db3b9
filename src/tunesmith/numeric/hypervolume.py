"""Hypervolume: how much of loss space a set of points dominates, below a reference point.

HV(S) = volume of the union over s in S of the boxes [s, reference]. Exact: in two dimensions a sweep, in
more the WFG recursion (While, Bradstreet and Barone 2012, IEEE Trans. Evol. Comput. 16, sections III and IV).
HSSP picks k points with large HV: the greedy choice holds 1 - 1/e of the best (Nemhauser et al. 1978),
found lazily because contributions only shrink (Minoux 1978).
Cheap in any dimension: HV is proportional to the mean over directions v of max_s min_j (r - s)_j^m / v_j^m
with reference r (Zhang and Golovin 2020, Random hypervolume scalarizations, arXiv 2006.04655, lemma 5); here
of fixed directions.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.pareto import nondominated
from tunesmith.numeric.qmc import sobol

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_DIRECTIONS = 96


def hypervolume(losses: Floats, reference: Floats) -> float:
    """Volume dominated by the rows of `losses` (n, m) within `reference` (m,). Exponential in m at worst."""
    inside = losses[(losses < reference).all(axis=1)]
    if not len(inside):
        return 0.0
    if losses.shape[1] == 1:
        return float(reference[0] - inside.min())
    front = inside[nondominated(inside)]
    front = np.unique(front, axis=0)  # sorted by the first loss, without doubles
    if losses.shape[1] == 2:
        return _sweep(front, reference)
    return _wfg(front[np.argsort(-front[:, -1], kind="stable")], reference)


def contributions(losses: Floats, reference: Floats) -> Floats:
    """Shape (n,): what the hypervolume would lose without each row."""
    whole = hypervolume(losses, reference)
    rows = np.arange(len(losses))
    return np.array([whole - hypervolume(losses[rows != i], reference) for i in rows])


def select(losses: Floats, reference: Floats, count: int) -> Indices:
    """Indices of `count` rows with large joint hypervolume, greedily, in the order of choice (HSSP)."""
    count = min(count, len(losses))
    bounds = np.array([_box(row, reference) for row in losses])  # gains before anything is chosen
    fresh = np.zeros(len(losses), dtype=np.intp)  # how many were chosen when the bound was computed
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(np.argmax(bounds))
        if fresh[best] < len(chosen):
            row = losses[best]  # its box, less what the chosen cover of it
            bounds[best] = _box(row, reference) - hypervolume(np.maximum(losses[chosen], row), reference)
            fresh[best] = len(chosen)
            continue
        chosen.append(best)
        bounds[best] = -np.inf
    return np.array(chosen, dtype=np.intp)


def spread(losses: Floats, reference: Floats, count: int) -> Indices:
    """Indices of `count` rows with large joint hypervolume, greedily, in the order of choice.

    Hypervolume by scalarizations, so O(n count) whatever the number of objectives.
    """
    room = reference - losses.min(axis=0)
    depth = np.maximum(reference - losses, 0.0) / np.where(room > 0.0, room, 1.0)
    directions = _directions(losses.shape[1])
    reach = (depth[:, None] / directions).min(axis=2) ** losses.shape[1]
    best = np.zeros(len(directions))
    free = np.ones(len(losses), dtype=np.bool_)
    chosen = []
    for _ in range(min(count, len(losses))):
        gains = np.where(free, np.maximum(reach - best, 0.0).sum(axis=1), -1.0)
        place = int(np.argmax(gains))
        chosen.append(place)
        free[place] = False
        best = np.maximum(best, reach[place])
    return np.array(chosen, dtype=np.intp)


@lru_cache(maxsize=16)
def _directions(dims: int) -> Floats:
    """Directions of the positive orthant, evenly spread over the sphere."""
    from scipy.special import ndtri

    sequence = sobol(dims)
    points = np.array([sequence.point(index) for index in range(1, _DIRECTIONS + 1)])
    normal = ndtri(0.5 + 0.5 * points)
    found: Floats = normal / np.sqrt((normal * normal).sum(axis=1, keepdims=True))
    return found


def reference_point(losses: Floats, margin: float = 0.1) -> Floats:
    """A reference just outside: the worst loss of each column and a share of its range."""
    worst, best = losses.max(axis=0), losses.min(axis=0)
    spread = worst - best
    found: Floats = worst + margin * np.where(spread > 0, spread, np.maximum(np.abs(worst), 1e-12))
    return found


def _box(row: Floats, reference: Floats) -> float:
    return float(np.prod(np.maximum(reference - row, 0.0)))


def _sweep(front: Floats, reference: Floats) -> float:
    """Strips between neighbours: `front` ascends in the first loss and so descends in the second."""
    widths = np.append(front[1:, 0], reference[0]) - front[:, 0]
    return float(np.sum(widths * (reference[1] - front[:, 1])))


def _wfg(front: Floats, reference: Floats) -> float:
    """Sum of exclusive volumes: each point's box less what the limited rest covers of it."""
    total = 0.0
    for i, row in enumerate(front):
        rest = np.maximum(front[i + 1 :], row)
        total += _box(row, reference) - (hypervolume(rest, reference) if len(rest) else 0.0)
    return total
