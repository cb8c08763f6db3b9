"""Totals of trials that are said late, and what follows from them."""

import pytest

import tunesmith as ts

SPACE = {"x": ts.Float(0.0, 1.0)}
EPOCHS = ts.Fidelity("epoch", 1, 27)


def yielding(trial):
    for epoch in range(1, 28):
        yield abs(trial["x"] - 0.7) + 1 / epoch


@pytest.mark.filterwarnings("ignore:.*has saved no checkpoint")
@pytest.mark.parametrize(
    "scheduler",
    [ts.Halving(), ts.Hyperband(promotion=True), ts.FreezeThaw(), ts.PBT(population=4, interval=9)],
    ids=["halving", "hyperband", "freeze-thaw", "pbt"],
)
def test_a_total_given_to_optimize_alone_still_leads_to_an_end(scheduler):
    searcher = "explore" if isinstance(scheduler, ts.PBT) else "random"
    study = ts.create_study(SPACE, fidelity=EPOCHS, scheduler=scheduler, searcher=searcher, seed=0)
    study.optimize(yielding, n_trials=12)
    assert study.best_trial.step == 27
    assert study.replay().identical


def test_without_a_fidelity_a_stopped_form_has_no_budget():
    study = ts.create_study(SPACE, scheduler="asha", seed=0)
    assert study.ask().budget is None


def test_wilcoxon_does_not_race_the_feasible_against_the_infeasible():
    def objective(trial):
        trial.constraint("c", 0.5 - trial["x"])
        for step in range(1, 11):
            trial.report(trial["x"] + step % 3, step)
        return trial["x"] + 0.9

    study = ts.create_study(SPACE, scheduler="wilcoxon", searcher="random", seed=0)
    study.enqueue({"x": 0.1})
    study.enqueue({"x": 0.6})
    study.optimize(objective, n_trials=30)
    assert study.trials[1].state is ts.TrialState.COMPLETE
    assert study.best_params["x"] >= 0.5


def test_plans_do_not_depend_on_what_was_asked_before():
    """A trial whose space the objective defines has no parameters until it asks for them."""
    from tunesmith.record.problem import Problem, parse_objectives
    from tunesmith.record.trial import Report, Trial, TrialState

    scheduler = ts.FreezeThaw(n_startup=2)
    problem = Problem(objectives=parse_objectives(None, None), fidelity=EPOCHS)
    state = scheduler.init(problem)
    for number, x in enumerate((0.1, 0.4, 0.8)):
        reports = tuple(Report(e, (v := abs(x - 0.7) + 1 / e,), (v,), {}) for e in (1, 2, 3))
        state = scheduler.tell(state, Trial(number, TrialState.RUNNING, {"x": x}, budget=3, attempt=1))
        paused = Trial(
            number, TrialState.PAUSED, {"x": x}, reports[-1].values, reports[-1].losses, reports, 3
        )
        state = scheduler.tell(state, paused)
    state = scheduler.tell(state, Trial(3, TrialState.RUNNING, {}, budget=3, attempt=1))
    scheduler.plan(state, 4)
    known = Trial(3, TrialState.RUNNING, {"x": 0.69}, reports=(Report(1, (1.0,), (1.0,), {}),), budget=3)
    state = scheduler.tell(state, known)
    before = scheduler._offers(state, 4, [0, 1, 2])
    state.history.scratch.pop("offers")
    assert scheduler._offers(state, 4, [0, 1, 2]) == before


@pytest.mark.parametrize("scheduler", ["halving", "hyperband", "bohb"])
def test_a_study_that_goes_on_to_more_trials_goes_on_halving(scheduler, tmp_path):
    for n_trials in (12, 54):
        study = ts.tune(
            yielding, SPACE, n_trials=n_trials, scheduler=scheduler, fidelity=EPOCHS, seed=0, name="h",
            storage=tmp_path / "h.db", quiet=True,
        )  # fmt: skip
    assert sum(len(trial.reports) for trial in study.trials) < 0.5 * 54 * 27


def test_a_trial_that_is_asked_for_again_says_where_it_stands():
    study = ts.create_study(
        SPACE, scheduler=ts.ASHA(promotion=True), fidelity=EPOCHS, searcher="random", seed=0
    )
    again = 0
    for _ in range(12):
        trial = study.ask()
        again += trial.step > 0
        assert trial.step == len(study.trials[trial.number].reports)
        for epoch in range(int(trial.step) + 1, 28):
            trial.report(abs(trial["x"] - 0.7) + 1 / epoch, epoch)
            if trial.should_stop:
                break
        study.tell(trial)
    assert again


def test_what_never_reports_is_told_that_nothing_is_decided():
    with pytest.warns(UserWarning, match="without a report"):
        ts.tune(lambda trial: trial["x"], SPACE, n_trials=3, scheduler="asha", fidelity=EPOCHS, seed=0)


def test_a_clone_without_a_checkpoint_is_told():
    with pytest.warns(UserWarning, match="has saved no checkpoint"):
        ts.tune(
            yielding, SPACE, n_trials=12, scheduler=ts.PBT(population=4, interval=3), fidelity=EPOCHS, seed=0
        )
