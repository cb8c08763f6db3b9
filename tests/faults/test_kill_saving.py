"""kill -9 while a checkpoint is being saved: the one before is there, or the new one, never half of it."""

import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith as ts

SAVER = Path(__file__).with_name("saver.py")


def killed(tmp_path, kind, times):
    """Save, be killed, go on with another attempt, so many times; the versions that were sure to be there."""
    storage = tmp_path / "s.db"
    done = subprocess.run(
        [sys.executable, str(SAVER), str(storage), kind, str(times)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    study = ts.load_study("saved", storage=storage)
    assert study.trials[0].attempt == times
    assert study.cursor.store.check() == []
    pairs = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(pairs) == times
    return study, pairs


@pytest.mark.parametrize("kind", ["bytes", "tree", "folder"])
def test_kills_while_saving(tmp_path, kind):
    study, pairs = killed(tmp_path, kind, 5)
    assert pairs[-1][0] > 0
    sizes = [size for size in (path.stat().st_size for path in files(study)) if size]
    study.optimize(lambda trial: float(trial.load_checkpoint() is not None), 1)
    assert study.trials[0].value == 1.0
    kept = {"bytes": 1, "tree": 1, "folder": 1 + 2 + 1}[kind]  # a folder: frozen, a, b and c alike, the list
    assert kept - 1 <= len(files(study)) <= len(sizes)
    assert not list(Path(study.cursor.context.checkpoints.where).glob("coming/*"))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["bytes", "tree", "folder"])
def test_a_hundred_kills_while_saving(tmp_path, kind):
    _, pairs = killed(tmp_path, kind, 100)
    between = sum(sure < most for sure, most in pairs)
    assert between > 30  # most kills came while one was being saved


def files(study):
    return list(Path(study.cursor.context.checkpoints.where).glob("blobs/*/*"))
