"""One BLAS thread while a searcher computes.

Matrices of searchers are small, and the cores belong to the trials: threads of a BLAS that wait for cores
which workers keep busy make a Cholesky factor of 100 rows last 80 ms in place of 0.2 ms. With one thread the
last bit of a proposal does not depend on the number of cores either.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any


class _OneThread:
    """A context that may be entered again, and by several threads; the last one to leave puts things back.

    The number of threads belongs to the process. A library whose number somebody else has changed in between
    is left as it is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._seen = -1  # how many of _LATE were loaded when libraries were looked for
        self._libraries: list[Any] = []
        self._before: list[tuple[Any, int]] = []
        self.entered = 0  # how often threads were taken away

    def __enter__(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._look()
                self._before = [(lib, n) for lib in self._libraries if (n := lib.get_num_threads()) > 1]
                for library, _ in self._before:
                    _set(library, 1)
                self.entered += bool(self._before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                for library, count in self._before:
                    if library.get_num_threads() == 1:
                        _set(library, count)
                self._before = []

    def _look(self) -> None:
        """Find the libraries, once and when another module that brings one has been loaded."""
        seen = sum(name in sys.modules for name in _LATE)
        if seen != self._seen:
            from threadpoolctl import ThreadpoolController

            self._seen = seen
            self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers

    def counts(self) -> list[int]:
        """The number of threads of each library now."""
        with self._lock:
            self._look()
            return [library.get_num_threads() for library in self._libraries]

    def restore(self, counts: list[int]) -> None:
        """Undo what a race with somebody else's limit has left at one thread."""
        with self._lock:
            for library, count in zip(self._libraries, counts, strict=False):
                if count > 1 and self._depth == 0 and library.get_num_threads() == 1:
                    _set(library, count)


def _set(library: Any, count: int) -> None:
    """Set the number of threads of a library of threadpoolctl, from whatever thread.

    Newer versions: their own method does nothing in any thread but the first that has called it.
    """
    getattr(library, "_real_set_num_threads", library.set_num_threads)(count)


_LATE = ("numpy", "scipy.linalg", "torch")  # each may bring a library of its own

one_thread = _OneThread()
