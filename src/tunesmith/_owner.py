"""Who holds a claim, whether that process can still be alive, and the clock that leases are judged by."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import time
from functools import lru_cache
from pathlib import Path

_NAMED = re.compile(r"(?P<host>[^:]*):(?P<boot>[0-9a-f]{8}):(?P<space>\d+):(?P<pid>\d+):(?P<start>\d+)")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def clock() -> float:
    """Seconds since this machine started: the same for all its processes, and no wall clock moves it.

    CLOCK_BOOTTIME goes on while the machine sleeps, so a lease runs out in a closed laptop too.
    """
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@lru_cache(maxsize=1)
def boot() -> str:
    """A short name of this start of the machine: `clock` of one start says nothing about another's."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        import psutil

        text = f"{socket.gethostname()} {psutil.boot_time():.0f}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def identity() -> str:
    """This process as `host:boot:pid namespace:pid:start time`, shorter than 60 characters."""
    return _identity(os.getpid())


def surely_dead(identity: str) -> bool:
    """True only when that process cannot be running any more; False whenever that cannot be known."""
    found = _NAMED.fullmatch(identity)
    if found is None:
        return False
    if found["boot"] != boot():
        return found["host"] == _host()
    if int(found["space"]) != _namespace():
        return False
    state, start = _process(int(found["pid"]))
    return state in ("gone", "Z", "X") or (start is not None and start != int(found["start"]))


@lru_cache(maxsize=1)
def _identity(pid: int) -> str:
    return f"{_host()}:{boot()}:{_namespace()}:{pid}:{_process(pid)[1] or 0}"


@lru_cache(maxsize=1)
def _host() -> str:
    return re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII)[:18]


def _namespace() -> int:
    """The inode of this process's pid namespace: a container counts processes from 1 again."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def _process(pid: int) -> tuple[str, int | None]:
    """A process's state letter ('gone' when there is none) and its start time."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _without_proc(pid)
    fields = text[text.rindex(")") + 2 :].split()  # the command's name may hold spaces and brackets
    return fields[0], int(fields[19])


def _without_proc(pid: int) -> tuple[str, int | None]:
    if os.path.exists("/proc/self/stat"):  # Linux: none such, or hidden (hidepid), as another user's is
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "gone", None
        except OSError:
            pass
        return "?", None
    import psutil

    try:
        process = psutil.Process(pid)
        state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "R"
        return state, int(process.create_time())
    except psutil.NoSuchProcess:
        return "gone", None
    except psutil.Error:
        return "?", None
