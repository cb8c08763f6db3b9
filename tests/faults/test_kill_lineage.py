"""kill -9 of drivers and workers while parents and clones train: everybody goes on from the right weights."""

import random
import time

import pytest
from tests.faults.killing import ended, start, workers_of

import tunesmith as ts
from tunesmith.record.event import Checkpointed, Created

STEPS = 12


def through_kills(storage, workers, kills, seed):
    """Two drivers on one store, one of them or of their workers killed every now and then, until both end."""
    rng = random.Random(seed)
    arguments = ("lineage.py", storage, workers)
    drivers = [start(*arguments) for _ in range(2)]
    until = time.monotonic() + 240
    while any(driver.poll() is None for driver in drivers) and time.monotonic() < until:
        time.sleep(rng.uniform(0.2, 1.0))
        which = rng.randrange(2)
        if not kills or drivers[which].poll() is not None:
            continue
        workers_there = workers_of(drivers[which])
        if workers_there and rng.random() < 0.6:
            rng.choice(workers_there).kill()
        else:
            drivers[which].kill()
            drivers[which].communicate()
            drivers[which] = start(*arguments)
        kills -= 1
    for driver in drivers:
        assert ended(driver, 30)


def check_lineage(storage):
    """Every trial's steps are its parent's up to the checkpoint of its birth, and its own from there on."""
    study = ts.load_study("lineage", storage=storage)
    newest, origin = {}, {}
    for event in study.cursor.store.read(study.cursor.id):
        if isinstance(event, Created):
            origin[event.number] = newest[event.number] = newest.get(event.parent)
        elif isinstance(event, Checkpointed):
            newest[event.number] = event
    made = {}
    for trial in study.trials:  # parents come before their children
        start = origin[trial.number]
        before = [] if start is None else made[start.number][: start.step]
        assert len(before) == (0 if start is None else start.step)
        last = newest[trial.number]
        made[trial.number] = [] if last is None else study.load_checkpoint(trial)["made"]
        own = made[trial.number][len(before) :]
        assert made[trial.number][: len(before)] == before
        assert set(own) <= {trial.number}
        steps = [report.step for report in trial.reports]
        assert steps == sorted(set(steps))  # none twice
        if trial.state is ts.TrialState.COMPLETE:
            assert len(made[trial.number]) == STEPS
            assert steps[-1:] == [STEPS] or len(before) == STEPS  # its parent had saved, and not yet told
    # One more where a trial was told to stop, had saved its last step, and was killed before it stopped.
    assert sum(trial.state is ts.TrialState.COMPLETE for trial in study.trials) >= 5
    assert not any(trial.state is ts.TrialState.FAILED for trial in study.trials)
    assert study.cursor.store.check() == []
    return study


def test_lineage_through_kills(tmp_path):
    through_kills(tmp_path / "s.db", 1, 4, seed=1)
    study = check_lineage(tmp_path / "s.db")
    assert any(trial.parent is not None for trial in study.trials)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_lineage_through_many_kills(tmp_path, seed):
    through_kills(tmp_path / "s.db", 2, 25, seed)
    check_lineage(tmp_path / "s.db")
