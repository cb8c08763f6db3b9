"""Niches of loss space for many objectives: reference directions, normalisation, and who is kept of a front.

Deb and Jain (2014), An evolutionary many-objective optimization algorithm using reference-point-based
nondominated sorting approach, part I, IEEE Trans. Evol. Comput. 18 (sections IV-B to IV-E).
Das and Dennis (1998), Normal-boundary intersection, SIAM J. Optim. 8 (the directions).
"""

from __future__ import annotations

import math
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.pareto import finite

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]

_OFF_AXIS = 1e-6  # weight of the other objectives in an extreme point's achievement function (eq. 4)


class Frontier(NamedTuple):
    """What is known of the front's place: the ideal point (m,) and the extreme points (m, m)."""

    ideal: Floats
    extremes: Floats

    @classmethod
    def unknown(cls, objectives: int) -> Frontier:
        return cls(np.full(objectives, np.inf), np.full((objectives, objectives), np.inf))


def lattice(objectives: int, divisions: int) -> Floats:
    """All points of the unit simplex whose coordinates are multiples of 1 / divisions (Das and Dennis)."""
    bars = combinations(range(divisions + objectives - 1), objectives - 1)
    places = np.array(list(bars), dtype=np.int64).reshape(-1, objectives - 1)
    edges = np.pad(places, ((0, 0), (1, 1)), constant_values=-1)
    edges[:, -1] = divisions + objectives - 1
    found: Floats = (np.diff(edges, axis=1) - 1) / divisions
    return found


@lru_cache(maxsize=16)
def directions(objectives: int, most: int) -> Floats:
    """At most `most` reference points (one an objective at least): as many as a lattice has.

    Where a lattice of so few points has none inside the simplex, two layers: the outer one and another,
    one division coarser, drawn in half-way to the centre (section V: 3 and 2 divisions for 8 objectives).
    """
    if objectives == 1:
        return np.ones((1, 1))
    divisions = 1
    while math.comb(divisions + objectives, objectives - 1) <= most:
        divisions += 1
    if divisions >= objectives:
        return lattice(objectives, divisions)
    outer = 1
    while _layered(objectives, outer + 1) <= most:
        outer += 1
    if outer < 2:
        return lattice(objectives, divisions)
    inside = 0.5 * lattice(objectives, outer - 1) + 0.5 / objectives
    return np.concatenate([lattice(objectives, outer), inside])


def _layered(objectives: int, outer: int) -> int:
    return math.comb(outer + objectives - 1, outer) + math.comb(outer + objectives - 2, outer - 1)


def seen(frontier: Frontier, losses: Floats, first: Floats) -> Frontier:
    """The frontier after further losses (n, m), of which `first` (k, m) is the best front."""
    ideal = np.minimum(frontier.ideal, losses.min(axis=0))
    known = frontier.extremes[np.isfinite(frontier.extremes).all(axis=1)]
    candidates = np.concatenate([known, first])
    m = len(ideal)
    weights = np.where(np.eye(m, dtype=np.bool_), 1.0, 1.0 / _OFF_AXIS)
    # eq. 4: along axis j the point with the least max_i f'_i / w_i
    achievement = ((candidates - ideal)[:, None] * weights).max(axis=2)
    return Frontier(ideal, candidates[achievement.argmin(axis=0)])


def normalised(frontier: Frontier, losses: Floats, first: Floats) -> Floats:
    """Losses with the ideal point at 0 and the intercepts of the extremes' hyperplane at 1 (eq. 5).

    Where there is no such plane, the worst of the best front is at 1.
    """
    nadir = first.max(axis=0) - frontier.ideal
    span = frontier.extremes - frontier.ideal
    try:
        plane = np.linalg.solve(span, np.ones(len(span)))
        with np.errstate(divide="ignore"):
            intercepts = 1.0 / plane
        if not (np.isfinite(intercepts).all() and (intercepts > 1e-9 * np.maximum(nadir, 1e-300)).all()):
            intercepts = nadir
    except np.linalg.LinAlgError:
        intercepts = nadir
    return (losses - frontier.ideal) / np.where(intercepts > 0.0, intercepts, 1.0)


def associated(points: Floats, rays: Floats) -> tuple[Indices, Floats]:
    """For each point the ray through the origin that is nearest, and how far away it is (algorithm 3)."""
    units = rays / np.sqrt((rays * rays).sum(axis=1, keepdims=True))
    along = points @ units.T
    squared = np.maximum((points * points).sum(axis=1)[:, None] - along * along, 0.0)
    nearest = squared.argmin(axis=1)
    return nearest, np.sqrt(squared[np.arange(len(points)), nearest])


def niched(
    losses: Floats,
    fronts: Indices,
    feasible: Bools,
    count: int,
    rays: Floats,
    frontier: Frontier,
    rng: np.random.Generator,
) -> tuple[Indices, Frontier]:
    """Indices of `count` rows: front by front, the last front by niches; and what is known of the front now.

    A row of the last front joins the emptiest niche that has one: the nearest to its ray when the niche was
    empty, else any (algorithm 4). The front is looked for among `feasible` rows of the fronts that are kept,
    if only in part; while there are none, the others stand in, and nothing is remembered of them.
    """
    losses = finite(losses)
    last = np.sort(fronts)[min(count, len(fronts)) - 1]
    telling = (fronts <= last) & (feasible | (not feasible.any()))
    best = losses[telling & (fronts == fronts[telling].min())]
    now = seen(frontier if feasible.any() else Frontier.unknown(losses.shape[1]), losses[telling], best)
    known = now if feasible.any() else frontier
    if len(losses) <= count:
        return np.arange(len(losses)), known
    kept = np.flatnonzero(fronts < last)
    open_ = np.flatnonzero(fronts == last)
    both = np.concatenate([kept, open_])
    niche, distance = associated(normalised(now, losses[both], best), rays)
    crowd = np.bincount(niche[: len(kept)], minlength=len(rays)).astype(np.float64)
    chosen = _fill(niche[len(kept) :], distance[len(kept) :], crowd, count - len(kept), rng)
    return np.concatenate([kept, open_[chosen]]), known


def _fill(niche: Indices, distance: Floats, crowd: Floats, count: int, rng: np.random.Generator) -> Indices:
    ties = rng.random(len(crowd)).tolist()  # among equally empty niches any
    waiting: dict[int, list[int]] = {}
    for row, place in enumerate(niche.tolist()):
        waiting.setdefault(place, []).append(row)
    queue = [(float(crowd[place]), ties[place], place) for place in waiting]
    heapify(queue)
    chosen: list[int] = []
    while len(chosen) < count:
        filled, tie, place = heappop(queue)
        members = waiting[place]
        if filled == 0.0:
            taken = members.pop(int(distance[members].argmin()))
        else:
            taken = members.pop(int(rng.integers(len(members))))
        if members:
            heappush(queue, (filled + 1.0, tie, place))
        chosen.append(taken)
    return np.array(chosen, dtype=np.intp)
