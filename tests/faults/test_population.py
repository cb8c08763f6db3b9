"""kill -9 of workers and drivers while a population trains: no member is lost, and lineages are whole."""

import random
from collections import Counter

import pytest
from tests.faults.killing import ended, kill, position, start, workers_of
from tests.faults.population import SPACE, training

import tunesmith as ts
from tunesmith.record.event import Reported


def trained(storage, population, workers, steps, kills):
    """Train a population with so many kills, of workers and drivers, spread over its steps; whom they hit."""
    chance, gate = random.Random(population), storage.with_name("gate")
    arguments = ("population.py", storage, population, workers, steps, gate)
    gate.write_text("1")
    driver = start(*arguments)
    hit, seen = Counter(), 0
    while not ended(driver, chance.uniform(0.0, 0.3)):
        victims = workers_of(driver)
        if hit.total() >= kills or not victims or position(storage) <= seen:
            continue  # a worker that dies whenever it starts ends a run
        seen = position(storage) + workers // 2
        who = "driver" if chance.random() < 0.25 else "worker"
        kill(driver if who == "driver" else chance.choice(victims))
        hit[who] += 1
        gate.with_suffix(".new").write_text(str(1 + steps * hit.total() // kills))
        gate.with_suffix(".new").replace(gate)  # whole or not at all
        if who == "driver":
            driver.communicate()
            driver = start(*arguments)
    assert hit.total() == kills
    return hit


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
        training(steps),
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
    trained(storage, 8, 3, 18, kills=6)
    check_again(check(storage, 8, 18), storage, 18)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("population", "workers"), [(16, 8), (32, 8), (32, 32)])
def test_populations_that_lose_workers_all_the_time(tmp_path, population, workers):
    storage = tmp_path / "study.db"
    hit = trained(storage, population, workers, 30, kills=30)
    assert hit["worker"] >= 10
    assert hit["driver"] >= 3
    check_again(check(storage, population, 30), storage, 30)
