"""The trust region of `gp`: how its box moves, and that proposals keep to it."""

import numpy as np
import pytest
from driver import Driver, space
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.errors import SettingError
from tunesmith.model.region import FIRST, LEAST, MOST, region_of
from tunesmith.record.history import History
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Trial, TrialState
from tunesmith.search import _pool, _promise
from tunesmith.search.gp import GPSearcher
from tunesmith.testing.searcher_laws import check_all
from tunesmith.testing.simulate import Faults, simulate
from tunesmith.testing.zoo import zoo

SMALL = GPSearcher(n_startup=3, candidates=32, ascents=2, fantasies=2, trust_region=True)
CUBE = space({f"x{i}": ts.Float(0, 1) for i in range(5)})


def history_of(losses):
    history = History.empty(Problem(objectives=parse_objectives(None, None), space=CUBE))
    for number, loss in enumerate(losses):
        state = TrialState.FAILED if loss is None else TrialState.COMPLETE
        values = None if loss is None else (float(loss),)
        history = history.tell(Trial(number=number, state=state, params={}, values=values, losses=values))
    return history


def side(losses, start=2):
    box = region_of(history_of(losses), start, np.full(5, 0.5), np.ones(5))
    return round(float(box.high[0] - box.low[0]), 9)


def test_it_halves_after_as_many_failures_as_parameters_and_doubles_after_three_successes():
    base = [3.0, 2.0]
    assert side(base) == FIRST
    assert side([*base, 5, 5, None, 5]) == FIRST
    assert side([*base, 5, 5, None, 5, 5]) == FIRST / 2
    assert side([*base, *[5] * 5, 1.9, 1.8]) == FIRST / 2
    assert side([*base, *[5] * 5, 1.9, 1.8, 1.7]) == FIRST
    assert side([*base, *[5] * 4, 1.9, *[5] * 4]) == FIRST  # a success in between
    assert side([*base, *[1.9999 - i / 1e6 for i in range(5)]]) == FIRST / 2  # gains that are none
    halvings = int(np.log2(FIRST / LEAST))
    assert side([*base, *[5] * (5 * halvings)]) == FIRST / 2**halvings
    assert side([*base, *[5] * (5 * (halvings + 1))]) == 1.0  # anew: everywhere
    assert side([*base, *[1.9 - i / 10 for i in range(12)]]) == 1.0  # the whole cube, and no more than MOST
    assert MOST >= 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=40), st.integers(1, 39))
def test_a_history_has_one_region_whichever_was_asked_before(losses, cut):
    whole = history_of(losses)
    part = whole.first(min(cut, len(losses)))
    first = region_of(part, 2, np.full(5, 0.5), np.ones(5))
    region_of(whole, 2, np.full(5, 0.5), np.ones(5))
    again = region_of(part, 2, np.full(5, 0.5), np.ones(5))
    alone = region_of(history_of(losses[:cut]), 2, np.full(5, 0.5), np.ones(5))
    assert first.low.tolist() == again.low.tolist() == alone.low.tolist()


def test_sides_are_in_proportion_to_lengths_and_end_at_the_cube():
    box = region_of(
        history_of([1.0]), 2, np.array([0.5, 0.5, 0.9, 0.5, np.nan]), np.array([1, 4, 1, 0.25, 1.0])
    )
    assert box.high - box.low == pytest.approx([0.8, 1.0, 0.5, 0.2, 1.0])
    assert (box.low >= 0.0).all()
    assert (box.high <= 1.0).all()


@pytest.mark.parametrize("pools", [5, 10_000])
def test_proposals_keep_to_the_box(pools, monkeypatch):
    boxes = []

    def noted(*given):
        boxes.append(region_of(*given))
        return boxes[-1]

    monkeypatch.setattr(_pool, "_FROM", pools)
    for module in (_pool, _promise):
        monkeypatch.setattr(module, "region_of", noted)
    driver = Driver(SMALL, CUBE)
    for number in range(30):
        boxes.clear()
        trial = driver.ask()
        if boxes:
            row = np.array(list(trial.params.values()))
            assert (row >= boxes[-1].low - 1e-9).all()
            assert (row <= boxes[-1].high + 1e-9).all()
        driver.finish(trial, 1.0 + number)  # nothing is better than the first
    assert (boxes[-1].high - boxes[-1].low).mean() < 0.2


@pytest.mark.parametrize("name", ["constraints and conditions", "beliefs"])
def test_the_laws_hold(name, monkeypatch):
    monkeypatch.setattr(_pool, "_FROM", 8)
    check_all(simulate(SMALL, zoo()[name], workers=2, n_trials=16, seed=2, faults=Faults(fails=0.1)))


def test_it_is_for_one_objective():
    with pytest.raises(SettingError, match="one objective"):
        ts.create_study({"x": ts.Float(0, 1)}, objectives={"a": "minimize", "b": "minimize"}, searcher=SMALL)
