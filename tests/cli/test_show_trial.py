"""`tunesmith show` says what to expect of trials that are under way."""

import json
import re

import pytest
from click.testing import CliRunner

import tunesmith as ts
from tunesmith.cli.main import cli


@pytest.fixture
def call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    study = ts.create_study(
        {"rate": ts.Float(0.0, 1.0)},
        direction="maximize",
        fidelity=ts.Fidelity("epoch", 1, 27),
        searcher="random",
        name="cnn",
        seed=1,
        storage="sqlite:///tunesmith.db",
    )
    for length in (27, 27, 27, 9):
        trial = study.ask()
        for epoch in range(1, length + 1):
            trial.report(0.9 - 0.5 * epoch ** -(0.5 + trial["rate"]), step=epoch)
        if length == 27:
            study.tell(trial)
    return lambda *args: CliRunner().invoke(cli, list(args))


EXPECTED = re.compile(r"expected 0\.8\d+ \(0\.\d+ to 0\.\d+\) at epoch 27")


def test_show_says_what_running_trials_will_come_to(call):
    result = call("show", "cnn")
    assert result.exit_code == 0, result.output
    assert re.search(rf"trial #3: {EXPECTED.pattern}", result.output)


def test_show_a_trial(call):
    result = call("show", "cnn", "--trial", "3")
    assert result.exit_code == 0, result.output
    first, second, *_ = result.output.splitlines()
    assert first.startswith("trial #3: running")
    assert first.endswith("at epoch 9")
    assert EXPECTED.fullmatch(second)
    assert "rate" in result.output
    done = call("show", "cnn", "--trial", "0").output
    assert "trial #0: complete" in done
    assert "expected" not in done


def test_as_json(call):
    record = json.loads(call("show", "cnn", "--trial", "3", "--json").output)
    assert record["expected"][0]["step"] == 27
    assert record["expected"][0]["low"] < record["expected"][0]["mean"] < record["expected"][0]["high"]
    assert json.loads(call("show", "cnn", "--trial", "0", "--json").output)["expected"] == []


def test_a_trial_that_there_is_not(call):
    result = call("show", "cnn", "--trial", "9")
    assert result.exit_code != 0
    assert "no trial 9" in result.output
