"""While trials run, a searcher may prepare its next proposal: where, when, and with what effect."""

import threading
import time
from dataclasses import dataclass

import pytest

import tunesmith as ts
from tunesmith.kernel.meanwhile import Meanwhile
from tunesmith.record.history import History
from tunesmith.search._base import Ask, HistorySearcher, Proposal
from tunesmith.store.memory import MemoryStore

SPACE = {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}
CALLS = []  # (thread, pending, created, observed) of each preparation in this process


@dataclass(frozen=True, slots=True)
class Fitting(HistorySearcher):
    """Proposes near the mean of what it has seen; `prepare` sums up all but what is pending."""

    cost: float = 0.0
    fails: bool = False
    once: bool = False
    prepares = True

    def prepare(self, state: History, ask: Ask) -> None:
        CALLS.append((threading.current_thread().name, len(ask.pending), state.created, state.n))
        if self.fails:
            raise RuntimeError("out of luck")
        time.sleep(self.cost if len(CALLS) == 1 or not self.once else 0.0)
        state.scratch["sum"] = (state.n, state.units(ask.space).sum(axis=0))

    def ask(self, state: History, ask: Ask) -> Proposal:
        n, total = state.scratch.get("sum", (0, 0.0))
        if n > state.n:  # a note of later in the log
            n, total = 0, 0.0
        for row in state.units(ask.space)[n:]:
            total = total + row
        noise = ask.rng.generator().random(2)
        return Proposal(((total + noise) / (state.n + 1)).clip(0, 1).tolist())


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def slow(trial):
    time.sleep(0.02)
    return trial["x"]


def params(study):
    return [dict(trial.params) for trial in sorted(study.trials, key=lambda trial: trial.number)]


def test_beside_an_objective_in_this_process_a_thread_prepares():
    study = ts.tune(slow, SPACE, searcher=Fitting(), n_trials=6, seed=0)
    assert {name for name, *_ in CALLS} == {"tunesmith-prepare"}
    seen = [call[1:] for call in CALLS]
    assert set(seen) <= {(1, n + 1, n) for n in range(1, 5)}  # nothing for a seventh
    assert len(set(seen)) == len(seen)
    assert not [t for t in threading.enumerate() if t.name == "tunesmith-prepare"]
    plain = ts.create_study(SPACE, searcher=Fitting(), seed=0)
    for _ in range(6):
        trial = plain.ask()
        plain.tell(trial, trial["x"])
    assert params(plain) == params(study)
    assert study.replay().identical


def test_for_short_trials_nothing_is_prepared():
    ts.tune(lambda trial: trial["x"], SPACE, searcher=Fitting(), n_trials=30, seed=0)
    assert len(CALLS) <= 10  # what a busy machine makes long


def test_preparing_must_be_shorter_than_trials():
    ts.tune(slow, SPACE, searcher=Fitting(cost=0.1), n_trials=8, seed=0)
    assert len(CALLS) <= 3


def test_one_dear_preparation_is_not_the_last():
    """Only the first takes 0.1 s: beside trials of 0.02 s it is forgotten within ten of them."""
    ts.tune(slow, SPACE, searcher=Fitting(cost=0.1, once=True), n_trials=24, seed=0)
    assert len(CALLS) >= 4


def test_with_workers_the_driver_prepares():
    study = ts.tune(slow, SPACE, searcher=Fitting(), n_trials=10, seed=0, workers=2)
    assert {name for name, *_ in CALLS} <= {"MainThread"}
    assert study.replay().identical


def test_a_preparation_that_fails_costs_a_warning():
    with pytest.warns(UserWarning, match="could not prepare its next proposal .*out of luck") as said:
        study = ts.tune(slow, SPACE, searcher=Fitting(fails=True), n_trials=6, seed=0)
    assert len(said) == len(CALLS) == 1
    assert study.replay().identical


def test_an_interrupt_does_not_wait_for_ever_nor_leave_threads():
    def interrupted(trial):
        time.sleep(0.02)
        if trial.number == 4:
            raise KeyboardInterrupt
        return trial["x"]

    study = ts.tune(interrupted, SPACE, searcher=Fitting(), n_trials=9, seed=0, quiet=True)
    assert [t.state.value for t in study.trials][-1] == "WAITING"
    assert not [t for t in threading.enumerate() if t.name == "tunesmith-prepare"]
    study.optimize(slow, 9)
    assert study.replay().identical
    assert len(study.trials) == 9


def test_once_for_each_state():
    study = ts.create_study(SPACE, searcher=Fitting(), seed=0)
    trial = study.ask()
    for _ in range(3):
        study.cursor.prepare(None)
        trial.report(0.5, step=len(CALLS) + trial.number)
    assert len(CALLS) == 1
    study.tell(trial, 1.0)
    study.cursor.prepare(None)
    assert len(CALLS) == 2
    study.cursor.prepare(1)  # the study is full
    assert len(CALLS) == 2


def test_a_message_waits_for_the_preparation_at_most():
    study = ts.create_study(SPACE, searcher=Fitting(cost=0.2), seed=0)
    trial = study.ask()
    meanwhile = Meanwhile(study.cursor, None, apart=False)
    meanwhile._lasted = 1.0
    with meanwhile:
        time.sleep(0.05)
        began = time.perf_counter()
        study.tell(trial, 1.0)
        waited = time.perf_counter() - began
    meanwhile.close()
    assert len(CALLS) == 1
    assert waited < 2.0


def test_parts_prepare_as_they_see_it():
    searcher = ts.combine(ts.combine("random", Fitting()), then=Fitting(), after=4)
    study = ts.create_study(
        {**SPACE, "z": ts.Int(0, 3)}, searcher=ts.combine(searcher, fixed={"z": 2}), seed=0
    )
    assert study.cursor.searcher.prepares
    assert not ts.combine("random", "tpe").prepares
    for n in range(8):
        trial = study.ask()
        study.cursor.prepare(None)
        assert CALLS[-1][1:] == (1, n + 1, n)
        study.tell(trial, trial["x"])
    assert study.replay().identical
    assert isinstance(study.cursor.store, MemoryStore)
