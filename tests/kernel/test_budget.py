"""Reports, stops, pauses: objectives that give budget back."""

import pytest

import tunesmith as ts

SPACE = {"x": ts.Float(0.0, 1.0)}
EPOCHS = ts.Fidelity("epoch", 1, 9, 3)


def test_asha_really_stops_an_objective():
    steps = []

    def objective(trial):
        for epoch in range(1, 10):
            steps.append((trial.number, epoch))
            trial.report(trial["x"] + 1 / epoch, step=epoch)
        return trial["x"]

    study = ts.tune(
        objective, SPACE, n_trials=40, scheduler="asha", fidelity=EPOCHS, searcher="random", seed=0
    )
    stopped = [t for t in study.trials if t.state is ts.TrialState.STOPPED]
    assert len(stopped) > 10
    assert len(steps) < 40 * 9 * 0.6
    assert all(t.value == t.reports[-1].value for t in stopped)


def test_asha_stops_an_objective_that_swallows_everything():
    def objective(trial):
        for epoch in range(1, 10):
            try:
                trial.report(trial["x"] + 1 / epoch, step=epoch)
            except BaseException:  # as bare excepts in training code do
                return 0.0
        return trial["x"]

    study = ts.tune(
        objective, SPACE, n_trials=30, scheduler="asha", fidelity=EPOCHS, searcher="random", seed=0
    )
    stopped = [t for t in study.trials if t.state is ts.TrialState.STOPPED]
    assert len(stopped) > 5
    assert all(t.value != 0.0 for t in study.trials)


def test_a_generator_is_paused_and_goes_on_in_memory():
    started = []

    def objective(trial):
        started.append(trial.number)
        for epoch in range(1, 10):
            yield trial["x"] + 1 / epoch

    study = ts.tune(
        objective, SPACE, n_trials=20, scheduler="asha", fidelity=EPOCHS, searcher="random", seed=1
    )
    assert sorted(started) == sorted(set(started)), "a paused trial has started anew"
    assert any(t.attempt > 1 and t.step == 9 for t in study.trials)
    for trial in study.trials:
        assert [r.step for r in trial.reports] == list(range(1, trial.step + 1))
    assert study.replay().identical


def test_a_generator_that_was_lost_runs_again_and_reports_no_step_twice():
    seen = {}

    def objective(trial):
        for epoch in range(1, 10):
            yield trial["x"] + 1 / epoch
            seen[trial.number] = seen.get(trial.number, 0) + 1

    store = ts.MemoryStore()
    options = {
        "scheduler": "asha",
        "fidelity": EPOCHS,
        "searcher": "random",
        "seed": 1,
        "storage": store,
        "name": "lost",
    }
    study = ts.tune(objective, SPACE, n_trials=12, **options)
    again = ts.tune(objective, SPACE, n_trials=40, **options)  # a new worker: nothing is parked in it
    assert len(again.trials) == 40
    assert any(t.number < 12 and t.attempt > 1 for t in again.trials)
    for trial in again.trials:
        assert [r.step for r in trial.reports] == list(range(1, trial.step + 1))
    assert study.replay().identical


def test_a_generator_ends_at_the_largest_budget():
    def endless(trial):
        while True:
            yield 1.0

    study = ts.tune(endless, SPACE, n_trials=2, fidelity=EPOCHS, searcher="random", seed=0)
    assert [t.step for t in study.trials] == [9, 9]
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)


def test_a_generator_may_return_its_value():
    def objective(trial):
        yield 5.0
        return 1.0

    study = ts.tune(objective, SPACE, n_trials=1, searcher="random", seed=0)
    assert study.best_value == 1.0


def test_a_generator_is_closed_when_its_trial_stops():
    closed = []

    def objective(trial):
        try:
            for epoch in range(1, 10):
                yield trial["x"] + 1 / epoch
        finally:
            closed.append(trial.number)

    ts.tune(objective, SPACE, n_trials=10, scheduler=ts.ASHA(), fidelity=EPOCHS, searcher="random", seed=0)
    assert sorted(closed) == list(range(10))


def test_reports_that_are_nan_end_in_failure_only_with_the_trial():
    def objective(trial):
        trial.report(float("nan"))
        trial.report(1.0)
        return 1.0

    study = ts.tune(objective, SPACE, n_trials=2, searcher="random", seed=0)
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)


@pytest.mark.parametrize("wrong", ["high", None, [1, 2]])
def test_reports_that_are_no_numbers_break_the_contract(wrong):
    def objective(trial):
        trial.report(wrong)
        return 1.0

    with pytest.raises(ts.ObjectiveError):
        ts.tune(objective, SPACE, n_trials=20, searcher="random", seed=0)


def test_a_hundred_paused_generators_are_not_all_kept():
    def objective(trial):
        for epoch in range(1, 10):
            yield trial.number + 1 / epoch

    study = ts.tune(
        objective, SPACE, n_trials=60, scheduler="asha", fidelity=EPOCHS, searcher="random", seed=0
    )
    for trial in study.trials:
        assert [r.step for r in trial.reports] == list(range(1, trial.step + 1))
