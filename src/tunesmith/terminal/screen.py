"""A view on a terminal: repainted in place by a thread of its own, taken off when it is closed."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tunesmith.terminal.frame import ascii_only
from tunesmith.terminal.funnel import Funnel
from tunesmith.terminal.pieces import Line, size

Draw = Callable[[int, int], list[Line]]
"""The lines of a view for a width and a height."""

_EVERY = 0.25  # seconds between repaints
_DELAY = 0.3  # what is over sooner than this needs no view
_shown = threading.Lock()  # a terminal has room for one view


class Screen:
    """Shows what `draw` draws, until it is closed. Above it, lines can be printed as ever.

    `funnel`: lead what worker processes print past the view. Only one view is shown at a time; a second one
    stays away.
    """

    def __init__(self, draw: Draw, file: TextIO, *, funnel: bool = False) -> None:
        self._draw = draw
        self._file = file
        self._wanted = funnel
        self._funnel: Funnel | None = None
        self._live: Any = None
        self._done = threading.Event()
        self._closing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._marks: _Marks | None = None
        self._closed = False

    def open(self, *, at_once: bool = False) -> None:
        """Begin; the first picture comes a moment later, or `at_once`."""
        if not _shown.acquire(blocking=False):
            self._closed = True
            return
        atexit.register(self.close)  # a run that ends by an exception must not leave the cursor hidden
        self._marks = _Marks.off(self._file)
        if self._wanted:
            self._funnel = Funnel.of(self._file)
        if self._funnel is not None:
            self._funnel.open(self._say)  # now: workers inherit what is in place when they are started
        self._thread = threading.Thread(
            target=self._run, args=(0.0 if at_once else _DELAY,), name="tunesmith-view", daemon=True
        )
        self._thread.start()

    @property
    def shown(self) -> bool:
        """Whether anything was drawn so far."""
        return self._live is not None

    def close(self) -> None:
        """Take the view off the terminal, which is as it was before then; again, when it was interrupted."""
        with self._closing:
            if self._closed:
                return
            self._done.set()
            if self._thread is not None:
                self._thread.join()
            funnel, self._funnel = self._funnel, None
            if funnel is not None:
                funnel.close()
            if self._live is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._live.stop()
            if self._marks is not None:
                self._marks.restore()
            self._closed = True
        atexit.unregister(self.close)
        _shown.release()

    def _run(self, delay: float) -> None:
        if delay and self._done.wait(delay):
            return
        try:
            self._start()
            painter = _Painter(self._live, self._draw, unicode=unicode_fits(self._file))
            while True:
                began = time.thread_time()
                painter.paint()
                spent = time.thread_time() - began
                if self._done.wait(max(_EVERY, 40 * spent)):  # however large the view, it stays cheap
                    return
        except (OSError, ValueError):  # the terminal has gone; the study has not
            return

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        file = self._file if self._funnel is None else self._funnel.terminal
        console = Console(file=file, force_terminal=True, highlight=False, legacy_windows=False)
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            redirect_stdout=self._funnel is None and _terminal(sys.stdout),
            redirect_stderr=self._funnel is None and _terminal(sys.stderr),
        )
        self._live.start()

    def _say(self, said: str) -> None:
        """A line that a worker has printed, above the view."""
        live, funnel = self._live, self._funnel
        if live is not None and live.is_started:
            from rich.text import Text

            live.console.print(Text.from_ansi(said))
        elif funnel is not None:
            funnel.terminal.write(f"{said}\n")
            funnel.terminal.flush()


class _Painter:
    """Repaints when something has changed; finds its place again when the terminal was made narrower."""

    def __init__(self, live: Any, draw: Draw, *, unicode: bool) -> None:
        self._live, self._draw, self._unicode = live, draw, unicode
        self._lines: list[Line] = []
        self._size = (0, 0)

    def paint(self) -> None:
        """Look at the study, and repaint what is different."""
        console = self._live.console
        width, height = console.size
        if self._lines and (width, height) != self._size:
            self._resized(width)
        lines = self._draw(width, height)
        if lines != self._lines or (width, height) != self._size:
            self._lines, self._size = lines, (width, height)
            self._live.update(_Lines(lines, self._unicode), refresh=True)

    def _resized(self, width: int) -> None:
        """Terminals fold lines that have become too long: these more lines are taken off first."""
        from rich.control import Control
        from rich.segment import ControlType

        more = sum(max(0, -(-size(line) // max(1, width)) - 1) for line in self._lines)
        console = self._live.console
        for _ in range(min(more, console.size.height)):
            console.file.write("\x1b[2K\x1b[1A")
        self._live.stop()  # takes off the rest, and begins anew where the view began
        console.control(Control((ControlType.ERASE_IN_LINE, 2)))
        self._live.vertical_overflow = "crop"
        self._live.start()


class _Lines:
    """The lines as rich wants them: nothing is measured or wrapped again."""

    def __init__(self, lines: list[Line], unicode: bool) -> None:
        self._lines, self._unicode = lines, unicode

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        from rich.segment import Segment

        for i, line in enumerate(self._lines):
            if i:
                yield Segment.line()
            for piece in line:
                style = console.get_style(piece.style) if piece.style else None
                yield Segment(piece.text if self._unicode else ascii_only(piece.text), style)


class _Marks:
    """The `^C` that a terminal writes when it is pressed, and that would shift the view."""

    def __init__(self, number: int, before: list[Any]) -> None:
        self._number, self._before = number, before

    @classmethod
    def off(cls, file: TextIO) -> _Marks | None:
        """Have the terminal behind `file` not write them; None where there is no such thing."""
        try:
            import termios
        except ImportError:
            return None
        try:
            number = os.dup(file.fileno())  # the file's own may lead elsewhere when they are put back
        except (OSError, ValueError, AttributeError):
            return None
        try:
            before = termios.tcgetattr(number)
            changed = [*before[:3], before[3] & ~termios.ECHOCTL, *before[4:]]
            termios.tcsetattr(number, termios.TCSANOW, changed)
        except termios.error:
            os.close(number)
            return None
        return cls(number, before)

    def restore(self) -> None:
        """Have it write them again."""
        import termios

        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._number, termios.TCSANOW, self._before)
            os.close(self._number)


def unicode_fits(file: TextIO) -> bool:
    """Whether what the view draws can be written there."""
    try:
        "━▁█…↑".encode(getattr(file, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def writable(text: str, file: TextIO) -> str:
    """`text` with a likeness of what the file's encoding does not have."""
    return text if text.isascii() or unicode_fits(file) else "\n".join(map(ascii_only, text.split("\n")))


def _terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def is_terminal(file: TextIO) -> bool:
    """Whether a view can be repainted there: a terminal that is ours, and no robot's."""
    automatic = os.environ.get("CI", "").lower() not in ("", "0", "false")
    if automatic or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return False
    return _terminal(file) and _in_foreground(file)


def _in_foreground(file: TextIO) -> bool:
    """Not a background job (`command &`), which would paint into what its user types."""
    try:
        return os.tcgetpgrp(file.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return True  # no job control there, as in a container
