"""Values that grow: what is added makes a new one, which shares nearly all of itself with the old one.

States of methods are values, and an older one must go on answering as it did. These cost a fold step about a
microsecond with a hundred thousand things inside: small chunks are copied, by C, and never the whole.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

_CELL = 256
_CHUNK = 512


class Table(Generic[T]):
    """Things by small numbers, such as those of trials; a value."""

    __slots__ = ("_cells",)

    def __init__(self, cells: tuple[tuple[T | None, ...], ...] = ()) -> None:
        self._cells = cells

    def get(self, number: int) -> T | None:
        """The thing of this number, None when there is none."""
        place = number // _CELL
        if place >= len(self._cells):
            return None
        cell = self._cells[place]
        return cell[number % _CELL] if cell else None

    def put(self, number: int, thing: T) -> Table[T]:
        """With this thing at this number."""
        place = number // _CELL
        cells = list(self._cells)
        while len(cells) <= place:
            cells.append(())
        cell = list(cells[place]) or [None] * _CELL
        cell[number % _CELL] = thing
        cells[place] = tuple(cell)
        return Table(tuple(cells))


Item = tuple[Any, ...]


class _Sorted(NamedTuple):
    chunks: tuple[tuple[Item, ...], ...] = ()
    counts: tuple[int, ...] = ()  # of each chunk
    size: int = 0


class Line(_Sorted):
    """Tuples in their order, all different; a value."""

    __slots__ = ()

    def plus(self, item: Item) -> Line:
        """With one more."""
        if not self.size:
            return Line(((item,),), (1,), 1)
        place = min(bisect_left(self.chunks, item, key=_last), len(self.chunks) - 1)
        chunk = list(self.chunks[place])
        chunk.insert(bisect_left(chunk, item), item)
        half = len(chunk) // 2
        return self._with(place, [chunk] if len(chunk) <= _CHUNK else [chunk[:half], chunk[half:]], 1)

    def minus(self, item: Item) -> Line:
        """Without this one; itself when it is not there."""
        place, index = self._place(item)
        if place == len(self.chunks) or self.chunks[place][index] != item:
            return self
        chunk = list(self.chunks[place])
        del chunk[index]
        return self._with(place, [chunk] if chunk else [], -1)

    def before(self, item: Item) -> int:
        """How many are less than this one, which need not be there."""
        place, index = self._place(item)
        return sum(self.counts[:place]) + index

    def at(self, index: int) -> Item:
        """The item that so many are before."""
        for chunk, count in zip(self.chunks, self.counts, strict=True):
            if index < count:
                return chunk[index]
            index -= count
        raise IndexError(index)

    def first(self, count: int) -> list[Item]:
        """The first `count` items, or fewer."""
        found: list[Item] = []
        for chunk in self.chunks:
            if len(found) >= count:
                break
            found.extend(chunk[: count - len(found)])
        return found

    def _place(self, item: Item) -> tuple[int, int]:
        place = bisect_left(self.chunks, item, key=_last)
        return place, bisect_left(self.chunks[place], item) if place < len(self.chunks) else 0

    def _with(self, place: int, found: list[list[Item]], more: int) -> Line:
        chunks, counts = list(self.chunks), list(self.counts)
        chunks[place : place + 1] = map(tuple, found)
        counts[place : place + 1] = map(len, found)
        return Line(tuple(chunks), tuple(counts), self.size + more)


_last = itemgetter(-1)
