"""What a worker process does: load the objective once, then run one assignment after the other.

Objectives are other people's programs. They fork, close descriptors, change directory, ignore signals; what
is odd below is there so that none of that reaches the driver, or another trial.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import pickle
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from types import FrameType

from tunesmith.errors import TunesmithError
from tunesmith.execute._base import Run, RunFactory
from tunesmith.execute._wire import (
    HEADER,
    LOST,
    SENT,
    Setup,
    Tag,
    encode,
    failed,
    frame,
    listed,
    numbers,
)  # fmt: skip
from tunesmith.record.assignment import Assignment, Decision, Message

_PR_SET_PDEATHSIG = 1


class Terminated(SystemExit):
    """SIGTERM: raised inside the objective, so that its `finally` blocks run before the grace is over."""


class Channel:
    """The worker's end of the socket, kept where objectives that close descriptors leave it alone."""

    def __init__(self, descriptor: int) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        low = 3 if limit < 64 else min(limit - 16, 4000)
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, low)
        os.close(descriptor)
        self._socket = socket.socket(fileno=moved)
        self._inode = os.fstat(moved).st_ino
        self._owner = os.getpid()
        # A child forked by the objective must not keep the line open after the worker's death.
        os.register_at_fork(after_in_child=self._socket.close)

    def send(self, tag: Tag, body: bytes = b"") -> None:
        """Hand a frame to the driver. Where there is no driver any more, the process ends."""
        if os.getpid() != self._owner:
            raise RuntimeError("only the process that runs the trial can report, not one forked from it")
        try:
            # The number may belong to a file of the objective's by now: never write into that.
            if os.fstat(self._socket.fileno()).st_ino != self._inode:
                self._lost()
            self._socket.sendall(frame(tag, body))
        except OSError:
            self._lost()

    def receive(self) -> tuple[Tag, bytes]:
        """The driver's next frame; the process ends with the driver."""
        size, tag = HEADER.unpack(self._exactly(HEADER.size))
        return Tag(tag), self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                piece = self._socket.recv(min(size - len(data), 1 << 20))
            except OSError:
                piece = b""
            if not piece:
                self._lost()
            data += piece
        return bytes(data)

    def _lost(self) -> None:
        if os.getpid() == self._owner:
            os._exit(LOST)
        os._exit(0)


def main(descriptor: int, parent: int, tie: int) -> int:
    """Serve the driver at the other end of `descriptor` until it says to quit; returns the exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    # Ctrl-C is the driver's to handle. A handler, not SIG_IGN: programs started here inherit only the latter.
    signal.signal(signal.SIGINT, _nothing)
    _die_with(parent, tie=bool(tie))
    channel = Channel(descriptor)
    owner = os.getpid()
    setup: Setup = pickle.loads(channel.receive()[1])  # noqa: S301  (written by our own parent)
    run = _load(setup, channel)
    if run is None:
        return 1
    channel.send(Tag.READY)
    kept: frozenset[int] = frozenset()
    while True:
        tag, body = channel.receive()
        if tag is Tag.QUIT:
            return 0
        if tag is Tag.DROP:
            getattr(run, "forget", set)(numbers(body))
            continue
        # The objective of the trial before may have moved.
        with contextlib.suppress(OSError):
            os.chdir(setup.cwd)
        assignment: Assignment = pickle.loads(body)  # noqa: S301
        body = _attempt(run, assignment, channel)
        if os.getpid() != owner:
            os._exit(0)  # a child that the objective forked, and that came back here
        before, kept = kept, frozenset(getattr(run, "parked", ()))
        if kept != before:
            channel.send(Tag.KEPT, listed(kept))
        channel.send(Tag.MESSAGE, body)


def _load(setup: Setup, channel: Channel) -> Run | None:
    sys.path[:] = setup.path
    sys.argv[:] = setup.argv
    with contextlib.suppress(OSError):
        os.chdir(setup.cwd)
    try:
        factory: RunFactory = pickle.loads(setup.factory)  # noqa: S301
        return factory()
    except Terminated:
        raise
    except BaseException as error:  # noqa: BLE001  (whatever it is, the driver has to tell the user)
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename}, line {last.lineno}, in {last.name}"
        reason = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        channel.send(Tag.BROKEN, f"{reason} ({where})".encode(errors="backslashreplace"))
        return None


def _attempt(run: Run, assignment: Assignment, channel: Channel) -> bytes:
    def send(message: Message) -> Decision:
        channel.send(Tag.MESSAGE, SENT.pack(time.monotonic()) + encode(message))
        tag, body = channel.receive()
        if tag is Tag.QUIT:
            raise Terminated(128 + signal.SIGTERM)
        return Decision(body.decode())

    try:
        end = run(assignment, send)
    except Terminated:
        raise
    except BaseException:  # noqa: BLE001  (the worker outlives every trial)
        end = failed(assignment, traceback.format_exc())
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the objective may have closed or replaced it
            stream.flush()
    try:
        body = encode(end)
    except (TunesmithError, TypeError, ValueError, AttributeError) as error:
        body = encode(failed(assignment, f"the trial's result cannot be recorded: {error}"))
    return SENT.pack(time.monotonic()) + body


def _terminated(signum: int, _: FrameType | None) -> None:
    raise Terminated(128 + signum)


def _nothing(_: int, __: FrameType | None) -> None:
    pass


def _die_with(parent: int, *, tie: bool) -> None:
    """Arrange that this process ends when `parent` does, however it dies.

    The kernel's own arrangement works even while C code holds the interpreter, but it ties to the *thread*
    that started us: `tie` says that this was the main one.
    """
    if tie and sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(LOST)  # it died before we could ask to be told
    threading.Thread(target=_watch, args=(parent, os.getpid()), name="tunesmith-watch", daemon=True).start()


def _watch(parent: int, group: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(group, signal.SIGKILL)
