"""The schedule that PBT finds, and training once more by it."""

import json
import math

import pytest

import tunesmith as ts
from tunesmith.errors import NoTrial, SettingError
from tunesmith.record.fidelity import Fidelity
from tunesmith.schedule.pbt import PBT

FIDELITY = Fidelity("step", 1, 24)
SPACE = {
    "rate": ts.Float(1e-3, 1, log=True, default=0.01),
    "kind": ts.Categorical(["a", "b", "c"], default="b"),
}


def training(every=1, save_first=True):
    """An objective that is deterministic, and of which no step may be left out or come twice."""

    def train(trial):
        data = trial.load_checkpoint()
        step, weight = json.loads(data) if data else (0, 1.0)
        while step < 24:
            step += 1
            ideal = 0.5 * 0.9 ** (step / 3)
            pull = {"a": 0.3, "b": 0.31, "c": 0.29}[trial["kind"]]
            weight = (
                weight * (1 - pull * math.exp(-abs(math.log(trial["rate"] / ideal)))) + 1e-3 * trial["rate"]
            )
            if step % every == 0 and save_first:
                trial.save_checkpoint(json.dumps([step, weight]).encode(), step=step)
            trial.report(weight, step)
            if step % every == 0 and not save_first:
                trial.save_checkpoint(json.dumps([step, weight]).encode(), step=step)
        return weight

    return train


def tuned(tmp_path, objective, **options):
    return ts.tune(
        objective,
        SPACE,
        fidelity=FIDELITY,
        scheduler=PBT(population=5, interval=4, quantile=0.3),
        name="pbt",
        storage=tmp_path / "store.db",
        seed=1,
        **options,
    )


@pytest.mark.parametrize(("every", "save_first"), [(1, True), (1, False), (3, True)])
def test_a_replay_comes_to_the_same_result_bit_for_bit(tmp_path, every, save_first):
    objective = training(every, save_first)
    study = tuned(tmp_path, objective)
    schedule = study.schedule()
    assert len(schedule.segments) > 1
    assert [s.start for s in schedule.segments[1:]] == [s.end for s in schedule.segments[:-1]]
    assert (schedule.segments[0].start, schedule.end) == (0, 24)
    assert schedule.segments[-1].trial == study.best_trial.number
    assert ts.Schedule.from_json(json.dumps(schedule.as_json())) == schedule
    again = ts.tune(
        objective,
        SPACE,
        fidelity=FIDELITY,
        scheduler=ts.PBTReplay(schedule),
        name="again",
        storage=tmp_path / "store.db",
        seed=5,
    )
    assert len(again.trials) == len(schedule.segments)
    assert again.best_value == study.best_value
    assert [t.params for t in again.trials] == [s.params for s in schedule.segments]
    assert [s[:3] for s in again.schedule().segments] == [s[:3] for s in schedule.segments]
    assert again.replay().identical
    assert ts.load_study("again", storage=tmp_path / "store.db").best_value == again.best_value


def test_of_any_trial_and_of_one_without_parents(tmp_path):
    study = tuned(tmp_path, training())
    for trial in study.trials:
        schedule = study.schedule(trial.number)
        assert schedule.end == trial.step
        assert schedule.at(1) == dict(study.trials[schedule.segments[0].trial].params)
        assert schedule.at(99) == dict(trial.params)
        assert str(schedule).count("\n") == len(schedule.segments) - 1
    alone = study.schedule(0)
    assert [(s.start, s.end, s.trial) for s in alone.segments] == [(0, study.trials[0].step, 0)]
    with pytest.raises(NoTrial):
        study.schedule(1000)


def test_wrong_schedules():
    segment = {"start": 0, "end": 24, "params": {"rate": 0.1, "kind": "a"}, "trial": 0, "reported": 24}
    for wrong in ([], "nonsense", [{"start": 0}], 5):
        with pytest.raises(SettingError):
            ts.PBTReplay(wrong)
    with pytest.raises(SettingError, match="fidelity"):
        ts.create_study(SPACE, scheduler=ts.PBTReplay([segment]), fidelity=Fidelity("step", 1, 20))
    with pytest.raises(SettingError, match="space"):
        ts.create_study(scheduler=ts.PBTReplay([segment]))
