"""The view's table: a row a worker, in as many columns as the terminal has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.terminal.pieces import Line, Piece
from tunesmith.terminal.snapshot import Row, Snapshot
from tunesmith.terminal.spark import sparkline
from tunesmith.terminal.words import brief, cells, clip, clock, number, pad, params_line, safe

_GAP = 2
_NAME = 12  # columns of a parameter's or an objective's name, at most
_VALUE = 14  # columns of a parameter's value, at most
_CURVE = (8, 12, 24)  # columns of a curve: the fewest, what it should have, the most
_REST = (12, 40)  # columns of the parameters that have none of their own: the fewest, the most


@dataclass(slots=True)
class _Column:
    head: str
    texts: list[str]
    style: str = ""
    left: bool = False
    wide: int = 0  # 0: as wide as its texts

    @property
    def width(self) -> int:
        return self.wide or max(cells(self.head), *map(cells, self.texts))


def rows(snapshot: Snapshot, shown: Sequence[Row], width: int) -> list[Line]:
    """A header, and a line for each of the `shown` rows."""
    columns = _fitting(snapshot, shown, width)
    curve = columns.get("curve")
    if curve is not None:
        others = sum(c.width + _GAP for name, c in columns.items() if name != "curve")
        curve.wide = max(_CURVE[0], min(_CURVE[2], width - others))
        curve.texts = [sparkline(row.curve, curve.wide) for row in shown]
    placed = [columns[name] for name in _order(columns)]
    head: Line = []
    for column in placed:
        head += [Piece(" " * _GAP if head else "")]
        head += [Piece(pad(column.head, column.width, right=not column.left), "dim")]
    return [head, *(_line(placed, i, idle=row.number is None) for i, row in enumerate(shown))]


def _line(columns: Sequence[_Column], i: int, *, idle: bool) -> Line:
    line: Line = []
    for column in columns:
        line.append(Piece(" " * _GAP if line else ""))
        text = pad(column.texts[i], column.width, right=not column.left)
        line.append(Piece(text, "dim" if idle else column.style))
    return line


def _fitting(snapshot: Snapshot, shown: Sequence[Row], width: int) -> dict[str, _Column]:
    """Columns by name, the most telling first, as many as fit."""
    found: dict[str, _Column] = {}
    left = width + _GAP
    for name, column in _wanted(snapshot, shown):
        if column.width + _GAP <= left:
            found[name] = column
            left -= column.width + _GAP
    rest = [name for name in snapshot.columns if f"param {name}" not in found]
    others = {name for row in shown for name in row.params} - set(snapshot.columns)
    room = min(_REST[1], left - _GAP)
    if (rest or others) and room >= _REST[0]:
        said = [_said(row, set(rest) | others) for row in shown]
        wide = min(room, max(6, *map(cells, said)))
        found["rest"] = _Column("params", [clip(text, wide) for text in said], "cyan", left=True, wide=wide)
    return found


def _wanted(snapshot: Snapshot, shown: Sequence[Row]) -> list[tuple[str, _Column]]:
    """All columns in the order in which a wide enough terminal gets them."""
    params = [(f"param {name}", _parameter(name, shown)) for name in snapshot.columns]
    trial = _Column("trial", ["-" if r.number is None else f"#{r.number}" for r in shown], "bold", left=True)
    state = _Column("state", [row.state for row in shown], left=True)
    age = _Column("time", ["" if row.number is None else clock(row.age) for row in shown], "dim")
    worker = _Column("w", [str(row.worker) for row in shown], "dim")
    if not snapshot.reporting and not any(row.curve for row in shown):
        return [("trial", trial), *params[:2], ("time", age), ("state", state), ("w", worker), *params[2:]]
    step = _Column("step", [_step(row) for row in shown])
    step.wide = max(step.width, *(2 * len(_amount(row.budget)) + 1 for row in shown if row.budget), 4)
    goal = clip(safe(snapshot.objective), _NAME)
    last = _Column(goal, [number(row.curve[-1]) if row.curve else "" for row in shown])
    last.wide = max(last.width, 6)
    curve = _Column("curve", ["" for _ in shown], "green", left=True, wide=_CURVE[1])
    return [
        ("trial", trial), ("last", last), *params[:1], ("step", step), ("curve", curve), ("state", state),
        *params[1:2], ("w", worker), ("time", age), *params[2:],
    ]  # fmt: skip


def _order(columns: dict[str, _Column]) -> list[str]:
    """From left to right."""
    params = [name for name in columns if name.startswith("param ")]
    places = ["w", "trial", *params, "rest", "step", "last", "curve", "state", "time"]
    return [name for name in places if name in columns]


def _parameter(name: str, shown: Sequence[Row]) -> _Column:
    texts = [clip(brief(row.params[name]), _VALUE) if name in row.params else "" for row in shown]
    column = _Column(clip(safe(name), _NAME), texts, "cyan", left=True)
    column.wide = max(column.width, 6)  # steady, while values come and go
    return column


def _said(row: Row, names: set[str]) -> str:
    return params_line({name: value for name, value in row.params.items() if name in names})


def _step(row: Row) -> str:
    if row.number is None or not row.step:
        return ""
    return _amount(row.step) if row.budget is None else f"{_amount(row.step)}/{_amount(row.budget)}"


def _amount(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
