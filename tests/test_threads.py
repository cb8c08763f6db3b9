"""BLAS has one thread while a searcher computes, and what it had before when it is done."""

import threading
from dataclasses import dataclass

import pytest
from threadpoolctl import ThreadpoolController

import tunesmith as ts
from tunesmith._threads import one_thread
from tunesmith.search._base import HistorySearcher, Proposal

SEEN = []


def counts():
    return [library.num_threads for library in blas().lib_controllers]


def blas():
    return ThreadpoolController().select(user_api="blas")


@dataclass(frozen=True, slots=True)
class Looking(HistorySearcher):
    """Notes how many threads it has."""

    def ask(self, state, ask):
        SEEN.append(counts())
        return Proposal([0.5])


@pytest.fixture(autouse=True)
def _two_threads():
    SEEN.clear()
    with blas().limit(limits=2):
        if set(counts()) != {2}:
            pytest.skip("BLAS has one thread here")
        yield


def test_asks_have_one_thread():
    study = ts.create_study({"x": ts.Float(0, 1)}, searcher=Looking())
    study.tell(study.ask(), 1.0)
    assert study.replay().identical
    assert {n for seen in SEEN for n in seen} == {1}
    assert set(counts()) == {2}


def test_an_error_gives_them_back():
    with pytest.raises(ZeroDivisionError), one_thread:
        _ = 1 / 0
    assert set(counts()) == {2}


def test_who_leaves_last_gives_them_back():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with one_thread:
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with one_thread:
        thread.start()
        assert inside.wait(10)
        with one_thread:
            assert set(counts()) == {1}
    assert set(counts()) == {1}
    leave.set()
    thread.join()
    assert set(counts()) == {2}


def test_what_somebody_else_sets_is_kept():
    with one_thread:
        for library in blas().lib_controllers:
            library.set_num_threads(3)
    assert set(counts()) == {3}


def test_a_race_is_undone():
    before = one_thread.counts()
    one_thread.__enter__()
    other = blas().limit(limits=1)
    other.__enter__()
    one_thread.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert set(counts()) == {1}
    one_thread.restore(before)
    assert set(counts()) == {2}
