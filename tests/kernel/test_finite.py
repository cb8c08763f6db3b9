"""What is said of spaces in which everything was tried."""

import pytest

import tunesmith as ts
from tunesmith.kernel import finite

SIX = {"n": ts.Int(0, 2), "kind": ["a", "b"]}


def run(capsys, space, n_trials, searcher="tpe", **options):
    study = ts.tune(
        lambda trial: 1.0,
        space,
        n_trials=n_trials,
        searcher=searcher,
        seed=0,
        name="s",
        storage="memory:",
        **options,
    )
    return study, capsys.readouterr().err.splitlines()


def test_more_trials_than_configurations(capsys):
    study, said = run(capsys, SIX, 9)
    assert said == [
        "s: the space has 6 configurations, for 9 trials: when all are tried, good ones are tried again",
        "s: all 6 configurations of the space were tried, and 3 trials repeated one",
    ]
    assert len({str(trial.params) for trial in study.trials[:6]}) == 6
    assert study.explain_search().endswith(
        "; all 6 configurations of the space were tried, and 3 trials repeated one."
    )


def test_what_ends(capsys):
    study, said = run(capsys, SIX, 9, "grid")
    assert len(study.trials) == 6
    assert said == ["s: the space has 6 configurations, for 9 trials: it ends when all are tried"]
    assert study.explain_search().endswith("; all 6 configurations of the space were tried.")


@pytest.mark.parametrize(
    ("space", "n_trials"), [(SIX, 5), ({"x": ts.Float(0, 1)}, 9), ({"n": ts.Int(0, 10**6)}, 3)]
)
def test_nothing_is_said_where_something_is_left(capsys, space, n_trials):
    study, said = run(capsys, space, n_trials)
    assert said == []
    assert "were tried" not in study.explain_search()


def test_quiet(capsys):
    assert run(capsys, SIX, 9, quiet=True)[1] == []


def test_constraints_and_conditions_count():
    space = ts.Space.of(
        {"a": ts.Int(1, 6), "b": ts.Int(1, 6), "c": ts.Int(0, 1, when={"a": 1})}, ["a * b < 9"]
    )
    rows = sum((2 if a == 1 else 1) for a in range(1, 7) for b in range(1, 7) if a * b < 9)
    assert finite.size(space) == rows
    assert finite.size(None) is None
