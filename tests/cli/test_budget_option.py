"""`--budget` on the command line, and on record."""

import sys

import pytest
from click.testing import CliRunner

import tunesmith as ts
from tunesmith.cli.main import cli

TRAIN = """
import tunesmith as ts
space = {"x": ts.Float(0, 1)}
def objective(trial):
    for epoch in range(1, 10):
        yield {"value": trial["x"] + 1 / epoch, "joules": 2.0}
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "budgeted.py").write_text(TRAIN)
    yield lambda *args: CliRunner().invoke(cli, [str(a) for a in args])
    sys.modules.pop("budgeted", None)


def steps():
    return sum(len(trial.reports) for trial in ts.load_study("budgeted").trials)


def test_a_budget_is_used_and_on_record(call):
    options = ["--fidelity", "epoch:1:9", "--scheduler", "asha", "--seed", 1]
    result = call("run", "budgeted.py:objective", "--budget", "epoch=40", "--budget", "joules=500", *options)
    assert result.exit_code == 0, result.output
    assert steps() == 40
    assert call("resume", "budgeted", "-q").exit_code == 0
    assert steps() == 40, "the budget is on record"
    assert call("resume", "budgeted", "--budget", "epoch=55").exit_code == 0
    assert steps() == 55


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("epoch", "a budget is written NAME=AMOUNT, such as epoch=1300"),
        ("epoch=lots", "the budget of 'epoch' must be a number, got 'lots'"),
        ("seconds=soon", "the budget of 'seconds' must be seconds or text"),
        ("epoch=-1", "the budget of 'epoch' must be more than 0"),
    ],
)
def test_mistakes(call, given, told):
    result = call("run", "budgeted.py:objective", "--budget", given)
    assert result.exit_code != 0
    assert told in " ".join((result.output + str(result.exception)).split())
