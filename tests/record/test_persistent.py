"""Values that grow: they are what a list and a dict would be, and older ones stay as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.record import persistent
from tunesmith.record.persistent import Line, Table

ITEMS = st.tuples(st.integers(0, 40), st.integers(0, 3))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(persistent, "_CHUNK", 4)
    monkeypatch.setattr(persistent, "_CELL", 3)


@given(st.lists(st.tuples(st.booleans(), ITEMS), max_size=60))
def test_a_line_is_a_sorted_list(moves):
    line, model, kept = Line(), [], []
    for add, item in moves:
        if add and item not in model:
            line, model = line.plus(item), sorted([*model, item])
        elif not add:
            line, model = line.minus(item), [other for other in model if other != item]
        kept.append((line, list(model)))
    for old, wanted in kept:
        assert old.first(len(wanted) + 1) == wanted
        assert old.size == len(wanted)
        assert [old.at(i) for i in range(old.size)] == wanted
        for item in [(0, 0), (20, 1), (50, 0), *wanted[:3]]:
            assert old.before(item) == sum(other < item for other in wanted)
    with pytest.raises(IndexError):
        line.at(line.size)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers()), max_size=40))
def test_a_table_is_a_dict(puts):
    table, model, kept = Table(), {}, []
    for number, thing in puts:
        table, model = table.put(number, thing), {**model, number: thing}
        kept.append((table, model))
    for old, wanted in kept:
        assert [old.get(n) for n in range(40)] == [wanted.get(n) for n in range(40)]
