"""The rules of `auto` as shipped: which method answers at which number of trials, and what it says."""

import pytest
from driver import Driver, space

import tunesmith as ts
from tunesmith import presets
from tunesmith._rng import Rng
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.search._base import Ask

NUMBERS = {"x": ts.Float(0, 1), "n": ts.Int(0, 1000)}
SPACES = {
    "numbers": NUMBERS,
    "numbers and a constant": {**NUMBERS, "optimizer": ["adam"]},
    "categories": {**NUMBERS, "kind": ["a", "b"]},
    "conditions": {"m": ts.Choice({"a": {"y": ts.Float(0, 1)}, "b": {}}), "x": ts.Float(0, 1)},
}


def told(where, count, objectives=None, source=Source.SEARCHER, failed=False):
    """A study of `auto` with so many random trials."""
    goals = None if objectives is None else {f"f{k}": "minimize" for k in range(objectives)}
    driver = Driver(presets.searcher("auto"), space(where), objectives=goals)
    for number in range(count):
        params = driver.space.decode(driver.space.draw(Rng(7, number)))
        begun = Trial(number=number, state=TrialState.RUNNING, params=params, source=source)
        driver.tell(begun)
        losses = tuple(float(number % 97 + k) for k in range(objectives or 1))
        end = (
            begun._replace(state=TrialState.FAILED)
            if failed
            else begun._replace(state=TrialState.COMPLETE, values=losses, losses=losses)
        )
        driver.tell(end)
    driver.number = count
    return driver


def method(driver):
    ask = Ask(number=driver.number, space=driver.space, pending=(), rng=Rng(0, driver.number))
    return driver.searcher.explain(driver.state, ask).split(",")[0]


@pytest.mark.parametrize(
    ("where", "count", "objectives", "wanted"),
    [
        ("numbers", 299, None, "gp"),
        ("numbers", 300, None, "cmaes"),
        ("numbers and a constant", 300, None, "cmaes"),
        ("categories", 300, None, "gp"),
        ("categories", 999, None, "gp"),
        ("categories", 1000, None, "tpe"),
        ("conditions", 999, None, "gp"),
        ("conditions", 1000, None, "tpe"),
        ("numbers", 299, 2, "gp"),
        ("numbers", 300, 2, "nsga2"),
        ("categories", 1000, 3, "nsga2"),
        ("numbers", 299, 5, "gp"),
        ("numbers", 300, 5, "nsga3"),
    ],
)
def test_the_rules_say_who_answers(where, count, objectives, wanted):
    driver = told(SPACES[where], count, objectives)
    assert method(driver) == wanted
    if wanted not in ("gp", "tpe"):
        row = driver.ask_of(driver.state).unit
        assert len(row) == len(driver.space.dims)


def test_trials_that_it_did_not_propose_or_that_failed_do_not_count():
    assert method(told(NUMBERS, 400, source=Source.IMPORT)) == "gp"
    assert method(told(NUMBERS, 400, failed=True)) == "gp"
