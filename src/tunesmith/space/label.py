"""Labels: the plain values by which Python objects are named in logs, params and JSON."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError

Label = None | bool | int | float | str
Token = tuple[type, Any]

_PLAIN = (str, int, float, bool, type(None))
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def is_plain(value: Any) -> bool:
    """Whether a value is its own label: None, a bool, an int, a finite float or a str."""
    return type(value) in _PLAIN and not (type(value) is float and not math.isfinite(value))


def native(value: Any) -> Any:
    """NumPy scalars as Python values; everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def label_of(value: Any) -> Label:
    """The label of any object: itself when plain, else its name, else its repr. Raises SpaceError."""
    value = native(value)
    if is_plain(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, Enum):
        return value.name
    name = getattr(value, "__name__", None)
    text = name if isinstance(name, str) else repr(value)
    if _ADDRESS.search(text) or len(text) > 200:
        raise SpaceError(
            f"cannot name the choice {text[:80]}: its repr changes from run to run or is too long; "
            'write Categorical({"label": object, ...}) to name it yourself'
        )
    return text


def token(label: Any) -> Token:
    """A key under which True, 1 and 1.0 differ."""
    return (label.__class__, label)
