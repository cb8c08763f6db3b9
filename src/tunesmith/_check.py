"""Argument checks with uniform messages: what was wrong, the value, what is allowed."""

from __future__ import annotations

import math
import re
from typing import Any

from tunesmith.errors import SettingError

_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]+)")

_SIZES = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([A-Z]*)")


def integer(name: str, value: Any, low: int | None = None) -> int:
    """`value` as an int, at least `low`. Raises SettingError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise SettingError(f"{name} must be a whole number, got {value!r} ({type(value).__name__})")
    number = int(value.__index__())
    if low is not None and number < low:
        raise SettingError(f"{name} must be at least {low}, got {number}")
    return number


def number(name: str, value: Any) -> float:
    """`value` as a finite float. Raises SettingError."""
    if isinstance(value, (bool, str, bytes)):
        raise SettingError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise SettingError(f"{name} must be a number, got {value!r} ({type(value).__name__})") from None
    if not math.isfinite(result):
        raise SettingError(f"{name} must be finite, got {value!r}")
    return result


def seconds(name: str, value: float | str) -> float:
    """A duration: seconds, or text such as '90s', '10m', '2h', '1h 30m'. Raises SettingError."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or _DURATION.sub("", value).strip() or any(unit not in _UNITS for _, unit in parts):
            raise SettingError(f"{name} must be seconds or text such as '90s', '10m', '2h', got {value!r}")
        result = sum(float(amount) * _UNITS[unit] for amount, unit in parts)
    else:
        result = number(name, value)
    if result <= 0:
        raise SettingError(f"{name} must be longer than nothing, got {value!r}")
    return result


def size(name: str, value: float | str) -> int:
    """An amount of memory: bytes, or text such as '500MB', '2 GB', '1.5GiB'. Raises SettingError."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip().upper())
        if found is None or found[2] not in _SIZES:
            raise SettingError(f"{name} must be bytes or text such as '500MB', '2GB', got {value!r}")
        result = float(found[1]) * _SIZES[found[2]]
    else:
        result = number(name, value)
    if result < 0:
        raise SettingError(f"{name} must not be negative, got {value!r}")
    return int(result)
