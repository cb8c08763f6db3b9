"""Who may tell what: tells from elsewhere, late tells, ends that are none, decisions that were not heard."""

import math
import os

import pytest

import tunesmith as ts
from tunesmith.record.event import Paused, Released

X = {"x": ts.Float(0, 1)}


def two_views(tmp_path, space=None, **options):
    path = tmp_path / "study.db"
    first = ts.create_study(space, name="s", storage=path, searcher="random", seed=0, **options)
    return first, ts.load_study("s", storage=path)


def test_a_tell_by_number_from_elsewhere_keeps_what_was_suggested(tmp_path):
    here, there = two_views(tmp_path)
    trial = here.ask()
    x = trial.suggest_float("x", 0, 1)
    trial.report(0.5, 1)
    told = there.tell(0, 1.0)
    assert dict(told.params) == {"x": x}
    assert here.replay().identical


def test_a_handle_tells_under_its_own_claim(tmp_path):
    here, there = two_views(tmp_path, X)
    zombie = here.ask()
    cursor = here.cursor
    cursor.append([Released(0, 1, cursor.worker, "taken")])
    fresh = there.ask()
    assert fresh.number == 0
    with pytest.raises(ts.LeaseLost):
        there.tell(zombie, 777.0)
    assert there.tell(fresh, 1.0).value == 1.0
    assert cursor.store.refused(cursor.id)


def test_a_handle_takes_its_constraints_along(tmp_path):
    here, there = two_views(tmp_path, X)
    trial = here.ask()
    trial.constraint("memory", 5)
    trial.set_user_attr("k", [1])
    told = there.tell(trial, 1.0)
    assert (told.violation, dict(told.user_attrs)) == (5.0, {"k": [1]})
    assert there.tell(trial, 1.0) == told  # told twice alike changes nothing


@pytest.mark.parametrize("state", ["RUNNING", "WAITING", "paused", "nonsense"])
def test_a_trial_ends_in_a_final_state(state):
    study = ts.create_study(X, seed=0)
    trial = study.ask()
    with pytest.raises(ts.SettingError, match="COMPLETE, STOPPED or FAILED"):
        study.tell(trial, 1.0, state=state)
    with pytest.raises(ts.SettingError, match="COMPLETE, STOPPED or FAILED"):
        study.add_trial({"x": 0.5}, 1.0, state=state)
    assert [t.state.value for t in study.trials] == ["RUNNING"]


def test_nan_is_nobodys_best():
    study = ts.create_study(X, seed=0)
    trial = study.ask()
    trial.report(math.nan, 1)
    assert study.tell(trial).state is ts.TrialState.FAILED
    assert study.add_trial({"x": 0.1}, math.nan).state is ts.TrialState.FAILED
    study.add_trial({"x": 0.2}, 3.0)
    assert study.best_value == 3.0


def test_attributes_are_the_records_own():
    study = ts.create_study(X, seed=0)
    trial, listed = study.ask(), [1]
    trial.set_user_attr("a", listed)
    study.tell(trial, 1.0)
    listed.append(2)
    assert study.trials[0].user_attrs["a"] == [1]
    with pytest.raises(ts.SettingError, match="float"):
        trial.set_user_attr("b", [{"$float": "zzz"}, math.nan])


def test_a_pause_that_was_not_written_is_decided_again():
    study = ts.create_study(
        X, seed=0, searcher="random", scheduler=ts.ASHA(promotion=True), fidelity=ts.Fidelity("epoch", 1, 9)
    )
    trial = study.ask()
    trial.report(0.5, 1)
    assert trial.should_stop
    study.cursor.append([Released(0, 1, study.cursor.worker, "its worker died")])
    again = study.ask()
    assert again.number == 0
    again.report(0.5, 1)
    assert again.should_stop
    assert study.tell(again).state is ts.TrialState.PAUSED
    assert len(study.trials[0].reports) == 1


def test_a_checkpoint_does_not_unsay_a_pause(tmp_path):
    options = {"scheduler": ts.ASHA(promotion=True), "fidelity": ts.Fidelity("epoch", 1, 9)}
    study, _ = two_views(tmp_path, X, **options)
    trial = study.ask()
    trial.constraint("memory", -1)
    trial.report(0.5, 1)
    trial.save_checkpoint(b"weights")
    assert trial.should_stop
    told = study.tell(trial)
    assert (told.state, dict(told.constraints)) == (ts.TrialState.PAUSED, {"memory": -1.0})
    assert study.cursor.store.check() == []
    copied = ts.copy_study("s", "copy", storage=tmp_path / "study.db")
    resumed = copied.cursor.assignment(copied.trials[0])
    assert [c.file for c in resumed.checkpoints] == [c.file for c in study.cursor.fold.ledger.checkpoints[0]]
    assert any(isinstance(event, Paused) for event in copied.cursor.store.read(copied.cursor.id))


def test_values_that_the_searcher_filled_in_are_not_the_users():
    study = ts.create_study(seed=0, searcher="random")
    study.optimize(lambda t: t.suggest_float("x", 0, 100) + len(t.suggest_categorical("k", ["a", "b"])), 2)
    study.enqueue({"k": "a"})
    study.optimize(lambda t: t.suggest_float("x", 0, 0.001) + len(t.suggest_categorical("k", ["a", "b"])), 3)
    last = study.trials[-1]
    assert (last.state, last.params["k"]) == (ts.TrialState.COMPLETE, "a")
    assert last.params["x"] <= 0.001
    assert study.replay().identical


def test_a_grid_keeps_its_points_when_the_user_asks_for_one():
    study = ts.create_study({"n": ts.Int(0, 5)}, searcher="grid")
    study.enqueue({"n": 3})
    study.optimize(lambda t: t.params["n"])
    assert sorted(t.params["n"] for t in study.trials) == [0, 1, 2, 3, 3, 4, 5]


def test_a_smaller_total_is_for_this_run_alone(tmp_path):
    def run(n):
        return ts.tune(
            lambda t: t.params["x"], X, n_trials=n, name="s", storage=tmp_path / "s.db", seed=0, quiet=True
        )

    run(6)
    study = run(3)
    assert (len(study.trials), study.cursor.read().n_trials) == (6, 6)
    assert len(run(8).trials) == 8


def test_wrong_arguments_leave_no_study(tmp_path):
    store = tmp_path / "s.db"
    for options in ({"timeout": "soon"}, {"stop": 5}, {"callbacks": print}, {"retries": -1}, {"workers": 0}):
        with pytest.raises(ts.SettingError):
            ts.tune(lambda t: 1.0, X, n_trials=1, name="s", storage=store, **options)
    assert not store.exists()


def test_objects_come_back_with_the_space(tmp_path):
    space = {"f": ts.Categorical({"most": max, "least": min})}
    store = tmp_path / "s.db"
    ts.tune(lambda t: t["f"](3, 1), space, n_trials=2, name="s", storage=store)
    study = ts.load_study("s", storage=store, space=space)
    study.optimize(lambda t: t["f"](3, 1), 4)
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)
    with pytest.raises(ts.StudyError, match="another space"):
        ts.load_study("s", storage=store, space={"f": ["most"]})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_claims_for_itself(tmp_path):
    study, _ = two_views(tmp_path, X)
    study.tell(study.ask(), 1.0)
    parent = study.cursor.worker
    child = os.fork()
    if child == 0:
        trial = study.ask()
        mine = study.cursor.worker != parent and study.trials[trial.number].worker == study.cursor.worker
        study.tell(trial, 2.0)
        os._exit(0 if mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [t.value for t in study.trials] == [1.0, 2.0]


def test_an_interruption_inside_a_fold_is_mended(monkeypatch):
    study = ts.create_study(X, seed=0)
    trial = study.ask()
    fold = type(study.cursor.fold)
    advance = fold.advance

    def torn(self, events):
        self.ledger.position += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(fold, "advance", torn)
    with pytest.raises(KeyboardInterrupt):
        study.tell(trial, 1.0)
    monkeypatch.setattr(fold, "advance", advance)
    assert [(t.state.value, t.value) for t in study.trials] == [("COMPLETE", 1.0)]
    assert study.replay().identical
