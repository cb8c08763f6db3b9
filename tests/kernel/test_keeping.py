"""Checkpoints of a study: which are kept, what a trial starts from, and what becomes of the rest."""

import gc
import hashlib
import os
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.kernel.files import best
from tunesmith.record.event import Checkpointed, Created, Finished, Released
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.schedule._base import Scheduler
from tunesmith.store._blobs import Folder

X = {"x": ts.Float(0, 1)}


def blobs_of(study):
    return {path.name for path in Path(study.cursor.context.checkpoints.where).glob("blobs/*/*")}


def name_of(content):
    return hashlib.sha256(content).hexdigest()


def put_back(study, number):
    """The trial's worker is lost."""
    study.cursor.append([Released(number, study.trials[number].attempt, study.cursor.worker, "lost")])


@pytest.fixture
def at_once(monkeypatch):
    """What is superseded goes without delay, and is looked for every time."""
    monkeypatch.setattr(Folder, "patience", 0.0)
    monkeypatch.setattr("tunesmith.kernel.files._SHARE", 0.0)


@dataclass(frozen=True, slots=True)
class Cloning(Scheduler[None]):
    """Every trial but the first starts from the one before it."""

    keeps: bool = False

    def init(self, problem):
        return None

    def tell(self, state, trial):
        return None

    def decide(self, state, trial):
        return ts.Decision.CONTINUE

    def plan(self, state, number):
        return ts.Start(9, number - 1 if number else None)

    def parents(self, state):
        return (0,) if self.keeps else ()


def saving(trial):
    for epoch in range(1, 4):
        trial.save_checkpoint({"number": trial.number, "epoch": epoch}, step=epoch)
        trial.report(trial["x"], step=epoch)
    return trial["x"]


def test_a_study_in_memory_keeps_them_as_long_as_it_lives():
    study = ts.tune(saving, X, n_trials=3, seed=0)
    folder = Path(study.cursor.context.checkpoints.where)
    assert study.load_checkpoint() == {"number": study.best_trial.number, "epoch": 3}
    assert len(blobs_of(study)) == 1
    assert folder.is_dir()
    del study
    gc.collect()
    assert not folder.exists()
    assert not folder.parent.exists()


def test_a_study_without_any_makes_no_folder():
    study = ts.tune(lambda trial: trial["x"], X, n_trials=3, seed=0)
    assert not Path(study.cursor.context.checkpoints.where).parent.exists()
    assert study.load_checkpoint() is None


@pytest.mark.parametrize(
    ("keep_best", "keep_last", "kept"),
    [(1, 1, 1), (2, 1, 2), (2, 2, 4), (0, 1, 0), (None, 1, 5), (None, 3, 15)],
)
def test_what_is_kept_of_finished_trials(tmp_path, keep_best, keep_last, kept):
    study = ts.tune(
        saving, X, n_trials=5, seed=0, searcher="random", name="s", storage=tmp_path / "s.db", quiet=True,
        checkpoints=ts.Checkpoints(keep_best=keep_best, keep_last=keep_last),
    )  # fmt: skip
    assert len(blobs_of(study)) == kept
    ranked = sorted(study.trials, key=lambda trial: trial.value)
    for rank, trial in enumerate(ranked):
        there = keep_best is None or rank < keep_best
        if there:
            assert study.load_checkpoint(trial)["number"] == trial.number
        else:
            with pytest.warns(RuntimeWarning, match="any more"):
                assert study.load_checkpoint(trial) is None
    again = ts.load_study("s", storage=tmp_path / "s.db")
    assert blobs_of(again) == blobs_of(study)


@pytest.mark.parametrize(
    ("scheduler", "n_trials"),
    [("halving", 9), (ts.Hyperband(promotion=True), 22), (ts.PBT(4, interval=3), 30)],
)
def test_what_was_left_behind_is_not_kept(scheduler, n_trials):
    def train(trial):
        first = (trial.load_checkpoint() or {"epoch": 0})["epoch"] + 1
        for epoch in range(first, 10):
            trial.save_checkpoint({"epoch": epoch, "number": trial.number}, step=epoch)
            yield trial["x"] + 1 / epoch

    study = ts.tune(
        train, X, n_trials=n_trials, seed=0, quiet=True, scheduler=scheduler,
        fidelity=ts.Fidelity("epoch", 1, 9, 3), checkpoints=ts.Checkpoints(keep_best=1),
    )  # fmt: skip
    states = Counter(trial.state for trial in study.trials)
    assert states[ts.TrialState.PAUSED]
    assert states[ts.TrialState.COMPLETE]
    assert len(blobs_of(study)) == 1
    assert study.load_checkpoint()["number"] == study.best_trial.number


def test_what_is_superseded_goes_soon(at_once):
    study = ts.create_study(X, checkpoints=ts.Checkpoints(keep_last=2))
    trial, other = study.ask(2)
    other.save_checkpoint(b"other")
    for step in range(5):
        trial.save_checkpoint(str(step).encode(), step=step)
    assert blobs_of(study) == {name_of(b"other"), name_of(b"3"), name_of(b"4")}


def test_what_another_trial_needs_stays(at_once):
    study = ts.create_study(X)
    trial, other = study.ask(2)
    trial.save_checkpoint(b"same")
    other.save_checkpoint(b"same")
    trial.save_checkpoint(b"new")
    assert other.load_checkpoint() == b"same"
    assert blobs_of(study) == {name_of(b"same"), name_of(b"new")}
    other.save_checkpoint(b"new")
    assert blobs_of(study) == {name_of(b"new")}


def test_files_that_two_folders_share_stay(at_once, tmp_path):
    study = ts.create_study(X)
    trial = study.ask()
    (tmp_path / "frozen").write_bytes(b"backbone")
    for step in range(3):
        (tmp_path / "head").write_text(str(step))
        trial.save_checkpoint(tmp_path, step=step)
    assert len(blobs_of(study)) == 3
    assert name_of(b"backbone") in blobs_of(study)
    assert (trial.load_checkpoint() / "head").read_text() == "2"


def test_superseded_ones_wait_for_who_may_have_found_them_just_now():
    study = ts.create_study(X)
    trial = study.ask()
    trial.save_checkpoint(b"1")
    trial.save_checkpoint(b"2")
    assert blobs_of(study) == {name_of(b"1"), name_of(b"2")}


def test_what_this_process_has_removed_is_not_named_again(at_once):
    study = ts.create_study(X)
    trial, other = study.ask(2)
    trial.save_checkpoint(b"1")
    found = study.cursor.context.checkpoints.save(b"1")  # a worker finds it, and is slow to say so
    trial.save_checkpoint(b"2")
    message = ts.kernel.trial.Message(1, 1, ts.kernel.trial.Kind.CHECKPOINT, 1, file=found)
    study.cursor.answer(message)
    assert study.cursor.fold.ledger.checkpoints.get(1) is None
    other.save_checkpoint(b"1")  # saved anew it counts
    assert other.load_checkpoint() == b"1"


def test_a_clone_starts_from_its_parents_at_its_birth(at_once):
    study = ts.create_study(X, scheduler=Cloning())
    parent = study.ask()
    parent.save_checkpoint(b"1", step=1)
    child = study.ask()
    parent.save_checkpoint(b"2", step=2)
    assert blobs_of(study) == {name_of(b"1"), name_of(b"2")}  # the child has none of its own yet
    put_back(study, child.number)
    again = study.ask()
    assert (again.number, again.load_checkpoint(), again.step) == (1, b"1", 1)
    again.report(0.5)
    assert study.trials[1].reports[0].step == 2
    grandchild = study.ask()
    again.save_checkpoint(b"own", step=3)
    assert blobs_of(study) == {name_of(b"1"), name_of(b"2"), name_of(b"own")}
    assert (grandchild.load_checkpoint(), grandchild.step) == (b"1", 1)
    study.tell(grandchild, 0.1)
    study.tell(again, 0.2)
    assert blobs_of(study) == {name_of(b"1"), name_of(b"2")}  # of the best, and of who runs


@pytest.mark.parametrize("keeps", [True, False])
def test_a_scheduler_says_whose_it_may_need(at_once, keeps):
    study = ts.create_study(X, scheduler=Cloning(keeps), checkpoints=ts.Checkpoints(keep_best=0))
    parent = study.ask()
    parent.save_checkpoint(b"1", step=1)
    study.tell(parent, 0.5)
    assert blobs_of(study) == ({name_of(b"1")} if keeps else set())


def test_a_trial_taken_over_goes_on_where_it_was_saved(tmp_path):
    study = ts.create_study(X, name="s", storage=tmp_path / "s.db")
    trial = study.ask()
    for step in (1, 2):
        trial.report(0.5, step)
        trial.save_checkpoint({"step": step, "w": np.full(3, step)})
    trial.report(0.5, 3)
    other = ts.load_study("s", storage=tmp_path / "s.db")
    put_back(study, 0)
    again = other.ask()
    found = again.load_checkpoint()
    assert (again.number, found["step"], again.step, found["w"].tolist()) == (0, 2, 2, [2, 2, 2])
    again.report(0.7)  # step 3 again: it is known
    again.report(0.8)
    assert [report.step for report in other.trials[0].reports] == [1, 2, 3, 4]
    trial.save_checkpoint(b"of a zombie")
    assert trial.should_stop
    assert trial.load_checkpoint()["step"] == 2
    assert other.cursor.read().checkpoints[0][0].step == 2


def damage(study, content):
    digest = name_of(content)
    Path(study.cursor.context.checkpoints.where, "blobs", digest[:2], digest).write_bytes(b"rotten")


def test_a_damaged_one_is_passed_over_for_the_one_before():
    study = ts.create_study(X, checkpoints=ts.Checkpoints(keep_last=2))
    trial = study.ask()
    trial.save_checkpoint(b"1", step=1)
    trial.save_checkpoint(b"2", step=2)
    damage(study, b"2")
    put_back(study, 0)
    again = study.ask()
    with pytest.warns(
        RuntimeWarning, match="lost the checkpoint of trial 0 at step 2: .* is damaged; it starts"
    ):
        assert again.load_checkpoint() == b"1"
    assert again.step == 1
    damage(study, b"1")
    with pytest.warns(RuntimeWarning, match="starts from its beginning, and reports no step twice"):
        assert again.load_checkpoint() is None


def test_a_clone_whose_parents_is_damaged_fails_and_says_why():
    study = ts.create_study(X, scheduler=Cloning())
    parent = study.ask()
    parent.save_checkpoint(b"1", step=1)
    damage(study, b"1")
    with pytest.raises(
        ts.CheckpointLost, match="trial 1 cannot start from its parent: the checkpoint of trial 0"
    ):
        study.ask().load_checkpoint()


def test_what_was_saved_last_is_loaded_within_the_same_attempt():
    trial = ts.create_study(X).ask()
    assert trial.load_checkpoint() is None
    trial.report(0.5, 4)
    trial.save_checkpoint([1, 2])
    trial.report(0.5, 6)
    assert trial.load_checkpoint() == [1, 2]
    assert trial.step == 4


def test_copies_of_files_go_with_the_attempt(tmp_path):
    file = tmp_path / "weights.bin"
    file.write_bytes(b"w")
    study = ts.create_study(X)
    trial = study.ask()
    trial.save_checkpoint(file)
    path = trial.load_checkpoint()
    assert (path.name, path.read_bytes()) == ("weights.bin", b"w")
    study.tell(trial, 0.5)
    del trial
    gc.collect()
    assert not path.exists()
    mine = study.load_checkpoint()
    del study
    gc.collect()
    assert mine.read_bytes() == b"w"


_KILLED = """
import os, sys
import tunesmith as ts
from tunesmith.record.event import Checkpointed
study = ts.create_study({"x": ts.Float(0, 1)}, name="s", storage=sys.argv[1])
trial = study.ask()
trial.save_checkpoint(b"1", step=1)
append = study.cursor.append
def dies(self, events, expect=None):
    os.kill(os.getpid(), 9)
type(study.cursor)._append = dies
trial.save_checkpoint(b"2", step=2)
"""


def test_a_driver_killed_between_the_file_and_the_log(tmp_path):
    path = tmp_path / "s.db"
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert done.returncode == -9
    study = ts.load_study("s", storage=path)
    study.optimize(lambda trial: float(trial.load_checkpoint()), 1)
    assert study.trials[0].value == 1.0
    assert blobs_of(study) == {name_of(b"1"), name_of(b"2")}  # too young to be nobody's
    orphan = name_of(b"2")
    os.utime(Path(study.cursor.context.checkpoints.where, "blobs", orphan[:2], orphan), (1, 1))
    study.optimize(lambda trial: 0.5, 2)
    assert blobs_of(study) == {name_of(b"1")}


def test_an_old_name_still_loads(tmp_path, at_once):
    study = ts.create_study(X, name="s", storage=tmp_path / "s.db")
    trial = study.ask()
    folder = Path(study.cursor.context.files)
    folder.mkdir(parents=True)
    old = f"0-1-{name_of(b'old')[:16]}.ckpt"
    (folder / old).write_bytes(b"old")
    study.cursor.append([Checkpointed(0, 1, 3, old)])
    put_back(study, 0)
    again = study.ask()
    assert (again.load_checkpoint(), again.step) == (b"old", 3)
    copied = ts.copy_study("s", "copy", storage=tmp_path / "s.db")
    assert copied.load_checkpoint(0) == b"old"
    again.save_checkpoint(b"new")
    assert not (folder / old).exists()
    del trial


@pytest.mark.parametrize("where", [None, "elsewhere", "memory://copies"])
def test_copying_and_deleting_take_them_along(tmp_path, where):
    if where and "://" in where:
        pytest.importorskip("fsspec")
    place = str(tmp_path / where) if where == "elsewhere" else where
    path = tmp_path / "s.db"
    study = ts.tune(
        saving, X, n_trials=3, seed=0, name="s", storage=path, quiet=True, checkpoints=ts.Checkpoints(place)
    )
    wanted = study.load_checkpoint()
    copied = ts.copy_study("s", "copy", storage=path, to_storage=tmp_path / "other.db")
    assert copied.cursor.context.checkpoints.where != study.cursor.context.checkpoints.where
    assert len(copied.cursor.context.checkpoints.blobs.ages()) == 1
    shelf = study.cursor.context.checkpoints
    ts.delete_study("s", storage=path)
    assert shelf.blobs.ages() == {}
    assert not Path(shelf.where).exists()
    assert copied.load_checkpoint() == wanted
    assert ts.load_study("copy", storage=tmp_path / "other.db").load_checkpoint() == wanted


def test_a_study_is_resumed_with_the_same_place(tmp_path):
    options = {"name": "s", "storage": tmp_path / "s.db", "load_if_exists": True}
    study = ts.create_study(X, **options, checkpoints=tmp_path / "here")
    again = ts.create_study(X, **options)
    assert again.cursor.context.checkpoints == study.cursor.context.checkpoints
    assert again.spec.checkpoints == study.spec.checkpoints
    ts.create_study(X, **options, checkpoints=ts.Checkpoints(tmp_path / "here"))
    for other in (tmp_path / "there", ts.Checkpoints(tmp_path / "here", keep_best=2)):
        with pytest.raises(ts.StudyError, match="with another checkpoints"):
            ts.create_study(X, **options, checkpoints=other)


def test_worker_processes_save_and_load(tmp_path):
    study = ts.tune(resuming, X, n_trials=4, workers=2, seed=0, retries=1, checkpoints=tmp_path / "files")
    assert [trial.state for trial in study.trials] == [ts.TrialState.COMPLETE] * 4
    assert {trial.value for trial in study.trials} == {2.0}
    assert {trial.attempt for trial in study.trials} == {2}
    assert len(blobs_of(study)) == 1


def resuming(trial):
    found = trial.load_checkpoint()
    if found is None:
        trial.save_checkpoint({"epoch": 2, "w": np.ones(10) * trial["x"]})
        os._exit(3)  # as a kill would
    return found["epoch"] + 0.0 * found["w"].sum()


def folded(problem, *ends):
    ledger = Ledger(problem)
    for number, (state, values, constraints) in enumerate(ends):
        ledger.apply(Created(number, 1, {}))
        ledger.apply(Checkpointed(number, 1, 1, str(number)))
        ledger.apply(Finished(number, 1, ts.TrialState(state), values, constraints=constraints))
    return ledger


def test_which_trials_are_the_best():
    ledger = folded(
        Problem(objectives=parse_objectives("maximize", None)),
        ("COMPLETE", (3.0,), {}),
        ("COMPLETE", (9.0,), {"c": 1.0}),  # infeasible
        ("STOPPED", (5.0,), {}),
        ("COMPLETE", (1.0,), {}),
        ("FAILED", None, {}),
        ("STOPPED", None, {}),
        ("COMPLETE", (float("inf"),), {}),
    )
    order = [6, 0, 3, 2, 1]
    for count in range(6):
        assert best(ledger, range(7), count) == set(order[:count])
    assert best(ledger, range(7), None) == set(range(7))


def test_of_several_objectives_the_front_goes_first():
    ledger = folded(
        Problem(objectives=parse_objectives(None, {"a": "minimize", "b": "maximize"})),
        ("COMPLETE", (3.0, 1.0), {}),
        ("COMPLETE", (1.0, 1.0), {}),
        ("COMPLETE", (2.0, 2.0), {}),
    )
    assert best(ledger, range(3), 2) == {1, 2}


def test_a_place_that_refuses_to_remove_costs_no_trial(monkeypatch):
    monkeypatch.setattr(Folder, "remove", lambda *_: (_ for _ in ()).throw(PermissionError("no")))
    study = ts.create_study(X)
    with pytest.warns(RuntimeWarning, match="could not be removed from .*PermissionError: no"):
        study.optimize(saving, 2)
    assert study.best_value is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study.optimize(saving, 4)  # said once


def yielding(trial):
    state = trial.load_checkpoint() or {"epoch": 0, "made": []}
    for epoch in range(state["epoch"] + 1, 10):
        state = {"epoch": epoch, "made": [*state["made"], epoch]}
        trial.save_checkpoint(state, step=epoch)
        yield trial["x"] + 1 / epoch


@pytest.mark.parametrize("memory", [0, None])
def test_a_paused_generator_goes_on_from_its_checkpoint(tmp_path, memory):
    begun = []

    def objective(trial):
        found = trial.load_checkpoint()
        begun.append((trial.number, 0 if found is None else found["epoch"], trial.step))
        yield from yielding(trial)

    study = ts.tune(
        objective, X, n_trials=9, seed=0, fidelity=ts.Fidelity("epoch", 1, 9), scheduler="asha",
        pause_memory=memory,
    )  # fmt: skip
    done = [trial for trial in study.trials if trial.state is ts.TrialState.COMPLETE]
    assert done
    for trial in study.trials:
        assert [report.step for report in trial.reports] == list(range(1, int(trial.step) + 1))
        newest = study.cursor.fold.ledger.checkpoints[trial.number][0]
        assert newest.step == trial.step
    assert study.load_checkpoint()["made"] == list(range(1, 10))
    resumed = [(epoch, step) for _, epoch, step in begun if epoch]
    assert all(epoch == step for epoch, step in resumed)
    assert bool(resumed) == (memory == 0)
