"""Spaces that the objective makes as it runs."""

import pytest

import tunesmith as ts
from tunesmith.testing import programs


def study_of(**options):
    return ts.create_study(**{"searcher": "random", "seed": 0, **options})


@pytest.mark.parametrize("searcher", ["random", "qmc", "tpe"])
@pytest.mark.parametrize("program", sorted(set(programs()) - {"asks for nothing"}))
def test_programs_run_and_replay(program, searcher):
    study = study_of(searcher=searcher)
    study.optimize(programs()[program], 25)
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)
    assert study.replay().identical


def test_an_inactive_branch_is_not_in_params():
    study = study_of()
    study.optimize(programs()["conditional program"], 30)
    for trial in study.trials:
        assert ("trees" in trial.params) == (trial.params["model"] == "forest")
        assert ("degree" in trial.params) == (trial.params.get("kernel") == "poly")


def test_ranges_may_change_between_trials():
    study = study_of()
    study.optimize(lambda t: t.suggest_float("x", 0, 1 + t.number), 20)
    assert all(0 <= t.params["x"] <= 1 + t.number for t in study.trials)
    assert max(t.params["x"] for t in study.trials) > 2


@pytest.mark.parametrize("kind", ["suggest_float", "suggest_int"])
def test_the_same_name_asked_twice_is_the_same_value(kind):
    def objective(trial):
        ask = getattr(trial, kind)
        assert ask("x", 1, 9) == ask("x", 1, 9)
        return 1.0

    study = study_of()
    study.optimize(objective, 5)
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials), study.trials[0].error


def test_another_range_for_one_name_within_a_trial_is_an_error():
    def objective(trial):
        return trial.suggest_float("x", 0, 1) + trial.suggest_float("x", 0, 2)

    with pytest.raises(ts.ObjectiveError, match="'x'"):
        study_of().optimize(objective, 5)


def test_ranges_that_cannot_be_fail_in_one_sentence():
    study = study_of()
    with pytest.raises(ts.ObjectiveError, match=r"trial 0: .*low"):
        study.optimize(lambda t: t.suggest_float("x", 2, 1), 20)


def test_a_declared_space_may_be_asked_by_name():
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), 3)
    assert study.best_value == study.best_params["x"]
    with pytest.raises(ts.ObjectiveError, match="'y'"):
        study.optimize(lambda t: t.suggest_float("y", 0, 1), 5)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda t: t.suggest_float("lr", 1e-5, 1e-1), "log=True"),
        (lambda t: t.suggest_float("lr", 1e-5, 1.0, log=True), "Float(1e-05, 1.0"),
        (lambda t: t.suggest_float("n", 1, 9), "Int(1, 9"),
        (lambda t: t.suggest_int("n", 1, 9), "Int(1, 9"),
        (lambda t: t.suggest_categorical("act", ["relu"]), "['relu']"),
        (lambda t: t.suggest_int("fixed", 4, 8), "Constant(3"),
    ],
)
def test_another_range_than_the_declared_one_is_refused_with_both(ask, told):
    space = {
        "lr": ts.Float(1e-5, 1e-1, log=True, default=1e-3),
        "n": ts.Int(1, 9, step=2, prior=ts.Prior(3)),
        "act": ts.Categorical(["relu", "gelu"], default="gelu"),
        "fixed": 3,
    }

    def same(trial):
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        assert trial.suggest_int("n", 1, 10, step=2) in (1, 3, 5, 7, 9)
        assert trial.suggest_categorical("act", ["gelu", "relu"]) == trial["act"]
        assert trial.suggest_int("fixed", 1, 8) == 3
        return lr

    study = ts.create_study(space, searcher="random", seed=0)
    study.optimize(same, 5)
    assert study.best_value == study.best_params["lr"]
    with pytest.raises(ts.ObjectiveError, match=r"is declared as .* asks for ") as caught:
        ask(study.ask())
    assert told in str(caught.value)


def test_objects_as_choices():
    class Small: ...

    class Big: ...

    def objective(trial):
        model = trial.suggest_categorical("model", [Small, Big])
        assert model in (Small, Big)
        assert trial.params["model"] is model
        return float(model is Big)

    study = study_of()
    study.optimize(objective, 10)
    assert {t.params["model"] for t in study.trials} == {"Small", "Big"}


def test_ask_and_tell_without_a_space():
    study = study_of(searcher="tpe")
    for _ in range(15):
        trial = study.ask()
        x = trial.suggest_float("x", -1, 1)
        study.tell(trial, x * x)
    assert all(-1 <= t.params["x"] <= 1 for t in study.trials)
    assert study.replay().identical


def test_grid_needs_to_know_the_space():
    with pytest.raises(ts.SettingError, match="space"):
        study_of(searcher="grid")
