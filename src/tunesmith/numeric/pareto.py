"""Domination among loss vectors: which are not beaten, and in what order fronts peel off.

Rows are points, columns losses (less is better). a dominates b when a <= b everywhere and a < b somewhere.
Fronts: Goldberg (1989); Deb et al. (2002), IEEE Trans. Evol. Comput. 6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


def nondominated(losses: Floats) -> Bools:
    """Shape (n,): whether no other row dominates it; equal rows stand or fall together. NaN rows never stand.

    O(n log n) for up to two losses, else O(n * front).
    """
    n, m = losses.shape
    keep = np.zeros(n, dtype=np.bool_)
    valid = np.flatnonzero(~np.isnan(losses).any(axis=1))
    if not len(valid):
        return keep
    if m <= 2:
        keep[valid[_planar(losses[valid])]] = True
        return keep
    order = valid[np.lexsort(losses[valid].T[::-1])]  # a row is dominated by earlier ones only
    left = losses[order]
    while len(order):
        head = left[0]
        keep[order[0]] = True
        same = (left == head).all(axis=1)
        keep[order[same]] = True
        stays = (left < head).any(axis=1)
        order, left = order[stays], left[stays]
    return keep


def _planar(losses: Floats) -> Bools:
    """Walk along the first loss: a row stands when its second is below all second losses before it."""
    first, second = losses[:, 0], losses[:, -1]
    order = np.lexsort((second, first))
    a, b = first[order], second[order]
    best = np.minimum.accumulate(b)
    before = np.concatenate([[np.inf], best[:-1]])
    stands = b < before
    if losses.shape[1] == 1:
        stands = a == a[0]
    else:
        same = (a[1:] == a[:-1]) & (b[1:] == b[:-1])
        for i in np.flatnonzero(same) + 1:
            stands[i] = stands[i - 1]
    found = np.zeros(len(order), dtype=np.bool_)
    found[order] = stands
    return found


def fronts(losses: Floats, enough: int | None = None) -> list[Indices]:
    """Indices of the first front, then of what is nondominated without it, and so on.

    Ends when `enough` rows are in fronts. Rows with NaN are in none.
    """
    left = np.flatnonzero(~np.isnan(losses).any(axis=1))
    wanted = len(left) if enough is None else min(enough, len(left))
    found: list[Indices] = []
    total = 0
    while total < wanted:
        front = nondominated(losses[left])
        found.append(left[front])
        total += len(found[-1])
        left = left[~front]
    return found


def ranks(losses: Floats, enough: int) -> Indices:
    """Shape (n,): the front that each row is in, until `enough` rows are in fronts; -1 for the others.

    For small sets without NaN: O(n^2 objectives), all pairs at once.
    """
    below: Bools = np.all(losses[:, None] <= losses[None, :], axis=2)
    dominates = below & ~below.T
    open_ = dominates.sum(axis=0)
    found = np.full(len(losses), -1, dtype=np.intp)
    front, total = 0, 0
    while total < min(enough, len(losses)):
        members = np.flatnonzero((open_ == 0) & (found < 0))
        found[members] = front
        open_ = open_ - dominates[members].sum(axis=0)
        front, total = front + 1, total + len(members)
    return found
