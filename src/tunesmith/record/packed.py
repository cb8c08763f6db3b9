"""Many records as few objects: rows of named tuples kept column by column, and made again when looked at.

A trial as Python objects takes about a kilobyte and costs every pass of the garbage collector; as columns it
takes what its numbers take. What comes back is equal to what went in, type by type and bit by bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, repeat
from operator import is_
from typing import Any, Generic, NamedTuple, TypeVar, overload

from tunesmith.record.trial import Source, TrialState

CHUNK = 512
"""So many rows are packed at a time."""

_ALIKE = frozenset({str, TrialState, Source})  # of one of these kinds, what is equal is the same

R = TypeVar("R", bound=tuple[Any, ...])


class Same(NamedTuple):
    """A column of one value."""

    value: Any

    def __getitem__(self, index: Any) -> Any:
        return self.value


class Tuples(NamedTuple):
    """A column of tuples of one length, by their items."""

    columns: tuple[Any, ...]

    def __getitem__(self, index: Any) -> Any:
        return tuple([column[index] for column in self.columns])


class Dicts(NamedTuple):
    """A column of dictionaries with the same keys in the same order, by their values."""

    keys: tuple[Any, ...]
    columns: tuple[Any, ...]

    def __getitem__(self, index: Any) -> Any:
        return {key: column[index] for key, column in zip(self.keys, self.columns, strict=True)}


class FloatDicts(NamedTuple):
    """A column of dictionaries with the same keys, whose values are all floats: row after row."""

    keys: tuple[Any, ...]
    values: array[float]

    def __getitem__(self, index: Any) -> Any:
        width = len(self.keys)
        return dict(zip(self.keys, self.values[index * width : (index + 1) * width], strict=True))


class Table(NamedTuple):
    """Rows of one kind of named tuple. `columns[i]` holds field i: anything that can be indexed."""

    kind: Any
    columns: tuple[Any, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.kind(*[column[index] for column in self.columns])


class _Mixed(NamedTuple):
    """Rows of several kinds: each is the next of the table that its code names."""

    codes: bytes
    tables: tuple[Table, ...]

    def __getitem__(self, index: Any) -> Any:
        code = self.codes[index]
        return self.tables[code][self.codes.count(code, 0, index)]


def column(values: Sequence[Any]) -> Any:
    """The values in little room; each comes back equal and of its type."""
    first, count = values[0], len(values)
    kind = type(first)
    if first is None and values.count(None) == count:
        return Same(None)
    kinds = list(map(type, values))
    if kinds.count(kind) < count:
        return list(values)
    if kind in _ALIKE and first == values[-1] and values.count(first) == count:
        return Same(first)
    if kind is float:
        return array("d", values)
    if kind is int:
        return _integers(values)
    if kind is tuple and len(set(map(len, values))) == 1:
        return Tuples(tuple([column(part) for part in zip(*values, strict=True)])) if first else Same(first)
    if kind is dict:
        return _dictionaries(values) if first else Same(first) if not any(values) else list(values)
    return Same(first) if all(value is first for value in values) else list(values)


def _integers(values: Sequence[int]) -> Any:
    first = values[0]
    if first == values[-1] and values.count(first) == len(values):
        return Same(first)
    try:
        return array("q", values)
    except OverflowError:
        return list(values)


def _dictionaries(values: Sequence[dict[Any, Any]]) -> Any:
    keys = tuple(values[0])
    if list(chain.from_iterable(values)) != [*keys] * len(values) or len(set(map(len, values))) > 1:
        return list(values)
    flat = list(chain.from_iterable(map(dict.values, values)))
    if list(map(type, flat)).count(float) == len(flat):
        return FloatDicts(keys, array("d", flat))
    return Dicts(keys, tuple([column(flat[place :: len(keys)]) for place in range(len(keys))]))


def table(rows: Sequence[Any]) -> Table:
    """Rows of one kind of named tuple, packed."""
    return Table(type(rows[0]), tuple([column(part) for part in zip(*rows, strict=True)]))


def _packed(rows: Sequence[Any]) -> Table | _Mixed:
    kinds = list(map(type, rows))
    found = list(dict.fromkeys(kinds))
    if len(found) == 1:
        return table(rows)
    codes = bytes(map({kind: code for code, kind in enumerate(found)}.__getitem__, kinds))
    groups = [list(compress(rows, map(is_, kinds, repeat(kind)))) for kind in found]
    return _Mixed(codes, tuple(map(table, groups)))


class Slab(NamedTuple):
    """Where the rows from `start` on are, packed."""

    start: int
    rows: Table | _Mixed


class Packed(Sequence[R], Generic[R]):
    """A growing sequence of records, those packed that will not change any more.

    `rows` holds a record, or the slab that its row is in, for each index.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        self.rows: list[Any] = list(rows)

    @overload
    def __getitem__(self, index: int) -> R: ...
    @overload
    def __getitem__(self, index: slice) -> list[R]: ...
    def __getitem__(self, index: int | slice) -> R | list[R]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self.rows)))]
        row: Any = self.rows[index]
        if type(row) is Slab:
            row = row.rows[(index if index >= 0 else index + len(self.rows)) - row.start]
        found: R = row
        return found

    def __setitem__(self, index: int, row: R) -> None:
        self.rows[index] = row

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return self.since(0)

    def since(self, start: int) -> Iterator[R]:
        """The records from index `start` on."""
        for index, held in enumerate(self.rows[start:] if start else self.rows, start):
            row: Any = held.rows[index - held.start] if type(held) is Slab else held
            yield row

    def snapshot(self) -> Packed[R]:
        """The sequence as it is now, whatever is appended or changed later."""
        return Packed(self.rows)

    def append(self, row: R) -> None:
        """Take one more record."""
        self.rows.append(row)

    def extend(self, rows: Sequence[R]) -> None:
        """Take records that will never change: every full chunk of them is packed."""
        held = self.rows
        before = len(held) // CHUNK
        held.extend(rows)
        for chunk in range(before, len(held) // CHUNK):
            self.pack(chunk * CHUNK, (chunk + 1) * CHUNK)

    def lay(self, start: int, count: int, rows: Table) -> None:
        """Take a table of `count` records for the indices from `start` on."""
        self.rows[start : start + count] = [Slab(start, rows)] * count

    def pack(self, start: int, stop: int) -> None:
        """Pack the records from `start` to `stop`, which will not change any more."""
        part = self.rows[start:stop]
        if all(type(row) is Slab for row in part):
            return
        loose = self[start:stop] if any(type(row) is Slab for row in part) else part
        self.rows[start:stop] = [Slab(start, _packed(loose))] * (stop - start)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(left == right for left, right in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))
