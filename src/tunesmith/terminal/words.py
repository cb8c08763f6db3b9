"""Numbers, durations and parameters in the words that people read."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def number(value: float | None) -> str:
    """A measured value in about four digits: 0.9731, 1.234e-05, 12345."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if value == int(value) and size < 1e6:
        return f"{value:.0f}" if size >= 10 else f"{value:.1f}"
    return f"{value:.4f}" if 0.01 <= size < 100 else f"{value:.4g}"


def safe(text: str) -> str:
    """A user's text without what could move the cursor, change colours or turn the reading direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char.isprintable() else _stand_in(char) for char in text)


def _stand_in(char: str) -> str:
    if char.isspace():
        return " "
    return "" if unicodedata.category(char) == "Cf" else "?"  # joiners and direction marks just go


def cells(text: str) -> int:
    """How many columns a terminal needs for it: two for each wide character, none for combining marks."""
    return len(text) if text.isascii() else sum(map(_cell, text))


@functools.lru_cache(4096)
def _cell(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def clip(text: str, width: int) -> str:
    """`text` in `width` columns at most, its end marked when it was cut."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept, used = 0, 0
    for char in text:
        used += _cell(char)
        if used > width - 1:
            break
        kept += 1
    return text[:kept] + "…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` columns: cut, or filled up; `right`: moved to the right end."""
    text = clip(text, width)
    gap = " " * (width - cells(text))
    return gap + text if right else text + gap


def values(found: tuple[float, ...] | None) -> str:
    """The values of a trial, one an objective."""
    return "-" if not found else ", ".join(number(value) for value in found)


def seconds(duration: float | None) -> str:
    """A duration: '35 ms', '1.2 s', '48 s', '3 min 20 s', '2 h 05 min'."""
    if duration is None:
        return "-"
    if duration < 0.0995:
        return f"{duration * 1000:.0f} ms"
    if duration < 9.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(duration: float) -> str:
    """A running time of steady width: '0:07', '12:30', '1:02:03'."""
    whole = max(0, int(duration))
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def brief(value: Any) -> str:
    """A parameter's value in a few characters."""
    if isinstance(value, float):
        return f"{value:.3g}"
    return safe(str(value))


def params_line(params: Mapping[str, Any]) -> str:
    """Parameters in one line: 'lr=0.001 optimizer=adam'."""
    return " ".join(f"{safe(name)}={brief(value)}" for name, value in params.items())


def params_python(params: Mapping[str, Any], width: int = 100) -> str:
    """An assignment to paste into Python, every digit kept; on one line where that fits."""
    items = [f"{_quoted(name)}: {_literal(value)}" for name, value in params.items()]
    line = f"params = {{{', '.join(items)}}}"
    if len(line) <= width and len(items) <= 3:
        return line
    return "\n".join(["params = {", *(f"    {item}," for item in items), "}"])


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _quoted(text: str) -> str:
    """A Python string literal, safe to print and to paste whatever the text holds."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted)


def cause(error: str | None) -> str:
    """The line of a traceback that says what was raised: 'ValueError: too small'; of other texts, the last.

    What an exception says may have several lines; the first of them, below the frames, begins with its type.
    """
    lines = (error or "").strip().splitlines()
    if not lines:
        return "unknown"
    frames = [i for i, line in enumerate(lines) if re.match(r"  File \".*\", line \d+", line)]
    below = lines[frames[-1] + 1 :] if frames else lines[-1:]
    return safe(next((line for line in below if line and not line[0].isspace()), lines[-1]))


def plural(count: int, noun: str) -> str:
    """'1 trial', '2 trials'."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def place(store: Any) -> str:
    """Where a store lies, as short as it can be said from here."""
    path = getattr(store, "path", None)
    if path is None:
        return "memory"
    try:
        near = os.path.relpath(path)
    except (OSError, ValueError):
        return str(path)
    return near if not near.startswith("..") else str(Path(path))
