"""The worker processes of one executor: started, listened to, and ended together."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import subprocess
import sys
import time
from pathlib import Path

from tunesmith.execute import _tree
from tunesmith.execute._child import Child
from tunesmith.record.trial import TrialState

_KEEPER = Path(__file__).with_name("_keeper.py")
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Crew:
    """Knows processes, and nothing of trials. It outlives its executor by as long as ending them takes."""

    def __init__(self, setup: bytes, slots: int) -> None:
        self.children: list[Child] = []
        self._setup = setup
        self._threads = max(1, _cpus() // slots)
        self._selector = selectors.DefaultSelector()
        self._known = True  # whether the selector listens to what is noted as watched
        self._owner = os.getpid()
        self._hired = 0
        self._disbanded = False
        self._keeper: Keeper | None = None
        outer = os.environ.get(_tree.MARK)
        token = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._mark = f"{outer}/{token}" if outer else token

    def hire(self) -> Child:
        """A new worker process. Raises ObjectiveError when none can be started."""
        if self._keeper is None:
            self._keeper = Keeper(self._mark)
        self._hired += 1
        child = Child(self._setup, f"{self._mark}/{self._hired}", self._threads)
        self.children.append(child)
        return child

    def select(self, timeout: float | None) -> list[Child]:
        """Wait until a worker has written, can be written to, or has died; says which, dead ones noted."""
        blind = False
        self._renew()
        for child in self.children:
            self._watch(child)
            blind = blind or (child.pidfd < 0 and not child.noted_dead)
        if blind:  # no file descriptors for processes on this system: look every now and then
            timeout = 0.05 if timeout is None else min(timeout, 0.05)
        touched = []
        for key, events in self._selector.select(timeout):
            child = key.data
            if key.fd == child.pidfd:
                child.noted_dead = True
            elif events & _WRITE:
                child.flush()
            if child not in touched:
                touched.append(child)
        if blind:
            for child in self.children:
                if child.pidfd < 0 and not child.noted_dead and child.dead:
                    child.noted_dead = True
                    touched.append(child)
        return touched

    def _watch(self, child: Child) -> None:
        wanted = (
            (_READ | (_WRITE if child.sending else 0)) if child.open else 0,
            _READ if child.pidfd >= 0 and not child.noted_dead else 0,
        )
        if wanted == child.watched:
            return
        self._listen(child, wanted)

    def _listen(self, child: Child, wanted: tuple[int, int]) -> None:
        self._known = False  # after an interrupt between any two steps it stays that, and `_renew` helps
        for descriptor, old, new in zip(child.descriptors, child.watched, wanted, strict=True):
            if old and new and old != new:
                self._selector.modify(descriptor, new, child)
            elif new and not old:
                self._selector.register(descriptor, new, child)
            elif old and not new:
                self._selector.unregister(descriptor)
        child.watched = wanted
        self._known = True

    def _renew(self) -> None:
        """Begin with a new selector where nobody knows what the one there listens to."""
        if not self._known:
            self._selector.close()
            self._selector = selectors.DefaultSelector()
            for child in self.children:
                child.watched = (0, 0)
            self._known = True

    def bury(self, child: Child) -> int:
        """Reap a dead worker and whatever it started; returns its exit code."""
        self._renew()
        self._listen(child, (0, 0))
        self.children.remove(child)
        code = child.bury()
        _tree.kill_bearers([child.mark])
        return code

    def followers(self, child: Child) -> bool:
        """Whether processes that the worker started are still there."""
        return bool(_tree.bearers([child.mark], frozenset({child.process.pid})))

    def disband(self, grace: float) -> None:
        """End all workers, and reap them. In a fork of the driver, whose workers they are not: nothing."""
        if os.getpid() != self._owner or self._disbanded:
            return
        self._disbanded = True
        for child in self.children:
            if child.doom is None and child.ready and child.assignment is None:
                child.quit(grace)
            elif child.doom is None:
                child.terminate(TrialState.WAITING, None, grace)
        self._await(time.monotonic() + grace, gently=True)
        for child in self.children:
            child.kill()
        self._await(time.monotonic() + 5.0, gently=False)
        for child in list(self.children):
            if child.noted_dead:
                self.bury(child)
        self.children.clear()
        self._selector.close()
        if self._keeper is not None:
            self._keeper.release()

    def _await(self, until: float, *, gently: bool) -> None:
        """Wait for all to die; gently: for the children of interrupted objectives, too."""
        while (left := until - time.monotonic()) > 0:
            self.select(min(left, 0.05))
            if not all(child.noted_dead for child in self.children):
                continue
            if not gently or not any(c.assignment is not None and self.followers(c) for c in self.children):
                return


class Keeper:
    """The driver's end of a process that clears up should the driver be killed. Only where there is /proc."""

    def __init__(self, mark: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        if not sys.executable or not os.path.isdir("/proc/self"):
            return
        theirs, self._pipe = os.pipe()
        # It is a second line of defence: where it cannot be started, workers still die with the driver.
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER), str(theirs), mark],
                pass_fds=(theirs,),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        os.close(theirs)

    def release(self) -> None:
        """There is nothing to clear up any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
