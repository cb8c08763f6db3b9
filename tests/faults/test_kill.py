"""kill -9 of drivers and workers at any moment: what was told is there, and the study goes on exactly."""

import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from tests.faults.killing import ended, kill, position, start, workers_of

import tunesmith as ts
from tunesmith.record.event import Created, Finished, Paused, Reported, Resumed


def count(told):
    return len(told.read_text().splitlines()) if told.exists() else 0


def grown(told, lines):
    return count(told) > lines


def check_log(storage, told, trials):
    """Nothing told is lost or changed, numbers are 0, 1, 2, …, the projection agrees, replay is identical."""
    study = ts.load_study("killed", storage=storage)
    records = study.trials
    assert [trial.number for trial in records] == list(range(len(records)))
    assert len(records) <= trials
    for line in told.read_text().splitlines() if told.exists() else []:
        number, state, value = line.split(" ", 2)
        assert (records[int(number)].state.value, repr(records[int(number)].value)) == (state, value)
    store = study.cursor.store
    events = store.read(study.cursor.id)
    created = [event.number for event in events if isinstance(event, Created)]
    finished = [event.number for event in events if isinstance(event, Finished)]
    for numbers in (created, finished):  # of a study that was killed before its first trial, none
        assert max(Counter(numbers).values(), default=1) == 1
    assert store.check() == []
    replayed = study.replay()
    assert replayed.identical, replayed
    store.close()
    return records, events


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_killed_twenty_times_loses_nothing(tmp_path, workers):
    storage, told = tmp_path / "study.db", tmp_path / "told"
    chance = random.Random(workers)
    trials, kills, lines = 150, 0, 0
    while kills < 10:  # ten a parameter: twenty in all
        driver = start("driver.py", storage, "plain", trials, workers, told)
        kill_a_worker = workers > 1 and kills % 2
        while kill_a_worker and driver.poll() is None and not grown(told, lines):
            time.sleep(0.02)  # until the objective has been loaded once, and a trial told
        lines = count(told)
        if ended(driver, chance.uniform(0.05, 0.3) if kill_a_worker else chance.uniform(0.3, 1.5)):
            trials += 20  # the study was done already: raise its budget, and go on killing
            continue
        victims = workers_of(driver)
        if victims and kill_a_worker:
            kill(chance.choice(victims))  # a worker first; its trial is run again
            time.sleep(0.05)
        driver.kill()
        driver.communicate()
        kills += 1
        if storage.exists() and ts.list_studies(storage=storage):
            check_log(storage, told, trials)
        else:
            assert not count(told)  # killed before there was a study
    assert ended(start("driver.py", storage, "plain", trials, workers, told), 200)
    records, _ = check_log(storage, told, trials)
    assert len(records) == trials
    assert {trial.state for trial in records} == {ts.TrialState.COMPLETE}


def test_a_generator_under_promotion_survives_the_loss_of_half_its_workers(tmp_path):
    storage, told = tmp_path / "study.db", tmp_path / "told"
    chance = random.Random(7)
    driver = start("driver.py", storage, "curve", 60, 9, told)
    killed = 0
    while position(storage) < 50 and driver.poll() is None:
        time.sleep(0.02)
    while not ended(driver, 0.4):
        victims = workers_of(driver)
        for victim in chance.sample(victims, min(len(victims), 5)) if killed < 25 else ():
            kill(victim)
            killed += 1
        if killed >= 5:
            Path(f"{told}.gate").touch()
    records, events = check_log(storage, told, 60)
    assert len(records) == 60
    assert not any(trial.state is ts.TrialState.RUNNING for trial in records)
    steps = Counter((event.number, event.step) for event in events if isinstance(event, Reported))
    assert max(steps.values()) == 1, "a step was reported twice"
    budgets = defaultdict(list)
    for event in events:
        if isinstance(event, Resumed):
            budgets[event.number].append(event.budget)
    assert budgets, "no trial was promoted"
    assert all(given == sorted(set(given)) for given in budgets.values()), "resumed twice to one budget"
    assert any(isinstance(event, Paused) for event in events)
    assert sum(trial.state is ts.TrialState.COMPLETE for trial in records) >= 1


def test_eight_drivers_share_one_study(tmp_path):
    storage = tmp_path / "study.db"
    n = 1000
    drivers = [start("driver.py", storage, "plain", n, 1, tmp_path / f"told{k}") for k in range(8)]
    for driver in drivers:
        assert ended(driver, 250)
    told = [line for k in range(8) for line in (tmp_path / f"told{k}").read_text().splitlines()]
    assert sorted(int(line.split()[0]) for line in told) == list(range(n)), (
        "a trial was run twice, or not at all"
    )
    records, _ = check_log(storage, tmp_path / "told0", n)
    assert len(records) == n
