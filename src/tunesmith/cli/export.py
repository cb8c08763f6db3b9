"""The command that hands a study's trials to other programs."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tunesmith import _optional
from tunesmith.cli.stores import load, storage_option
from tunesmith.errors import SettingError, StoreError

_FORMATS = ["csv", "json", "parquet"]


@click.command(short_help="Write all trials as CSV, JSON or Parquet, one row a trial.")
@click.argument("name", required=False)
@click.option(
    "--format", "kind", type=click.Choice(_FORMATS), help="By default, the ending of FILE; csv without one."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Not to stdout."
)
@storage_option
def export(name: str | None, kind: str | None, output: Path | None, storage: str) -> None:
    """Write all trials of a study as CSV, JSON or Parquet, one row a trial."""
    from tunesmith.kernel.view import rows

    ending = "" if output is None else output.suffix.removeprefix(".").lower()
    if kind is None and ending and ending not in _FORMATS:
        known = ", ".join(f".{name}" for name in _FORMATS)
        raise click.UsageError(f"-o {output} ends as no format does: write one of {known}, or give --format")
    kind = kind or ending or "csv"
    study = load(name, storage)
    data = _RENDER[kind](rows(study.cursor.fold.ledger))
    if output is not None:
        try:
            output.write_bytes(data)
        except OSError as error:
            raise StoreError(f"{output} cannot be written: {error.strerror}") from error
        click.echo(f"{output}: {len(study.trials)} trials", err=True)
    elif kind == "parquet" and sys.stdout.isatty():
        raise SettingError("parquet is not text: name a file with -o")
    else:
        click.echo(data, nl=False)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else ["number", "state", "value"])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _json(rows: list[dict[str, Any]]) -> bytes:
    from tunesmith.cli.plainjson import strict

    return (json.dumps(strict(rows), indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    arrow = _optional.require("pyarrow", "parquet", "export to parquet")
    parquet = _optional.require("pyarrow.parquet", "parquet", "export to parquet")
    names = list(rows[0]) if rows else []
    columns = {name: _column(arrow, [row[name] for row in rows]) for name in names}
    sink = io.BytesIO()
    parquet.write_table(arrow.table(columns), sink)
    return sink.getvalue()


def _column(arrow: Any, values: list[Any]) -> Any:
    """A typed column; one of mixed kinds, as a categorical's may be, as JSON text."""
    try:
        if not any(isinstance(value, (list, dict)) for value in values):
            return arrow.array(values)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError):
        pass
    return arrow.array([None if value is None else json.dumps(value) for value in values])


_RENDER: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
