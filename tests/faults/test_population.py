"""kill -9 of workers and drivers while a population trains: no member is lost, and lineages are whole."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from tests.faults.population import SPACE, training

import tunesmith as ts
from tunesmith.record.event import Reported

DRIVER = Path(__file__).with_name("population.py")


def start(storage, population, workers, steps):
    command = [sys.executable, str(DRIVER), str(storage), str(population), str(workers), str(steps)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def ended(driver, seconds):
    try:
        _, error = driver.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    assert driver.returncode == 0, error.decode()
    return True


def kill(process):
    try:
        process.kill()
        process.wait()
    except psutil.Error:
        return


def workers_of(driver):
    try:
        children = psutil.Process(driver.pid).children(recursive=True)
        return [child for child in children if "_boot.py" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def position(storage):
    """How long the log is; 0 while there is none."""
    if not storage.exists() or not ts.list_studies(storage=storage):
        return 0
    study = ts.load_study("killed", storage=storage)
    found = study.cursor.read().position
    study.cursor.store.close()
    return found


def trained(storage, population, workers, steps, kills, pause):
    """Train a population with so many kills; how many workers and drivers were killed."""
    chance = random.Random(population)
    killed, drivers, seen = 0, 0, 0
    driver = start(storage, population, workers, steps)
    while not ended(driver, chance.uniform(0.5, 1.5) * pause):
        if killed + drivers >= kills or position(storage) <= seen:
            continue  # a worker that dies whenever it starts ends a run
        seen = position(storage) + workers
        if chance.random() < 0.25:
            driver.kill()
            driver.communicate()
            drivers += 1
            driver = start(storage, population, workers, steps)
        elif victims := workers_of(driver):
            kill(chance.choice(victims))
            killed += 1
    return killed, drivers


def check(storage, population, steps):
    study = ts.load_study("killed", storage=storage)
    trials = study.trials
    states = Counter(trial.state for trial in trials)
    assert states[ts.TrialState.COMPLETE] == population, states
    assert not states[ts.TrialState.RUNNING] + states[ts.TrialState.WAITING] + states[ts.TrialState.FAILED]
    clones = [trial for trial in trials if trial.parent is not None]
    assert len(trials) == population + len(clones)
    assert len(clones) == states[ts.TrialState.STOPPED] + states[ts.TrialState.PAUSED]
    assert len(clones) >= population // 2
    for trial in trials:
        if trial.state is not ts.TrialState.COMPLETE:
            continue
        lineage = [trial.number]
        while (parent := trials[lineage[-1]].parent) is not None:
            lineage.append(parent)
        trail = trial.user_attrs["trail"]
        assert [step for step, _ in trail] == list(range(1, steps + 1))
        who = list(dict.fromkeys(number for _, number in trail))
        assert [number for number in lineage[::-1] if number in who] == who
        segments = study.schedule(trial.number).segments
        assert [segment.trial for segment in segments] == who
        assert [segment.end for segment in segments] == [
            max(step for step, number in trail if number == one) for one in who
        ]
    store = study.cursor.store
    reports = Counter(
        (event.number, event.step) for event in store.read(study.cursor.id) if isinstance(event, Reported)
    )
    assert max(reports.values()) == 1, "a step was reported twice"
    assert store.check() == []
    assert study.replay().identical
    return study


def check_again(study, storage, steps):
    again = ts.tune(
        training(steps, 0.0),
        SPACE,
        fidelity=ts.Fidelity("step", 1, steps),
        scheduler=ts.PBTReplay(study.schedule()),
        name="again",
        storage=storage,
        seed=1,
    )
    assert again.best_value == study.best_value


def test_a_population_survives_kills_and_its_schedule_can_be_trained_again(tmp_path):
    storage = tmp_path / "study.db"
    killed, drivers = trained(storage, 8, 3, 18, kills=8, pause=0.6)
    assert killed + drivers >= 4
    check_again(check(storage, 8, 18), storage, 18)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("population", "workers"), [(16, 8), (32, 8), (32, 32)])
def test_populations_that_lose_workers_all_the_time(tmp_path, population, workers):
    storage = tmp_path / "study.db"
    killed, drivers = trained(storage, population, workers, 30, kills=60, pause=0.6)
    assert killed >= 10
    assert drivers >= 3
    check_again(check(storage, population, 30), storage, 30)
