"""Ctrl-C, kept out of the few lines that it would leave half done."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any


class Shield:
    """`with Shield():` puts off the first SIGINT until the block is left, and lets a second one through.

    Without it a KeyboardInterrupt between reading bytes and keeping them would garble a worker's stream, and
    one between recording a trial and noting that it is recorded would record it twice. Outside the main
    thread, where Python delivers no signals, it does nothing.
    """

    __slots__ = ("_caught", "_old", "_on")

    def __enter__(self) -> Shield:
        self._caught = False
        self._on = threading.current_thread() is threading.main_thread()
        self._old: Any = signal.getsignal(signal.SIGINT) if self._on else None
        # None: a handler that was not installed from Python, and could not be put back.
        self._on = self._on and self._old not in (None, signal.SIG_IGN)
        if self._on:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._on:
            signal.signal(signal.SIGINT, self._old)
            if self._caught:
                self._deliver(None)

    def _note(self, _: int, at: FrameType | None) -> None:
        if self._caught:
            self._caught = False
            self._deliver(at)
        else:
            self._caught = True

    def _deliver(self, at: FrameType | None) -> None:
        if callable(self._old):
            self._old(signal.SIGINT, at)
        else:
            signal.signal(signal.SIGINT, self._old)
            os.kill(os.getpid(), signal.SIGINT)
