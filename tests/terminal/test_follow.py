"""What a follower of a log knows is what a look at the whole study would say."""

import math

import pytest
from click.testing import CliRunner

import tunesmith as ts
from tunesmith.cli.main import cli
from tunesmith.terminal.follow import Follower
from tunesmith.terminal.watching import Watch

SPACE = {"x": ts.Float(-1, 1), "kind": ts.Categorical(["a", "b"]), "deep": ts.Int(1, 9, when={"kind": "a"})}


def following(study):
    return Follower(study.name, study.spec.problem, study.cursor.scheduler)


def seen(follower, study, **options):
    follower.take(study.cursor.read())
    return follower.snapshot(**options)


def test_it_sees_the_same_at_once_and_bit_by_bit():
    study = ts.create_study(SPACE, direction="maximize", searcher="random", seed=3, n_trials=50)
    often = following(study)
    for number in range(50):
        trial = study.ask()
        if number % 7 == 3:
            study.tell(trial, state="FAILED", error="no")
        else:
            study.tell(trial, trial["x"])
        now = seen(often, study)
    whole = seen(following(study), study)
    for shot in (now, whole):
        assert (shot.done, shot.total, shot.failed, shot.running) == (50, 50, 7, 0)
        assert shot.best.number == study.best_trial.number
        assert shot.best.ago == 49 - study.best_trial.number
        assert shot.best.trend == whole.best.trend
        assert list(shot.best.trend) == sorted(shot.best.trend)
        assert shot.eta is None
        assert not shot.lower
    assert whole.columns[:1] == ("x",)
    assert set(whole.columns) == {"x", "kind"}  # not every trial has the third
    assert whole.importances[0][0] == "x"


def test_a_trial_keeps_its_place_among_the_workers():
    study = ts.create_study(SPACE, searcher="random", seed=0, n_trials=9)
    follower = following(study)
    first, second, third = study.ask(3)
    assert [row.number for row in seen(follower, study).rows] == [0, 1, 2]
    study.tell(second, 1.0)
    assert [row.number for row in seen(follower, study).rows] == [0, 2]
    fourth = study.ask()
    assert [row.number for row in seen(follower, study).rows] == [0, 3, 2]
    study.tell(first, 1.0)
    now = seen(follower, study, workers=4)
    assert [row.number for row in now.rows] == [None, 3, 2, None]
    assert [row.worker for row in now.rows] == [0, 1, 2, 3]
    fourth.report(0.5, 1)
    row = seen(follower, study).rows[0]
    assert (row.number, row.step, row.curve, row.state) == (3, 1, (0.5,), "running")
    assert third.number == 2


def test_rungs_are_told():
    study = ts.create_study(
        SPACE, searcher="random", scheduler="asha", fidelity=ts.Fidelity("epoch", 1, 9), seed=0
    )
    trial = study.ask()
    trial.report(1.0, 4)
    assert seen(following(study), study).rows[0].state == "rung 2/3"


def test_infeasible_trials_are_counted_and_the_trend_begins_with_the_feasible():
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random", seed=0)
    for value, limit in ((0.1, 5.0), (0.2, 1.0), (0.9, -1.0), (0.5, 0.0)):
        study.add_trial({"x": 0.5}, value, constraints={"size": limit})
    now = seen(following(study), study)
    assert now.infeasible == 2
    assert now.best.number == 3
    assert now.best.feasible
    assert list(dict.fromkeys(now.best.trend)) == [0.9, 0.5]


@pytest.mark.parametrize("objectives", [2, 3, 5])
def test_the_front_is_the_front(objectives):
    names = {f"f{i}": "maximize" if i % 2 else "minimize" for i in range(objectives)}
    study = ts.create_study({"x": ts.Float(0, 1)}, objectives=names, searcher="random", seed=0)
    for number in range(60):
        study.add_trial({"x": 0.5}, [math.sin(number * (i + 2.3)) for i in range(objectives)])
    follower = following(study)
    now = seen(follower, study).front
    assert now.size == len(study.best_trials)
    best = study.best_trials
    for i, (name, low, high) in enumerate(now.spans):
        assert name == f"f{i}"
        assert (low, high) == (min(t.values[i] for t in best), max(t.values[i] for t in best))
    assert list(now.trend) == sorted(now.trend) or objectives > 3
    assert (now.share is None) == (objectives > 3)
    study.add_trial({"x": 0.5}, [-9 if i % 2 == 0 else 9 for i in range(objectives)])
    assert seen(follower, study).front.size == 1


def test_watch_reads_what_others_write(tmp_path, capsys):
    import sys

    place = tmp_path / "s.db"
    writer = ts.create_study(SPACE, searcher="random", seed=0, name="w", storage=place, n_trials=2)
    reader = ts.load_study("w", storage=place)
    watch = Watch(reader, sys.stdout)
    assert "0/2" in watch.once(80)
    writer.tell(writer.ask(), 0.25)
    open_trial = writer.ask()
    text = watch.once(80)
    assert "1/2" in text
    assert "0.2500" in text
    assert "#1" in text
    assert not watch.over()
    writer.tell(open_trial, 0.5)
    Watch(reader, sys.stdout).lines()
    assert "w: 2 of 2 done, best 0.2500 (#0)" in capsys.readouterr().out


def test_watch_ends_when_the_study_was_told_to_stop(tmp_path, capsys):
    import sys

    place = tmp_path / "s.db"
    writer = ts.create_study(SPACE, searcher="random", seed=0, name="w", storage=place, n_trials=9)
    reader = ts.load_study("w", storage=place)
    watch = Watch(reader, sys.stdout)
    running = writer.ask()
    ts.load_study("w", storage=place).stop()
    watch.once(80)
    assert not watch.over(), "a trial is running still"
    writer.tell(running, 0.25)
    assert watch.lines() == "it was told to stop"
    assert Watch(reader, sys.stdout).lines() == "it was told to stop", "nobody has gone on with it"
    going_on = writer.ask()
    late = Watch(reader, sys.stdout)
    writer.tell(going_on, 0.5)
    late.once(80)
    assert not late.over(), "the word to stop was for an earlier run"
    capsys.readouterr()
    reader.stop()
    result = CliRunner().invoke(cli, ["watch", "w", "--storage", str(place)])
    assert "w: it was told to stop\n" in result.stdout
    assert f"tunesmith show w --storage {place}" in result.stdout
    assert "tunesmith resume" not in result.stdout, "it was not started by `tunesmith run`"
