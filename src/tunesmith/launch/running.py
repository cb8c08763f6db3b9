"""A program under way: its process group, its output, and its end with all that it has started.

Descendants are known in three ways, so that none gets away: the process group; the environment, which goes
along wherever a process moves (setsid, a daemon); and, on Linux, the fact that orphans become children of the
nearest subreaper, which the worker makes itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tunesmith.errors import TrialFailed
from tunesmith.execute import _tree

Take = Callable[[bytes], None]
_PR_SET_CHILD_SUBREAPER = 36
_TELLS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_CHUNK = 1 << 16
_LOOK = 0.05


class Running:
    """A started program. `pump` moves its output on; `end` is to be called whatever happened."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: str, out: Take, err: Take, *, adopt: bool
    ) -> None:
        outer = os.environ.get(_tree.MARK)
        token = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._mark = f"{outer}/{token}" if outer else token
        self._adopts = adopt and become_subreaper()
        try:
            self._process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**env, _tree.MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise TrialFailed(f"{argv[0]!r} cannot be started: {error}") from None
        self._selector = selectors.DefaultSelector()
        for stream, take in ((self._process.stdout, out), (self._process.stderr, err)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ, take)
        self._pidfd = _pidfd(self._process.pid)
        if self._pidfd >= 0:
            self._selector.register(self._pidfd, selectors.EVENT_READ, None)
        self._ended = False

    @property
    def exited(self) -> bool:
        """Whether the program itself has ended; what it has started may still run."""
        return self._process.returncode is not None or _tree.is_dead(self._process.pid)

    def pump(self, timeout: float) -> bool:
        """Hand on what was printed, waiting for it at most `timeout` seconds; whether there was anything."""
        if not self._selector.get_map():
            if not self.exited:
                time.sleep(min(timeout, _LOOK / 5))
            return False
        any_came = False
        for key, _ in self._selector.select(timeout):
            if key.data is None:  # the program itself has ended
                self._selector.unregister(key.fileobj)
                continue
            try:
                data = os.read(key.fd, _CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                any_came = True
                key.data(data)
            else:
                self._selector.unregister(key.fileobj)
        return any_came

    def end(self, grace: float) -> int:
        """End the program and all that it has started: SIGTERM, `grace` seconds, SIGKILL; its exit code."""
        if self._ended:
            return self._process.returncode
        if not self.exited or self._family():
            self._ask(grace)
        self._kill()
        until = time.monotonic() + 1.0
        while self.pump(0.0) and time.monotonic() < until:
            pass  # the last words, which lay in the pipe
        self._ended = True
        self._selector.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        code = self._process.wait()
        self._reap()
        return code

    def _ask(self, grace: float) -> None:
        """SIGTERM to all, and wait; what they print meanwhile is taken, so that nobody is stuck in a pipe."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # a stopped process acts on SIGTERM only when it may run again
        until = time.monotonic() + grace
        looked = 0.0
        while (now := time.monotonic()) < until:
            self.pump(_LOOK)
            if not self.exited:
                continue
            if now - looked >= _LOOK:
                if not self._family():
                    return
                looked = now
            time.sleep(_LOOK / 5)

    def _signal(self, number: signal.Signals) -> None:
        _tree.signal_group(self._process.pid, number)
        for process in self._family():
            with contextlib.suppress(psutil.Error, OSError):
                if os.getpgid(process.pid) != self._process.pid:
                    process.send_signal(number)

    def _kill(self) -> None:
        """SIGKILL until nobody is left: a process may fork while it is looked for."""
        for _ in range(20):
            _tree.signal_group(self._process.pid, signal.SIGKILL)
            left = self._family()
            if not left:
                return
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs([p for p in left if p.pid != self._process.pid], timeout=0.2)

    def _family(self) -> list[psutil.Process]:
        """All living processes that come from the program, itself included."""
        if self._adopts:  # nobody gets out of a subreaper's tree; who moved up in it meanwhile is seen again
            found_now = below(os.getpid()) or below(os.getpid())
            return [process for process in found_now if _alive(process)]
        found = {process.pid: process for process in _tree.bearers([self._mark])}
        with contextlib.suppress(psutil.Error):
            found[self._process.pid] = psutil.Process(self._process.pid)
        found.update((process.pid, process) for process in below(self._process.pid))
        return [process for process in found.values() if _alive(process)]

    def _reap(self) -> None:
        """Take the exit codes of orphans that were given to us, which would stay as zombies."""
        if not self._adopts:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def below(pid: int) -> list[psutil.Process]:
    """The descendants of a process; elsewhere than on Linux all processes are looked at."""
    waiting, found = [pid], []
    while waiting:
        parent = waiting.pop()
        try:
            files = list(Path(f"/proc/{parent}/task").glob("*/children"))
            listed = [int(number) for file in files for number in file.read_text().split()]
        except OSError:
            continue  # it has ended meanwhile, and its children have another parent
        waiting += listed
        for child in listed:
            with contextlib.suppress(psutil.Error):
                found.append(psutil.Process(child))
    if found or _TELLS_CHILDREN:
        return found
    with contextlib.suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def become_subreaper() -> bool:
    """Have orphaned descendants become children of this process; whether the system can do that."""
    if sys.platform != "linux":
        return False
    try:
        answer: int = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return answer == 0


def _pidfd(pid: int) -> int:
    """A descriptor that tells of the process's end; -1 where the system has none."""
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return -1


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
