"""Stretches of styled text, and lines of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tunesmith.terminal.words import cells


class Piece(NamedTuple):
    """A stretch of text in one style (a rich style name)."""

    text: str
    style: str = ""


Line = list[Piece]


def size(line: Sequence[Piece]) -> int:
    """How many columns the line takes."""
    return sum(cells(piece.text) for piece in line)


def joined(parts: Sequence[Line]) -> Line:
    """The parts in one line, two columns apart."""
    line: Line = []
    for part in parts:
        line += [Piece("  "), *part] if line else part
    return line


def plain(lines: Sequence[Line]) -> list[str]:
    """The lines without their styles, and without blanks at their ends."""
    return ["".join(piece.text for piece in line).rstrip() for line in lines]
