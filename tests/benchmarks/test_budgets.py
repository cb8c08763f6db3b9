"""Learning curves: what is charged, what is scored, and that sessions of ours pause and go on."""

import json
import math
import random

import pytest
from benchmarks.__main__ import main, read
from benchmarks.adapters import adapter
from benchmarks.budgets import tasks
from benchmarks.budgets.bars import each_budget, share
from benchmarks.budgets.command import POINTS, mean, reach, tabled, thinned
from benchmarks.budgets.meter import Meter, at, run
from benchmarks.budgets.pages import curves
from benchmarks.budgets.real import Curve
from benchmarks.quality.tasks import Reference
from benchmarks.spaces import draw
from click.testing import CliRunner


class Scripted:
    """Asks for what it was given: which is trained, and up to which step."""

    def __init__(self, *asks):
        self.asks, self.reports, self.told = list(asks), [], []

    def ask(self):
        key, last = self.asks.pop(0)
        return key, key, {"rate": 0.01, "x": 0.3}, last

    def report(self, handle, step, loss):
        self.reports.append((handle, step))
        return True

    def tell(self, handle, step, loss):
        self.told.append((handle, step, loss))


def test_what_is_taken_up_again_goes_on_from_its_checkpoint():
    formula = tasks.task("formula")
    session, meter = Scripted(("a", 2), ("b", 3), ("a", 5), ("b", 1), ("c", 9)), Meter(14)
    _, trained = run(session, formula, meter)
    assert session.reports[:8] == [*(("a", i) for i in (1, 2)), *(("b", i) for i in (1, 2, 3)), ("a", 3),
                                   ("a", 4), ("a", 5)]  # fmt: skip
    curve = formula.curve({"rate": 0.01, "x": 0.3})
    assert session.told == [("a", 2, curve[1]), ("b", 3, curve[2]), ("a", 5, curve[4]), ("b", 1, curve[0])]
    assert (meter.spent, trained) == (14, 3), "what was trained is not paid for again, and the end is the end"


def test_the_lowest_loss_counts_wherever_it_fell():
    meter = Meter(5)
    for loss in (3.0, 2.0, 4.0, 2.0, 1.0):
        meter.epoch(loss)
    assert meter.found == [(1, 3.0), (2, 2.0), (5, 1.0)]
    assert [at(meter.found, epochs) for epochs in (0, 1, 4, 9)] == [math.inf, 3.0, 2.0, 1.0]
    assert meter.over


@pytest.mark.parametrize("method", adapter("tunesmith").STEPS)
def test_ours_spend_the_budget(method):
    formula, meter = tasks.task("formula"), Meter(27)
    session = adapter("tunesmith").steps(method, formula.space, 3, formula.high)
    _, trained = run(session, formula, meter)
    assert meter.spent == 27
    assert trained <= 27
    if method == "freeze-thaw":
        assert any(trial.attempt > 1 for trial in session.study.trials), "nothing was taken up again"


def made(who, task, seed, found, trials=3):
    return {"contender": who, "task": task, "seed": seed, "trials": trials, "found": found, "configs": 3,
            "cpu_s": 0.1, "wall_s": 0.1}  # fmt: skip


def test_regret_and_cost_by_hand():
    refs = {"formula": Reference(0.0, 1.0, False)}
    runs = [
        made("tunesmith-freeze-thaw", "formula", 0, [(1, 0.8), (3, 0.1)]),
        made("optuna-random+none", "formula", 0, [(1, 2.0), (20, 0.2)]),
        made("optuna-random+none", "formula", 1, [(1, 0.6)], trials=1),
    ]
    assert mean("optuna-random+none", 1, runs, refs)["mean"] == pytest.approx((1.0 + 0.6) / 2)
    far = mean("optuna-random+none", 3, runs, refs)
    assert (far["mean"], far["runs"], math.isnan(far["error"])) == (0.2, 1, True)
    assert mean("optuna-random+none", 5, runs, refs) is None
    found = reach(runs, refs)
    assert (found["after"], found["regret"]) == (3, 0.2)
    assert found["cost"]["tunesmith-freeze-thaw"] == pytest.approx(3 / 9)
    lower = tabled([*runs, made("dehb", "formula", 0, [(1, -1.0)])], refs)
    assert lower["points"]["3"]["tunesmith-freeze-thaw"]["mean"] == pytest.approx(1.1 / 2.0)


def test_thinned_runs_say_the_same_at_every_point_of_the_table():
    found = [(epoch, 1.0 / epoch) for epoch in range(1, 900) if epoch % 7]
    kept = thinned(found, 9)
    assert len(kept) < len(found) / 5
    assert all(at(kept, 9 * point) == at(found, 9 * point) for point in POINTS)
    assert kept[-1] == found[-1]


def test_references_bound_what_is_drawn():
    refs = json.loads(tasks.REFS.read_text(encoding="utf-8"))
    assert {*tasks.SETS["public"], *tasks.SETS["aside"], "formula"} <= set(refs)
    formula, rng = tasks.task("formula"), random.Random(0)
    assert min(min(formula.curve(draw(formula.space, rng))) for _ in range(300)) >= 0.1


def test_the_command_writes_runs_and_a_section(tmp_path):
    options = ["--set", "formula", "--full", "3", "--seeds", "2", "--jobs", "1"]
    options += ["--contenders", "tunesmith-freeze-thaw,tunesmith-random+asha,plain-nothing"]
    options += ["--traces", str(tmp_path / "traces"), "--results", str(tmp_path / "results")]
    options += ["--out", str(tmp_path / "page.md")]
    done = CliRunner().invoke(main, ["budgets", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = read(tmp_path / "results")["budgets-formula"]
    assert len(record["runs"]) == 4
    assert set(record["points"]["3"]) == {"tunesmith-freeze-thaw", "tunesmith-random+asha"}
    assert curves(record) in (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| tunesmith-freeze-thaw |" in curves(record)


@pytest.mark.parametrize("name", tasks.names("real"))
def test_real_models_are_trained_as_far_as_asked_and_the_same_again(name):
    pytest.importorskip("sklearn")
    task, config = tasks.task(name), draw(tasks.task(name).space, random.Random(5))
    curve, again = task.curve(config), task.curve(config)
    assert curve[2] == again[2]
    assert len(curve.losses) == 3
    assert 0 < curve[3] <= 10
    assert len(set(curve.losses)) > 1


def test_what_diverges_stays_the_worst():
    losses = iter([0.5, math.inf])
    curve = Curve(lambda: next(losses), 4)
    assert list(curve) == [0.5, 10.0, 10.0, 10.0]


def test_bars_are_judged_at_each_budget_and_by_the_cost_of_what_random_search_comes_to():
    def of(mean):
        return {"mean": mean, "runs": 3}

    points = {
        "3": {"tunesmith-freeze-thaw": of(0.3), "dehb": of(0.3), "tunesmith-dehb": of(0.1)},
        "5": {"tunesmith-freeze-thaw": of(0.3), "dehb": of(0.2)},
        "10": {"dehb": of(0.2)},
    }
    record = {"points": points, "reach": {"after": 100, "cost": {"tunesmith-freeze-thaw": 13.0}}}
    assert [row.met for row in each_budget({"budgets": record})] == [True, False, None, None, None, None]
    assert [row.met for row in share({"budgets": record})] == [False]
    assert [row.met for row in share({"budgets": record | {"reach": {}}})] == [None]


def test_tasks_without_references_are_named(tmp_path):
    done = CliRunner().invoke(main, ["budgets", "--set", "formula,mystery", "--traces", str(tmp_path)])
    assert done.exit_code == 1
    assert "mystery: no references, say python -m benchmarks.budgets.tasks mystery" in done.output
