"""The loop: stop rules, budgets, callbacks, failures, interruptions."""

import pytest

import tunesmith as ts

SPACE = {"x": ts.Float(0.0, 1.0)}


def study_of(space=SPACE, **options):
    return ts.create_study(space, **{"searcher": "random", "seed": 0, **options})


def by_x(trial):
    return trial["x"]


def test_n_trials_is_the_total_and_may_be_raised():
    study = study_of()
    study.optimize(by_x, 5)
    study.optimize(by_x, 5)
    assert len(study.trials) == 5
    study.optimize(by_x, 8)
    assert len(study.trials) == 8
    assert study.replay().checked == 8


def test_target_plateau_timeout_and_their_combinations():
    study = study_of(seed=3)
    study.optimize(by_x, 500, stop=ts.TargetValue(0.01))
    assert study.best_value <= 0.01 < min(t.value for t in study.trials[:-1])
    study = study_of()
    study.optimize(lambda t: float(t.number), 500, stop=ts.Plateau(7))
    assert len(study.trials) == 8
    study = study_of()
    study.optimize(by_x, stop=ts.MaxTrials(6) | ts.TargetValue(-1.0))
    assert len(study.trials) == 6
    study = study_of()
    study.optimize(lambda t: float(t.number), stop=ts.MaxTrials(3) & ts.Plateau(7))
    assert len(study.trials) == 8
    study = study_of()
    study.optimize(by_x, timeout=0.05)
    assert study.trials
    assert all(t.state.finished for t in study.trials)


def test_a_target_of_a_maximised_objective():
    study = study_of(direction="maximize")
    study.optimize(by_x, 500, stop=ts.TargetValue(0.9))
    assert study.best_value >= 0.9
    assert len(study.trials) < 500


def test_stop_from_a_callback_and_from_the_objective():
    study = study_of()
    study.optimize(by_x, 50, callbacks=[lambda s, t: s.stop() if t.number == 3 else None])
    assert len(study.trials) == 4

    def objective(trial):
        if trial.number == 6:
            study.stop()
        return 1.0

    study.optimize(objective, 50)
    assert len(study.trials) == 7


def test_callbacks_hear_everything_in_order():
    heard = []

    class Ear(ts.Callback):
        def started(self, study, n_trials, workers, put_back):
            heard.append(("started", n_trials, workers))

        def opened(self, study, trial):
            heard.append(("opened", trial.number))

        def reported(self, study, trial):
            heard.append(("reported", trial.step))

        def ended(self, study, trial):
            heard.append(("ended", trial.state.value))

        def closed(self, study, reason):
            heard.append(("closed", reason))

    def objective(trial):
        trial.report(1.0)
        return 1.0

    study_of().optimize(objective, 1, callbacks=[Ear()])
    assert heard[:4] == [("started", 1, 1), ("opened", 0), ("reported", 1), ("ended", "COMPLETE")]
    assert heard[4][0] == "closed"


def test_what_a_callback_raises_ends_the_run_and_loses_nothing():
    study = study_of()

    def broken(_, trial):
        if trial.number == 2:
            raise RuntimeError("disk of the callback")

    with pytest.raises(RuntimeError, match="disk of the callback"):
        study.optimize(by_x, 10, callbacks=[broken])
    assert [t.state for t in study.trials] == [ts.TrialState.COMPLETE] * 3
    study.optimize(by_x, 10)
    assert len(study.trials) == 10


def test_a_failure_costs_one_trial_and_keeps_its_traceback():
    def objective(trial):
        if trial.number % 2:
            raise ValueError(f"diverged at {trial.number}")
        return trial["x"]

    study = study_of()
    study.optimize(objective, 12)
    states = [t.state.value for t in study.trials]
    assert states == ["COMPLETE", "FAILED"] * 6
    assert "diverged at 3" in study.trials[3].error
    assert "Traceback" in study.trials[3].error
    assert "def objective" in study.trials[3].error or "objective" in study.trials[3].error


def test_ten_failures_alike_abort_with_the_traceback_once():
    def objective(trial):
        raise FileNotFoundError("no data.csv")

    study = study_of()
    with pytest.raises(ts.StudyAborted, match=r"no data\.csv") as caught:
        study.optimize(objective, 100)
    assert len(study.trials) == 10
    assert str(caught.value).count("Traceback (most recent call last)") == 1


def test_failures_that_differ_do_not_abort():
    def objective(trial):
        raise (ValueError if trial.number % 2 else KeyError)("another one")

    study = study_of()
    study.optimize(objective, 15)
    assert len(study.trials) == 15


def test_an_objective_that_returns_text_ends_the_run_at_once():
    study = study_of()
    with pytest.raises(ts.ObjectiveError, match="number"):
        study.optimize(lambda trial: "good", 10)
    assert len(study.trials) == 1
    assert study.trials[0].state is ts.TrialState.FAILED


def test_ctrl_c_puts_the_trial_back_and_resuming_meets_the_budget_exactly():
    study = study_of(searcher="tpe")

    def interrupted(trial):
        if trial.number == 4:
            raise KeyboardInterrupt
        return trial["x"]

    study.optimize(interrupted, 9)
    assert [t.state.value for t in study.trials] == ["COMPLETE"] * 4 + ["WAITING"]
    study.optimize(by_x, 9)
    assert len(study.trials) == 9
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)
    assert study.trials[4].attempt == 2
    assert study.replay().identical
    straight = study_of(searcher="tpe")
    straight.optimize(by_x, 9)
    assert [t.params for t in straight.trials] == [t.params for t in study.trials]


@pytest.mark.parametrize("result", [{"a": 1.0, "b": 2.0}, (1.0, 2.0), [1, 2], {"b": 2, "a": 1, "more": 3.0}])
def test_several_objectives_by_name_or_in_order(result):
    study = study_of(objectives={"a": "minimize", "b": "maximize"})
    study.optimize(lambda trial: result, 2)
    assert study.trials[0].values == (1.0, 2.0)


def test_further_measurements_are_kept():
    study = study_of(objectives={"a": "minimize"})
    study.optimize(lambda trial: {"a": 1.0, "seconds": 3.5}, 1)
    assert study.trials[0].user_attrs == {"seconds": 3.5}


def test_returning_nothing_means_the_last_report():
    def objective(trial):
        trial.report(3.0)
        trial.report(2.0)

    study = study_of()
    study.optimize(objective, 1)
    assert study.trials[0].value == 2.0


def test_returning_nothing_without_a_report_breaks_the_contract():
    with pytest.raises(ts.ObjectiveError):
        study_of().optimize(lambda trial: None, 3)


@pytest.mark.parametrize(
    "options", [{"workers": 0}, {"n_trials": 0}, {"retries": -1}, {"timeout": "soon"}, {"timeout": -1}]
)
def test_wrong_arguments_are_refused_before_the_first_trial(options):
    study = study_of()
    with pytest.raises(ts.SettingError):
        study.optimize(by_x, **{"n_trials": 3, **options})
    assert not study.trials


def test_a_search_without_end_is_refused():
    with pytest.raises(ts.SettingError, match="never end"):
        ts.tune(by_x, SPACE, seed=0)


def test_a_grid_ends_by_itself():
    study = ts.tune(lambda t: t["n"], {"n": ts.Int(1, 4), "k": ["a", "b"]}, searcher="grid", seed=0)
    assert len(study.trials) == 8


def test_a_step_beyond_all_bounds_is_refused():
    def objective(trial):
        trial.report(1.0, step=2**70)
        return 1.0

    with pytest.raises(ts.ObjectiveError, match="step"):
        ts.tune(objective, n_trials=2)
