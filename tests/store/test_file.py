"""Which files can be a store, and what is said of those that cannot."""

import os
import sqlite3
from pathlib import Path

import pytest

from tunesmith.errors import StoreError, StoreTooNew
from tunesmith.record.codec import decode_event, encode_event
from tunesmith.store import _place
from tunesmith.store._schema import SCHEMA
from tunesmith.store.sqlite import SQLiteStore
from tunesmith.testing._store_samples import created, finished, spec

GOLDEN = Path(__file__).parents[1] / "golden"


def _refusal(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        SQLiteStore(path)
    message = str(caught.value)
    assert str(path) in message or path.name in message
    assert "\n" not in message
    return message


def test_a_missing_folder(tmp_path: Path) -> None:
    assert "does not exist: create it" in _refusal(tmp_path / "no" / "a.db")


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder: name a file in it" in _refusal(tmp_path)


def test_memory_is_no_file() -> None:
    with pytest.raises(StoreError, match="leave the study's name out"):
        SQLiteStore(":memory:")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, " * 1000)
    assert "is not a SQLite database" in _refusal(path)
    assert path.read_text() == "dear diary, " * 1000


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    for table in ("trial (x)", "meta (x)"):
        db = sqlite3.connect(path)
        db.execute(f"create table {table}")
        db.close()
        before = path.read_bytes()
        assert "of another program" in _refusal(path)
        assert path.read_bytes() == before


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    path = tmp_path / "a.db"
    SQLiteStore(path).close()
    path.chmod(0o400)
    assert "make the file and its folder writable" in _refusal(path)


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    with SQLiteStore(path) as store:
        assert store.list() == []


def test_names_that_a_uri_would_bend(tmp_path: Path) -> None:
    for name in ("a b.db", "a?mode=memory.db", "a#b%20.db", "größe 学.db"):
        with SQLiteStore(tmp_path / name) as store:
            store.create(spec())
        assert (tmp_path / name).stat().st_size
    with SQLiteStore(tmp_path / "a b.db") as store:
        assert len(store.list()) == 1


def test_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    SQLiteStore(path).close()
    db = sqlite3.connect(path)
    db.execute("update meta set value = ?", (str(SCHEMA + 1),))
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match=r"newer Tunesmith.*untouched"):
        SQLiteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "refused"),
    [("nfs4", True), ("cifs", True), ("lustre", True), ("fuse.sshfs", True), ("ext4", False),
     ("9p", False), ("overlay", False), ("tmpfs", False)],
)  # fmt: skip
def test_network_file_systems_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool
) -> None:
    share = tmp_path / "my share"
    share.mkdir()
    mounts = tmp_path / "mountinfo"
    escaped = str(share).replace(" ", r"\040")
    mounts.write_text(
        f"25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        f"30 25 0:9 / {escaped} rw - ext4 /dev/sdb1 rw\n"
        f"31 25 0:40 / {escaped} rw,relatime shared:3 - {kind} server:/export rw\n"
        f"32 25 0:41 / {escaped}2 rw - nfs other:/ rw\n"
    )
    monkeypatch.setattr(_place, "MOUNTS", mounts)
    (tmp_path / "link").symlink_to(share)
    assert _place.file_system(tmp_path / "a.db") == "ext4"
    assert _place.file_system(tmp_path / "link" / "a.db") == kind
    if refused:
        message = _refusal(share / "a.db")
        assert "local disk" in message
        assert "PostgreSQL" in message
        assert not list(share.iterdir())
    else:
        SQLiteStore(share / "a.db").close()


def test_a_file_removed_while_in_use_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with SQLiteStore(path) as store:
        study = store.create(spec())
        path.rename(tmp_path / "b.db")
        with pytest.raises(StoreError, match="removed or replaced"):
            store.append(study, [created(0)])
        (tmp_path / "b.db").rename(path)
        assert store.append(study, [created(0)]) == 1


def test_version_1_is_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "golden.db"
    db = sqlite3.connect(path)
    db.executescript((GOLDEN / "store_v1.sql").read_text(encoding="utf-8"))
    db.close()
    lines = (GOLDEN / "events_v1.txt").read_text(encoding="utf-8").splitlines()
    with SQLiteStore(path) as store:
        (info,) = store.list()
        assert (info.spec.name, info.spec.seed, info.position) == ("golden", 7, len(lines))
        events = store.read(info.id)
        assert [f"{type(event).__name__} {encode_event(event)}" for event in events] == lines
        assert list(events) == [decode_event(*line.split(" ", 1)) for line in lines]
        assert store.check() == []
        assert len(store.refused(info.id)) == 1
        number = sum(info.counts.values())
        assert store.append(info.id, [created(number), finished(number)], expect=number) == len(lines) + 2
