"""`study.forecast`: the user's units, measured values where there are some, and mistakes in a sentence."""

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.errors import SettingError

SPACE = {"rate": ts.Float(0.0, 1.0)}
END = 27


def accuracy(rate, epoch):
    return 0.9 - 0.3 * abs(rate - 0.5) - 0.4 * epoch ** -(0.5 + rate)


def study_of(direction="maximize", sign=1.0, finished=8, fidelity=True, **more):
    study = ts.create_study(
        SPACE,
        direction=direction,
        searcher="random",
        seed=1,
        fidelity=ts.Fidelity("epoch", 1, END) if fidelity else None,
        **more,
    )

    def train(trial):
        for epoch in range(1, END + 1):
            trial.report(sign * accuracy(trial["rate"], epoch), step=epoch)

    study.optimize(train, n_trials=finished)
    return study


def begin(study, epochs=8, sign=1.0):
    trial = study.ask()
    for epoch in range(1, epochs + 1):
        trial.report(sign * accuracy(trial["rate"], epoch), step=epoch)
    return trial


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_it_speaks_the_users_units(direction, sign):
    study = study_of(direction, sign)
    trial = begin(study, sign=sign)
    found = study.forecast(trial.number, at=[5, 15, END])
    truth = [sign * accuracy(trial["rate"], step) for step in (5, 15, END)]
    assert found.steps == (5.0, 15.0, float(END))
    assert found.mean[0] == found.low[0] == found.high[0] == pytest.approx(truth[0])
    assert all(low <= value <= high for low, value, high in zip(found.low, truth, found.high, strict=True))
    assert found.mean[2] == pytest.approx(truth[2], abs=0.03)
    assert found.low[2] < found.mean[2] < found.high[2]
    assert found.high[2] - found.low[2] > found.high[1] - found.low[1]


def test_minimising_and_maximising_are_mirror_images():
    one, two = study_of("maximize", 1.0), study_of("minimize", -1.0)
    up, down = (s.forecast(begin(s, sign=sign).number) for s, sign in ((one, 1.0), (two, -1.0)))
    assert up.mean[0] == pytest.approx(-down.mean[0])
    assert (up.low[0], up.high[0]) == pytest.approx((-down.high[0], -down.low[0]))


def test_where_the_end_is_not_said_it_is_that_of_the_longest_complete_trial():
    study = study_of(fidelity=False)
    assert study.forecast(begin(study).number).steps == (END,)
    empty = ts.create_study(SPACE, seed=0)
    trial = empty.ask()
    with pytest.raises(SettingError, match="nothing"):
        empty.forecast(trial.number, at=9)
    trial.report(1.0)
    with pytest.raises(SettingError, match="at="):
        empty.forecast(trial.number)
    assert np.isfinite(empty.forecast(trial.number, at=9).mean[0])


def test_mistakes():
    study = study_of(finished=2)
    with pytest.raises(SettingError, match="no trial 99"):
        study.forecast(99)
    for wrong in (0, -1, [], float("nan"), "many"):
        with pytest.raises(SettingError):
            study.forecast(0, at=wrong)
    with pytest.raises(SettingError, match="loss"):
        study.forecast(0, objective="loss")


def test_several_objectives_are_forecast_one_by_one():
    study = ts.create_study(SPACE, objectives={"acc": "maximize", "size": "minimize"}, seed=0)
    trial = study.ask()
    for epoch in range(1, 9):
        trial.report({"acc": accuracy(0.5, epoch), "size": 10.0 / epoch}, step=epoch)
    with pytest.raises(SettingError, match="objective="):
        study.forecast(trial.number, at=27)
    assert study.forecast(trial.number, at=27, objective="acc").mean[0] > 0.5
    assert study.forecast(trial.number, at=27, objective="size").mean[0] < 2.0


def test_shares_stay_shares():
    for direction in ("maximize", "minimize"):
        study = ts.create_study(SPACE, direction=direction, seed=0)
        trial = study.ask()
        for epoch in range(1, 5):
            trial.report(0.2 * epoch, step=epoch)
        found = study.forecast(trial.number, at=[27, 81])
        assert all(0.0 <= value <= 1.0 for value in (*found.low, *found.mean, *found.high))
        trial.report(-1.0)
        assert study.forecast(trial.number, at=81).high[0] > 1.0
