"""Processes as trees: which are left of a worker, and ending them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable

import psutil

MARK = "TUNESMITH_WORKER"
"""The environment variable by which all descendants of a worker are known, wherever they have moved to: a
process that calls setsid leaves its group, one whose parent died leaves the tree, and both keep their
environment. Values nest (`a/b` was started by `a`): a study inside an objective goes with its worker."""


def is_dead(pid: int) -> bool:
    """Whether our child has ended, without reaping it: until it is reaped nobody else gets its number."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True  # somebody in this program reaped it


def signal_group(pid: int, signum: int) -> None:
    """Signal every process in the group that our child leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def bearers(marks: Iterable[str], besides: frozenset[int] = frozenset()) -> list[psutil.Process]:
    """All living processes that bear one of the marks, or one that starts with it."""
    wanted = tuple(marks)
    found = []
    for process in psutil.process_iter():
        if process.pid in besides:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(MARK, "")
            ours = any(mark == w or mark.startswith(w + "/") for w in wanted)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def kill_bearers(marks: Iterable[str], besides: frozenset[int] = frozenset()) -> None:
    """Kill them, and those that they started meanwhile."""
    wanted = tuple(marks)
    for _ in range(10):
        left = bearers(wanted, besides)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=0.2)


def words(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"exited with code {code} in the middle of the trial"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
