"""One worker process as the driver sees it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cloudpickle

from tunesmith.errors import ObjectiveError
from tunesmith.execute import _tree
from tunesmith.execute._wire import Frames, Tag, frame, listed
from tunesmith.record.assignment import Assignment
from tunesmith.record.trial import TrialState

_BOOT = Path(__file__).with_name("_boot.py")
_ROOT = Path(__file__).parents[2]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Doom:
    """A worker was told to end: what that makes of its trial, and when patience ends."""

    state: TrialState
    error: str | None
    kill_at: float


class Child:
    """A worker process, its socket, and what it is at.

    `assignment`: the trial under way. `parked`: the paused trials that it keeps in memory;
    `gone`: those of them that went on elsewhere, which it has yet to hear.
    `ready`: its objective is loaded. `deadline`: when its trial has run too long. `asked_at`: when it sent
    its last message. `doom`: it was told to end. `open`: its end of the socket is; `lost_at`: when it will
    be given up because that is not so.
    """

    def __init__(self, setup: bytes, mark: str, threads: int) -> None:
        self.assignment: Assignment | None = None
        self.parked: set[int] = set()
        self.gone: set[int] = set()
        self.ready = False
        self.doom: Doom | None = None
        self.killed = False
        self.deadline: float | None = None
        self.asked_at = 0.0
        self.mark = mark
        self.open = True
        self.lost_at: float | None = None
        self.noted_dead = False
        self.watched: tuple[int, int] = (0, 0)
        self._frames = Frames()
        self._unsent: deque[memoryview] = deque()
        self.socket, theirs = socket.socketpair()
        try:
            self.process = _start(theirs.fileno(), mark, threads)
        except OSError as error:
            self.socket.close()
            raise ObjectiveError(f"cannot start a worker process: {error}") from error
        finally:
            theirs.close()
        self.socket.setblocking(False)
        self.pidfd = _pidfd(self.process.pid)
        self.send(setup)

    @property
    def descriptors(self) -> tuple[int, int]:
        """What to listen to: its socket, and the process itself (-1 where the system has no such thing)."""
        return self.socket.fileno(), self.pidfd

    @property
    def idle(self) -> bool:
        """Whether it can take new work."""
        return self.assignment is None and self.doom is None and self.open

    @property
    def sending(self) -> bool:
        """Whether bytes are waiting for room in the socket."""
        return bool(self._unsent) and self.open

    def send(self, data: bytes) -> None:
        """Send `data`, now or as room is found: a worker that does not read must not block the driver."""
        self._unsent.append(memoryview(data))
        self.flush()

    def assign(self, assignment: Assignment) -> None:
        """Give it a trial. Raises ObjectiveError for parameters that cannot be pickled."""
        try:
            body = pickle.dumps(assignment, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001  (values defined in __main__ need the slower way)
            try:
                body = cloudpickle.dumps(assignment)
            except Exception as error:
                raise ObjectiveError(
                    f"trial {assignment.number} has parameters that cannot be sent to a worker: {error}"
                ) from error
        if self.gone:
            self.send(frame(Tag.DROP, listed(self.gone)))
            self.gone.clear()
        self.assignment = assignment
        self.send(frame(Tag.ASSIGN, body))

    def flush(self) -> None:
        """Send what there is room for."""
        try:
            while self._unsent:
                sent = self.socket.send(self._unsent[0])
                if sent == len(self._unsent[0]):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = self._unsent[0][sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # it died: its death is noticed where deaths are

    def receive(self) -> Iterator[tuple[Tag, bytes]]:
        """All frames that have arrived. Sets `open` to False at the end of the stream."""
        while self.open:
            try:
                data = self.socket.recv(1 << 18)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.open = False
                return
            yield from self._frames.feed(data)

    def terminate(self, state: TrialState, error: str | None, grace: float) -> None:
        """Ask it and its children to end, by SIGTERM; after `grace` they are killed."""
        self.doom = Doom(state, error, time.monotonic() + grace)
        self.parked.clear()
        _tree.signal_group(self.process.pid, signal.SIGTERM)
        # A stopped process acts on SIGTERM only when it may run again.
        _tree.signal_group(self.process.pid, signal.SIGCONT)
        self.send(frame(Tag.QUIT))  # for an objective that swallows the exception and ends as if nothing were

    def quit(self, grace: float) -> None:
        """Let it end by itself; after `grace` it is killed."""
        self.doom = Doom(TrialState.WAITING, None, time.monotonic() + grace)
        self.parked.clear()
        self.send(frame(Tag.QUIT))

    def kill(self) -> None:
        """Kill it and its group now."""
        self.killed = True
        _tree.signal_group(self.process.pid, signal.SIGKILL)

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self.process.returncode is not None or _tree.is_dead(self.process.pid)

    def bury(self) -> int:
        """Reap the dead process and what it left behind; returns the exit code."""
        # The group first: as long as its leader is not reaped, its number cannot be anybody else's.
        if self.process.returncode is None:
            _tree.signal_group(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        self.socket.close()
        self.open = False
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        return code


def _start(descriptor: int, mark: str, threads: int) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise OSError("sys.executable is not set: this Python is embedded in another program")
    tie = threading.current_thread() is threading.main_thread()
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    arguments = [str(_ROOT), str(descriptor), str(os.getpid()), str(int(tie))]
    # Over-subscribed BLAS threads cost far more than they bring; what the user has set stands.
    few = {name: str(threads) for name in _THREADS if name not in os.environ}
    return subprocess.Popen(
        [sys.executable, "-P", *flags, str(_BOOT), *arguments],
        pass_fds=(descriptor,),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **few, _tree.MARK: mark},
    )


def _pidfd(pid: int) -> int:
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(pid)
    return -1
