"""Objectives on arrays: batches, their events, and what can go wrong in one."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.errors import ObjectiveError, SettingError, StudyAborted
from tunesmith.record.event import CreatedBatch, Finished, FinishedBatch, Released
from tunesmith.record.trial import TrialState
from tunesmith.search.grid import GridSearcher

SPACE = {
    "x": ts.Float(-1, 1),
    "lr": ts.Float(1e-5, 1e-1, log=True),
    "n": ts.Int(1, 9),
    "step": ts.Float(0, 1, step=0.25),
    "kind": ts.Categorical(["a", "b"]),
}


def squares(columns):
    return columns["x"] ** 2 + columns["n"]


def singly(trial):
    p = trial.params
    return p["x"] ** 2 + p["n"]


def kinds(study):
    return [type(event) for event in study.cursor.store.read(study.cursor.id)]


@pytest.mark.parametrize("searcher", ["random", "qmc", "tpe", "grid"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_batch_proposes_what_single_asks_do(searcher, size):
    n = 40 if searcher != "tpe" or size == 1 else 0
    if not n:
        pytest.skip("what learns has learned less when it proposes by the batch")
    if searcher == "grid":
        searcher = GridSearcher(resolution=3)
    batched = ts.tune(squares, SPACE, n_trials=n, vectorized=size, searcher=searcher, seed=3)
    single = ts.tune(singly, SPACE, n_trials=n, searcher=searcher, seed=3)
    assert [t.params for t in batched.trials] == [t.params for t in single.trials]
    assert [t.value for t in batched.trials] == [t.value for t in single.trials]
    assert batched.best_trial.number == single.best_trial.number
    assert batched.replay().identical


def test_random_search_writes_two_events_a_batch():
    study = ts.tune(squares, SPACE, n_trials=100, vectorized=32, searcher="random", seed=0)
    assert kinds(study)[-8:] == [CreatedBatch, FinishedBatch] * 4
    assert [len(study.trials), study.best_trial.number] == [
        100,
        min(range(100), key=lambda i: study.trials[i].value),
    ]
    assert study.replay() == type(study.replay())(identical=True, checked=100)


def test_columns_are_arrays_of_their_kinds():
    seen = {}

    def look(columns):
        seen.update(columns)
        return np.zeros(len(columns["x"]))

    class Layer:
        pass

    space = {
        **SPACE,
        "act": ts.Categorical({"one": Layer, "two": int}),
        "odd": ts.Categorical([None, 1, "x"]),
    }
    ts.tune(look, space, n_trials=8, vectorized=8, searcher="random", seed=0)
    assert {name: column.dtype.kind for name, column in seen.items()} == {
        "x": "f", "lr": "f", "n": "i", "step": "f", "kind": "U", "act": "O", "odd": "O",
    }  # fmt: skip
    assert set(seen["act"]) <= {Layer, int}
    assert all(column.shape == (8,) for column in seen.values())


def test_what_is_inactive_is_nan_or_none():
    space = {
        "model": ts.Choice(
            {
                "svm": {"C": ts.Float(1, 2)},
                "forest": {"trees": ts.Int(1, 9), "how": ts.Categorical(["x", "y"])},
            }
        ),
    }

    def look(columns):
        forest = columns["model"] == "forest"
        assert np.isnan(columns["C"][forest]).all()
        assert not np.isnan(columns["C"][~forest]).any()
        assert np.isnan(columns["trees"][~forest]).all()
        assert all(
            (how is None) is not is_forest for how, is_forest in zip(columns["how"], forest, strict=True)
        )
        return np.where(forest, columns["trees"], columns["C"])

    for searcher in ("random", "tpe"):
        study = ts.tune(look, space, n_trials=40, vectorized=16, searcher=searcher, seed=1)
        assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_the_objective_may_not_change_the_record():
    def spoil(columns):
        values = columns["x"].copy()
        for column in columns.values():
            column[:] = 0
        return values

    study = ts.tune(
        spoil, {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}, n_trials=20, vectorized=10, searcher="random"
    )
    assert [t.params["x"] for t in study.trials] == [t.value for t in study.trials]
    assert all(t.params["y"] > 0 for t in study.trials)


def test_several_objectives_as_columns_or_as_a_matrix():
    goals = {"a": "minimize", "b": "maximize"}
    space = {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}
    by_name = ts.tune(
        lambda c: {"b": c["y"], "a": c["x"]},
        space,
        objectives=goals,
        n_trials=30,
        vectorized=8,
        searcher="random",
        seed=0,
    )
    as_rows = ts.tune(
        lambda c: np.stack([c["x"], c["y"]], 1),
        space,
        objectives=goals,
        n_trials=30,
        vectorized=8,
        searcher="random",
        seed=0,
    )
    assert [t.values for t in by_name.trials] == [t.values for t in as_rows.trials]
    assert [t.losses for t in by_name.trials] == [(t.values[0], -t.values[1]) for t in by_name.trials]
    assert [t.number for t in by_name.best_trials] == [t.number for t in as_rows.best_trials]


def test_nan_fails_its_trial_alone():
    def sometimes(columns):
        return np.where(columns["x"] < 0, np.nan, columns["x"])

    study = ts.tune(sometimes, {"x": ts.Float(-1, 1)}, n_trials=64, vectorized=16, searcher="random", seed=0)
    failed = [t for t in study.trials if t.state is TrialState.FAILED]
    assert 0 < len(failed) < 64
    assert all(t.params["x"] < 0 and "nan" in t.error and t.values is None for t in failed)
    assert study.best_value == min(t.params["x"] for t in study.trials if t.params["x"] >= 0)
    counts = study.cursor.fold.ledger.states
    assert counts[TrialState.FAILED] == len(failed)
    assert counts[TrialState.RUNNING] == 0


def test_a_call_that_raises_fails_its_batch_and_the_study_goes_on():
    calls = []

    def second_fails(columns):
        calls.append(len(columns["x"]))
        if len(calls) == 2:
            raise RuntimeError("out of luck")
        return columns["x"]

    study = ts.tune(
        second_fails, {"x": ts.Float(0, 1)}, n_trials=30, vectorized=10, searcher="random", seed=0
    )
    assert calls == [10, 10, 10]
    assert [t.state is TrialState.FAILED for t in study.trials] == [False] * 10 + [True] * 10 + [False] * 10
    assert "out of luck" in study.trials[15].error


def test_first_trials_that_all_fail_alike_stop_the_study():
    def broken(columns):
        raise RuntimeError("no GPU")

    with pytest.raises(StudyAborted, match="no GPU"):
        ts.tune(broken, {"x": ts.Float(0, 1)}, n_trials=1000, vectorized=100, searcher="random")


@pytest.mark.parametrize(
    "result",
    [
        lambda c: 1.0,
        lambda c: c["x"][:3],
        lambda c: ["a"] * len(c["x"]),
        lambda c: None,
        lambda c: {"other": c["x"]},
        lambda c: np.zeros((len(c["x"]), 2)),
    ],
)
def test_a_wrong_shape_is_said_at_once(result):
    with pytest.raises(ObjectiveError, match="objective on arrays"):
        ts.tune(result, {"x": ts.Float(0, 1)}, n_trials=20, vectorized=10, searcher="random")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vectorized": 0}, "vectorized"),
        ({"vectorized": 2.5}, "vectorized"),
        ({"vectorized": 8, "workers": 2}, "workers=2"),
        ({"vectorized": 8, "retries": 1}, "retries=1"),
        ({"vectorized": 8, "trial_timeout": 3}, "trial_timeout=3"),
        ({"vectorized": 8, "space": None}, "declared space"),
        ({"vectorized": 8, "scheduler": "asha", "fidelity": ts.Fidelity("epoch", 1, 9)}, "scheduler"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(options, words, tmp_path):
    path = tmp_path / "a.db"
    with pytest.raises(SettingError, match=words):
        ts.tune(squares, **{"space": SPACE, "n_trials": 5, "name": "a", "storage": str(path), **options})
    assert not path.exists() or ts.list_studies(storage=str(path)) == []


def test_defaults_enqueued_and_interrupted_trials_come_first(tmp_path):
    space = {"x": ts.Float(0, 1, default=0.5), "y": ts.Float(0, 1)}
    store = str(tmp_path / "a.db")
    study = ts.create_study(space, searcher="random", name="a", storage=store, n_trials=40, seed=0)
    study.enqueue({"x": 0.25, "y": 0.75})
    held = study.ask(3)
    for handle in held:
        study.tell(handle, state="FAILED")
    study.optimize(lambda c: c["x"] + c["y"], 40, vectorized=16)
    again = ts.load_study("a", storage=store)
    assert len(again.trials) == 40
    assert [t.params["x"] for t in again.trials[:2]] == [0.5, 0.25]
    assert sum(t.state is TrialState.COMPLETE for t in again.trials) == 37
    assert again.replay().identical
    assert again.cursor.store.check() == []


@pytest.mark.parametrize("durable", [False, True])
def test_ctrl_c_puts_the_batch_back_and_a_resume_runs_it(durable, tmp_path):
    where = {"name": "a", "storage": str(tmp_path / "a.db")} if durable else {}
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0, **where)
    calls = []

    def interrupted(columns):
        calls.append(columns["x"])
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return columns["x"]

    study.optimize(interrupted, 50, vectorized=10)
    counts = study.cursor.fold.ledger.states
    assert (counts[TrialState.COMPLETE], counts[TrialState.WAITING], counts[TrialState.RUNNING]) == (
        20,
        10,
        0,
    )
    study.optimize(interrupted, 50, vectorized=10)
    assert np.array_equal(calls[2], calls[3])
    assert Finished in kinds(study)
    assert [t.value for t in study.trials] == [t.params["x"] for t in study.trials]
    assert len(study.trials) == 50
    assert study.replay().identical


def test_a_killed_process_loses_no_batch(tmp_path):
    store = str(tmp_path / "a.db")
    child = os.fork()
    if not child:

        def die(columns):
            if len(columns["x"]) and columns["x"][0] > 0 and die.calls == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            die.calls += 1
            return columns["x"]

        die.calls = 0
        ts.tune(
            die,
            {"x": ts.Float(0, 1)},
            n_trials=50,
            vectorized=10,
            searcher="random",
            seed=0,
            name="a",
            storage=store,
            quiet=True,
        )
        os._exit(0)
    os.waitpid(child, 0)
    study = ts.tune(
        lambda c: c["x"],
        {"x": ts.Float(0, 1)},
        n_trials=50,
        vectorized=10,
        searcher="random",
        seed=0,
        name="a",
        storage=store,
        quiet=True,
    )
    assert len(study.trials) == 50
    assert all(t.value == t.params["x"] for t in study.trials)
    assert sum(t.attempt == 2 for t in study.trials) == 10
    assert study.replay().identical
    copy = ts.copy_study("a", to="b", storage=store, to_storage=str(tmp_path / "b.db"))
    assert copy.trials == study.trials
    assert copy.cursor.store.check() == []


def test_a_callback_that_raises_leaves_nothing_running():
    class Bad(ts.Callback):
        seen = 0

        def opened(self, study, trial):
            self.seen += 1
            if self.seen == 40:
                raise RuntimeError("no more")

    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0)
    with pytest.raises(RuntimeError, match="no more"):
        study.optimize(lambda c: c["x"], 100, vectorized=30, callbacks=[Bad()])
    assert study.cursor.fold.ledger.states[TrialState.RUNNING] == 0
    study.optimize(lambda c: c["x"], 100, vectorized=30)
    assert study.cursor.fold.ledger.states[TrialState.COMPLETE] == 100


@pytest.mark.parametrize("vectorized", [None, 30])
def test_ctrl_c_between_the_claim_and_the_start(vectorized, monkeypatch):
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0)
    claimed = type(study.cursor)._claimed
    times = []

    def interrupted(cursor, events):
        done = claimed(cursor, events)
        times.append(1)
        if len(times) == 2:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(type(study.cursor), "_claimed", interrupted)
    objective = (lambda c: c["x"]) if vectorized else (lambda trial: trial["x"])
    study.optimize(objective, 60, vectorized=vectorized)
    states = study.cursor.fold.ledger.states
    assert (states[TrialState.RUNNING], states[TrialState.WAITING]) == (0, vectorized or 1)
    study.optimize(objective, 60, vectorized=vectorized)
    assert states[TrialState.COMPLETE] == 60


@pytest.mark.parametrize(
    "values",
    [
        lambda n: np.ones(n, dtype=bool),
        lambda n: ["0.5"] * n,
        lambda n: np.ma.masked_less(np.arange(n), 2),
        lambda n: np.ones(n) * 1j,
        lambda n: {"value": np.ones(n), "c": np.ones(n)},
    ],
)
def test_what_is_no_number_is_refused(values):
    with pytest.raises(ObjectiveError, match="objective on arrays"):
        ts.tune(
            lambda c: values(len(c["x"])), {"x": ts.Float(0, 1)}, n_trials=8, vectorized=4, searcher="random"
        )


def test_the_trials_of_a_driver_that_died_meanwhile_are_taken_over(monkeypatch):
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0)
    lost = study.ask()
    freed = []

    def put_back(cursor):  # the lease of the other driver runs out when this run has done all else
        if len(cursor.read().trials) < 20 or freed:
            return 0
        freed.append(lost.number)
        cursor.append([Released(lost.number, 1, cursor.worker, "its worker is gone")])
        return 1

    monkeypatch.setattr(type(study.cursor), "put_back", put_back)
    study.optimize(lambda c: c["x"], 20, vectorized=8)
    assert freed == [0]
    assert study.cursor.fold.ledger.states[TrialState.COMPLETE] == 20


def test_callbacks_and_rules_see_every_trial():
    seen = []
    study = ts.tune(
        lambda c: c["x"], {"x": ts.Float(0, 1)}, n_trials=1000, vectorized=16, searcher="random", seed=0,
        callbacks=[lambda _, trial: seen.append(trial.number)], stop=ts.TargetValue(0.05),
    )  # fmt: skip
    assert seen == list(range(len(study.trials)))
    assert len(study.trials) % 16 == 0
    assert study.best_value <= 0.05


def test_since_best_counts_through_batches():
    for seed in range(5):
        study = ts.tune(
            lambda c: c["x"], {"x": ts.Float(0, 1)}, n_trials=96, vectorized=32, searcher="random", seed=seed
        )
        ledger = study.cursor.fold.ledger
        assert ledger.since_best == 95 - study.best_trial.number


def test_a_learning_searcher_in_batches_does_learn():
    def hill(columns):
        return (columns["x"] - 0.3) ** 2 + (columns["y"] + 0.2) ** 2

    space = {"x": ts.Float(-5, 5), "y": ts.Float(-5, 5)}
    learned = ts.tune(hill, space, n_trials=120, vectorized=8, searcher="tpe", seed=0)
    assert learned.best_value < 0.05
