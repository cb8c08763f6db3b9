"""The study in its user's hands: ask, tell, enqueue, import, attributes, the front."""

import math
import threading

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.errors import SettingError
from tunesmith.record.event import Released

SPACE = {"x": ts.Float(0.0, 1.0), "n": ts.Int(1, 8), "kind": ["a", "b"]}


def study_of(space=SPACE, **options):
    return ts.create_study(space, **{"searcher": "random", "seed": 0, **options})


def test_ask_gives_a_configuration_and_tell_records_it():
    study = study_of(direction="maximize")
    trial = study.ask()
    assert set(trial.params) == {"x", "n", "kind"}
    assert trial["x"] == trial.params["x"]
    record = study.tell(trial, 0.5)
    assert (record.number, record.state, record.value) == (0, ts.TrialState.COMPLETE, 0.5)
    study.tell(study.ask(), 0.7)
    study.tell(study.ask(), 0.6)
    assert study.best_value == 0.7
    assert study.best_params == dict(study.trials[1].params)
    assert study.best_trial.number == 1


def test_a_batch_is_asked_at_once():
    study = study_of()
    trials = study.ask(5)
    assert [t.number for t in trials] == [0, 1, 2, 3, 4]
    assert len({t["x"] for t in trials}) == 5
    for trial in reversed(trials):
        study.tell(trial, trial["x"])
    assert study.best_value == min(t.value for t in study.trials)
    assert study.replay().identical


@pytest.mark.parametrize(
    "value", [1, 1.0, np.float64(1.0), np.float32(1.0), np.int64(1), np.array(1.0), {"value": 1}]
)
def test_what_a_value_may_be(value):
    study = study_of()
    assert study.tell(study.ask(), value).values == (1.0,)


@pytest.mark.parametrize("value", ["good", None, True, [1, 2], {"other": 1.0}, object()])
def test_what_a_value_may_not_be_and_then_nothing_is_lost(value):
    study = study_of()
    trial = study.ask()
    with pytest.raises((ts.ObjectiveError, ts.SettingError)):
        study.tell(trial, value)
    assert study.trials[0].state is ts.TrialState.RUNNING
    assert study.tell(trial, 0.25).value == 0.25


def test_nan_fails_a_trial_and_inf_is_a_value():
    study = study_of()
    failed = study.tell(study.ask(), math.nan)
    assert failed.state is ts.TrialState.FAILED
    assert "nan" in failed.error
    assert study.tell(study.ask(), math.inf).values == (math.inf,)
    assert study.tell(study.ask(), -math.inf).values == (-math.inf,)
    study.tell(study.ask(), 1.0)
    assert study.best_value == -math.inf
    assert study.replay().identical


def test_told_twice_alike_changes_nothing_and_otherwise_is_refused():
    study = study_of()
    trial = study.ask()
    first = study.tell(trial, 0.5)
    again = study.tell(trial, 0.5)
    assert (again.value, again.finished) == (first.value, first.finished)
    with pytest.raises(ts.Conflict, match="never changed"):
        study.tell(trial, 0.7)
    assert study.trials[0].value == 0.5


def test_a_lost_attempt_is_refused_and_kept_as_evidence():
    store = ts.MemoryStore()
    study = study_of(name="lost", storage=store)
    zombie = study.ask()
    cursor = study.cursor
    cursor.append([Released(0, 1, cursor.worker, "taken")])
    heir = study.ask()
    assert heir.number == zombie.number
    with pytest.raises(ts.LeaseLost):
        study.cursor.end(_end_of(zombie))
    assert study.tell(heir, 2.0).value == 2.0
    assert [t.value for t in study.trials] == [2.0]
    assert store._logs[cursor.id].refused


def _end_of(handle):
    from tunesmith.kernel.attempt import ended

    return ended(handle, ts.TrialState.COMPLETE, values=(99.0,))


def test_tell_by_number_and_of_unknown_trials():
    study = study_of()
    study.ask()
    assert study.tell(0, 3.0).value == 3.0
    with pytest.raises(ts.NoTrial, match="no trial 7"):
        study.tell(7, 1.0)


def test_failures_may_be_told():
    study = study_of()
    record = study.tell(study.ask(), state="FAILED", error="out of memory")
    assert (record.state, record.error) == (ts.TrialState.FAILED, "out of memory")
    with pytest.raises(ts.NoTrial, match="out of memory"):
        _ = study.best_trial


def test_enqueue_whole_part_and_wrong():
    study = study_of()
    whole = study.enqueue({"x": 0.5, "n": 3, "kind": "b"})
    part = study.enqueue({"n": 8})
    assert whole.state is ts.TrialState.WAITING
    assert dict(whole.params) == {"x": 0.5, "n": 3, "kind": "b"}
    assert part.params["n"] == 8
    for wrong in ({"x": 2.0}, {"y": 1}, {"n": 1.5}, {"kind": "c"}):
        with pytest.raises(ts.SpaceError):
            study.enqueue(wrong)
    assert [study.ask().number for _ in range(3)] == [0, 1, 2]
    assert [t.source for t in study.trials] == ["queue", "queue", "searcher"]
    assert study.replay().identical


def test_enqueue_in_a_define_by_run_study_is_what_the_objective_gets():
    study = study_of(None)
    study.enqueue({"x": 0.25, "kind": "b"})
    study.optimize(
        lambda t: t.suggest_float("x", 0, 1) + (t.suggest_categorical("kind", ["a", "b"]) == "a"), 2
    )
    assert dict(study.trials[0].params) == {"x": 0.25, "kind": "b"}
    assert study.trials[0].value == 0.25
    assert study.replay().identical


def test_what_is_enqueued_in_vain_is_said():
    study = study_of(None)
    study.enqueue({"x": 0.25, "zzz": 1})
    with pytest.warns(UserWarning, match="trial 0 was enqueued with 'zzz', which the objective did not ask"):
        study.optimize(lambda t: t.suggest_float("x", 0, 1), 2)
    assert study.trials[0].user_attrs == {"tunesmith:unused": ["zzz"]}
    assert dict(study.trials[0].params) == {"x": 0.25}
    assert not study.trials[1].user_attrs
    study.enqueue({"x": 0.25, "zzz": 1})
    study.tell(study.ask(), state="FAILED")
    assert not study.trials[2].user_attrs
    assert study.replay().identical


@pytest.mark.parametrize("count", [0, -1, 1.5, True])
def test_asking_for_no_trial_is_refused(count):
    study = study_of()
    with pytest.raises(ts.SettingError, match="the number of trials to ask for must be"):
        study.ask(count)
    assert not study.trials


def test_imported_trials_count_and_are_learnt_from():
    study = study_of(searcher="tpe")
    record = study.add_trial(
        {"x": 0.5, "n": 3, "kind": "b"}, -1.0, reports={1: 5.0, 2: 3.0}, user_attrs={"run": "old"}
    )
    assert (record.source, record.value, record.step) == ("import", -1.0, 2)
    failed = study.add_trial({"x": 0.1, "n": 3, "kind": "b"}, state="FAILED", error="boom")
    assert failed.state is ts.TrialState.FAILED
    with pytest.raises(ts.SpaceError):
        study.add_trial({"x": 5.0, "n": 3, "kind": "b"}, 1.0)
    with pytest.raises(ts.SettingError):
        study.add_trial({"x": 0.5, "n": 3, "kind": "b"})
    assert study.best_value == -1.0
    study.tell(study.ask(), 1.0)
    assert len(study.trials) == 3
    assert study.replay().identical


def test_attributes_of_trials_and_studies():
    study = study_of()
    study.set_user_attr("data", {"rows": [1, 2]})
    trial = study.ask()
    trial.set_user_attr("seconds", 1.5)
    with pytest.raises(ts.SettingError):
        trial.set_user_attr("model", object())
    assert study.tell(trial, 1.0).user_attrs == {"seconds": 1.5}
    assert study.user_attrs == {"data": {"rows": [1, 2]}}


def test_the_front_of_several_objectives():
    study = study_of(objectives={"accuracy": "maximize", "cost": "minimize"})
    for value in [(0.5, 1.0), (0.9, 5.0), {"cost": 3.0, "accuracy": 0.4}, (0.9, 5.0), (0.95, 9.0)]:
        study.tell(study.ask(), value)
    broken = study.ask()
    broken.constraint("memory", 2.0)
    study.tell(broken, (1.0, 0.0))
    assert sorted(t.number for t in study.best_trials) == [0, 1, 4]
    with pytest.raises(ts.NoTrial, match="best_trials"):
        _ = study.best_trial
    with pytest.raises(ts.ObjectiveError):
        study.tell(study.ask(), 1.0)


def test_a_feasible_trial_is_better_than_any_infeasible_one():
    study = study_of()
    for value, limit in [(0.0, 1.0), (5.0, -1.0), (1.0, 0.5), (4.0, 0.0)]:
        trial = study.ask()
        trial.constraint("limit", limit)
        study.tell(trial, value)
    assert study.best_value == 4.0
    assert study.trials[0].violation == 1.0


def test_defaults_come_first():
    study = study_of({"x": ts.Float(0, 1, default=0.25), "n": ts.Int(1, 9)}, searcher="tpe")
    assert study.ask()["x"] == 0.25
    assert study.ask()["x"] != 0.25
    assert [t.source for t in study.trials] == ["default", "searcher"]


def test_threads_share_a_study():
    study = study_of(searcher="tpe")
    errors = []

    def work():
        try:
            for _ in range(25):
                trial = study.ask()
                study.tell(trial, trial["x"])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [t.number for t in study.trials] == list(range(100))
    assert all(t.state is ts.TrialState.COMPLETE and t.value == t.params["x"] for t in study.trials)
    assert study.replay().identical


def test_reports_and_orders_to_stop():
    study = study_of(scheduler="asha", fidelity=ts.Fidelity("epoch", 1, 9))
    for value in (1.0, 2.0, 3.0, 4.0):
        trial = study.ask()
        trial.report(value)
        if trial.should_stop:
            assert study.tell(trial).state is ts.TrialState.STOPPED
        else:
            assert study.tell(trial, value).state is ts.TrialState.COMPLETE
    assert study.trials[3].state is ts.TrialState.STOPPED
    assert study.trials[3].value == 4.0


def test_labelled_objects_come_back_as_objects():
    class Linear: ...

    class Conv: ...

    study = study_of(
        {"layer": [Linear, Conv], "act": ts.Categorical({"relu": abs, "none": None})},
        name="nn",
        storage=ts.MemoryStore(),
    )
    for trial in study.ask(8):
        assert trial["layer"] in (Linear, Conv)
        assert trial["act"] in (abs, None)
        study.tell(trial, 1.0)
    assert {t.params["layer"] for t in study.trials} == {"Linear", "Conv"}


def test_an_imported_trial_holds_plain_json():
    study = ts.create_study(seed=0)
    with pytest.raises(SettingError, match="JSON"):
        study.add_trial({"x": 1.0}, 1.0, user_attrs={"array": object()})
    assert len(study.trials) == 0
    study.add_trial({"x": 1.0}, 1.0, user_attrs={"pair": (1, 2)}, constraints={"c": 1})
    assert (study.trials[0].user_attrs, study.trials[0].constraints) == ({"pair": [1, 2]}, {"c": 1.0})
