"""What is shown of a run, as text: no terminal needed."""

import io
import math
import re

import pytest

import tunesmith as ts
from tunesmith.report.frame import frame, plain
from tunesmith.report.progress import Progress, is_terminal, line
from tunesmith.report.snapshot import Best, Row, Snapshot, eta
from tunesmith.report.spark import sparkline, thinned
from tunesmith.report.summary import summary
from tunesmith.report.table import table
from tunesmith.report.words import clip, clock, number, params_python, seconds


def snapshot(**changes):
    rows = tuple(
        Row(number=n, params={"lr": 1e-3 * n, "optimizer": "adam", "layers": 4}, step=n, budget=81,
            curve=tuple(range(n)), age=61.0 * n)
        for n in range(1, 4)
    )  # fmt: skip
    best = Best(
        number=42,
        value=0.98712,
        ago=12,
        params={"lr": 0.1, "model": "svm"},
        trend=[0.1 * i for i in range(90)],
    )
    settings = {"name": "digits", "done": 23, "total": 48, "failed": 1, "stopped": 2}
    settings |= {"best": best, "eta": 125.0, "rows": rows}
    return Snapshot(**{**settings, **changes})


def test_sparklines():
    assert sparkline([1, 2, 3], 10) == "▁▅█"
    assert sparkline([5, 5], 10) == "▁▁"
    assert sparkline([1, math.nan, 3], 3) == "▁ █"
    assert sparkline([], 5) == sparkline([1], 0) == ""
    assert sparkline([math.nan], 5) == " "
    assert len(sparkline([-1e308, 1e308], 5)) == 2
    assert thinned(list(range(100)), 4) == [24, 49, 74, 99]


def test_numbers_and_durations():
    assert [number(v) for v in (None, 0.97314, 1.0, 12345.0, 1.234e-7, math.nan)] == [
        "-", "0.9731", "1.0", "12345", "1.234e-07", "nan",
    ]  # fmt: skip
    assert [seconds(v) for v in (None, 0.0351, 1.24, 48.2, 200, 7500)] == [
        "-", "35 ms", "1.2 s", "48 s", "3 min 20 s", "2 h 05 min",
    ]  # fmt: skip
    assert [clock(v) for v in (7.9, 750, 3723, -1)] == ["0:07", "12:30", "1:02:03", "0:00"]
    assert clip("abcdef", 4) == "abc…"


def test_params_can_be_pasted():
    params = {"lr": 0.1 + 0.2, "kind": 'a "b"', "deep": True, "none": None, "inf": math.inf}
    found = {}
    exec(params_python(params), found)
    assert found["params"] == params
    assert params_python({"x": 1}) == 'params = {"x": 1}'


def test_tables_fit():
    rows = [("a", "1.5", "x" * 30), ("bcd", "22.25", "y")]
    assert table(("name", "value", "text"), rows) == [
        "name  value  text",
        "a       1.5  " + "x" * 30,
        "bcd   22.25  y",
    ]
    for width in (8, 14, 20, 30):
        assert all(len(text) <= width for text in table(("name", "value", "text"), rows, width))
    assert table(("a",), []) == []


def test_eta():
    assert eta(10, [], [], 2) is None
    assert eta(10, [], [2.0], 2) == 10.0
    assert eta(0, [1.0], [4.0], 8) == 3.0
    assert eta(0, [99.0], [4.0], 1) == 0.0
    assert eta(4, [0.0, 0.0], [1.0, 2.0, 3.0], 2) == 6.0


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width):
    shots = [
        snapshot(),
        snapshot(best=None, rows=(), eta=None),
        snapshot(total=None),
        snapshot(name="a" * 300, note="n" * 300, done=10_000, total=1_000_000, paused=7),
    ]
    for shot in shots:
        lines = plain(frame(shot, width))
        assert all(len(text) <= width for text in lines), lines


def test_narrow_terminals_lose_columns_not_sense():
    def heads(width):
        return plain(frame(snapshot(), width))[2].split()

    assert heads(200) == heads(80) == ["trial", "params", "step", "last", "curve", "age"]
    assert heads(50) == ["trial", "params", "step", "last", "age"]
    assert heads(42) == ["trial", "params", "last", "age"]
    header, best = plain(frame(snapshot(), 80))[:2]
    assert re.fullmatch(r"digits ━+╸?━* 23/48  ETA 2:05  1 failed  2 stopped  3 running", header)
    assert re.fullmatch(r"best 0.9871  [▁-█]+  trial #42, 12 trials ago", best)
    assert plain(frame(snapshot(), 100))[1].endswith("12 trials ago  lr=0.1 model=svm")


def test_more_rows_than_lines():
    rows = tuple(Row(number=n, params={}) for n in range(40))
    lines = plain(frame(snapshot(rows=rows), 80, 12))
    assert len(lines) <= 12
    assert lines[-1] == "… and 33 more"


def run(objective, **options):
    out = io.StringIO()
    study = ts.tune(objective, seed=0, callbacks=[ts_progress(out)], searcher="random", **options)
    return study, out.getvalue().splitlines()


def ts_progress(out):
    return Progress(file=out)


def test_a_line_a_trial_where_there_is_no_terminal():
    space = {"x": ts.Float(0, 1, default=0.5)}
    study, lines = run(lambda trial: trial["x"], space=space, n_trials=3)
    assert lines[0].startswith("trial 0  complete  0.5000  best 0.5000 (#0)  ")
    assert lines[0].endswith("x=0.5")
    assert [text.split()[1] for text in lines[:3]] == ["0", "1", "2"]
    assert any(text.startswith("params = ") for text in lines)
    assert "study" in lines[-1]
    assert line(study.trials[0], None).startswith("trial 0  complete  0.5000  ")


def test_the_summary_says_what_the_default_was_worth():
    study, _ = run(lambda trial: trial["x"], space={"x": ts.Float(0, 1, default=0.5)}, n_trials=20)
    lines = summary("s", study.cursor.fold.ledger, None, [("more trials", "tunesmith run x")][:0])
    assert lines[0].startswith(f"best {number(study.best_value)} (trial #")
    assert lines[1] == f"default 0.5000 (trial #0): {number(0.5 - study.best_value)} gained"


def test_the_summary_of_failures_and_of_fronts():
    def sometimes(trial):
        if trial.number:
            raise RuntimeError("out of memory")
        return math.nan

    study, lines = run(sometimes, n_trials=3)
    assert "trial 1  failed  RuntimeError: out of memory" in lines[1]
    told = summary(study.name, study.cursor.fold.ledger, None)
    assert told[0] == "no trial is complete: 3 failed, the last with: RuntimeError: out of memory"
    study, lines = run(
        lambda trial: (trial.suggest_float("x", 0, 1), 1.0),
        objectives={"a": "minimize", "b": "maximize"},
        n_trials=4,
    )
    assert any("on the Pareto front (a, b)" in text for text in lines)
    assert study.best_trials


def test_the_view_is_painted_and_leaves_the_terminal_as_it_was(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = io.StringIO()
    progress = Progress(live=True, file=out)

    def objective(trial):
        for step in range(3):
            trial.report(1.0, step + 1)
        return 1.0

    ts.tune(objective, n_trials=3, searcher="random", callbacks=[progress], seed=0)
    text = out.getvalue()
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert progress.snapshot().done == 3


def test_no_color_is_respected(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    ts.tune(
        lambda trial: 1.0, n_trials=2, searcher="random", callbacks=[Progress(live=True, file=out)], seed=0
    )
    assert not re.search("\x1b\\[[0-9;]*3[0-7]", out.getvalue())


def test_what_is_no_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert is_terminal(Terminal())
    assert not is_terminal(io.StringIO())
    monkeypatch.setenv("CI", "true")
    assert not is_terminal(Terminal())
    monkeypatch.delenv("CI")
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(Terminal())


def test_a_reader_that_has_gone_does_not_end_the_study():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    study = ts.tune(lambda t: 1.0, n_trials=3, searcher="random", callbacks=[Progress(file=Gone())], seed=0)
    assert len(study.trials) == 3
