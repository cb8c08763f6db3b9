"""What is shown of a run, as text: no terminal needed."""

import io
import math
import re
import traceback

import tunesmith as ts
from tunesmith.terminal.progress import Progress, line
from tunesmith.terminal.screen import is_terminal, writable
from tunesmith.terminal.snapshot import eta
from tunesmith.terminal.spark import sparkline, staircase, thinned
from tunesmith.terminal.summary import summary
from tunesmith.terminal.table import table
from tunesmith.terminal.words import cause, cells, clip, clock, number, pad, params_python, safe, seconds


def test_sparklines():
    assert sparkline([1, 2, 3], 10) == "▁▅█"
    assert sparkline([5, 5], 10) == "▁▁"
    assert sparkline([1, math.nan, 3], 3) == "▁ █"
    assert sparkline([], 5) == sparkline([1], 0) == ""
    assert sparkline([math.nan], 5) == " "
    assert len(sparkline([-1e308, 1e308], 5)) == 2
    assert thinned(list(range(100)), 4) == [24, 49, 74, 99]
    assert sparkline([1e-4, 1e-3, 1e-2, 1e-1], 10) == "▁▃▆█"  # logarithms, over so many decades
    assert sparkline([0, 1e-3, 1e-2, 1e-1], 10) == "▁▁▂█"
    steps = [(2, 5.0), (6, 3.0), (8, 1.0)]
    assert staircase(steps, 8, 4) == [5.0, 5.0, 3.0, 1.0]
    assert staircase(steps, 8, 100) == [5.0, 5.0, 5.0, 5.0, 3.0, 3.0, 1.0]
    assert staircase([], 8, 4) == staircase(steps, 1, 4) == []


def test_numbers_and_durations():
    assert [number(v) for v in (None, 0.97314, 1.0, 12345.0, 1.234e-7, math.nan)] == [
        "-", "0.9731", "1.0", "12345", "1.234e-07", "nan",
    ]  # fmt: skip
    assert [seconds(v) for v in (None, 0.0351, 1.24, 48.2, 200, 7500)] == [
        "-", "35 ms", "1.2 s", "48 s", "3 min 20 s", "2 h 05 min",
    ]  # fmt: skip
    assert [clock(v) for v in (7.9, 750, 3723, -1)] == ["0:07", "12:30", "1:02:03", "0:00"]
    assert clip("abcdef", 4) == "abc…"


def test_user_text_cannot_touch_the_terminal():
    assert safe("lr") == "lr"
    assert safe("a\x1b[31mb\x9b2Jc\r\nd\te") == "a?[31mb?2Jc  d e"
    assert safe("a\u202eb\u200dc\ud800") == "abc?"  # no turning round, no joiners, no half characters
    assert safe("größe 学習率") == "größe 学習率"


def test_wide_characters_take_two_columns():
    assert cells("学習率") == 6
    assert cells("e\u0301") == 1
    assert clip("学習率", 5) == "学習…"
    assert clip("学習率", 4) == "学…"
    assert pad("学", 5) == "学   "
    assert pad("学習率", 4, right=True) == " 学…"


def test_the_cause_of_a_failure_is_one_line_with_its_type():
    try:
        raise ValueError("too small\nby far")
    except ValueError:
        assert cause(traceback.format_exc()) == "ValueError: too small"
    assert cause("the value is NaN") == "the value is NaN"
    assert cause(None) == cause(" ") == "unknown"
    assert cause("bad \x1b[2J") == "bad ?[2J"


def test_params_can_be_pasted():
    params = {
        "lr": 0.1 + 0.2,
        "kind": 'a "b"',
        "deep": True,
        "none": None,
        "inf": math.inf,
        "e\x1b\x9b\u202e": "\x1b[2J\u2028\n",
    }
    found = {}
    exec(params_python(params), found)
    assert found["params"] == params
    assert all(c.isprintable() or c == "\n" for c in params_python(params))
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
    assert eta(0, [(1.0, None)], [4.0], 8) == 3.0
    assert eta(0, [(99.0, None)], [4.0], 1) == 0.0
    assert eta(0, [(6.0, 3.0), (1.0, 99.0)], [4.0], 8) == 4.0  # late: by its steps; else like the others
    assert eta(4, [(0.0, None), (0.0, None)], [1.0, 2.0, 3.0], 2) == 6.0
    assert eta(8, [(26.0, None)], [2.0, 2.0], 1) == 80.0  # the long one counts, though it has not ended


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


def test_what_an_encoding_lacks_has_a_likeness():
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert writable("best ↓ 1  ▁▄█ …\nnaïve", plain) == "best v 1  _:# ~\nna?ve"
    assert writable("best ↓ 1", io.StringIO()) == "best ↓ 1"


def test_at_most_one_status_line_a_minute(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tunesmith.terminal.progress.time.monotonic", lambda: now[0])

    def objective(trial):
        now[0] += 25.0
        return trial.suggest_float("x", 0, 1)

    _, lines = run(objective, n_trials=10, name=None)
    told = [text for text in lines if " done, " in text]
    assert [text.split(": ")[1].split(",")[0] for text in told] == [
        "3 of 10 done",
        "6 of 10 done",
        "9 of 10 done",
    ]
    assert all("best 0." in text for text in told)
