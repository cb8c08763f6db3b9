"""Losses over configurations and budgets: what is observed, and what is expected at the end."""

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.model.budgets import horizon, observed, partial, share_of
from tunesmith.model.seen import space_seen
from tunesmith.model.terms import Improvement, Rough
from tunesmith.record.history import History
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.space.parse import parse_space

SPACE = parse_space({"x": ts.Float(0.0, 1.0), "y": ts.Float(0.0, 1.0)}, ())
EPOCHS = ts.Fidelity("epoch", 1, 27)
PROBLEM = Problem(objectives=parse_objectives(None, None), space=SPACE, fidelity=EPOCHS)


def loss(params, step):
    return (params["x"] - 0.3) ** 2 + params["y"] + 2.0 / step


def told(number, state, steps, rng):
    params = {"x": float(rng.random()), "y": float(rng.random())}
    noise = 0.05 * rng.normal()
    reports = tuple(Report(s, (v := loss(params, s) + noise,), (v,), {}) for s in range(1, steps + 1))
    return Trial(number, state, params, reports[-1].values, reports[-1].losses, reports)


def history_of(count=30):
    rng = np.random.default_rng(0)
    history = History.empty(PROBLEM)
    for number in range(count):
        steps = (3, 9, 27)[number % 3]
        state = TrialState.COMPLETE if steps == 27 else TrialState.PAUSED
        history = history.tell(told(number, state, steps, rng))
    return history


def test_trials_are_observed_at_each_rung_and_at_their_end():
    found = observed(history_of(3))
    assert found.rows.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert found.shares == pytest.approx([0, 1 / 3, 0, 1 / 3, 2 / 3, 0, 1 / 3, 2 / 3, 1])


def test_shares_are_logarithmic_and_stay_within():
    assert share_of(ts.Fidelity("share", 0.01, 1.0), [0.001, 0.1, 1.0, 2.0]) == pytest.approx([0, 0.5, 1, 1])


def test_what_is_expected_at_the_end_is_near_what_would_come():
    history = history_of()
    ahead = horizon(history, SPACE)
    truth = np.array([loss(history.trial(row).params, 27) for row in ahead.rows])
    assert np.corrcoef(np.argsort(np.argsort(ahead.means)), np.argsort(np.argsort(truth)))[0, 1] > 0.97


def test_only_a_part_of_the_way_counts_as_partial():
    rng = np.random.default_rng(1)
    whole = History.empty(PROBLEM).tell(told(0, TrialState.COMPLETE, 27, rng))
    assert not partial(whole)
    assert partial(whole.tell(told(1, TrialState.STOPPED, 3, rng)))


def test_slopes_of_the_promise_at_the_end_are_those_of_differences():
    ahead = horizon(history_of(), SPACE)
    gain = Improvement(Rough.of(ahead.main.process, ahead.main.units), np.array([np.median(ahead.means)]))
    rows = np.random.default_rng(2).random((5, 2))
    slopes = gain(rows)[1]()
    for d in range(2):
        step = np.zeros(2)
        step[d] = 1e-6
        by_difference = (gain(rows + step)[0] - gain(rows - step)[0]) / 2e-6
        assert slopes[:, d] == pytest.approx(by_difference, rel=1e-3, abs=1e-4)


def test_a_space_is_seen_in_its_trials():
    problem = Problem(objectives=parse_objectives(None, None), fidelity=EPOCHS)
    history = History.empty(problem)
    for number, params in enumerate(
        [{"rate": 1e-4, "kind": "a", "same": 3}, {"rate": 0.5, "kind": "b", "same": 3, "more": 2}]
    ):
        history = history.tell(Trial(number, TrialState.COMPLETE, params, (1.0,), (1.0,)))
    space = space_seen(problem, history)
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    assert domains == {"rate": ts.Float(1e-4, 0.5, log=True), "kind": ts.Categorical(["a", "b"])}
