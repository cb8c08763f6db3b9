"""Runs that are told to end, from inside and from another process; failures without a traceback."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.record.event import Halted

ROOT = Path(__file__).parents[2]
DRIVER = """
import time
import tunesmith as ts

def objective(trial):
    open(f"began-{trial.number}", "w").close()
    time.sleep(SECONDS)
    return trial["x"]

if __name__ == "__main__":
    study = ts.tune(objective, {"x": ts.Float(0, 1)}, n_trials=500, workers=2, searcher="random",
                    name="far", storage="far.db", quiet=True)
"""


@pytest.fixture
def driver(tmp_path):
    running = []

    def start(seconds):
        (tmp_path / "driver.py").write_text(DRIVER.replace("SECONDS", str(seconds)))
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        running.append(subprocess.Popen([sys.executable, "driver.py"], cwd=tmp_path, env=env))
        wait_for(lambda: len(list(tmp_path.glob("began-*"))) >= 2)
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.02)


def test_another_process_ends_a_run_and_running_trials_finish(driver, tmp_path):
    process = driver(0.2)
    study = ts.load_study("far", storage=tmp_path / "far.db")
    study.stop()
    assert process.wait(60) == 0
    states = [t.state for t in study.trials]
    assert 2 <= len(states) < 500
    assert set(states) == {ts.TrialState.COMPLETE}


def test_now_puts_running_trials_back_without_waiting_for_them(driver, tmp_path):
    process = driver(1000)
    study = ts.load_study("far", storage=tmp_path / "far.db")
    study.stop(now=True)
    assert process.wait(60) == 0
    assert {t.state for t in study.trials} == {ts.TrialState.WAITING}
    assert study.cursor.fold.ledger.halt_now > 0


def test_a_stop_concerns_only_runs_that_are_under_way():
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random")
    study.stop()
    study.stop(now=True)
    study.optimize(lambda trial: trial["x"], 5)
    assert len(study.trials) == 5
    events = study.cursor.store.read(study.cursor.id)
    assert [e.now for e in events if isinstance(e, Halted)] == [False, True]
    assert study.replay().identical


@pytest.mark.parametrize(("died", "attempts"), [(False, 1), (True, 3)])
def test_a_failure_said_by_the_objective_has_no_traceback_and_may_be_tried_again(died, attempts):
    def objective(trial):
        raise ts.TrialFailed("the data of this trial are gone", died=died)

    study = ts.create_study({"x": ts.Float(0, 1)}, searcher="random")
    study.optimize(objective, 1, retries=2)
    assert study.trials[0].error == "the data of this trial are gone"
    assert study.trials[0].attempt == attempts
