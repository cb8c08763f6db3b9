"""What a store must survive: killed and stopped workers, torn files, full disks, many processes."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import tunesmith
from tunesmith.record.event import Claimed, Created, Event, Finished, Released, Reported
from tunesmith.record.trial import TrialState
from tunesmith.store.sqlite import SQLiteStore
from tunesmith.testing._store_samples import created, finished, spec

HAND = str(Path(__file__).with_name("hand.py"))
SOURCE = str(Path(tunesmith.__file__).parents[1])


@contextmanager
def hand(*task: object) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own; gone at the end whatever happens."""
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    with subprocess.Popen(
        [sys.executable, HAND, *map(str, task)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def nod(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def made(path: Path) -> Path:
    with SQLiteStore(path) as store:
        store.create(spec())
    return path


def intact(path: Path) -> list[Event]:
    """The log of the only study, after SQLite and the store have both found nothing wrong."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    with SQLiteStore(path) as store:
        assert store.check() == []
        return list(store.read(store.list()[0].id))


def results(events: list[Event]) -> dict[int, float]:
    ends = [event for event in events if isinstance(event, Finished) and event.values]
    assert len({event.number for event in ends}) == len(ends)
    return {event.number: event.values[0] for event in ends if event.values}


def test_workers_killed_at_random_lose_nothing_they_told(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    draw = random.Random(seed)
    told: dict[int, float] = {}
    for _ in range(4):
        with hand("work", path, 10_000) as one, hand("work", path, 10_000) as two:
            for process in (one, two):
                assert line(process).startswith("asked")
            for process in (one, two):
                time.sleep(draw.uniform(0.0, 0.15))
                process.send_signal(signal.SIGKILL)
            for process in (one, two):
                words = [text.split() for text in process.communicate()[0].splitlines()]
                told.update({int(w[1]): float(w[2]) for w in words if w[0] == "told" and len(w) == 3})
    events = intact(path)
    found = results(events)
    assert told.items() <= found.items()
    assert len(told) > 20
    orphans = {event.number for event in events if isinstance(event, Created)} - found.keys()
    with SQLiteStore(path) as store:
        study = store.list()[0].id
        assert {number for number, _ in store.renew(study, []).lapsed} == orphans  # at once: they are dead
        for number in orphans:
            taken: list[Event] = [
                Released(number, 1, worker="w"),
                Claimed(number, 2, worker="w"),
                finished(number, 2),
            ]
            store.append(study, taken)
        assert store.list()[0].counts["RUNNING"] == 0
        assert store.check() == []


def test_eight_processes_share_one_study(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    workers = [
        subprocess.Popen(
            [sys.executable, HAND, "work", str(path), "125"], env=environment, text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for _ in range(8)
    ]  # fmt: skip
    for worker in workers:
        assert worker.communicate()[1] == ""
        assert worker.returncode == 0
    events = intact(path)
    assert [event.number for event in events if isinstance(event, Created)] == list(range(1000))
    assert results(events).keys() == set(range(1000))


def test_a_stopped_worker_is_fenced_and_lives(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    with hand("hold", path, 0.4) as zombie, SQLiteStore(path, lease=0.4) as store:
        study = store.list()[0].id
        assert line(zombie) == "asked 0"
        zombie.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 5
        while not (lapsed := store.renew(study, []).lapsed):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert lapsed == ((0, 1),)
        store.append(
            study, [Released(0, 1, worker="w2"), Claimed(0, 2, worker="w2"), finished(0, 2, value=5.0)]
        )
        nod(zombie)
        zombie.send_signal(signal.SIGCONT)
        assert [line(zombie), line(zombie)] == ["lost", "told 1"]
        assert results(list(store.read(study))) == {0: 5.0, 1: 2.0}
        late = store.refused(study)
        assert [type(event) for event in late] == [Reported, Finished]
        assert isinstance(late[1], Finished)
        assert late[1].values == (-1.0,)


def test_a_stopped_writer_makes_others_wait_and_no_more(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    with hand("work", path, 10_000) as holder, SQLiteStore(path) as store:
        study = store.list()[0].id
        assert line(holder).startswith("asked")
        for _ in range(5):  # whatever it was about to do
            holder.send_signal(signal.SIGSTOP)
            store.read(study)  # readers never wait
            holder.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        holder.send_signal(signal.SIGSTOP)
        holder.kill()
        number = sum(store.list()[0].counts.values())
        store.append(study, [created(number)], expect=number)
    intact(path)


def test_a_torn_tail_costs_the_last_transactions_only(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    wal = Path(f"{path}-wal")
    draw = random.Random(5)
    whole: list[Event] = []
    with SQLiteStore(path) as store:
        study = store.list()[0].id
        for number in range(60):
            store.append(study, [created(number), finished(number)])
        whole = list(store.read(study))
        files = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")}
    assert len(files["-wal"]) > 60 * 4096
    for attempt in range(12):
        copy = tmp_path / f"copy{attempt}.db"
        cut = draw.randrange(0, len(files["-wal"]))
        tail = files["-wal"][:cut] + (b"\xa5" * draw.randrange(5000) if attempt % 2 else b"")
        copy.write_bytes(files[""])
        Path(f"{copy}-wal").write_bytes(tail)
        if attempt == 0:
            wal = Path(f"{copy}-wal")
        with SQLiteStore(copy) as store:
            if not store.list():  # cut before the study itself
                continue
            events = list(store.read(study))
            assert events == whole[: len(events)]
            assert len(events) % 2 == 0
            assert store.check() == []
            number = len(events) // 2
            store.append(study, [created(number), finished(number)], expect=number)
        intact(copy)
    assert not wal.exists()


def test_a_full_disk_loses_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files: it makes SQLite's writes fail as a full disk does."""
    path = made(tmp_path / "a.db")
    with hand("fill", path, 600_000) as process:
        _goes_on(process, path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_tmpfs_loses_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    try:
        (disk / "ballast").write_bytes(b"\0" * 700_000)
        path = made(disk / "a.db")
        with hand("fill", path, 0) as process:
            assert "is full" in _goes_on(process, path, free=disk / "ballast")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _goes_on(process: subprocess.Popen[str], path: Path, free: Path | None = None) -> str:
    told = -1
    while (text := line(process)).startswith("told"):
        told = int(text.split()[1])
    assert text.startswith("full")
    assert "\n" not in text
    assert told > 10
    if free is not None:
        free.unlink()
    nod(process)
    assert line(process) == f"went on {told + 1} []"
    process.wait()
    assert [event.number for event in intact(path)] == list(range(told + 2))
    return text


def test_a_store_survives_forks(tmp_path: Path) -> None:
    """Parent and children each write; a child that outlives its parent's connection keeps its own."""
    path = made(tmp_path / "a.db")
    with SQLiteStore(path) as store:
        study = store.list()[0].id
        store.append(study, [created(0)])
        for number in range(1, 9):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    store.append(study, [created(number), finished(number)], expect=number)
                    code = 0 if len(store.read(study)) == 2 * number + 1 else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            with SQLiteStore(path) as other:  # opens and closes while others have it open
                assert len(other.read(study)) == 2 * number + 1
        store.append(study, [Finished(0, 1, state=TrialState.COMPLETE, values=(1.0,))])
    assert len(results(intact(path))) == 9


def test_a_forked_child_keeps_its_place_when_the_parent_closes(tmp_path: Path) -> None:
    path = made(tmp_path / "a.db")
    store = SQLiteStore(path)
    study = store.list()[0].id
    store.append(study, [created(0)])
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.append(study, [created(1)], expect=1)
            os.write(ready[1], b"x")
            os.read(go[0], 1)
            store.append(study, [created(2)], expect=2)
            code = 0
        finally:
            os._exit(code)
    os.read(ready[0], 1)
    store.close()
    assert Path(f"{path}-wal").exists()  # the child's connection is one that SQLite knows of
    with SQLiteStore(path) as other:
        other.append(study, [Reported(0, 1, step=1, values=(1.0,))])
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for end in (*ready, *go):
        os.close(end)
    assert len(intact(path)) == 4
