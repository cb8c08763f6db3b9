"""A curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
_DECADES = 100.0  # positive values that span more than this are drawn by their logarithms


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as block characters, `width` at most; a longer curve is thinned, its last value kept.

    Up is more. Positive values over more than two decades are drawn by their logarithms. What is not finite
    shows as a space, a level curve as a low line.
    """
    if width < 1 or not values:
        return ""
    shown = thinned(values, width)
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return " " * len(shown)
    low, high = min(finite), max(finite)
    if low > 0 and high / low > _DECADES:
        finite = [math.log(value) for value in finite]
        low, high = math.log(low), math.log(high)
    span = high / 2 - low / 2  # halves, for the whole may be more than a float holds
    top = len(BLOCKS) - 1
    heights = [(v / 2 - low / 2) / span if span else 0.0 for v in finite]
    blocks = iter(BLOCKS[round(height * top)] for height in heights)
    return "".join(next(blocks) if math.isfinite(v) else " " for v in shown)


def thinned(values: Sequence[float], width: int) -> list[float]:
    """At most `width` of the values, evenly spaced, the last one among them."""
    count = len(values)
    if count <= width:
        return list(values)
    return [values[(i + 1) * count // width - 1] for i in range(width)]


def staircase(steps: Sequence[tuple[int, float]], until: int, width: int) -> list[float]:
    """A curve that changes at some counts only, at `width` evenly spaced counts up to `until`.

    `steps`: (count, value from there on), in order. What lies before the first is left out.
    """
    found: list[float] = []
    at, points = 0, min(width, until)
    for place in range(1, points + 1):
        count = place * until // points
        if not steps or count < steps[0][0]:
            continue
        while at + 1 < len(steps) and steps[at + 1][0] <= count:
            at += 1
        found.append(steps[at][1])
    return found
