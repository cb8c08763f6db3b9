"""Tables as plain text: aligned, and never wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.terminal.words import cells, pad, safe

_GAP = "  "
_LEAST = 12  # what is left of the last column when it is cut


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """Lines of an aligned table; numbers to the right. `width`: columns at the end are cut, then dropped."""
    if not rows:
        return []
    keep = len(headers)
    headers, rows = [safe(text) for text in headers], [[safe(text) for text in row] for row in rows]
    sizes = [max(cells(header), *(cells(row[i]) for row in rows)) for i, header in enumerate(headers)]
    if width is not None:
        while keep > 1 and _total(sizes[:keep]) > width:
            room = width - _total(sizes[: keep - 1]) - len(_GAP)
            if room >= min(_LEAST, sizes[keep - 1]):
                sizes[keep - 1] = room
                break
            keep -= 1
    right = [all(_numeric(row[i]) for row in rows) for i in range(keep)]
    lines = []
    for row in (headers, *rows):
        padded = [pad(text, sizes[i], right=right[i]) for i, text in enumerate(row[:keep])]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _total(sizes: Sequence[int]) -> int:
    return sum(sizes) + len(_GAP) * (len(sizes) - 1)


def _numeric(text: str) -> bool:
    if text in ("", "-"):
        return True
    try:
        float(text.removeprefix("#").removesuffix(" ms").removesuffix(" s"))
    except ValueError:
        return False
    return True
