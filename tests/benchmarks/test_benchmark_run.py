"""Every case runs, at a size at which its figures mean nothing, and the page says what they are."""

import json

import pytest
from benchmarks.__main__ import main, read
from benchmarks.bars import alone, bars, times
from benchmarks.cases import CASES
from benchmarks.harness import PROFILES, Cell, OverLimit, Profile, in_turn, run
from benchmarks.page import page
from click.testing import CliRunner


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    options = [
        "--tiny",
        "--peers",
        "tunesmith,plain",
        "--results",
        str(folder),
        "--out",
        str(folder / "page.md"),
    ]
    done = CliRunner().invoke(main, ["run", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder


def test_every_case_has_figures(results):
    found = read(results)
    assert list(found) == sorted(CASES)
    for name, record in found.items():
        assert record["cells"], name
        for cell in record["cells"]:
            assert cell["runs"] or "vectorized" in cell["not_run"], (name, cell)


def test_the_page_judges_every_bar_and_names_who_was_left_out(results):
    text = (results / "page.md").read_text(encoding="utf-8")
    for bar in bars():
        assert f"### {bar.title}" in text
    assert "optuna was left out of this run" in text
    assert "not judged" in text
    assert str(results) not in text


def test_results_of_another_schema_are_refused(tmp_path):
    (tmp_path / "random.json").write_text(json.dumps({"schema": 1}))
    done = CliRunner().invoke(main, ["page", "--results", str(tmp_path), "--out", str(tmp_path / "page.md")])
    assert done.exit_code == 1
    assert "random.json has schema 1" in done.output


def test_a_run_over_its_limit_is_ended():
    spec = {"measure": "started", "code": "import time; time.sleep(600)"}
    with pytest.raises(OverLimit, match=r"over the limit of 0\.2 s of CPU time"):
        run(spec, 0.2)


def test_a_run_over_its_cpu_time_is_ended():
    spec = {"measure": "optimize", "contender": "plain-random", "space": "floats", "n": 10**9}
    with pytest.raises(OverLimit, match="over the limit of 1 s of CPU time"):
        run(spec, 1)


def test_a_run_that_fails_says_why():
    with pytest.raises(RuntimeError, match="failed: KeyError: 'nothing'"):
        run({"measure": "nothing"}, 60)


def test_sizes_that_would_take_too_long_are_not_run_and_contenders_alternate():
    order = []

    def measure(found):
        order.append((found["who"], found["n"]))
        return {"spent": 0.01 * found["n"] if found["who"] == "slow" else 0.0, "cpu": 1.0}

    profile = Profile(name="", cap=1_000, repeat=2, limit=2.0, seconds=1.0)
    cells = in_turn(
        ["fast", "slow"], (10, 1_000), lambda who, n: {"who": who, "n": n}, profile, per_run=measure
    )
    assert order == [("fast", 10), ("slow", 10)] * 2 + [("fast", 1_000)] * 2
    assert [(cell.who, cell.n, len(cell.runs)) for cell in cells] == [
        ("fast", 10, 2), ("slow", 10, 2), ("fast", 1_000, 2), ("slow", 1_000, 0),
    ]  # fmt: skip
    assert cells[-1].not_run == "over the limit of 2 s of CPU time: 0.1 s at 10"


def record(*cells):
    machine = {"cores": 2, "architecture": "any", "memory_gb": 1, "system": "Linux", "python": "3.11"}
    return {
        "cells": [cell.as_json() for cell in cells],
        "missing": {},
        "versions": {},
        "took_s": 1.0,
        "profile": "full",
        "machine": machine,
    }


@pytest.mark.parametrize(("ours", "verdict"), [(1.0, "met"), (1.01, "**missed**")])
def test_a_bar_is_met_or_missed_by_the_least_of_the_runs(ours, verdict):
    n = 100_000
    runs = ({"cpu": 5.0, "grown": 1}, {"cpu": ours, "grown": 1})
    mine = Cell(who="tunesmith-random", n=n, runs=runs)
    optuna = Cell(who="optuna-random", n=n, runs=({"cpu": 10.0, "grown": 1}, {"cpu": 12.0, "grown": 1}))
    rows = bars()[0].rows({"random": record(mine, optuna)})
    assert rows[0].met is (verdict == "met")
    assert rows[1].met is None
    assert f"| {verdict} |" in page({"random": _with_keys(record(mine, optuna))})


def _with_keys(found):
    for cell in found["cells"]:
        cell["runs"] = [{**run, "wall": run["cpu"], "peak": 1} for run in cell["runs"]]
    return found


def test_ratios_are_in_words():
    assert times(1.0, 10.0) == "10x faster"
    assert times(10.0, 1.0) == "10x slower"


def test_profiles_keep_sizes_under_their_cap():
    assert PROFILES["tiny"].sizes(100, 1_000) == (16,)
    assert PROFILES["quick"].sizes(100, 1_000, 10_000) == (1_000,)
    assert PROFILES["full"].sizes(100, 1_000) == (100, 1_000)


def test_nothing_is_judged_by_a_figure_of_zero():
    row = alone("CPU time", 0.0, "µs", 3)
    assert (row.met, row.why) == (None, "too short for this machine's clock")
    assert alone("CPU time", 0.1, "µs", 3).met
