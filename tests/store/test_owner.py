"""Who is surely dead, and who may be alive."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunesmith import _owner
from tunesmith._owner import boot, clock, identity, surely_dead


def _of(pid: int, start: int | None = None) -> str:
    host, when, space, _, _ = identity().split(":")
    return f"{host}:{when}:{space}:{pid}:{_owner._process(pid)[1] if start is None else start}"


def test_this_process_is_alive_and_named_briefly() -> None:
    assert not surely_dead(identity())
    assert len(identity()) < 60
    assert identity() == _of(os.getpid())


def test_a_process_is_dead_once_it_has_ended_even_as_a_zombie() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = _of(process.pid)
        assert not surely_dead(name)
        process.kill()
        until = time.monotonic() + 5
        while not surely_dead(name):  # not waited for: a zombie
            assert time.monotonic() < until
            time.sleep(0.01)
    assert surely_dead(name)


def test_a_pid_used_again_is_another_process() -> None:
    assert surely_dead(_of(os.getpid(), start=1))


def test_a_child_has_a_name_of_its_own() -> None:
    mine = identity()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, identity().encode())
        finally:
            os._exit(0)
    theirs = os.read(read, 100).decode()
    os.close(read)
    os.close(write)
    assert theirs != mine
    os.waitpid(child, 0)
    assert surely_dead(theirs)
    assert identity() == mine


def test_another_start_of_this_machine_is_over() -> None:
    host, _, space, pid, start = identity().split(":")
    assert surely_dead(f"{host}:00000000:{space}:{pid}:{start}")


@pytest.mark.parametrize("name", ["", "w1", "me:you", "host:zzz:1:2:3", "другой:00000000:1:1:1"])
def test_a_stranger_may_be_alive(name: str) -> None:
    assert not surely_dead(name)


def test_other_hosts_and_other_containers_may_be_alive() -> None:
    host, when, space, _, _ = identity().split(":")
    assert not surely_dead(f"elsewhere:00000000:{space}:1:1")
    assert not surely_dead(f"{host}:{when}:{int(space) + 1}:999999999:1")


def test_a_hidden_process_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with /proc mounted hidepid=2: the process is there, and cannot be looked at."""
    name = _of(os.getpid())

    def hidden(self: object, *args: object, **named: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", hidden)
    assert not surely_dead(name)
    assert surely_dead(_of(2**22 + 5, start=7))  # above every pid


def test_the_clock_goes_on_and_no_wall_clock_moves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    first = clock()
    assert clock() >= first > 0
    assert len(boot()) == 8
