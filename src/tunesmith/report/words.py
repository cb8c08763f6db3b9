"""Numbers, durations and parameters in the words that people read."""

from __future__ import annotations

import json
import math
import os
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
    return str(value).replace("\n", " ")


def params_line(params: Mapping[str, Any]) -> str:
    """Parameters in one line: 'lr=0.001 optimizer=adam'."""
    return " ".join(f"{name}={brief(value)}" for name, value in params.items())


def params_python(params: Mapping[str, Any], width: int = 100) -> str:
    """An assignment to paste into Python, every digit kept; on one line where that fits."""
    items = [f"{json.dumps(name, ensure_ascii=False)}: {_literal(value)}" for name, value in params.items()]
    line = f"params = {{{', '.join(items)}}}"
    if len(line) <= width and len(items) <= 3:
        return line
    return "\n".join(["params = {", *(f"    {item}," for item in items), "}"])


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


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


def clip(text: str, width: int) -> str:
    """`text` in `width` characters at most, its end marked when it was cut."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 0 else ""
