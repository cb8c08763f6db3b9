"""The live view as lines of styled text, for any width: pure, so that it is tested without a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tunesmith.report.snapshot import Best, Row, Snapshot
from tunesmith.report.spark import sparkline
from tunesmith.report.words import clip, clock, number, params_line, plural


class Piece(NamedTuple):
    """A stretch of text in one style (a rich style name)."""

    text: str
    style: str = ""


Line = list[Piece]
_BAR = 10  # the shortest bar worth drawing
_PARAMS = 18  # the narrowest column of parameters
_CURVES = (12, 24)  # the narrowest and the widest curve


def frame(snapshot: Snapshot, width: int, height: int = 24) -> list[Line]:
    """The view, `width` characters at most and no line wrapped; rows that do not fit are counted."""
    lines = [_header(snapshot, width)]
    if snapshot.best is not None:
        lines.append(_best(snapshot.best, width))
    room = max(1, height - len(lines) - 3)
    shown = snapshot.rows[:room]
    if shown:
        lines += _rows(shown, width)
    if len(snapshot.rows) > room:
        lines.append([Piece(f"… and {len(snapshot.rows) - room} more", "dim")])
    if snapshot.note:
        lines.append([Piece(clip(snapshot.note, width), "yellow")])
    return lines


def plain(lines: Sequence[Line]) -> list[str]:
    """The lines without their styles."""
    return ["".join(piece.text for piece in line) for line in lines]


def _header(snapshot: Snapshot, width: int) -> Line:
    """`study demo ━━━━━╸━━━━ 23/48  ETA 0:42  2 running  1 failed  3 stopped`; narrow, the end goes."""
    count = f"{snapshot.done}/{snapshot.total}" if snapshot.total else plural(snapshot.done, "trial")
    name = clip(snapshot.name, min(max(8, width // 3), max(0, width - len(count) - 2)))
    extras = [Piece("ETA " + (clock(snapshot.eta) if snapshot.eta is not None else "-:--"), "cyan")]
    if not snapshot.total:
        extras = []
    if snapshot.failed:
        extras.append(Piece(f"{snapshot.failed} failed", "red"))
    if snapshot.stopped:
        extras.append(Piece(f"{snapshot.stopped} stopped", "yellow"))
    if snapshot.paused:
        extras.append(Piece(f"{snapshot.paused} paused", "dim"))
    extras.append(Piece(f"{len(snapshot.rows)} running", "dim"))
    fixed = len(name) + 2 + len(count)
    while extras and fixed + sum(len(e.text) + 2 for e in extras) + _BAR > width:
        extras.pop()
    line = [Piece(name, "bold"), Piece(" ")]
    if snapshot.total:
        room = width - fixed - sum(len(e.text) + 2 for e in extras)
        line += [*_bar(snapshot.done / snapshot.total, min(room, 60)), Piece(" ")]
    line.append(Piece(count, "bold"))
    for extra in extras:
        line += [Piece("  "), extra]
    return line


def _bar(share: float, width: int) -> Line:
    if width < 1:
        return []
    halves = round(2 * width * min(1.0, share))
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [Piece(full, "green"), Piece("━" * (width - len(full)), "bright_black")]


def _best(best: Best, width: int) -> Line:
    """`best 0.9871  ▁▁▂▂▅▅▆▇  trial #42, 12 trials ago  lr=0.1 …`; the parameters where there is room."""
    ago = "just now" if not best.ago else f"{plural(best.ago, 'trial')} ago"
    value, told = number(best.value), f"trial #{best.number}, {ago}"
    room = width - len("best ") - len(value) - len(told) - 4
    spark = sparkline(best.trend, min(room, 30 if width >= 100 else 24))
    line = [Piece("best "), Piece(value, "bold green"), Piece("  "), Piece(spark, "green")]
    line += [Piece("  " if spark else ""), Piece(clip(told, width - len(value) - 7), "dim")]
    left = width - sum(len(piece.text) for piece in line) - 2
    if left >= _PARAMS:
        line += [Piece("  "), Piece(clip(params_line(best.params), left), "dim")]
    return line


def _rows(rows: Sequence[Row], width: int) -> list[Line]:
    steps = [_step(row) for row in rows]
    lasts = [number(row.curve[-1]) if row.curve else "-" for row in rows]
    ages = [clock(row.age) for row in rows]
    columns = {"trial": [f"#{row.number}" for row in rows], "params": [""] * len(rows)}
    if any(row.curve for row in rows):
        columns |= {"step": steps, "last": lasts, "curve": [""] * len(rows)}
    columns["age"] = ages
    wanted = max(len(params_line(row.params)) for row in rows)
    sizes = _sizes(columns, width, wanted)
    if "params" in sizes:
        columns["params"] = [clip(params_line(row.params), sizes["params"]) for row in rows]
    if "curve" in sizes:
        columns["curve"] = [sparkline(row.curve, sizes["curve"]) for row in rows]
    lines = [_line(sizes, {name: name for name in sizes}, "dim")]
    return lines + [_line(sizes, {name: columns[name][i] for name in sizes}, "") for i in range(len(rows))]


def _sizes(columns: dict[str, list[str]], width: int, wanted: int) -> dict[str, int]:
    """Column widths that fit; a narrow terminal loses the curve first, then step, then parameters.

    The parameters get what is left, up to the `wanted` width.
    """
    sizes = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
    sizes["params"] = _PARAMS
    if "curve" in sizes:
        sizes["curve"] = min(_CURVES[1], max(_CURVES[0], width // 6))
    for dropped in ("curve", "step", "params", "last", "age"):
        if sum(sizes.values()) + 2 * (len(sizes) - 1) <= width:
            break
        sizes.pop(dropped, None)
    if "params" in sizes:
        left = width - sum(sizes.values()) - 2 * (len(sizes) - 1)
        sizes["params"] = min(_PARAMS + left, max(_PARAMS, wanted))
    return sizes


def _line(sizes: dict[str, int], cells: dict[str, str], style: str) -> Line:
    styles = {"trial": "bold", "curve": "green", "age": "dim", "params": "cyan"} if not style else {}
    line: Line = []
    for name, size in sizes.items():
        text = cells[name]
        padded = text.ljust(size) if name in ("trial", "params", "curve") else text.rjust(size)
        line += [Piece("  " if line else ""), Piece(padded, styles.get(name, style))]
    return line


def _step(row: Row) -> str:
    if not row.step:
        return "-"
    return str(row.step) if row.budget is None else f"{row.step}/{row.budget}"
