"""Tasks with several objectives: their fronts are fronts, and hypervolume is counted as it is said."""

import random

import numpy as np
import pytest
from benchmarks.__main__ import main, read
from benchmarks.goals import tasks
from benchmarks.goals.command import greatest, missing, volume
from benchmarks.spaces import draw
from click.testing import CliRunner

KNOWN = tasks.names("analytic")


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_is_beyond_the_true_front(name):
    task, rng = tasks.task(name), random.Random(0)
    drawn = np.array([task.evaluate(draw(task.space, rng)) for _ in range(200)])
    assert drawn.shape == (200, task.objectives)
    front = task.front()
    beaten = (drawn[:, None] < front[None] - 1e-3).all(axis=2)
    front_beaten = beaten.any(axis=0)
    standing = ~np.array([(front < point - 1e-9).all(axis=1).any() for point in front[::37]])
    assert not front_beaten[::37][standing].any()
    assert volume(name, drawn) < greatest(name, [])


@pytest.mark.parametrize(
    ("name", "config", "losses"),
    [
        ("zdt1", {"x0": 0.25}, (0.25, 0.5)),
        ("zdt2", {"x0": 0.5}, (0.5, 0.75)),
        ("zdt3", {"x0": 0.25}, (0.25, 0.25)),
        ("dtlz2-3", {"x0": 0.0, "x1": 0.0}, (1.0, 0.0, 0.0)),
        ("dtlz1-3", {"x0": 1.0, "x1": 1.0}, (0.5, 0.0, 0.0)),
        ("dtlz7-3", {"x0": 0.0, "x1": 0.0}, (0.0, 0.0, 6.0)),
    ],
)
def test_points_of_the_papers(name, config, losses):
    middle = 0.5 if name.startswith(("dtlz1", "dtlz2")) else 0.0
    full = {param.name: middle for param in tasks.task(name).space} | config
    assert tasks.task(name).evaluate(full) == pytest.approx(losses, abs=1e-9)


def test_zdt4_is_best_in_the_middle():
    task = tasks.task("zdt4")
    best = task.evaluate({param.name: 0.5 for param in task.space} | {"x0": 0.25})
    assert best == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize("name", tasks.names("models"))
def test_models_err_less_when_larger_and_are_deterministic(name):
    pytest.importorskip("sklearn")
    task, rng = tasks.task(name), random.Random(3)
    configs = [draw(task.space, rng) for _ in range(8)]
    losses = [task.evaluate(config) for config in configs]
    assert losses == [task.evaluate(config) for config in configs]
    assert len(set(losses)) > 5
    assert all(0 < loss < 5 and 0 < size < 6 for loss, size in losses)


def test_missing_hypervolume_by_hand():
    reference = tasks.references()["zdt1"]
    corner = [0.0, 0.0]  # better than any: more than all is there
    runs = [{"contender": "a", "task": "zdt1", "seed": 0, "values": [list(reference), corner]}]
    first, second = missing(runs, [1, 2])["a"]["zdt1"][0]
    assert first == 1.0
    assert second == pytest.approx(1.0 - reference.prod() / greatest("zdt1", []))


def test_the_command_writes_a_record_and_a_page(tmp_path):
    options = ["--set", "zdt1,dtlz2-3", "--trials", "12", "--seeds", "2", "--jobs", "1"]
    options += ["--contenders", "tunesmith-nsga2,tunesmith-random", "--traces", str(tmp_path / "traces")]
    options += ["--results", str(tmp_path / "results"), "--out", str(tmp_path / "page.md")]
    done = CliRunner().invoke(main, ["goals", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = read(tmp_path / "results")["goals"]
    assert set(record["points"]["12"]) == {"tunesmith-nsga2", "tunesmith-random"}
    assert "hypervolume" in (tmp_path / "page.md").read_text(encoding="utf-8")
