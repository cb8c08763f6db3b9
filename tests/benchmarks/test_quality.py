"""Regret, ranks and win rates are what their definitions say; saved runs are not played twice."""

import gzip
import json
import math

import numpy as np
import pytest
from benchmarks.__main__ import main, read
from benchmarks.quality import stats, tasks
from benchmarks.quality.ablation import switches
from benchmarks.quality.families import families
from benchmarks.quality.runs import Job, simulate
from benchmarks.quality.stored import stored
from benchmarks.quality.tasks import Reference, Task
from benchmarks.quality.traces import Traces, key
from benchmarks.spaces import CONDITIONAL, MIXED, draw, least, score
from click.testing import CliRunner

from tunesmith import presets


def quality(folder, *more):
    options = [
        "--contenders", "tunesmith-tpe,plain-random,nobody-tpe", "--set", "branin,branches", "--seeds", "2",
        "--trials", "12", "--workers", "3", "--jobs", "1", "--traces", str(folder / "traces"),
        "--results", str(folder / "results"), "--out", str(folder / "page.md"), *more,
    ]  # fmt: skip
    done = CliRunner().invoke(main, ["quality", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read(folder / "results")


def test_runs_are_saved_and_shown(tmp_path):
    found = quality(tmp_path)["quality-built-in"]
    assert set(found["points"]["10"]) == {"tunesmith-tpe", "plain-random"}
    assert set(found["workers"]["regret"]["tunesmith-tpe"]) == {"1", "3"}
    assert "Quality on built-in analytic tasks" in (tmp_path / "page.md").read_text(encoding="utf-8")
    lines = (tmp_path / "traces" / "tunesmith-tpe.jsonl").read_text().splitlines()
    assert len(lines) == 8
    (tmp_path / "traces" / "tunesmith-tpe.jsonl").write_text("\n".join(lines[:-1]) + '\n{"cut')
    again = quality(tmp_path)["quality-built-in"]
    kept = (tmp_path / "traces" / "tunesmith-tpe.jsonl").read_text()
    assert (kept.count("tunesmith-tpe"), again["points"]) == (8, found["points"])


def test_a_folder_of_tasks_is_read(tmp_path):
    (tmp_path / "tasks.py").write_text(
        "class Bowl:\n"
        "    space = [dict(name='x', type='float', low=-1.0, high=1.0, log=False)]\n"
        "    evaluate = staticmethod(lambda config: config['x'] ** 2)\n"
        "names = lambda spec: ['bowl']\n"
        "get_task = lambda name: Bowl()\n"
    )
    ref = {"random_median": 0.25, "random_best": 0.0, "known_best": None}
    (tmp_path / "refs.json").write_text(json.dumps({"bowl": ref}))
    found = quality(tmp_path, "--tasks", str(tmp_path), "--contenders", "plain-random")
    assert list(found) == ["quality"]
    assert str(tmp_path) not in json.dumps(found)


@pytest.mark.parametrize(("value", "regret"), [(2.0, 0.0), (4.0, 0.5), (6.0, 1.0), (9.0, 1.0), (1.0, 0.0)])
def test_regret_is_zero_at_the_best_and_one_at_the_median(value, regret):
    assert Reference(2.0, 6.0, True).regret(value) == regret


def run(who, seed, *values):
    return {"contender": who, "task": "t", "seed": seed, "values": list(values), "workers": 1}


def test_tables_by_hand():
    refs = {"t": Reference(0.0, 10.0, True)}
    runs = [run("a", 0, 5, 1), run("a", 1, 3, 9), run("b", 0, 4, 3), run("b", 1, 8, 8)]
    found = stats.table(stats.regrets(refs, runs, [1, 2]), [1, 2], "a")
    assert found["1"]["a"]["mean"] == pytest.approx(0.4)
    assert found["2"]["a"]["mean"] == pytest.approx(0.2)
    assert found["2"]["b"]["mean"] == pytest.approx(0.55)
    assert (found["2"]["a"]["rank"], found["2"]["b"]["rank"]) == (1.0, 2.0)
    assert found["2"]["b"]["beaten"] == pytest.approx((1 + 1 + 0.5 + 1) / 4)  # 1<3, 1<8, 3=3, 3<8
    low, high = found["2"]["b"]["beaten_interval"]
    assert low <= found["2"]["b"]["beaten"] <= high


def test_equals_share_their_rank():
    assert stats._ranks({"a": [1.0, 1.0], "b": [1.0, 2.0]}) == {"a": 1.25, "b": 1.75}


def test_differences_pair_the_seeds_that_both_played():
    ours, theirs = [{0: 0.1, 1: 0.3}, {0: 0.5}], [{0: 0.2, 1: 0.6}, {0: 0.4}]
    found = stats.difference(theirs, ours)
    assert found["difference"] == pytest.approx((0.2 - 0.1) / 2)
    assert found["se"] == pytest.approx(math.sqrt(0.02 / 2) / 2)  # 0.1 and 0.3: variance 0.02
    assert found["se_tasks"] == pytest.approx(0.15)  # 0.2 and -0.1


def test_short_runs_count_as_far_as_they_go_and_families_are_of_those_who_played_them_all():
    refs = {name: Reference(0.0, 1.0, True) for name in ("bbob-f1-d5", "syn-cond")}
    runs = [
        {**run(who, 0, *values), "task": task}
        for who, task, values in (
            ("a", "bbob-f1-d5", (1.0, 0.5)), ("a", "syn-cond", (1.0, 0.2)),
            ("b", "bbob-f1-d5", (0.3, 0.3)), ("b", "syn-cond", (0.4,)),
        )
    ]  # fmt: skip
    found = stats.regrets(refs, runs, [1, 2])
    table = stats.table(found, [1, 2], "a")
    assert (set(table["1"]), set(table["2"])) == ({"a", "b"}, {"a"})
    named = families(list(refs))
    assert named == {"conditional": ["syn-cond"], "BBOB 5-d": ["bbob-f1-d5"], "synthetic mixed": ["syn-cond"]}
    assert set(stats.table(found, [2], "a", named["BBOB 5-d"], brief=True)["2"]) == {"a", "b"}


def test_noisy_runs_are_judged_by_the_true_value_of_what_looked_best():
    noisy = {**run("a", 0, 3.0, 1.0, 2.0), "truths": [0.5, 8.0, 0.1]}
    found = stats.regrets({"t": Reference(0.0, 10.0, True)}, [noisy], [1, 2, 3])
    assert list(found["a"]["t"][0]) == pytest.approx([0.05, 0.8, 0.8])


def test_stored_runs_stand_beside_those_played_now(tmp_path):
    for who in ("ax", "optuna-tpe"):
        record = {
            "adapter": who,
            "runs": [{"task": "branin", "seed": 0, "values": [2.0], "ask_s": 1, "tell_s": 1}],
        }
        with gzip.open(tmp_path / f"{who}.json.gz", "wt") as file:
            json.dump(record, file)
    found = stored(tmp_path, ["branin"], ["optuna-tpe"])
    assert [(one["contender"], one["cpu_s"]) for one in found] == [("ax (stored)", 2)]
    shown = quality(tmp_path / "here", "--set", "branin", "--trials", "1", "--stored", str(tmp_path))
    assert "ax (stored)" in shown["quality-built-in"]["points"]["1"]


def test_ablation_pairs_settings_with_the_default(tmp_path):
    options = [
        "--tasks", "built-in", "--set", "branin", "--seeds", "2", "--trials", "14", "--jobs", "1",
        "--without", '{"candidates": 3}', "--traces", str(tmp_path), "--results", str(tmp_path / "r"),
        "--out", str(tmp_path / "page.md"),
    ]  # fmt: skip
    done = CliRunner().invoke(main, ["ablation", "tpe", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = read(tmp_path / "r")["ablation-tpe"]["families"]["all tasks"]["14"]
    assert set(found) == {"tunesmith-tpe", 'tunesmith-tpe:{"candidates":3}'}
    assert "candidates=3" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_better_runs_move_the_best_known_value_where_it_is_not_exact():
    refs = {"t": Reference(1.0, 10.0, False), "u": Reference(1.0, 10.0, True)}
    runs = [run("a", 0, 0.5), {**run("a", 0, 0.5), "task": "u"}]
    found = stats.best_known(refs, runs)
    assert (found["t"].best, found["u"].best) == (0.5, 1.0)


def test_workers_hold_as_many_trials_as_they_are():
    class Session:
        pending = most = 0

        def ask(self):
            self.pending += 1
            self.most = max(self.most, self.pending)
            return self.pending, {}

        def tell(self, handle, value):
            self.pending -= 1

    session = Session()
    run = simulate(
        session, Task("t", (), lambda _: 1.0), Job(contender="", task="t", seed=0, trials=9, workers=4)
    )
    assert (len(run.values), session.most, session.pending) == (9, 4, 0)


def test_traces_of_other_code_are_not_reused(tmp_path):
    job = Job(contender="plain-random", task="t", seed=0, trials=2)
    traces = Traces(tmp_path)
    traces.add({**run("plain-random", 0, 1.0, 2.0), "trials": 2})
    assert set(traces.read([job])) == {key(job)}
    path = tmp_path / "plain-random.jsonl"
    path.write_text(path.read_text().replace('"code":"', '"code":"older '))
    assert traces.read([job]) == {}


@pytest.mark.parametrize("name", tasks.names(tasks.BUILT_IN, "all"))
def test_built_in_tasks_never_go_below_their_best(name):
    found, ref = tasks.task(tasks.BUILT_IN, name), tasks.references(tasks.BUILT_IN, [name])[name]
    rng = __import__("random").Random(1)
    assert min(found.evaluate(draw(found.space, rng)) for _ in range(500)) >= ref.best - 1e-9
    assert ref.median > ref.best


def test_built_in_optima():
    def at(name, **config):
        return tasks.task(tasks.BUILT_IN, name).evaluate(config)

    assert at("branin", x0=math.pi, x1=2.275) == pytest.approx(0, abs=1e-9)
    assert at("rosenbrock-d4", **{f"x{i}": 1.0 for i in range(4)}) == 0
    assert at("levy-d8", **{f"x{i}": 1.0 for i in range(8)}) == pytest.approx(0, abs=1e-12)
    assert at("ellipsoid-d6", **{f"x{i}": 0.7 * math.cos(i) for i in range(6)}) == 0
    layers = next(param for param in MIXED if param.name == "layers")
    values = [score(MIXED)({"layers": n}) for n in range(1, 9)]
    assert least(layers) == min(values) > 0
    assert np.isfinite(score(CONDITIONAL)({"model": "svm"}))


def test_every_rule_of_auto_is_left_out_once():
    rules = [settings["rules"] for settings in switches("auto")]
    assert len(rules) == len(presets.AUTO)
    for place, left in enumerate(rules):
        assert [why for _, _, why in left] == [
            why for k, (_, _, why) in enumerate(presets.AUTO) if k != place
        ]
    assert switches("gp") == [{"trend": False}, {"shape": False}, {"roughness": False}]
