"""Noisy trainings: a run of a seed is the same again, data held out stays out, what is reported is judged."""

import random

import numpy as np
import pytest
from benchmarks.__main__ import main, read
from benchmarks.quality import stats, tasks
from benchmarks.quality.tasks import Reference
from benchmarks.quality.trainings import scores
from click.testing import CliRunner

pytest.importorskip("sklearn")
ours = tasks._module(tasks.HOMES["trainings"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ours.names("all"))
def test_every_branch_trains_and_noise_is_seeded(name):
    task, rng = ours.get_task(name), random.Random(1)
    for choice in next((p["choices"] for p in task.space if p["name"] in ("model", "solver")), [None]):
        config = ours.draw(task.space, rng)
        while choice is not None and choice not in config.values():
            config = ours.draw(task.space, rng)
        runs = []
        for _ in range(2):
            task.begin(4)
            runs.append([task.evaluate(config), task.evaluate(config)])
        assert runs[0] == runs[1]
        assert runs[0][0] != runs[0][1]
        assert 0 < task.judge(config) < 10
    assert not set(task.train) & set(task.test)


def run(who, seed, score, best_score):
    return {"contender": who, "task": "t", "seed": seed, "score": score, "best_score": best_score,
            "cpu_s": 1.0, "values": [0.0]}  # fmt: skip


def test_scores_by_hand():
    runs = [run("a", 0, 1.0, 3.0), run("a", 1, 2.0, 2.0), run("b", 0, 2.0, 2.0), run("b", 1, 2.0, 2.0)]
    found = scores(runs, {"t": Reference(0.0, 4.0, False)}, "a", ["t"])
    assert (found["a"]["mean"], found["a"]["observed"]) == (0.375, 0.625)
    assert (found["a"]["rank"], found["b"]["rank"]) == (1.25, 1.75)
    assert found["b"]["difference"] == pytest.approx(0.125)
    assert found["b"]["se"] == pytest.approx(np.std([0.25, 0.0], ddof=1) / 2**0.5)
    assert stats.columns({"a": {}}, ["t"], 0) == {}


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_its_section(tmp_path):
    options = [
        "--contenders", "tunesmith-tpe,plain-random,nobody-tpe", "--set", "train-svm-digits", "--seeds", "1",
        "--trials", "4", "--jobs", "1", "--traces", str(tmp_path / "t"), "--results", str(tmp_path / "r"),
        "--out", str(tmp_path / "page.md"),
    ]  # fmt: skip
    done = CliRunner().invoke(main, ["trainings", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert set(read(tmp_path / "r")["trainings"]["scores"]) == {"tunesmith-tpe", "plain-random"}
    assert "Real, noisy trainings" in (tmp_path / "page.md").read_text(encoding="utf-8")
