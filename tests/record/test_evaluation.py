"""Gradients beside values: from the objective through wire, log and record to what searchers see."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.record.codec import decode_event, encode_event
from tunesmith.record.event import Finished
from tunesmith.record.history import History
from tunesmith.record.trial import COMPLETE
from tunesmith.space.base import slope
from tunesmith.space.space import Space

SPACE = {
    "x": ts.Float(-2.0, 6.0),
    "lr": ts.Float(1e-4, 1e-1, log=True),
    "n": ts.Int(1, 4),
    "kind": ts.Choice({"a": {"c": ts.Float(0.0, 1.0)}, "b": {}}),
}


def objective(trial):
    return ts.Evaluation((trial["x"] - 1) ** 2 + trial["lr"], {"x": 2 * (trial["x"] - 1), "lr": 1.0})


def mixed(trial):
    value = trial["x"] ** 2
    if trial.number % 2 == 0:
        return value
    return ts.Evaluation({"value": value, "seconds": 0.5}, {"x": 2 * trial["x"]})


def yields(trial):
    for step in range(1, 4):
        yield ts.Evaluation(trial["x"] ** 2 / step, {"x": 2 * trial["x"] / step})


@pytest.mark.parametrize("workers", [1, 2])
def test_gradients_come_from_the_objective_to_the_record(workers, tmp_path):
    where = {"name": "s", "storage": tmp_path / "s.db"} if workers > 1 else {}
    study = ts.tune(objective, SPACE, n_trials=5, searcher="random", workers=workers, seed=0, **where)
    assert [t.gradient for t in study.trials] == [
        {"x": 2 * (t.params["x"] - 1), "lr": 1.0} for t in study.trials
    ]
    if workers > 1:
        again = ts.load_study("s", storage=tmp_path / "s.db")
        assert list(again.trials) == list(study.trials)


def test_trials_without_gradients_and_metrics_beside_them():
    study = ts.tune(mixed, {"x": ts.Float(-1, 1)}, n_trials=4, searcher="random", seed=0)
    assert [t.gradient is None for t in study.trials] == [True, False, True, False]
    assert study.trials[1].user_attrs == {"seconds": 0.5}


def test_a_generator_s_last_yield_has_the_gradient():
    study = ts.tune(yields, {"x": ts.Float(-1, 1)}, n_trials=2, searcher="random", seed=0)
    trial = study.trials[1]
    assert trial.gradient == {"x": 2 * trial.params["x"] / 3}
    assert len(trial.reports) == 3


def test_tell_and_import():
    study = ts.create_study(SPACE, searcher="random", seed=0)
    trial = study.tell(study.ask(), ts.Evaluation(1.0, {"x": np.float32(0.5)}))
    assert trial.gradient == {"x": 0.5}
    added = study.add_trial({"x": 1, "lr": 0.01, "n": 1, "kind": "a", "c": 0.5}, ts.Evaluation(1.0, {"c": 3}))
    assert added.gradient == {"c": 3.0}
    number = study.ask().number
    assert study.tell(number, ts.Evaluation(2.0, {"x": 1.0})).gradient == {"x": 1.0}
    assert study.tell(study.ask(), ts.Evaluation(2.0, {})).gradient is None


def test_define_by_run():
    def run(trial):
        x = trial.suggest_float("x", 0.1, 10, log=True)
        return ts.Evaluation(x, {"x": 1.0})

    study = ts.tune(run, n_trials=3, searcher="random", seed=0)
    assert all(t.gradient == {"x": 1.0} for t in study.trials)


@pytest.mark.parametrize(
    ("gradient", "words"),
    [
        ({"y": 1.0}, "'y', which is no active parameter"),
        ({"n": 1.0}, "not continuous"),
        ({"kind": 1.0}, "not continuous"),
        ({"x": "steep"}, "must be a number"),
        ({"x": True}, "must be a number"),
        ([1.0], "must be a mapping"),
    ],
)
def test_what_cannot_be_is_refused_at_once(gradient, words):
    with pytest.raises(ts.ObjectiveError, match=words):
        ts.tune(lambda trial: ts.Evaluation(1.0, gradient), SPACE, n_trials=3, seed=0)
    study = ts.create_study(SPACE, seed=0)
    trial = study.ask()
    with pytest.raises(ts.ObjectiveError, match=words):
        study.tell(trial, ts.Evaluation(1.0, gradient))
    assert study.tell(trial, 1.0).state == "COMPLETE"


def test_inactive_parameters_have_no_gradient():
    study = ts.create_study(SPACE, searcher="random", seed=0)
    study.enqueue({"kind": "b", "x": 0.0, "lr": 0.01, "n": 1})
    with pytest.raises(ts.ObjectiveError, match="no active parameter"):
        study.tell(study.ask(), ts.Evaluation(1.0, {"c": 1.0}))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_fails_the_trial(bad):
    study = ts.create_study(SPACE, seed=0)
    trial = study.tell(study.ask(), ts.Evaluation(1.0, {"x": bad}))
    assert (trial.state, trial.value, trial.gradient) == ("FAILED", None, None)
    assert "gradient by 'x'" in trial.error
    study = ts.tune(lambda t: ts.Evaluation(1.0, {"x": bad if t.number else 0.0}), SPACE, n_trials=2, seed=0)
    assert [t.state for t in study.trials] == ["COMPLETE", "FAILED"]
    params = {"x": 1, "lr": 0.01, "n": 1, "kind": "b"}
    assert study.add_trial(params, ts.Evaluation(1.0, {"x": bad})).state == "FAILED"


def test_several_objectives_have_no_gradient():
    goals = {"a": "minimize", "b": "maximize"}
    with pytest.raises(ts.ObjectiveError, match="one objective, and this study has 2"):
        ts.tune(lambda t: ts.Evaluation((1.0, 2.0), {"x": 1.0}), SPACE, objectives=goals, n_trials=2, seed=0)


@given(st.dictionaries(st.text(min_size=1), st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_the_codec_keeps_every_bit(gradient):
    event = Finished(3, 1, COMPLETE, (1.0,), gradient=gradient)
    assert decode_event("Finished", encode_event(event)) == event


def test_events_without_gradient_are_written_as_before():
    text = '{"number":3,"attempt":1,"state":"COMPLETE","values":[1.0]}'
    assert encode_event(Finished(3, 1, COMPLETE, (1.0,))) == text


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_history_has_gradients_of_the_loss_in_unit_space(direction):
    """By central differences through `decode`, on both scales, whatever the direction."""
    study = ts.create_study(SPACE, direction=direction, searcher="random", seed=0)
    space = Space.of(SPACE)
    sign = 1.0 if direction == "minimize" else -1.0

    def value(params):
        return (params["x"] - 1) ** 2 + math.log(params["lr"]) + params.get("c", 0.0) ** 3

    history = History.empty(study.spec.problem)
    for _ in range(12):
        trial = study.ask()
        p = trial.params
        gradient = {"x": 2 * (p["x"] - 1), "lr": 1 / p["lr"]} | ({"c": 3 * p["c"] ** 2} if "c" in p else {})
        history = history.tell(study.tell(trial, ts.Evaluation(value(p), gradient)))
    found = history.gradients(space)
    names = [p.name for p in space.dims]
    assert found.shape == (12, len(names))
    assert np.isnan(found[:, [names.index("n"), names.index("kind")]]).all()
    for row, slopes in zip(history.units(space), found, strict=True):
        for d, name in enumerate(names):
            if name in ("n", "kind"):
                continue
            assert np.isnan(row[d]) == np.isnan(slopes[d])
            if not np.isnan(row[d]):
                up, down = row.copy(), row.copy()
                up[d], down[d] = row[d] + 1e-6, row[d] - 1e-6
                numeric = sign * (value(space.decode(up)) - value(space.decode(down))) / 2e-6
                assert slopes[d] == pytest.approx(numeric, rel=1e-5, abs=1e-7)
    assert np.array_equal(history.gradients(space), found, equal_nan=True)


def test_a_grid_has_no_slope():
    assert math.isnan(slope(ts.Float(0.0, 1.0, step=0.1), 0.5))
    assert math.isnan(slope(ts.Int(0, 5), 2))
    assert math.isnan(slope(ts.Float(1.0, 1.0), 1.0))
    assert slope(ts.Float(1e-3, 1.0, log=True), 0.5) == pytest.approx(0.5 * math.log(1e3))


def test_packed_trials_keep_their_gradients():
    space = {"x": ts.Float(-1, 1)}
    study = ts.tune(
        lambda t: ts.Evaluation(t["x"], {"x": 1.0} if t.number % 7 else None),
        space, n_trials=1100, searcher="random", seed=0,
    )  # fmt: skip
    assert [t.gradient for t in study.trials] == [{"x": 1.0} if i % 7 else None for i in range(1100)]
