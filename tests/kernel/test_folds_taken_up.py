"""Cross-validation that goes on in a later attempt: its value is the mean over all folds."""

import numpy as np
import pytest

import tunesmith as ts

SPLITS = (0.5, 0.4, 0.3, 0.2, 0.1)


@pytest.mark.parametrize("scheduler", ["none", "halving", "asha"])
@pytest.mark.parametrize("returns", ["mean", "nothing"])
def test_what_is_returned_of_the_folds_that_were_left_is_not_the_mean_of_all(scheduler, returns):
    def validate(trial):
        scores = []
        for _, split in trial.folds(SPLITS):
            scores.append(trial["x"] + split)
            trial.report(scores[-1])
        return float(np.mean(scores)) if returns == "mean" else None

    study = ts.tune(
        validate, {"x": ts.Float(0, 1)}, n_trials=16, seed=0, searcher="random", scheduler=scheduler,
        fidelity=ts.Fidelity("fold", 1, 5, fold=1, eta=2), quiet=True,
    )  # fmt: skip
    complete = [trial for trial in study.trials if trial.state is ts.TrialState.COMPLETE]
    assert complete
    assert [trial.value for trial in complete] == pytest.approx([t.params["x"] + 0.3 for t in complete])


def test_a_trial_taken_up_after_its_last_fold():
    def validate(trial):
        scores = []
        for _, split in trial.folds(SPLITS):
            scores.append(split)
            trial.report(scores[-1])
        if len(scores) == len(SPLITS):
            raise KeyboardInterrupt  # between the last fold and the end
        return float(sum(scores))

    study = ts.create_study({"x": ts.Float(0, 1)}, fidelity=ts.Fidelity("fold", 1, 5, fold=1), seed=0)
    study.optimize(validate, n_trials=1)
    assert study.trials[0].state is ts.TrialState.WAITING
    study.optimize(validate, n_trials=1)
    assert study.trials[0].value == pytest.approx(0.3)
