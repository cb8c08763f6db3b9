"""Studies by name: made, resumed, loaded, listed, copied, deleted; what differs is refused."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

import tunesmith as ts

SPACE = {"x": ts.Float(0.0, 1.0), "n": ts.Int(1, 4)}


def by_x(trial):
    return trial["x"]


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return ts.MemoryStore() if request.param == "memory" else ts.SQLiteStore(tmp_path / "studies.db")


@pytest.mark.parametrize(
    "searcher",
    [
        "manual",
        "grid",
        "random",
        "qmc",
        "tpe",
        ts.GridSearcher(resolution=3, shuffle=True),
        ts.QMCSearcher(scramble=False),
    ],
)
@pytest.mark.parametrize("scheduler", ["none", "asha", ts.ASHA(promotion=True, eta=2)])
def test_settings_survive_loading_by_name(searcher, scheduler, store):
    made = ts.create_study(
        SPACE,
        searcher=searcher,
        scheduler=scheduler,
        fidelity=ts.Fidelity("epoch", 1, 9),
        name="one",
        storage=store,
        objectives={"a": "maximize"},
        seed=7,
        n_trials=9,
    )
    loaded = ts.load_study("one", storage=store)
    assert loaded.spec == made.spec
    assert loaded.cursor.searcher == made.cursor.searcher
    assert loaded.cursor.scheduler == made.cursor.scheduler


def test_any_holder_may_ask_and_tell(store):
    first = ts.create_study(SPACE, searcher="tpe", name="shared", storage=store, seed=0)
    second = ts.load_study("shared", storage=store)
    for study in (first, second, first, second):
        trial = study.ask()
        study.tell(trial, trial["x"])
    assert [t.number for t in first.trials] == [0, 1, 2, 3]
    assert [t.params for t in first.trials] == [t.params for t in second.trials]
    assert first.replay().identical
    first.close()
    second.close()


def test_resuming_continues_the_same_search(store, capsys):
    options = {"searcher": "tpe", "seed": 3, "name": "resumed", "storage": store}
    ts.tune(by_x, SPACE, n_trials=6, **options)
    study = ts.tune(by_x, SPACE, n_trials=14, **options)
    assert len(study.trials) == 14
    assert "resumed: 6 of 14 done" in capsys.readouterr().err
    straight = ts.tune(by_x, SPACE, n_trials=14, searcher="tpe", seed=3)
    assert [t.params for t in straight.trials] == [t.params for t in study.trials]
    assert study.replay() == straight.replay()
    assert len(ts.tune(by_x, SPACE, n_trials=14, **options).trials) == 14


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"space": {"x": ts.Float(0.0, 2.0), "n": ts.Int(1, 4)}}, "space"),
        ({"direction": "maximize"}, "objectives"),
        ({"objectives": {"a": "minimize", "b": "minimize"}}, "objectives"),
        ({"seed": 4}, "seed"),
        ({"searcher": "random"}, "searcher"),
        ({"scheduler": "asha"}, "scheduler"),
        ({"fidelity": ts.Fidelity("epoch", 1, 9)}, "fidelity"),
    ],
)
def test_resuming_something_else_is_refused_and_nothing_changes(change, word, store):
    base = {"space": SPACE, "searcher": "tpe", "seed": 3, "direction": None}
    ts.tune(by_x, base["space"], n_trials=2, searcher="tpe", seed=3, name="mine", storage=store)
    wanted = {**base, **change}
    space = wanted.pop("space")
    with pytest.raises(ts.StudyError, match=word):
        ts.tune(by_x, space, n_trials=5, name="mine", storage=store, **wanted)
    assert len(ts.load_study("mine", storage=store).trials) == 2


def test_listing_copying_deleting(store):
    study = ts.tune(by_x, SPACE, n_trials=3, searcher="random", seed=0, name="a", storage=store)
    ts.create_study(SPACE, name="b", storage=store)
    assert [info.spec.name for info in ts.list_studies(storage=store)] == ["a", "b"]
    assert ts.list_studies(storage=store)[0].counts["COMPLETE"] == 3
    copy = ts.copy_study("a", "c", storage=store)
    assert [t.params for t in copy.trials] == [t.params for t in study.trials]
    assert copy.replay().identical
    copy.optimize(by_x, 5)
    assert (len(copy.trials), len(study.trials)) == (5, 3)
    with pytest.raises(ts.StudyError):
        ts.copy_study("a", "b", storage=store)
    ts.delete_study("a", storage=store)
    assert [info.spec.name for info in ts.list_studies(storage=store)] == ["b", "c"]
    with pytest.raises(ts.StudyError, match="'a'"):
        ts.load_study("a", storage=store)
    with pytest.raises(ts.StudyError):
        study.ask()


def test_a_copy_of_a_study_under_way_puts_running_trials_back(store):
    study = ts.create_study(SPACE, searcher="random", seed=0, name="a", storage=store)
    study.ask(2)
    copy = ts.copy_study("a", "c", storage=store)
    assert [t.state for t in copy.trials] == [ts.TrialState.WAITING] * 2
    assert [t.state for t in study.trials] == [ts.TrialState.RUNNING] * 2
    study.close()


def test_two_studies_of_one_name_are_refused(store):
    ts.create_study(SPACE, name="a", storage=store)
    with pytest.raises(ts.StudyError, match="'a'"):
        ts.create_study(SPACE, name="a", storage=store)


def test_create_or_load(store):
    options = {"searcher": "random", "seed": 1, "name": "a", "storage": store, "load_if_exists": True}
    ts.create_study(SPACE, **options).ask()
    again = ts.create_study(SPACE, **options)
    assert len(again.trials) == 1
    assert again.ask().number == 1
    with pytest.raises(ts.StudyError, match="another seed"):
        ts.create_study(SPACE, **{**options, "seed": 2})
    with pytest.raises(ts.StudyError, match="another space"):
        ts.create_study({"x": ts.Float(0, 9)}, **options)


def test_an_endless_search_is_refused_before_there_is_a_study(store):
    with pytest.raises(ts.SettingError, match="would never end"):
        ts.tune(by_x, SPACE, name="endless", storage=store)
    assert not ts.list_studies(storage=store)
    ts.tune(by_x, SPACE, n_trials=2, name="endless", storage=store, searcher="random")
    assert len(ts.tune(by_x, SPACE, name="endless", storage=store).trials) == 2


@dataclass
class Config:
    lr: Annotated[float, ts.Float(1e-5, 1e-1, log=True)] = 1e-3
    width: Annotated[int, ts.Int(16, 256, log=True)] = 64
    act: Literal["relu", "gelu"] = "relu"


def test_a_typed_space_gives_configs_and_tries_the_defaults_first(store):
    seen = []

    def fit(trial):
        assert isinstance(trial.config, Config)
        seen.append(trial.config)
        return trial.config.lr

    study = ts.tune(fit, Config, n_trials=4, searcher="random", seed=0, name="typed", storage=store)
    assert seen[0] == Config()
    assert study.trials[0].source == "default"
    ts.tune(fit, Config, n_trials=6, searcher="random", seed=0, name="typed", storage=store)
    assert len(seen) == 6


def test_labelled_objects_survive_a_store_when_the_space_is_given_again(store):
    space = {"layer": ts.Categorical({"small": [1, 2], "big": [3, 4]})}
    ts.tune(lambda t: sum(t["layer"]), space, n_trials=2, searcher="random", seed=0, name="nn", storage=store)
    study = ts.tune(
        lambda t: sum(t["layer"]), space, n_trials=5, searcher="random", seed=0, name="nn", storage=store
    )
    assert all(t.state is ts.TrialState.COMPLETE for t in study.trials)
    assert {t.params["layer"] for t in study.trials} <= {"small", "big"}


def test_replay_sees_batches_queues_and_imports(store):
    study = ts.create_study(SPACE, searcher="tpe", seed=0, name="mixed", storage=store)
    study.enqueue({"n": 2})
    batch = study.ask(4)
    study.enqueue({"x": 0.5})
    study.add_trial({"x": 0.1, "n": 1}, 0.1)
    for trial in batch[::-1]:
        study.tell(trial, trial["x"])
    study.optimize(by_x, 30)
    result = ts.load_study("mixed", storage=store).replay()
    assert result.identical
    assert result.checked == 29
    study.close()
