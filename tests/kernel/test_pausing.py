"""Paused generators: kept in memory, in whichever process they are, for as long as there is room."""

import os
import signal
import sys
from collections import Counter

import pytest

import tunesmith as ts
from tunesmith import _check
from tunesmith.execute import _memory
from tunesmith.kernel.parking import Parking, Room, room

SPACE = {"x": ts.Float(0.0, 1.0)}
EPOCHS = ts.Fidelity("epoch", 1, 9, 3)
MEGABYTE = 2**20


def training(folder, megabytes=0):
    """Notes each start in a file of its process's own, with the memory that the process has then."""

    def objective(trial):
        note(folder, trial.number)
        ballast = os.urandom(1024) * 1024 * megabytes
        for epoch in range(1, 10):
            yield trial["x"] + 1 / epoch + 0 * len(ballast)

    def note(folder, number):
        from tunesmith.execute._memory import resident

        with open(os.path.join(folder, f"{os.getpid()}"), "a") as file:
            file.write(f"{number} {resident()}\n")

    return objective


def starts(folder):
    """The trials that were begun, by process, and the memory then."""
    return {
        int(path.name): [tuple(map(int, line.split())) for line in path.read_text().splitlines()]
        for path in folder.iterdir()
    }


def promoted(objective, n, **options):
    found = ts.tune(
        objective,
        SPACE,
        n_trials=n,
        scheduler=ts.ASHA(promotion=True),
        fidelity=EPOCHS,
        searcher="random",
        seed=0,
        workers=2,
        progress=False,
        **options,
    )
    for trial in found.trials:
        assert [r.step for r in trial.reports] == list(range(1, trial.step + 1))
    return found


def check_no_rerun(tmp_path, n):
    study = promoted(training(str(tmp_path)), n)
    begun = starts(tmp_path)
    assert len(begun) == 2
    assert sorted(number for found in begun.values() for number, _ in found) == list(range(n))
    assert sum(t.attempt > 1 for t in study.trials) > n / 6
    assert study.replay().identical


def test_no_paused_trial_runs_again(tmp_path):
    check_no_rerun(tmp_path, 200)


@pytest.mark.long
def test_no_paused_trial_of_a_thousand_runs_again(tmp_path):
    check_no_rerun(tmp_path, 1000)


def check_memory(tmp_path, n):
    """Both processes stay within their halves, what is running and some slack of the allocator aside."""
    study = promoted(training(str(tmp_path), megabytes=4), n, pause_memory="96MB")
    begun = starts(tmp_path)
    again = Counter(number for found in begun.values() for number, _ in found)
    assert set(again) == set(range(n))
    assert max(again.values()) > 1, "a hundred trials of 4 MB cannot all have been kept in 96 MB"
    for found in begun.values():
        first, most = found[0][1], max(memory for _, memory in found)
        assert most - first < (48 + 16) * MEGABYTE
    assert study.replay().identical


def test_memory_is_bounded(tmp_path):
    check_memory(tmp_path, 100)


@pytest.mark.long
def test_memory_is_bounded_with_a_thousand(tmp_path):
    check_memory(tmp_path, 1000)


def test_a_killed_worker_costs_starts_and_no_trial(tmp_path):
    """A trial kills its process, with all that it keeps."""
    plain = training(str(tmp_path))

    def objective(trial):
        for epoch, value in enumerate(plain(trial), start=1):
            if trial.number == 30 and epoch == 1 and not os.path.exists(tmp_path / "0"):
                (tmp_path / "0").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield value

    study = promoted(objective, 60, retries=1)
    (tmp_path / "0").unlink()
    assert len(study.trials) == 60
    assert not [t for t in study.trials if t.state is ts.TrialState.FAILED]
    begun = starts(tmp_path)
    assert len(begun) == 3
    again = Counter(number for found in begun.values() for number, _ in found)
    assert set(again) == set(range(60))
    assert 1 <= sum(count - 1 for count in again.values()) < 30
    assert study.replay().identical


def test_one_process_keeps_them_too():
    begun = []

    def objective(trial):
        begun.append(trial.number)
        for epoch in range(1, 10):
            yield trial["x"] + 1 / epoch

    options = {"scheduler": "asha", "fidelity": EPOCHS, "searcher": "random", "seed": 0}
    ts.tune(objective, SPACE, n_trials=200, **options)
    assert sorted(begun) == list(range(200))
    begun.clear()
    study = ts.tune(objective, SPACE, n_trials=60, pause_memory=0, **options)
    assert set(begun) == set(range(60))
    assert study.replay().identical


class Memory:
    """What a process would hold: its own, and 10 for each that is kept."""

    def __init__(self):
        self.own = 100
        self.device = 0.0
        self.parking = None

    def __call__(self):
        return self.own + (10 * len(self.parking) if self.parking is not None else 0)


def generator(log, number):
    try:
        while True:
            yield
    finally:
        log.append(number)


def parked(limit):
    memory, log = Memory(), []
    memory.parking = parking = Parking(
        Room(limit, 0.4), memory, lambda: memory.device * len(memory.parking or ())
    )

    def keep(number, step):
        live = generator(log, number)
        next(live)
        parking.keep(number, step, (None, live))

    return parking, keep, log, memory


def test_who_is_given_up():
    """Who got least far; among these who was kept longest."""
    parking, keep, closed, _ = parked(30)
    for number, step in [(0, 3), (1, 1), (2, 1), (3, 9), (4, 1), (5, 3), (6, 3)]:
        keep(number, step)
        assert len(parking) <= 3
    assert closed == [1, 2, 4, 0]
    assert sorted(parking) == [3, 5, 6]
    assert parking.take(0) is None
    assert parking.take(3) is not None
    assert 3 not in parking


def test_memory_of_a_gpu_counts_too():
    parking, keep, closed, memory = parked(10**9)
    memory.device = 0.15
    for number in range(5):
        keep(number, number)
    assert closed == [0, 1, 2]
    assert sorted(parking) == [3, 4]


def test_what_torch_says_of_gpus(monkeypatch):
    class Cuda:
        is_initialized = staticmethod(lambda: True)
        device_count = staticmethod(lambda: 2)
        memory_allocated = staticmethod(lambda device: 10 * (device + 1))
        mem_get_info = staticmethod(lambda _: (3, 80))

    assert _memory.on_device() == 0.0
    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"cuda": Cuda}))
    assert _memory.on_device() == 0.25


def test_what_is_left_is_the_process_s_own():
    """Modules that a trial imports are no reason to close all others for ever."""
    parking, keep, closed, memory = parked(30)
    memory.own = 1000
    keep(0, 1)
    assert closed == [0]
    keep(1, 1)
    keep(2, 1)
    assert closed == [0]
    assert sorted(parking) == [1, 2]


def test_what_lies_in_cycles_is_not_held_against_the_others():
    """Models that know themselves are freed by a collection only."""

    class Model:
        def __init__(self):
            self.weights = bytearray(8 * MEGABYTE)
            self.weights[::4096] = bytes(len(self.weights[::4096])).replace(b"\0", b"1")
            self.itself = self

    def train():
        model = Model()
        while True:
            yield len(model.weights)

    before = _memory.resident()
    parking = Parking(Room(64 * MEGABYTE))
    most = 0
    for number in range(60):
        live = train()
        next(live)
        parking.keep(number, 1, (None, live))
        if number > 10:
            assert len(parking) > 2
        most = max(most, _memory.resident() - before)
    assert most < 400 * MEGABYTE


def test_what_a_generator_raises_when_it_is_closed_is_its_own():
    parking, keep, _, _ = parked(0)

    def stubborn():
        try:
            yield
        finally:
            raise ValueError

    live = stubborn()
    next(live)
    parking.keep(0, 1, (None, live))
    assert not len(parking)
    keep(1, 1)


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("500mb", 5 * 10**8), (7, 7), ("0", 0)]
)
def test_sizes(text, size):
    assert _check.size("pause_memory", text) == size


@pytest.mark.parametrize("wrong", ["2 apples", "-1MB", -1, "", float("nan"), None, True])
def test_sizes_that_are_none(wrong):
    with pytest.raises(ts.SettingError, match="pause_memory"):
        _check.size("pause_memory", wrong)
    if wrong is not None:
        with pytest.raises(ts.SettingError, match="pause_memory"):
            ts.tune(lambda trial: 0.0, SPACE, n_trials=1, pause_memory=wrong)


def test_the_machine_has_memory(tmp_path):
    assert 2**25 < _memory.resident() < _memory.machine()
    assert room(4) == Room(int(_memory.machine() / 8), 0.125)
    assert room(4, 100) == Room(25, 0.125)


def test_limits_of_cgroups(tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "_CGROUPS", tmp_path)
    for name, text in [("memory.max", "max"), ("a/memory.max", "12345\n"), ("a/b/memory.max", "99999")]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    listing = tmp_path / "cgroup"
    listing.write_text("0::/a/b\n4:memory:/x\n5:cpu:/y\n")
    folders = [str(f.relative_to(tmp_path)) for f in _memory._cgroups(listing)]
    assert folders == ["a/b", "a", ".", "memory/x", "memory"]
    monkeypatch.setattr(_memory, "_cgroups", lambda _: [tmp_path / name for name in folders])
    assert _memory.machine() == 12345
