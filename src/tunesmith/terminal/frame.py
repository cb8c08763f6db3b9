"""The live view as lines of styled text, for any width: pure, so that it is tested without a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.terminal.pieces import Line, Piece, joined, plain, size
from tunesmith.terminal.rows import rows
from tunesmith.terminal.snapshot import Best, Front, Snapshot
from tunesmith.terminal.spark import BLOCKS, sparkline
from tunesmith.terminal.words import cells, clip, clock, number, pad, params_line, plural, safe

__all__ = ["ascii_only", "frame", "plain"]

_BAR = (10, 60)  # the shortest bar worth drawing, and the longest
_PARAMS = 18  # the narrowest room for parameters
_TREND = 24
_PANEL = 32  # columns of the panel of importances
_PANEL_FROM = 100  # columns of the terminal at which rows and panel have room beside each other
_NAMES = 12  # columns of a parameter's name in the panel
_GAP = "   "  # between rows and panel
_IMPORTANCE = "importance so far"

_ASCII = str.maketrans(
    {"━": "=", "╸": ">", "─": "-", "█": "#", "…": "~", "↑": "^", "↓": "v", "±": "+", "·": "-"}
    | dict(zip(BLOCKS, "_.-:=+*#", strict=True))
)


def frame(snapshot: Snapshot, width: int, height: int = 24) -> list[Line]:
    """The view, `width` columns at most and no line wrapped; rows that do not fit are counted."""
    lines = [_header(snapshot, width)]
    if snapshot.best is not None:
        lines.append(_best(snapshot, snapshot.best, width))
    elif snapshot.front is not None:
        lines += _front(snapshot.front, width)
    panel = width >= _PANEL_FROM and bool(snapshot.rows) and snapshot.importances is not None
    foot = [] if panel else _importance_line(snapshot, width)
    if snapshot.note:
        foot.append([Piece(clip(safe(snapshot.note), width), "yellow")])
    room = max(1, height - len(lines) - len(foot) - 3)
    shown = snapshot.rows[:room]
    table = rows(snapshot, shown, width - _PANEL - len(_GAP) if panel else width) if shown else []
    if len(snapshot.rows) > room:
        table.append([Piece(f"… and {len(snapshot.rows) - room} more", "dim")])
    return [*lines, *(_beside(table, _panel(snapshot), height - len(lines)) if panel else table), *foot]


def ascii_only(text: str) -> str:
    """`text` for a terminal that knows ASCII only: what this view draws has a likeness, the rest is `?`."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _header(snapshot: Snapshot, width: int) -> Line:
    """`digits ━━━━━╸━━━━ 23/48  ETA 0:42  2 running  1 failed`; where it is narrow, the end goes."""
    total = snapshot.total
    count = f"{snapshot.done}/{total}" if total else plural(snapshot.done, "trial")
    name = clip(safe(snapshot.name), min(max(8, width // 3), max(0, width - len(count) - 2)))
    extras = _extras(snapshot)
    fixed = cells(name) + len(count) + 2
    while extras and fixed + sum(len(e.text) + 2 for e in extras) + (_BAR[0] if total else 0) > width:
        extras.pop()
    line = [Piece(name, "bold"), Piece(" ")]
    if total:
        room = width - fixed - sum(len(e.text) + 2 for e in extras)
        line += [*_bar(snapshot.done / total, min(room, _BAR[1])), Piece(" ")]
    line.append(Piece(clip(count, width - size(line)), "bold"))
    for extra in extras:
        line += [Piece("  "), extra]
    return line


def _extras(snapshot: Snapshot) -> list[Piece]:
    """What is counted beside the bar, the most telling first."""
    extras = []
    if snapshot.total and snapshot.done < snapshot.total:
        extras.append(Piece("ETA " + (clock(snapshot.eta) if snapshot.eta is not None else "-:--"), "cyan"))
    counts = (
        (snapshot.running, "running", "dim"),
        (snapshot.failed, "failed", "red"),
        (snapshot.stopped, "stopped", "yellow"),
        (snapshot.infeasible, "infeasible", "yellow"),
        (snapshot.paused, "paused", "dim"),
        (snapshot.waiting, "waiting", "dim"),
    )
    return extras + [Piece(f"{n} {what}", style) for n, what, style in counts if n or what == "running"]


def _bar(share: float, width: int) -> Line:
    if width < 1:
        return []
    halves = round(2 * width * min(1.0, share))
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [Piece(full, "green"), Piece("─" * (width - len(full)), "bright_black")]


def _best(snapshot: Snapshot, best: Best, width: int) -> Line:
    """`best acc ↑ 0.9871  ▁▁▂▂▅▅▆▇  trial #42, 12 trials ago (0:31)  lr=0.1 …`, as far as there is room."""
    goal = clip(safe(snapshot.objective), max(6, width // 5)) + (" ↓ " if snapshot.lower else " ↑ ")
    value = number(best.value)
    line = [
        Piece("best "),
        Piece(goal, "dim"),
        Piece(clip(value, max(1, width - 5 - cells(goal))), "bold green"),
    ]
    if not best.feasible:
        line.append(Piece("  infeasible", "yellow"))
    ago = "just now" if not best.ago else f"{plural(best.ago, 'trial')} ago"
    told = f"trial #{best.number}, {ago}"
    if best.age is not None and best.ago:
        told += f" ({clock(best.age)})"
    if size(line) + 2 + len(told) > width:
        told = f"#{best.number}"
    room = width - size(line) - 2 - len(told) - 2
    spark = sparkline(best.trend, min(room, _TREND)) if len(best.trend) > 1 else ""
    tail = [Piece(spark, "green"), Piece(told, "dim")]
    left = width - size(joined([line, *([piece] for piece in tail if piece.text)])) - 2
    if left >= _PARAMS:
        tail.append(Piece(clip(params_line(best.params), left), "dim"))
    return _fitting(joined([line, *([piece] for piece in tail if piece.text)]), width)


def _front(front: Front, width: int) -> list[Line]:
    """`front 7 trials  ▁▂▅▇  hypervolume 83 %, grew 3 trials ago`, and the values that it spans."""
    first = [Piece("front "), Piece(plural(front.size, "trial"), "bold green")]
    grew = "grew just now" if not front.ago else f"grew {plural(front.ago, 'trial')} ago"
    told = grew if front.share is None else f"hypervolume {100 * front.share:.0f} %, {grew}"
    room = width - size(first) - len(told) - 4
    spark = sparkline(front.trend, min(room, _TREND)) if len(front.trend) > 1 else ""
    tail = [[Piece(spark, "green")]] if spark else []
    spans = "  ".join(
        f"{clip(safe(name), 16)} {number(low)} to {number(high)}" for name, low, high in front.spans
    )
    whole = joined([first, *tail, [Piece(told, "dim")]])
    return [_fitting(whole, width), [Piece(clip(spans, width), "dim")]]


def _importance_line(snapshot: Snapshot, width: int) -> list[Line]:
    """`importance so far  lr 61 %  dropout 22 %`; nothing while nothing can be said."""
    if not snapshot.importances:
        return []
    label = _title(snapshot) if width >= 60 else "importance"
    line = [Piece(label, "dim")]
    for name, share in snapshot.importances:
        told = f"{clip(safe(name), 16)} {_percent(share)}"
        if share < 0.005 or size(line) + 2 + cells(told) > width:
            break
        line += [Piece("  "), Piece(told, "cyan")]
    return [line] if len(line) > 1 else []


def _panel(snapshot: Snapshot) -> list[Line]:
    """The importances as bars, below their title."""
    lines = [[Piece(_title(snapshot), "dim")]]
    shares = snapshot.importances or ()
    if not shares:
        lines.append([Piece("no parameter stands out yet", "dim")])
    longest = min(_NAMES, max((cells(safe(name)) for name, _ in shares), default=0))
    room = _PANEL - longest - 6
    for name, share in shares:
        if share >= 0.005:
            bar = pad("█" * max(1, round(room * share)), room)
            percent = Piece(_percent(share).rjust(5))
            lines.append(
                [Piece(pad(safe(name), longest), "cyan"), Piece(" "), Piece(bar, "magenta"), percent]
            )
    return lines


def _title(snapshot: Snapshot) -> str:
    """Of several objectives, the importances are those of the first."""
    if snapshot.front is None:
        return _IMPORTANCE
    return clip(f"importance for {safe(snapshot.objective)}", _PANEL)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _beside(left: list[Line], right: list[Line], height: int) -> list[Line]:
    """Two blocks next to each other, the right one straight, as far as there are lines."""
    wide = max(size(line) for line in left)
    count = min(max(len(left), len(right)), max(height, len(left)))
    lines = []
    for i in range(count):
        line = list(left[i]) if i < len(left) else []
        if i < len(right):
            line += [Piece(" " * (wide - size(line)) + _GAP), *right[i]]
        lines.append(line)
    return lines


def _fitting(line: Line, width: int) -> Line:
    """The line, cut where it would be wider."""
    found: list[Piece] = []
    for piece in line:
        left = width - size(found)
        if left <= 0:
            break
        found.append(Piece(clip(piece.text, left), piece.style))
    return found


def texts(lines: Sequence[Line]) -> str:
    """The lines as one text."""
    return "\n".join(plain(lines))
