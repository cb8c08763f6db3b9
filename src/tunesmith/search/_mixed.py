"""Mixed spaces for methods that move vectors of numbers: which columns are numbers, which are categories.

A vector is *latent*: whole numbers and steps are the cells that its entries fall into, and what is inactive
keeps an entry too. What a configuration does not tell of its vector is *hidden*, and travels in the memo.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.model.layout import cell_edges, layout_of
from tunesmith.model.ranking import ranking_of
from tunesmith.record.history import History, pending_units
from tunesmith.record.trial import PAUSED
from tunesmith.search._base import Ask
from tunesmith.search._untried import untried
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_MOST_DRAWN = 24  # candidates that were tried before, until any row will do
_MOST_RANDOM = 64


class Candidate(NamedTuple):
    """A unit row and the memo that goes with it."""

    row: list[float]
    memo: object


class Mixed:
    """The columns of a space: `numbers` and `categories`; what has one value only is neither.

    `discrete`, `edges`: which of the numbers have cells (positions among the numbers), and their bounds.
    With `binned` categories are numbers too, the equal cells of [0, 1]; `nominal` says which of them.
    `sure`: a column that always exists and never repeats, None when there is none.
    """

    def __init__(self, space: Space, binned: bool = False) -> None:
        self.space = space
        domains = [parameter.domain for parameter in space.dims]
        several = [d for d, domain in enumerate(domains) if domain.cardinality != 1]
        self.numbers = [d for d in several if binned or domains[d].ordered]
        self.categories = [d for d in several if d not in self.numbers]
        self.sizes = [domains[d].cardinality or 1 for d in self.categories]
        found = [cell_edges(domains[d]) for d in self.numbers]
        self.discrete = [i for i, edges in enumerate(found) if edges is not None]
        self.edges = [edges for edges in found if edges is not None]
        self.cells = np.array([edges is not None for edges in found], dtype=np.bool_)
        self.nominal = np.array([not domains[d].ordered for d in self.numbers], dtype=np.bool_)
        self.center = np.array(space.center)
        self.sure = [d for d in self.numbers if domains[d].cardinality is None and not space.dims[d].rules]

    def row(self, latent: Floats, codes: Sequence[int] = ()) -> list[float]:
        """The unit row of a latent vector of the numbers, and codes of the categories."""
        row = self.center.copy()
        row[self.numbers] = np.minimum(np.maximum(latent, 0.0), 1.0)
        if self.categories:
            row[self.categories] = (np.array(codes) + 0.5) / self.sizes
        found: list[float] = row.tolist()
        return found

    def hidden(self, row: list[float], latent: Floats) -> list[float]:
        """The entries of the latent vector that the row's configuration does not tell."""
        active = layout_of(self.space).active(np.array([row]))
        kept = np.array(row)[self.numbers]
        lost = self._lost(kept) if active is None else self._lost(kept) | ~active[0, self.numbers]
        found: list[float] = latent[lost].tolist()
        return found

    def _lost(self, row: Floats) -> Bools:
        found: Bools = self.cells | (row <= 0.0) | (row >= 1.0)
        return found

    def latent(self, rows: Floats, hidden: Sequence[list[float] | None], default: Floats) -> Floats:
        """Latent vectors (m, numbers) of unit rows (m, dims) as the history has them.

        Without what was hidden (None) discrete numbers are the middles of cells, and inactive ones those of
        `default` (numbers,).
        """
        vectors = rows[:, self.numbers]
        for i, kept in enumerate(hidden):
            there = ~np.isnan(vectors[i])
            lost = self._lost(vectors[i]) | ~there
            if kept is not None and len(kept) == np.count_nonzero(lost):
                vectors[i, lost] = kept
            else:
                vectors[i] = np.where(there, vectors[i], default)
        return vectors

    def codes(self, rows: Floats) -> Indices:
        """The categories (m, categories) of unit rows, -1 where inactive."""
        chosen = rows[:, self.categories]
        there = ~np.isnan(chosen)
        codes = np.where(there, np.nan_to_num(chosen) * self.sizes, -1.0)
        return np.floor(codes).astype(np.intp)


@lru_cache(maxsize=16)
def mixed_of(space: Space, binned: bool = False) -> Mixed:
    """The columns of a space, remembered."""
    return Mixed(space, binned)


def seen(history: History, mixed: Mixed, hidden: list[float] | None) -> Floats:
    """The latent vector of the last row; what is unknown of it is put in the middle."""
    row = history.units(mixed.space)[history.n - 1 : history.n]
    found: Floats = mixed.latent(row, [hidden], np.full(len(mixed.numbers), 0.5))[0]
    return found


def beats(history: History, row: int, other: int) -> bool:
    """Whether one row is at least as good as another one; what failed is not."""
    order = ranking_of(history, 0).ordered(history, np.array([row, other]))
    return len(order) > 0 and int(order[0]) == row


def chosen(history: History, mixed: Mixed, ask: Ask, candidates: Iterator[Candidate]) -> Candidate:
    """The first candidate that keeps the constraints and was not tried while anything else is left.

    One that was found otherwise has no memo.
    """
    space = ask.space
    first = next(candidates)
    if mixed.sure and not space.constraints and any(0.0 < first.row[d] < 1.0 for d in mixed.sure):
        return first  # no row comes again
    memos: dict[tuple[float, ...], object] = {}
    rows = chain(_rows(chain([first], candidates), memos), _anywhere(mixed, ask))
    row = untried(history, space, ask.rng, rows, pending_units(ask.pending, space))
    return Candidate(row, memos.get(tuple(row)))


def _rows(candidates: Iterator[Candidate], memos: dict[tuple[float, ...], object]) -> Iterator[list[float]]:
    for _, candidate in zip(range(_MOST_DRAWN), candidates, strict=False):
        memos.setdefault(tuple(candidate.row), candidate.memo)
        yield candidate.row


def _anywhere(mixed: Mixed, ask: Ask) -> Iterator[list[float]]:
    """Rows drawn from the priors."""
    rng = ask.rng.generator("anywhere")
    domains = [parameter.domain for parameter in mixed.space.dims]
    for _ in range(_MOST_RANDOM):
        draws = rng.random(len(domains)).tolist()
        yield [domain.draw(u) for domain, u in zip(domains, draws, strict=True)]


def chance(rows: Floats, name: str) -> np.random.Generator:
    """Chance for what `tell` decides: a pure function of these rows, which are chance themselves."""
    digest = hashlib.blake2b(np.ascontiguousarray(rows).tobytes(), digest_size=8).digest()
    return Rng(int.from_bytes(digest, "little"), 0).generator(name)


def counted_before(history: History) -> bool:
    """Whether the trial of the last row was in the history before, paused."""
    noted: _Paused | None = history.scratch.get("paused")
    if noted is None:
        noted = history.scratch["paused"] = _Paused(0, {})
    for row in range(noted.read, history.n):
        trial = history.trial(row)
        if trial.state is PAUSED:
            noted.first.setdefault(trial.number, row)
    if noted.read < history.n:
        history.scratch["paused"] = _Paused(history.n, noted.first)
    last = history.n - 1
    return noted.first.get(history.trial(last).number, last) < last


class _Paused(NamedTuple):
    """The first row at which each trial paused, among the rows that were read."""

    read: int
    first: dict[int, int]


def drawn_vector(mixed: Mixed, rng: np.random.Generator) -> Floats:
    """A latent vector of the numbers, drawn from the priors."""
    places = zip(mixed.numbers, rng.random(len(mixed.numbers)).tolist(), strict=True)
    return np.array([mixed.space.dims[d].domain.draw(u) for d, u in places])
