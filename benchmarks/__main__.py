"""`python -m benchmarks`: compare, and write benchmarks/results/ and docs/benchmarks.md."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from benchmarks import elsewhere
from benchmarks.adapters import MODULES, Peers, peers
from benchmarks.budgets.command import budgets
from benchmarks.cases import CASES
from benchmarks.deadline import deadline
from benchmarks.goals.command import goals
from benchmarks.harness import PROFILES, ROOT, SCHEMA, Profile
from benchmarks.machine import machine
from benchmarks.page import page
from benchmarks.quality.ablation import ablation
from benchmarks.quality.command import quality
from benchmarks.quality.trainings import trainings
from benchmarks.schedulers import schedulers

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("run")
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="This case; may be repeated.")
@click.option("--quick", "profile", flag_value="quick", help="Small sizes, one run of each, two minutes.")
@click.option("--tiny", "profile", flag_value="tiny", help="That it runs at all; figures mean nothing.")
@click.option("--peers", "wanted", default=",".join(MODULES), show_default=True, help="Who is compared.")
@click.option("--python", "pythons", multiple=True, metavar="NAME=PATH", help="A peer's own interpreter.")
@click.option("--results", type=click.Path(path_type=Path), help="Where results go; a quick run keeps none.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the page goes.")
def run_cases(
    only: tuple[str, ...],
    profile: str | None,
    wanted: str,
    pythons: tuple[str, ...],
    results: Path | None,
    out: Path | None,
) -> None:
    """Time, memory and stores, beside the peers."""
    elsewhere.add(pythons)
    chosen = PROFILES[profile or "full"]
    installed = peers(wanted.split(","))
    if "tunesmith" not in installed.found:
        raise click.ClickException(f"{installed.missing['tunesmith']}: say make bench, or set PYTHONPATH=src")
    for why in installed.missing.values():
        click.echo(why, err=True)
    folder = results or (RESULTS if profile is None else None)
    found = read(folder) if folder else {}
    for name in only or CASES:
        found[name] = measured(name, chosen, installed)
        click.echo(f"{name}: {found[name]['took_s']:.0f} s", err=True)
        if folder:
            write(folder / f"{name}.json", found[name])
    text = page(found)
    target = out or (PAGE if profile is None and results is None else None)
    if target:
        target.write_text(text, encoding="utf-8")
    click.echo(text)


@main.command("page")
@click.option("--results", type=click.Path(path_type=Path, exists=True), default=RESULTS)
@click.option("--out", type=click.Path(path_type=Path), default=PAGE)
def write_page(results: Path, out: Path) -> None:
    """The page anew from the results that are there."""
    out.write_text(page(read(results)), encoding="utf-8")


main.add_command(quality)
main.add_command(deadline)
main.add_command(ablation)
main.add_command(trainings)
main.add_command(goals)
main.add_command(schedulers)
main.add_command(budgets)


def measured(name: str, profile: Profile, installed: Peers) -> dict[str, Any]:
    """One case, with all that its figures depend on."""
    begun = time.perf_counter()
    before = machine()
    cells = CASES[name].run(profile, installed)
    return {
        "schema": SCHEMA,
        "case": name,
        "profile": profile.name,
        "limit_s": profile.limit,
        "machine": before,
        "versions": installed.versions(),
        "missing": dict(installed.missing),
        "took_s": round(time.perf_counter() - begun, 1),
        "cells": [cell.as_json() for cell in cells],
    }


def read(folder: Path) -> dict[str, Any]:
    """Results by case. Raises ClickException for those of another schema."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record.get("schema") != SCHEMA:
            raise click.ClickException(
                f"{path.name} has schema {record.get('schema')}, not {SCHEMA}: run that case again"
            )
        found[path.stem] = record
    return found


def write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
