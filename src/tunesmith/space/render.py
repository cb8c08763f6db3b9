"""A space as a table, for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tunesmith.space.constraint import Constraint
from tunesmith.space.flatten import Parameter


def as_text(parameters: Iterable[Parameter], constraints: Iterable[Constraint]) -> str:
    """Aligned columns: name, domain, when."""
    rows = _rows(parameters)
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(2)]
    lines = [f"{name:<{widths[0]}}  {domain:<{widths[1]}}  {when}".rstrip() for name, domain, when in rows]
    return "\n".join([*lines, *(f"constraint: {constraint}" for constraint in constraints)])


def as_html(parameters: Iterable[Parameter], constraints: Iterable[Constraint]) -> str:
    """An HTML table, for notebooks."""
    head, *rows = _rows(parameters)
    cells = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows)
    titles = "".join(f"<th>{escape(text)}</th>" for text in head)
    below = "".join(f"<p>constraint: {escape(str(constraint))}</p>" for constraint in constraints)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{cells}</tbody></table>{below}"


def _rows(parameters: Iterable[Parameter]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("parameter", "domain", "when")]
    for parameter in parameters:
        when = " and ".join(str(rule) for rule in parameter.rules)
        rows.append((parameter.key, repr(parameter.domain), when))
    return rows
