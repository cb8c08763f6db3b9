"""What a driver does while trials run: let the searcher prepare its next proposal.

Where trials run in other processes, the driver prepares before it waits. Where the objective runs in this
thread, a helper thread does; it only computes, under the cursor's lock, and writes nothing but the searcher's
caches, so that proposals are the same with and without it.
"""

from __future__ import annotations

import threading
import time

from tunesmith._threads import one_thread
from tunesmith.kernel.cursor import Cursor

_LEAST = 0.01  # seconds that trials must last: for shorter ones waking a thread is dearer than what it saves
_SHARE = 2.0  # so many times as long as a preparation must trials last
_USED = 1.25  # the same, where the next ask needs what is prepared: little is lost when it comes late
_FORGET = 0.8  # of the cost, for each trial without: one dear preparation says little of the next ones


class Meanwhile:
    """Prepares when trials last long enough for it to pay; as a context, beside what runs inside.

    A message waits at most until the preparation is done that is under way when it comes.
    """

    def __init__(self, cursor: Cursor, limit: int | None, apart: bool) -> None:
        self._cursor = cursor
        self._limit = limit
        self.apart = apart  # whether trials run in other processes, so that no thread is needed
        self._cost = 0.0
        self._lasted = 0.0
        self._began = 0.0
        self._threads: list[int] = []  # of BLAS, before the objective began
        self._limits = 0
        self._go = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def pays(self) -> bool:
        """Whether the last trial ran for so long that a preparation would have been done by its end."""
        share = _USED if self._cursor.searcher.prepares else _SHARE
        return self._lasted > max(_LEAST, share * self._cost)

    def prepare(self) -> None:
        """Prepare now."""
        began = time.perf_counter()
        self._cursor.prepare(self._limit)
        spent = time.perf_counter() - began
        if spent > 1e-4 or not self._cost:  # else there was nothing to do
            self._cost = spent

    def __enter__(self) -> None:
        pays = self.pays
        if not pays:
            self._cost *= _FORGET
        if pays and not self.apart:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="tunesmith-prepare", daemon=True)
                self._thread.start()
            self._limits = one_thread.entered
            self._threads = one_thread.counts()
            self._go.set()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._lasted = time.perf_counter() - self._began
        self._go.clear()
        if self._threads and one_thread.entered > self._limits:  # the objective may have set threads, too
            one_thread.restore(self._threads)
        self._threads = []

    def _work(self) -> None:
        while True:
            self._go.wait()
            if self._closed:
                return
            self._go.clear()
            self.prepare()

    def close(self) -> None:
        """End the thread, when it is done with what it is at."""
        self._closed = True
        self._go.set()
        if self._thread is not None:
            self._thread.join()
