"""Every wrong input is one sentence, before the first trial where that can be, and nothing told is lost."""

import sqlite3
import threading

import pytest

import tunesmith as ts


def never(trial):
    raise AssertionError("the objective was called")


SPACES = {
    "low > high": (lambda: {"x": ts.Float(2.0, 1.0)}, "low"),
    "int low > high": (lambda: {"n": ts.Int(5, 1)}, "low"),
    "log at zero": (lambda: {"x": ts.Float(0.0, 1.0, log=True)}, "log"),
    "log below zero": (lambda: {"n": ts.Int(-1, 4, log=True)}, "log"),
    "infinite": (lambda: {"x": ts.Float(0.0, float("inf"))}, "finite"),
    "not a number": (lambda: {"x": ts.Float("0", 1.0)}, "number"),
    "no choices": (lambda: {"k": ts.Categorical([])}, "empty"),
    "no choices in a list": (lambda: {"k": []}, "empty"),
    "one choice twice": (lambda: {"k": ["a", "a"]}, "twice"),
    "unknown parent": (lambda: {"x": ts.Float(0, 1, when={"model": "svm"})}, "model"),
    "impossible parent": (lambda: {"m": ["a", "b"], "x": ts.Float(0, 1, when={"m": "c"})}, "'c'"),
    "circle": (
        lambda: {"a": ts.Int(0, 1, when={"b": 1}), "b": ts.Int(0, 1, when={"a": 1})},
        "circle",
    ),
    "default outside": (lambda: {"x": ts.Float(0, 1, default=3.0)}, "outside"),
    "prior outside": (lambda: {"x": ts.Float(0, 1, prior=ts.Prior(3.0))}, "outside"),
    "no mapping": (lambda: [ts.Float(0, 1)], "mapping"),
    "nameless": (lambda: {3: ts.Float(0, 1)}, "text"),
}


@pytest.mark.parametrize("case", SPACES)
def test_spaces_that_cannot_be(case):
    build, word = SPACES[case]
    with pytest.raises(ts.SpaceError, match=word) as caught:
        ts.tune(never, build(), n_trials=3)
    _is_one_sentence(caught)


@pytest.mark.parametrize(
    "constraints", [["x > 2"], ["x > 0.5", "x < 0.4"], ["y > 0"], ["x >"], ["__import__('os')"], [3]]
)
def test_constraints_that_contradict_or_make_no_sense(constraints):
    with pytest.raises(ts.SpaceError) as caught:
        ts.tune(never, {"x": ts.Float(0, 1)}, constraints=constraints, n_trials=3)
    _is_one_sentence(caught)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"direction": "up"}, "direction"),
        ({"direction": "max"}, "minimize"),
        ({"objectives": {"a": "maximise"}}, "maximize"),
        ({"objectives": {}}, "objectives"),
        ({"objectives": {"a": "minimize"}, "direction": "minimize"}, "not both"),
        ({"searcher": "bayes"}, "bayes"),
        ({"scheduler": "fast"}, "fast"),
        ({"searcher": 3}, "searcher"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"n_trials": 0}, "n_trials"),
        ({"n_trials": "ten"}, "n_trials"),
        ({"workers": 0}, "workers"),
        ({"timeout": "soon"}, "timeout"),
        ({"trial_timeout": 0}, "trial_timeout"),
        ({"retries": -1}, "retries"),
        ({"storage": "postgres://host/db", "name": "a"}, "storage"),
        ({"storage": "memory:"}, "name"),
        ({"name": ""}, "name"),
        ({"searcher": "tunesmith.nowhere:Searcher"}, "imported"),
        ({"searcher": "tunesmith.schedule.asha:ASHA"}, "Searcher"),
        ({"scheduler": ts.ASHA(promotion=True)}, "fidelity"),
    ],
)
def test_arguments_that_cannot_be(options, word):
    with pytest.raises(ts.SettingError, match=word) as caught:
        ts.tune(never, {"x": ts.Float(0, 1)}, **{"n_trials": 3, **options})
    _is_one_sentence(caught)


@pytest.mark.parametrize("objective", [None, "train.py", 3])
def test_an_objective_that_is_none(objective):
    with pytest.raises(ts.ObjectiveError):
        ts.tune(objective, {"x": ts.Float(0, 1)}, n_trials=3)


def test_an_objective_that_returns_text():
    with pytest.raises(ts.ObjectiveError, match="good"):
        ts.tune(lambda trial: "good", {"x": ts.Float(0, 1)}, n_trials=3)


def test_an_objective_that_cannot_be_sent_to_a_worker():
    lock = threading.Lock()

    def objective(trial):
        with lock:
            return 1.0

    with pytest.raises(ts.ObjectiveError) as caught:
        ts.tune(objective, {"x": ts.Float(0, 1)}, n_trials=3, workers=2)
    assert "lock" in str(caught.value)


def test_one_name_with_another_space(tmp_path):
    path = tmp_path / "studies.db"
    ts.tune(lambda t: t["x"], {"x": ts.Float(0, 1)}, n_trials=3, name="a", storage=path, seed=0)
    with pytest.raises(ts.StudyError, match="'a'") as caught:
        ts.tune(never, {"x": ts.Float(0, 2)}, n_trials=5, name="a", storage=path)
    _is_one_sentence(caught)
    assert len(ts.load_study("a", storage=path).trials) == 3


def test_a_store_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "studies.db"
    ts.tune(lambda t: t["x"], {"x": ts.Float(0, 1)}, n_trials=3, name="a", storage=path, seed=0).close()
    _set_version(path, "1000")
    with pytest.raises(ts.StoreTooNew) as caught:
        ts.load_study("a", storage=path)
    _is_one_sentence(caught)
    _set_version(path, "1")
    assert len(ts.load_study("a", storage=path).trials) == 3


def _set_version(path, version):
    database = sqlite3.connect(path)
    with database:
        database.execute("update meta set value = ? where key = 'schema'", (version,))
    database.close()


def test_a_file_that_is_no_store(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(ts.StoreError) as caught:
        ts.list_studies(storage=path)
    _is_one_sentence(caught)
    assert path.read_text().startswith("not a database")


class FullDisk(ts.MemoryStore):
    """A store that takes so many appends, and then has no space left."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def append(self, study, events, expect=None):
        if self.room <= 0:
            raise ts.StoreError("the disk is full: free some space and run the same call again")
        self.room -= 1
        return super().append(study, events, expect)


@pytest.mark.parametrize("room", range(1, 12))
def test_a_full_disk_loses_nothing_that_was_told(room):
    store = FullDisk(room)
    told = []

    def objective(trial):
        told.append(trial["x"])
        return trial["x"]

    options = {"searcher": "tpe", "seed": 0, "name": "full", "storage": store}
    with pytest.raises(ts.StoreError, match="full"):
        ts.tune(objective, {"x": ts.Float(0, 1)}, n_trials=10, **options)
    before = [
        t.value for t in ts.load_study("full", storage=store).trials if t.state is ts.TrialState.COMPLETE
    ]
    store.room = 10**6
    study = ts.load_study("full", storage=store)
    assert [t.value for t in study.trials if t.state is ts.TrialState.COMPLETE] == before
    assert before == told[: len(before)]
    assert len(told) - len(before) <= 1


def _is_one_sentence(caught):
    text = str(caught.value)
    assert text
    assert "\n" not in text
    assert len(text) < 400
    assert not text.endswith(".")
