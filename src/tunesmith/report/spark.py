"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as block characters, `width` at most; a longer curve is thinned, its last value kept.

    What is not finite shows as a space, a level curve as a low line.
    """
    if width < 1 or not values:
        return ""
    shown = thinned(values, width)
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return " " * len(shown)
    low, high = min(finite), max(finite)
    span = high / 2 - low / 2  # halves, for the whole may be more than a float holds
    top = len(_BLOCKS) - 1
    heights = [(v / 2 - low / 2) / span if span else 0.0 for v in finite]
    blocks = iter(_BLOCKS[round(height * top)] for height in heights)
    return "".join(next(blocks) if math.isfinite(v) else " " for v in shown)


def thinned(values: Sequence[float], width: int) -> list[float]:
    """At most `width` of the values, evenly spaced, the last one among them."""
    count = len(values)
    if count <= width:
        return list(values)
    return [values[(i + 1) * count // width - 1] for i in range(width)]
