"""Proposals that were not tried before: what a searcher takes instead of its repeated candidates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.record.history import History
from tunesmith.search.grid import grid_of
from tunesmith.space.grid import grid_size
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_MOST_LOOKED_AT = 1024
_DRAWN = 64  # from the prior, where all candidates were tried
_LISTED = 200_000


def feasible(space: Space, rows: Iterable[list[float]]) -> Iterator[list[float]]:
    """The rows that keep the space's constraints."""
    return (row for row in rows if not space.constraints or space.feasible(space.decode(row)))


@dataclass(slots=True)
class Tried:
    """The rows of one log and space, with the first position of each; lives in `History.scratch`.

    `walk`: how far the enumeration of a finite space is known to be tried, at a position of the log.
    """

    space: Space
    read: int = 0
    first: dict[bytes, int] = field(default_factory=dict)
    walk: tuple[int, int] = (0, 0)
    finite: bool = field(init=False)
    size: int = field(init=False)  # of a finite space that is not too large to be walked, else 0

    def __post_init__(self) -> None:
        self.finite = all(parameter.domain.cardinality is not None for parameter in self.space.dims)
        size = (grid_size(self.space) or 0) if self.finite else 0
        self.size = size if size <= _LISTED else 0

    def update(self, history: History) -> None:
        """Take the rows that are new."""
        if self.read >= history.n:
            return
        for place, row in enumerate(history.units(self.space)[self.read :], start=self.read):
            self.first.setdefault(self.key(row), place)
        self.read = history.n

    def key(self, row: Floats) -> bytes:
        """Equal for rows that are the same; where they can lie anywhere, up to a millionth of the range."""
        return row.tobytes() if self.finite else (np.round(row, 6) + 0.0).tobytes()

    def known(self, key: bytes, n: int) -> bool:
        """Whether one of the first n rows was this one."""
        return self.first.get(key, n) < n


def tried_of(history: History, space: Space) -> Tried:
    """What was tried in the log that the history is of."""
    found: Tried | None = history.scratch.get("tried")
    if found is None or (found.space is not space and found.space != space):
        found = history.scratch["tried"] = Tried(space)
    found.update(history)
    return found


def untried(
    history: History, space: Space, rng: Rng, ranked: Iterator[list[float]], pending: Floats
) -> list[float]:
    """The first feasible row that was not tried and is not pending; then any other one of the space; the best
    one when there is none.

    Repeats cost O(1) each, and a finite space is walked through once in all, whatever the number of trials.
    """
    tried = tried_of(history, space)
    taken = {tried.key(row) for row in pending}
    best: list[float] | None = None
    looked_at = islice(feasible(space, ranked), _MOST_LOOKED_AT)
    for row in chain(looked_at, () if tried.size else _drawn(space, rng)):
        best = best or row
        key = tried.key(np.array(space.encode(space.decode(row))))
        if key not in taken and not tried.known(key, history.n):
            return row
        if tried.size and tried.walk[0] <= history.n and tried.walk[1] == tried.size:
            break  # nothing is left
    return _next(tried, history, space, rng, taken) or best or space.draw(rng)


def _drawn(space: Space, rng: Rng) -> Iterator[list[float]]:
    """Rows from the prior."""
    seed = int(rng.generator("untried").integers(2**62))
    return (space.draw(Rng(seed, k)) for k in range(_DRAWN))


def _next(tried: Tried, history: History, space: Space, rng: Rng, taken: set[bytes]) -> list[float] | None:
    """The next row of the space in a shuffled order; None when it is not finite or all were tried."""
    size = tried.size
    if not size:
        return None
    grid = grid_of(space, 1)
    step, start = _shuffle(size, rng.seed)
    place = tried.walk[1] if tried.walk[0] <= history.n else 0
    leading = True  # whether everything before `place` is tried for good
    for index in range(place, size):
        row = grid.row((start + index * step) % size)
        params = space.decode(row)
        key = tried.key(np.array(space.encode(params)))
        if tried.known(key, history.n) or not space.feasible(params):
            place = index + 1 if leading else place
            continue
        leading = False
        if key not in taken:
            tried.walk = (history.n, place)
            return row
    tried.walk = (history.n, place)
    return None


def _shuffle(size: int, seed: int) -> tuple[int, int]:
    """(step, start) of an order in which i -> start + i step visits everything once."""
    drawn = Rng(seed, 0).generator("untried").integers(0, size, 2)
    step = int(drawn[0]) | 1
    while math.gcd(step, size) > 1:
        step += 1
    return step, int(drawn[1])
