"""Hypervolume: how much of loss space a set of points dominates, below a reference point.

HV(S) = volume of the union over s in S of the boxes [s, reference]. Exact: in two dimensions a sweep, in
more the WFG recursion (While, Bradstreet and Barone 2012, IEEE Trans. Evol. Comput. 16, sections III and IV).
HSSP picks k points with large HV: the greedy choice holds 1 - 1/e of the best (Nemhauser et al. 1978),
found lazily because contributions only shrink (Minoux 1978).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.pareto import nondominated

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


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
