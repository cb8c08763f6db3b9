"""The SQLite store keeps the laws of stores, and its tables can be read by anyone with a SQL client."""

import errno
import fcntl
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunesmith.errors import SettingError, StoreError
from tunesmith.record.event import Claimed, Created, Finished, Released, Reported
from tunesmith.record.trial import TrialState
from tunesmith.store.sqlite import SQLiteStore
from tunesmith.testing._store_samples import created, finished, spec
from tunesmith.testing.store_laws import StoreLaws


class TestSQLiteStore(StoreLaws):
    def open(self, folder: Path, lease: float = 60.0) -> SQLiteStore:
        return SQLiteStore(folder / "studies.db", lease=lease)


class TestSQLiteStoreWithoutFlock(StoreLaws):
    """As on a file system without `flock`: a rollback journal, and SQLite's own waiting."""

    histories = 6

    @pytest.fixture(autouse=True)
    def no_flock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def flock(descriptor: int, what: int) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", flock)

    def open(self, folder: Path, lease: float = 60.0) -> SQLiteStore:
        return SQLiteStore(folder / "studies.db", lease=lease)

    def test_the_journal_is_a_rollback_journal(self, tmp_path: Path) -> None:
        with self.open(tmp_path), sqlite3.connect(tmp_path / "studies.db") as db:
            fixed = sqlite3.sqlite_version_info >= (3, 51, 3)
            assert db.execute("pragma journal_mode").fetchone() == ("wal" if fixed else "delete",)
        db.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(tmp_path / "studies.db") as store:
        yield store


def test_a_sql_client_sees_trials(store: SQLiteStore) -> None:
    study = store.create(spec("cnn"))
    store.append(study, [created(0, at=1000.0), created(1, at=1001.5)])
    store.append(study, [finished(0, value=0.25, at=1010.0)])
    store.append(study, [Finished(1, 1, state=TrialState.FAILED, error="boom", at=900.0)])
    db = sqlite3.connect(store.path)
    try:
        rows = db.execute("select * from trials order by number").fetchall()
    finally:
        db.close()
    times = ("1970-01-01T00:16:40.000Z", "1970-01-01T00:16:50.000Z")
    assert rows[0] == ("cnn", 0, "COMPLETE", 0.25, '{"x":0.0}', *times, 10.0, None)
    assert rows[1][2:4] == ("FAILED", None)
    assert rows[1][-2:] == (0.0, "boom")  # the clock was set back: no negative duration


def test_check_finds_what_somebody_changed_by_hand(store: SQLiteStore) -> None:
    study = store.create(spec("cnn"))
    store.append(study, [created(0), finished(0, value=0.25), created(1), created(2)])
    assert store.check() == []
    db = sqlite3.connect(store.path)
    db.execute("update trial set value = 0.1 where number = 0")
    db.execute("delete from trial where number = 1")
    db.execute("create table copied as select * from trial where number = 2")
    db.execute("update copied set number = 9")
    db.execute("insert into trial select * from copied")
    db.execute("update head set running = 5")
    db.commit()
    db.close()
    found = "\n".join(store.check())
    for part in ("trial 0: value is 0.1", "trial 1 has events but no row", "trial 9 has a row", "head says"):
        assert part in found


def test_a_claim_of_an_earlier_start_of_the_machine_has_lapsed(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = store.create(spec())
    store.append(study, [created(0)])
    assert not store.renew(study, []).lapsed
    for module in ("_append", "_projection", "sqlite"):
        monkeypatch.setattr(f"tunesmith.store.{module}.boot", lambda: "another")
    assert store.renew(study, []).lapsed == ((0, 1),)
    store.append(study, [Released(0, 1, worker="w2"), Claimed(0, 2, worker="w2")])
    assert not store.renew(study, []).lapsed


def test_events_past_a_page_are_read_in_order(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.store.sqlite._PAGE", 7)
    study = store.create(spec())
    store.append(study, [created(0)])
    for first in range(0, 50, 10):
        store.append(study, [Reported(0, 1, step=step, values=(0.0,)) for step in range(first, first + 10)])
    for after in (0, 1, 7, 8, 50, 51):
        assert [event.step for event in store.read(study, after) if isinstance(event, Reported)] == list(
            range(max(0, after - 1), 50)
        )


def test_deleting_takes_checkpoints_along(store: SQLiteStore) -> None:
    study, other = store.create(spec("a")), store.create(spec("b"))
    folders = [Path(store.checkpoint_folder(each)) for each in (study, other)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "0-1-0123456789abcdef.ckpt").write_bytes(b"x")
    store.delete(study)
    assert [folder.exists() for folder in folders] == [False, True]


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="durability"):
        SQLiteStore(tmp_path / "a.db", durability="none")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="lease"):
        SQLiteStore(tmp_path / "a.db", lease=0)


def test_what_sql_cannot_hold_is_refused_in_a_sentence(store: SQLiteStore) -> None:
    study = store.create(spec())
    for event in (created(0, worker="\ud800"), created(0, budget=2**63)):
        with pytest.raises(StoreError, match="cannot hold"):
            store.append(study, [event])
    with pytest.raises(StoreError, match="cannot hold"):
        store.create(spec("\ud800"))
    assert store.append(study, [Created(0, 1, params={"\ud800": 2**70}, worker="w")]) == 1
    assert store.read(study)[0].params == {"\ud800": 2**70}  # type: ignore[union-attr]


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.db")
    study = store.create(spec())
    store.close()
    store.close()
    for call in (lambda: store.read(study), lambda: store.append(study, [created(0)])):
        with pytest.raises(StoreError, match="was closed"):
            call()


def test_a_forgotten_store_is_closed(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.db")
    study = store.create(spec())
    store.append(study, [created(0)])
    assert (tmp_path / "a.db-wal").exists()
    del store
    assert not (tmp_path / "a.db-wal").exists()  # the last to close folds it into the file
