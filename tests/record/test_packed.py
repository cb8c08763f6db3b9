"""Packed records: equal to what went in, in less room."""

from __future__ import annotations

import math
import sys
from array import array
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.record.event import Created, Finished
from tunesmith.record.packed import CHUNK, Packed, column
from tunesmith.record.trial import Source, Trial, TrialState


class Row(NamedTuple):
    a: Any
    b: Any


_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
_values = st.recursive(
    _plain,
    lambda inner: (
        st.tuples(inner, inner)
        | st.lists(inner, max_size=2)
        | st.dictionaries(st.text("ab", max_size=1), inner)
    ),
    max_leaves=4,
)


def told(value: Any) -> Any:
    """The value with its type at every depth, floats bit for bit."""
    if isinstance(value, float):
        return ("float", value.hex() if not math.isnan(value) else "nan")
    if isinstance(value, dict):
        return ("dict", [(key, told(item)) for key, item in value.items()])
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, [told(item) for item in value])
    return (type(value).__name__, value)


@given(st.lists(_values, min_size=1, max_size=8))
def test_a_column_gives_back_what_it_was_given(values):
    packed = column(values)
    assert [told(packed[i]) for i in range(len(values))] == [told(value) for value in values]


@given(_plain, st.integers(1, 5))
def test_so_does_a_column_of_equals(value, count):
    packed = column([value] * count)
    assert [told(packed[i]) for i in range(count)] == [told(value)] * count


@pytest.mark.parametrize(
    "mixed",
    [
        [1, 1.0],
        [True, 1],
        [0.0, -0.0],
        [{}, {"a": 1}],
        [(), (1,)],
        [2**70, 1],
        ["COMPLETE", TrialState.COMPLETE],
    ],
)
def test_equal_is_not_the_same(mixed):
    packed = column(mixed)
    assert [told(packed[i]) for i in range(len(mixed))] == [told(value) for value in mixed]


@given(
    st.lists(st.tuples(_values, _values), min_size=1, max_size=6), st.integers(CHUNK, CHUNK + 3), st.data()
)
def test_a_packed_sequence_is_that_of_its_records(pairs, count, data):
    rows = [Row(*pairs[index % len(pairs)]) for index in range(count)]
    packed: Packed[Row] = Packed()
    packed.extend(rows[:5])
    packed.extend(rows[5:])
    assert len(packed) == len(rows)
    assert [told(tuple(row)) for row in packed] == [told(tuple(row)) for row in rows]
    index = data.draw(st.integers(-len(rows), len(rows) - 1))
    assert told(tuple(packed[index])) == told(tuple(rows[index]))
    assert len(packed[3:9]) == 6


def test_kinds_may_be_mixed_and_snapshots_stay():
    events = []
    for number in range(CHUNK):
        events.append(Created(number, 1, {"x": 0.5 * number}, Source.SEARCHER, worker="w", at=1.0))
        events.append(Finished(number, 1, TrialState.COMPLETE, (0.25 * number,), at=2.0))
    packed: Packed[Any] = Packed()
    packed.extend(events)
    assert list(packed) == events
    before = packed.snapshot()
    packed.append(events[0])
    packed[0] = events[1]
    assert list(before) == events
    assert (len(packed), packed[0]) == (len(events) + 1, events[1])


def test_rows_that_change_are_packed_later():
    packed: Packed[Trial] = Packed()
    for number in range(CHUNK):
        packed.append(Trial(number, TrialState.RUNNING, {"x": 1.0}))
    packed[7] = Trial(7, TrialState.COMPLETE, {"x": 2.0}, (3.0,), (3.0,))
    wanted = list(packed)
    packed.pack(0, CHUNK)
    assert list(packed) == wanted
    assert len(set(map(id, packed.rows))) == 1
    packed[9] = wanted[8]  # and unpacked again, one by one
    packed.pack(0, CHUNK)
    assert packed[9] == wanted[8]


def test_floats_take_eight_bytes():
    packed = column([float(i) for i in range(CHUNK)])
    assert isinstance(packed, array)
    assert sys.getsizeof(packed) < 9 * CHUNK


def test_objects_of_any_kind_pass_through():
    things = [np.array([1, 2]), np.array([1, 2])]
    assert all(column(things)[i] is things[i] for i in range(2))
    assert all(column([{"a": thing} for thing in things])[i]["a"] is things[i] for i in range(2))
