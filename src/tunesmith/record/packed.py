"""Many records as few objects: rows of named tuples kept column by column, and made again when looked at.

A trial as Python objects takes about a kilobyte and costs every pass of the garbage collector; as columns it
takes what its numbers take. What comes back is equal to what went in, type by type and bit by bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar, overload

CHUNK = 512
"""So many rows are packed at a time."""

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


class Table(NamedTuple):
    """Rows of one kind of named tuple. `columns[i]` holds field i: anything that can be indexed."""

    kind: Any
    columns: tuple[Any, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.kind(*[column[index] for column in self.columns])


class _Mixed(NamedTuple):
    """Rows of several kinds: row i is row `places[i]` of table `kinds[i]`."""

    kinds: bytes
    places: array[int]
    tables: tuple[Table, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.tables[self.kinds[index]][self.places[index]]


def column(values: Sequence[Any]) -> Any:
    """The values in the least room in which they can be told apart from nothing else."""
    types = set(map(type, values))
    if len(types) == 1:
        kind = types.pop()
        if kind is float:
            return array("d", values)
        if kind is int:
            return _integers(values)
        if len(set(map(id, values))) == 1:
            return Same(values[0])
        if kind is tuple and len({len(value) for value in values}) == 1:
            return Tuples(tuple([column(part) for part in zip(*values, strict=True)]))
        if kind is dict:
            return _dictionaries(values)
    return list(values)


def _integers(values: Sequence[int]) -> Any:
    first = values[0]
    if values.count(first) == len(values):
        return Same(first)
    try:
        return array("q", values)
    except OverflowError:
        return list(values)


def _dictionaries(values: Sequence[dict[Any, Any]]) -> Any:
    keys = tuple(values[0])
    if not keys or any([tuple(value) != keys for value in values]):
        return list(values)
    rows = zip(*[value.values() for value in values], strict=True)
    return Dicts(keys, tuple([column(part) for part in rows]))


def table(rows: Sequence[Any]) -> Table:
    """Rows of one kind of named tuple, packed."""
    return Table(type(rows[0]), tuple([column(part) for part in zip(*rows, strict=True)]))


def _packed(rows: Sequence[Any]) -> Table | _Mixed:
    kinds = list(map(type, rows))
    found = list(dict.fromkeys(kinds))
    if len(found) == 1:
        return table(rows)
    groups: dict[Any, list[Any]] = {kind: [] for kind in found}
    places = array("H")
    for kind, row in zip(kinds, rows, strict=True):
        group = groups[kind]
        places.append(len(group))
        group.append(row)
    codes = {kind: code for code, kind in enumerate(found)}
    tables = tuple([table(group) for group in groups.values()])
    return _Mixed(bytes([codes[kind] for kind in kinds]), places, tables)


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
        for index, row in enumerate(islice(self.rows, start, None), start):
            yield row.rows[index - row.start] if type(row) is Slab else row

    def snapshot(self) -> Packed[R]:
        """The sequence as it is now, whatever is appended or changed later."""
        return Packed(self.rows)

    def append(self, row: R) -> None:
        """Take one more record."""
        self.rows.append(row)

    def extend(self, rows: Sequence[R]) -> None:
        """Take records that will never change: every full chunk of them is packed."""
        before = len(self.rows)
        self.rows.extend(rows)
        for stop in range(before - before % CHUNK + CHUNK, len(self.rows) + 1, CHUNK):
            self.pack(stop - CHUNK, stop)

    def lay(self, start: int, count: int, rows: Table) -> None:
        """Take a table of `count` records for the indices from `start` on."""
        self.rows[start : start + count] = [Slab(start, rows)] * count

    def pack(self, start: int, stop: int) -> None:
        """Pack the records from `start` to `stop`, which will not change any more."""
        part = self.rows[start:stop]
        if all([type(row) is Slab for row in part]):
            return
        loose = self[start:stop] if any([type(row) is Slab for row in part]) else part
        self.rows[start:stop] = [Slab(start, _packed(loose))] * (stop - start)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(left == right for left, right in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))
