"""The live view as text: pictures on file, and what holds for any width."""

import pytest
from shots import SHOTS, WIDTHS, busy, fresh, path, picture, several

from tunesmith.terminal.frame import ascii_only, frame, plain
from tunesmith.terminal.pieces import size
from tunesmith.terminal.snapshot import Row

NASTY = "\x1b[2J\x9b31m\r\n\t\u202e学習率\u200d\U0001f600" * 3


@pytest.mark.parametrize("name", SHOTS)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_view_is_as_drawn(name, width):
    drawn = path(name, width).read_text(encoding="utf-8")
    assert picture(name, width) == drawn, "if it is better now: python tests/terminal/shots.py"


def nasty():
    rows = (Row(worker=0, number=1, params={NASTY: NASTY, "b": NASTY}, curve=(1.0, float("nan"))),)
    return busy(name=NASTY, objective=NASTY, note=NASTY, rows=rows, columns=(NASTY,),
                importances=((NASTY, 0.9), ("b", 0.1)))  # fmt: skip


@pytest.mark.parametrize("width", [9, 20, 33, *range(40, 130, 7), 200, 400])
def test_no_line_is_wider_than_the_terminal_and_none_speaks_to_it(width):
    shots = [
        nasty(), busy(), several(), fresh(), fresh(note="n" * 300), busy(total=None),
        busy(name="a" * 300, done=10_000, total=1_000_000, paused=7, waiting=3, infeasible=9),
        busy(rows=tuple(Row(worker=n, number=10**n, params={"x": "y" * 99}) for n in range(9))),
    ]  # fmt: skip
    for shot in shots:
        lines = frame(shot, width)
        assert all(size(line) <= width for line in lines), plain(lines)
        assert all(text.isprintable() for text in plain(lines))
        assert ascii_only("".join(plain(lines))).isascii()


@pytest.mark.parametrize("height", [3, 5, 8, 12])
@pytest.mark.parametrize("width", [60, 160])
def test_more_rows_than_lines(width, height):
    rows = tuple(Row(worker=n, number=n) for n in range(40))
    lines = plain(frame(busy(rows=rows), width, height))
    assert len(lines) <= max(height, 6)
    assert any("more" in text for text in lines)


def test_narrow_terminals_lose_columns_not_sense():
    def heads(width):
        return next(
            text for text in plain(frame(busy(), width)) if "trial " in text and "state" in text
        ).split()

    assert heads(40) == ["trial", "lr", "step", "val_acc", "state"]
    assert heads(60) == ["w", "trial", "lr", "step", "val_acc", "curve", "state"]
    assert heads(80) == ["w", "trial", "lr", "dropout", "width", "step", "val_acc", "curve", "state", "time"]


def test_of_the_importances_as_much_as_fits():
    assert plain(frame(busy(), 40))[-1] == "importance  lr 61 %  dropout 22 %"
    assert "no parameter stands out yet" in plain(frame(busy(importances=()), 120))[3]
    assert not any("importance" in text for text in plain(frame(busy(importances=None), 120)))
