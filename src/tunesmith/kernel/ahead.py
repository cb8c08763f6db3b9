"""Proposals made before they are needed, and the same as if they were not.

A searcher that does not learn proposes by number alone, so its configurations are drawn and decoded by the
block, at a fraction of the price of one after another. They are a cache of a pure function: dropped at any
time, asked for again, they come out bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith._rng import Rng
from tunesmith.search._base import Ask, Searcher
from tunesmith.space.batch import decode_columns
from tunesmith.space.space import Space

_BLOCK = 1024


class Ahead:
    """Configurations by number, in one space at a time; owned by one cursor."""

    __slots__ = ("_able", "_end", "_rows", "_searcher", "_seed", "_space", "_start")

    def __init__(self, searcher: Searcher[Any], seed: int, enabled: bool = True) -> None:
        self._searcher = searcher
        self._able = enabled and not searcher.learns and not searcher.ends
        self._seed = seed
        self._space: Space | None = None
        self._start = self._end = 0
        self._rows: Sequence[tuple[Any, ...]] = ()

    def params(self, space: Space, number: int) -> dict[str, Any] | None:
        """The configuration of trial `number`; None when the searcher must be asked.

        A space is prepared for from its second trial on: in a growing one each is another.
        """
        if not self._able:
            return None
        if space is not self._space:
            self._space, self._start, self._end = space, number, number
            return None
        if not self._start <= number < self._end and not self._prepare(space, number):
            return None
        return dict(zip(space.names, self._rows[number - self._start]))  # noqa: B905 (as long, and hot)

    def _prepare(self, space: Space, number: int) -> bool:
        start = number - number % _BLOCK
        columns = self.columns(space, start, _BLOCK)
        if columns is None:
            return False
        self._start, self._end = start, start + _BLOCK
        self._rows = list(zip(*columns.values(), strict=True)) if columns else [()] * _BLOCK
        return True

    def columns(self, space: Space, number: int, count: int) -> Mapping[str, Sequence[Any]] | None:
        """A column a parameter, of `count` trials from `number` on; None when each must be asked for."""
        if not self._able:
            return None
        ask = Ask(number, space, (), Rng(self._seed, number))
        rows = self._searcher.ask_batch(None, ask, count)
        return None if rows is None else decode_columns(space, rows)
