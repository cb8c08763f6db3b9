"""The laws of a store, as tests that every store runs.

    class TestMyStore(StoreLaws):
        def open(self, folder, lease=60.0):
            return MyStore(folder / "studies", lease=lease)

pytest then collects every law; `hypothesis` plays random histories against a dictionary.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tunesmith.errors import Conflict, LeaseLost, StudyError
from tunesmith.record.codec import encode_event
from tunesmith.record.event import (
    Claimed,
    Created,
    Event,
    Extended,
    Finished,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Single,
    Suggested,
    becomes,
)  # fmt: skip
from tunesmith.record.trial import TrialState
from tunesmith.space.domain import Float
from tunesmith.store._base import Leases, Store
from tunesmith.testing._store_samples import STRANGE, WRITES, ask, created, finished, spec
from tunesmith.testing.store_machine import StoreMachine

SHORT = 0.3
"""Seconds: a lease that runs out within a test."""


class StoreLaws:
    """Inherit, and say in `open` how to open your store; the same folder must give the same studies."""

    histories: ClassVar[int] = 20  # random ones; fewer for a slow store

    def open(self, folder: Path, lease: float = 60.0) -> Store:
        """A store in this folder, whose claims hold for `lease` seconds."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        store = self.open(tmp_path)
        yield store
        _close(store)

    @pytest.fixture
    def hasty(self, tmp_path: Path) -> Iterator[Store]:
        """A store whose leases are short."""
        store = self.open(tmp_path, lease=SHORT)
        yield store
        _close(store)

    # Studies

    def test_a_study_is_found_as_it_was_created(self, store: Store) -> None:
        first = spec("a 'b' \"c\" 学習", created=12.5, searcher={"name": "tpe", "n": 3})
        ids = [store.create(first), store.create(spec("second"))]
        found = store.list()
        assert [info.id for info in found] == ids
        assert found[0].spec == first
        assert found[0].position == 0
        assert set(found[0].counts) == {state.value for state in TrialState}
        assert not any(found[0].counts.values())

    def test_a_name_is_taken_once(self, store: Store) -> None:
        store.create(spec("a"))
        with pytest.raises(StudyError, match="exists already"):
            store.create(spec("a"))
        assert len(store.list()) == 1

    def test_a_deleted_study_is_gone_and_its_id_with_it(self, store: Store) -> None:
        study, other = store.create(spec("a")), store.create(spec("b"))
        store.append(study, [created(0)])
        store.append(other, [created(0)])
        store.delete(study)
        calls: list[Callable[[], object]] = [
            lambda: store.read(study),
            lambda: store.append(study, [created(1)]),
            lambda: store.append(study, []),
            lambda: store.renew(study, [(0, 1)]),
            lambda: store.renew(study, []),
            lambda: store.delete(study),
        ]
        for call in calls:
            with pytest.raises(StudyError, match="deleted"):
                call()
        assert store.create(spec("a")) not in (study, other)
        assert len(store.read(other)) == 1

    def test_counts_follow_the_trials(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0), created(1), created(2, worker=None), created(3), created(4)])
        ends: list[Event] = [
            finished(0),
            Paused(1, 1, step=1),
            Finished(3, 1, state=TrialState.FAILED, error="x"),
        ]
        store.append(study, ends)
        store.append(study, [created(5), finished(5)])
        (info,) = store.list()
        counts = {"WAITING": 1, "RUNNING": 1, "PAUSED": 1, "COMPLETE": 2, "STOPPED": 0, "FAILED": 1}
        assert info.counts == counts
        assert info.position == 10
        _agrees(store)

    # The log

    def test_positions_count_from_one_and_a_reader_goes_on_from_anywhere(self, store: Store) -> None:
        study = store.create(spec())
        log: list[Event] = [created(0), Suggested(0, 1, params={"x": 0.5}, domains={"x": Float(0.0, 1.0)})]
        assert store.append(study, log) == 2
        assert store.append(study, [finished(0)]) == 3
        assert store.append(study, []) == 3
        log.append(finished(0))
        for after in range(5):
            assert list(store.read(study, after)) == log[after:]

    def test_studies_do_not_see_each_other(self, store: Store) -> None:
        a, b = store.create(spec("a")), store.create(spec("b"))
        store.append(a, [created(0)])
        store.append(b, [created(0, worker="w2"), finished(0)])
        store.append(a, [created(1)], expect=1)
        assert [event.number for event in store.read(a)] == [0, 1]
        assert len(store.read(b)) == 2

    def test_all_or_nothing(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0)])
        batches: list[list[Event]] = [
            [created(1), finished(0, attempt=2)],
            [finished(0), created(0, worker="w2")],
            [Noted(-1, 0, key="k", value=1), created(1), created(3)],
            [Reported(0, 1, step=1, values=(1.0,)), Claimed(0, 2, worker="w2")],
        ]
        for batch in batches:
            with pytest.raises((Conflict, LeaseLost)):
                store.append(study, batch)
        assert list(store.read(study)) == [created(0)]
        assert store.append(study, [created(1)], expect=1) == 2
        _agrees(store)

    def test_a_number_is_given_once_and_none_is_left_out(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0)], expect=0)
        for batch, expect in (([created(0, "w2")], 0), ([created(0, "w2")], None), ([created(2)], None)):
            with pytest.raises(Conflict):
                store.append(study, batch, expect=expect)
        with pytest.raises(Conflict):
            store.append(study, [created(2)], expect=2)
        assert store.append(study, [created(1), created(2, None)], expect=1) == 3

    def test_notes_concern_no_trial(self, store: Store) -> None:
        study = store.create(spec())
        notes: list[Event] = [Noted(-1, 0, key="k", value={"a": [1]}), Extended(-1, 0, n_trials=None)]
        assert store.append(study, notes) == 2
        assert list(store.read(study)) == notes
        assert store.append(study, [created(0)], expect=0) == 3

    def test_values_are_stored_exactly(self, store: Store) -> None:
        study = store.create(spec())
        events: list[Event] = [
            Noted(-1, 0, key="k'\"\0", value=STRANGE),
            Created(0, 1, params=STRANGE, memo=STRANGE, worker="w'\"学", at=1e9 + 0.1),
            Suggested(0, 1, params=STRANGE),
            Reported(0, 1, step=2**40, values=(math.nan, 1e308), metrics={"\0": math.inf, "'": 5e-324}),
            Finished(
                0, 1, state=TrialState.COMPLETE, values=(-math.inf, -0.0), error="a\0b 'c' \ud800",
                constraints={"c": math.nan}, user_attrs=STRANGE,
            ),
        ]  # fmt: skip
        store.append(study, events)
        assert [encode_event(event) for event in store.read(study)] == [encode_event(e) for e in events]
        _agrees(store)

    # Fences

    @pytest.mark.parametrize("write", WRITES)
    def test_a_lost_attempt_writes_nothing(self, store: Store, write: Callable[[int, int], Single]) -> None:
        study = store.create(spec())
        store.append(study, [created(0), Released(0, 1, worker="w1"), Claimed(0, 2, worker="w2")])
        before = list(store.read(study))
        with pytest.raises(LeaseLost):
            store.append(study, [write(0, 1)])
        assert list(store.read(study)) == before
        assert store.append(study, [Reported(0, 2, step=1, values=(2.0,)), finished(0, 2)]) == 5
        _agrees(store)

    @pytest.mark.parametrize("write", WRITES)
    def test_only_a_running_trial_is_written_about(
        self, store: Store, write: Callable[[int, int], Single]
    ) -> None:
        study = store.create(spec())
        store.append(study, [created(0, None), created(1), created(2)])
        store.append(study, [Paused(1, 1, step=7), Finished(2, 1, state=TrialState.STOPPED, values=(9.0,))])
        for number, attempt in ((0, 0), (1, 1), (2, 1), (3, 1)):
            with pytest.raises(LeaseLost):
                store.append(study, [write(number, attempt)])
        assert len(store.read(study)) == 5

    def test_a_claim_is_taken_once(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0, None), created(1), Paused(1, 1, step=1)])
        store.append(study, [Claimed(0, 1, worker="w1"), Resumed(1, 2, worker="w1", budget=9)])
        for event in (Claimed(0, 1, worker="w2"), Claimed(0, 2, worker="w2"), Resumed(1, 2, worker="w2")):
            with pytest.raises(Conflict):
                store.append(study, [event])
        store.append(study, [finished(0), finished(1, 2)])
        _agrees(store)

    def test_what_a_lost_attempt_wrote_is_kept_as_evidence(self, store: Store) -> None:
        refused: Callable[[int], Sequence[Event]] | None = getattr(store, "refused", None)
        if refused is None:
            pytest.skip("this store keeps no evidence to read")
        study = store.create(spec())
        store.append(study, [created(0), finished(0, value=1.0)])
        late: list[Event] = [Reported(0, 1, step=1, values=(2.0,)), finished(0, value=2.0)]
        with pytest.raises(LeaseLost):
            store.append(study, late)
        assert list(refused(study)) == late

    # Repeats

    @pytest.mark.parametrize("write", WRITES)
    def test_a_repeated_write_changes_nothing(
        self, store: Store, write: Callable[[int, int], Single]
    ) -> None:
        study = store.create(spec())
        store.append(study, [created(0), created(1)])
        event = write(0, 1)
        if not store.shared and becomes(event) is TrialState.RUNNING:
            pytest.skip("within one process an append's answer is never lost, so nobody repeats a report")
        store.append(study, [event])
        store.append(study, [Reported(1, 1, step=1, values=(3.0,)), created(2)])
        assert store.append(study, [event._replace(at=99.0)]) == 5
        assert len(store.read(study)) == 5
        _agrees(store)

    def test_a_repeated_batch_changes_nothing(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0)])
        tell: list[Event] = [
            Suggested(0, 1, params={"x": 0.25}, domains={"x": Float(0.0, 1.0)}),
            Reported(0, 1, step=1, values=(math.nan,), metrics={"loss": float("nan")}),
            Finished(0, 1, state=TrialState.FAILED, error="NaN"),
        ]
        ask: list[Event] = [created(1), created(2, None)]
        for batch, expect in ((tell, None), (ask, 1)):
            position = store.append(study, batch, expect=expect)
            again: list[Event] = [event._replace(at=7.0) for event in batch]
            assert store.append(study, again, expect=expect) == position
        assert len(store.read(study)) == 6

    def test_another_result_is_no_repeat(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0), finished(0, value=1.0)])
        for end in (finished(0, value=1.5), Finished(0, 1, state=TrialState.FAILED, error="late")):
            with pytest.raises(LeaseLost):
                store.append(study, [end])
        with pytest.raises(Conflict):
            store.append(study, [created(0)], expect=0)  # the trial has moved on since
        assert len(store.read(study)) == 2

    # Leases

    def test_a_claim_holds_from_its_first_moment_and_runs_out(self, hasty: Store) -> None:
        study = hasty.create(spec())
        hasty.append(study, [created(0), created(1, None), created(2), created(3, None)])
        hasty.append(study, [Paused(2, 1, step=1), Claimed(1, 1, worker="w1")])
        hasty.append(study, [Resumed(2, 2, worker="w1"), created(4), finished(4)])
        assert hasty.renew(study, []) == Leases()
        time.sleep(SHORT * 1.3)
        assert hasty.renew(study, []) == Leases(lapsed=((0, 1), (1, 1), (2, 2)))

    def test_renewing_keeps_a_claim(self, hasty: Store) -> None:
        study = hasty.create(spec())
        hasty.append(study, [created(0), created(1)])
        until = time.monotonic() + SHORT * 2
        while time.monotonic() < until:
            assert not hasty.renew(study, [(0, 1)]).lost
            time.sleep(SHORT / 6)
        assert hasty.renew(study, []).lapsed == ((1, 1),)
        assert hasty.renew(study, [(1, 1)]) == Leases()  # nobody took it: it is its holder's again

    def test_renewing_says_what_is_lost(self, store: Store) -> None:
        study = store.create(spec())
        store.append(study, [created(0), created(1), created(2), created(3, None), created(4)])
        store.append(study, [finished(0), Paused(1, 1, step=1), Released(2, 1, worker="w1")])
        store.append(study, [Claimed(2, 2, worker="w2")])
        claims = [(0, 1), (1, 1), (2, 1), (3, 0), (4, 1), (9, 1)]
        assert store.renew(study, claims).lost == ((0, 1), (1, 1), (2, 1), (3, 0), (9, 1))

    def test_only_a_lapsed_claim_can_be_taken_away(self, hasty: Store) -> None:
        study = hasty.create(spec())
        hasty.append(study, [created(0)])
        take: list[Event] = [Released(0, 1, worker="w2", reason="lease"), Claimed(0, 2, worker="w2")]
        with pytest.raises(Conflict):
            hasty.append(study, take)
        time.sleep(SHORT * 1.3)
        assert hasty.append(study, take) == 3
        with pytest.raises(LeaseLost):
            hasty.append(study, [finished(0, 1)])
        assert hasty.renew(study, [(0, 1)]).lost == ((0, 1),)
        hasty.append(study, [finished(0, 2, value=5.0)])
        assert [event for event in hasty.read(study) if isinstance(event, Finished)] == [finished(0, 2, 5.0)]
        _agrees(hasty)

    def test_no_wall_clock_moves_a_lease(self, hasty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        study = hasty.create(spec())
        hasty.append(study, [created(0)])
        now = time.time
        for step in (300.0, -300.0, 86400.0):
            monkeypatch.setattr(time, "time", lambda step=step: now() + step)
            assert hasty.renew(study, []) == Leases()
            assert hasty.renew(study, [(0, 1)]) == Leases()

    # Many at once

    def test_threads_share_a_store_and_a_reader_misses_nothing(self, store: Store) -> None:
        study, each, workers = store.create(spec()), 15, 6
        failures: list[BaseException] = []
        seen: list[Event] = []
        ended = threading.Event()

        def work(worker: str) -> None:
            try:
                for _ in range(each):
                    number = ask(store, study, worker)
                    store.append(study, [finished(number, value=float(number))])
            except BaseException as error:  # noqa: BLE001 (a thread's failure is the test's)
                failures.append(error)

        def follow() -> None:
            while not ended.is_set() or store.read(study, len(seen)):
                seen.extend(store.read(study, len(seen)))
                time.sleep(0.001)

        threads = [threading.Thread(target=work, args=(f"w{i}",)) for i in range(workers)]
        reader = threading.Thread(target=follow)
        for thread in (*threads, reader):
            thread.start()
        for thread in threads:
            thread.join()
        ended.set()
        reader.join()
        assert not failures
        assert seen == list(store.read(study))
        assert [e.number for e in seen if isinstance(e, Created)] == list(range(each * workers))
        assert len({e.number for e in seen if isinstance(e, Finished)}) == each * workers
        _agrees(store)

    def test_any_history_is_that_of_a_dictionary(self, store: Store) -> None:
        count = iter(range(1_000_000))

        class Play(StoreMachine):
            def __init__(self) -> None:
                super().__init__(store, store.create(spec(f"history {next(count)}")))

        quick = settings(
            max_examples=self.histories,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(Play, settings=quick)
        _agrees(store)


def _agrees(store: Store) -> None:
    """A store with tables besides the log offers `check`: what differs."""
    check: Callable[[], Sequence[str]] = getattr(store, "check", list)
    assert list(check()) == []


def _close(store: Store) -> None:
    close: Callable[[], None] | None = getattr(store, "close", None)
    if close is not None:
        close()
