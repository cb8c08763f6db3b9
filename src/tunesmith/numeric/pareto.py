"""Domination among loss vectors: which are not beaten, and in what order fronts peel off.

Rows are points, columns losses (less is better). a dominates b when a <= b everywhere and a < b somewhere.
Fronts: Goldberg (1989); Deb et al. (2002), IEEE Trans. Evol. Comput. 6.
"""

from __future__ import annotations

from bisect import bisect_right

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
    stands[0] = True  # even where its second loss is infinite
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

    For small sets without NaN: O(n log n) for up to two losses, else O(n^2 objectives), all pairs at once.
    """
    if losses.shape[1] > 2:
        return _ranks_by_pairs(losses, enough)
    found = _ranks_of_one(losses[:, 0]) if losses.shape[1] == 1 else _ranks_of_two(losses)
    if enough < len(found):
        before = np.cumsum(np.bincount(found))  # up to each front
        found[found > np.searchsorted(before, enough)] = -1
        if enough <= 0:
            found[:] = -1
    return found


def _ranks_of_one(column: Floats) -> Indices:
    found: Indices = np.unique(column, return_inverse=True)[1].astype(np.intp)
    return found


def _ranks_of_two(losses: Floats) -> Indices:
    """By the first loss, each row joins the first front whose last row does not dominate it (Jensen 2003,
    IEEE Trans. Evol. Comput. 7, section III)."""
    order = np.lexsort((losses[:, 1], losses[:, 0]))
    ends: list[float] = []  # the second loss of each front's last row; they ascend
    places: list[int] = []
    last, place = None, 0
    for row in losses[order].tolist():
        if row != last:
            place, last = bisect_right(ends, row[1]), row
            ends[place : place + 1] = row[1:]
        places.append(place)
    found = np.empty(len(losses), dtype=np.intp)
    found[order] = places
    return found


def _ranks_by_pairs(losses: Floats, enough: int) -> Indices:
    below: Bools = np.ones((len(losses), len(losses)), dtype=np.bool_)
    for column in losses.T:
        below &= column[:, None] <= column
    dominates = below & ~below.T
    open_ = np.count_nonzero(dominates, axis=0)
    found = np.full(len(losses), -1, dtype=np.intp)
    front, total = 0, 0
    while total < min(enough, len(losses)):
        members = np.flatnonzero(open_ == 0)
        found[members] = front
        open_[members] = -1
        open_ -= np.count_nonzero(dominates[members], axis=0)
        front, total = front + 1, total + len(members)
    return found


def constrained_ranks(losses: Floats, violations: Floats, whole: Bools) -> Indices:
    """Shape (n,): fronts under constrained domination (Deb et al. 2002, definition 1), the best 0.

    Any feasible row is before any infeasible one, and those go by their violation. Of equal violation the
    `whole` ones come first, which were measured to the end. No NaN.
    """
    if whole.all() and not violations.any():
        return ranks(losses, len(losses))
    found = np.empty(len(losses), dtype=np.intp)
    order = np.lexsort((~whole, violations))
    above = 0
    start = 0
    new = (np.diff(violations[order]) != 0.0) | (np.diff(whole[order].astype(np.int8)) != 0)
    for stop in [*(np.flatnonzero(new) + 1).tolist(), len(order)]:
        members = order[start:stop]
        found[members] = above + ranks(losses[members], len(members))
        above = int(found[members].max()) + 1
        start = stop
    return found


def crowding(losses: Floats, fronts_: Indices) -> Floats:
    """Shape (n,): the crowding distance of each row within its front (Deb et al. 2002, section III-B).

    The sum over losses of the gap between a row's neighbours, over the front's range; infinite at the ends.
    Of equal rows all but one are at no distance.
    """
    n = len(losses)
    found = np.zeros(n)
    for column in finite(losses).T if n else ():
        order = np.lexsort((np.arange(n), column, fronts_))
        values, front = column[order], fronts_[order]
        starts = np.flatnonzero(np.append(True, front[1:] != front[:-1]))
        stops = np.append(starts[1:], n) - 1
        sizes = stops - starts + 1
        ranges = np.repeat(values[stops] - values[starts], sizes)
        gaps = np.zeros(n)
        gaps[1:-1] = values[2:] - values[:-2]
        gaps = np.divide(gaps, ranges, out=np.zeros(n), where=ranges > 0.0)
        gaps[starts] = gaps[stops] = np.inf
        found[order] += gaps
    return found


def finite(losses: Floats) -> Floats:
    """The losses with infinities at the finite extremes of their columns, or 0 where there are none."""
    if np.isfinite(losses).all():
        return losses
    inside = np.isfinite(losses)
    high = np.where(inside, losses, -np.inf).max(axis=0, initial=-np.inf)
    low = np.where(inside, losses, np.inf).min(axis=0, initial=np.inf)
    some = inside.any(axis=0)
    return np.clip(losses, np.where(some, low, 0.0), np.where(some, high, 0.0))


def beaten(losses: Floats, others: Floats) -> Bools:
    """Shape (n,): whether any row of `others` (m, objectives) dominates the row. O(n m objectives)."""
    mine, theirs = losses[:, None, :], others[None, :, :]
    dominated = np.logical_and.reduce(theirs <= mine, axis=2) & np.logical_or.reduce(theirs < mine, axis=2)
    found: Bools = np.logical_or.reduce(dominated, axis=1)
    return found


def epsilon_net(losses: Floats, count: int) -> Indices:
    """Indices of `count` rows that cover all: the first row, then again and again the one farthest from those
    chosen, of losses over their ranges (Schmucker et al. 2021, arXiv:2106.12639, algorithm 2).
    O(count n objectives)."""
    scaled = finite(losses)
    low, high = scaled.min(axis=0), scaled.max(axis=0)
    scaled = (scaled - low) / np.where(high > low, high - low, 1.0)
    found = [0]
    away = np.square(scaled - scaled[0]).sum(axis=1)
    away[0] = -1.0
    while len(found) < min(count, len(losses)):
        found.append(int(np.argmax(away)))
        away = np.minimum(away, np.square(scaled - scaled[found[-1]]).sum(axis=1))
        away[found] = -1.0
    return np.array(found, dtype=np.intp)
