"""What the policy owes beyond the laws: it learns, from its own trials and from others."""

import numpy as np
import pytest
from driver import Driver

import tunesmith as ts
from tunesmith.search.policy import PolicySearcher, actor_of, trained_on
from tunesmith.search.random import RandomSearcher
from tunesmith.space.space import Space

OPS = ["skip", "conv3", "conv5", "pool", "none"]


def architecture(edges=10):
    """A NAS-like table: each edge's operation has its worth, and neighbours interact."""
    space = Space.of({f"edge{i}": OPS for i in range(edges)})
    rng = np.random.default_rng(7)
    alone, pairs = rng.normal(size=(edges, 5)), 0.5 * rng.normal(size=(edges, 5, 5))

    def loss(params):
        ops = [OPS.index(params[f"edge{i}"]) for i in range(edges)]
        return sum(alone[i, op] + pairs[i, op, ops[i - 1]] for i, op in enumerate(ops))

    return space, loss


def best_of(searcher, space, loss, n_trials, seed, workers=1):
    driver, running, found = Driver(searcher, space, seed), [], []
    while len(found) < n_trials:
        while len(running) < workers:
            running.append(driver.ask())
        trial = running.pop(0)
        found.append(loss(trial.params))
        driver.finish(trial, found[-1])
    return np.minimum.accumulate(found)


def test_it_beats_random_search_and_goes_on_improving():
    """By 3 seeds: at 200 trials the mean best lies far below random search's, at 600 it is lower still."""
    space, loss = architecture()
    mine = np.mean([best_of(PolicySearcher(), space, loss, 600, s) for s in range(3)], axis=0)
    theirs = np.mean([best_of(RandomSearcher(), space, loss, 200, s) for s in range(3)], axis=0)
    draws = [loss(space.decode(row)) for row in np.random.default_rng(0).random((500, 10)).tolist()]
    spread = np.std(draws)
    assert mine[199] < theirs[199] - 0.8 * spread
    assert mine[599] < mine[199]
    assert mine[599] <= mine[99] - 0.5 * spread


def test_sixteen_workers_learn_too():
    space, loss = architecture()
    mine = np.mean([best_of(PolicySearcher(), space, loss, 300, s, workers=16)[-1] for s in range(3)])
    theirs = np.mean([best_of(RandomSearcher(), space, loss, 300, s)[-1] for s in range(3)])
    assert mine < theirs - 1.0


def test_numbers_are_learnt_to_a_hundredth():
    space = Space.of({"x": ts.Float(-5, 5), "lr": ts.Float(1e-6, 1, log=True), "n": ts.Int(1, 64)})

    def loss(p):
        return (p["x"] - 2) ** 2 / 10 + (np.log10(p["lr"]) + 4) ** 2 + ((p["n"] - 50) / 16) ** 2

    assert np.median([best_of(PolicySearcher(), space, loss, 200, s)[-1] for s in range(5)]) < 0.06


def test_conditions_are_respected():
    """The branch that pays only with its own parameter right is found, by 4 of 5 seeds."""
    space = Space.of(
        {
            "model": ts.Choice({"a": {"x": ts.Float(0, 1)}, "b": {"y": ts.Float(0, 1)}, "c": {}}),
            "z": ts.Float(0, 1),
        }
    )

    def loss(p):
        inner = {"a": lambda: 0.5 + (p["x"] - 0.5) ** 2, "b": lambda: abs(p["y"] - 0.9), "c": lambda: 0.45}
        return inner[p["model"]]() + (p["z"] - 0.2) ** 2

    found = [best_of(PolicySearcher(), space, loss, 200, s)[-1] for s in range(5)]
    assert sum(value < 0.05 for value in found) >= 4


def test_earlier_trials_train_it():
    """With 100 imported trials of an earlier study its first 20 proposals are better than without."""
    space, loss = architecture()
    means = []
    for known in (0, 100):
        study = ts.create_study(space, searcher="policy", seed=3)
        draws = np.random.default_rng(1).random((known, 10)).tolist()
        for row in draws:
            params = space.decode(row)
            study.add_trial(params, loss(params))
        told = []
        for _ in range(20):
            trial = study.ask()
            told.append(loss(trial.params))
            study.tell(trial, told[-1])
        means.append(np.mean(told))
    assert means[1] < means[0] - 1.0


def test_failures_rank_last():
    space = Space.of({"x": ts.Float(0, 1), "kind": ["good", "bad"]})
    driver = Driver(PolicySearcher(), space)
    for _ in range(80):
        trial = driver.ask()
        driver.finish(trial, None if trial.params["kind"] == "bad" else trial.params["x"])
    kinds = [trial.params["kind"] for trial in driver.told if trial.state == "RUNNING"]
    assert kinds[-40:].count("bad") < kinds[:40].count("bad")
    assert kinds[-20:].count("bad") <= 4


def test_beliefs_shape_the_first_policy():
    space = Space.of(
        {
            "x": ts.Float(0, 1, prior=ts.Prior(0.8, "high")),
            "k": ts.Categorical(["a", "b"], prior=ts.Prior("b")),
        }
    )
    actor = actor_of(space, 0.3)
    rows = np.array(
        [
            actor.act(actor.untrained, u, [False] * 2)
            for u in np.random.default_rng(0).random((400, 2)).tolist()
        ]
    )
    assert abs(np.median(rows[:, 0]) - 0.8) < 0.05
    assert np.mean(rows[:, 1] > 0.5) > 0.6


def test_the_memo_names_the_policy():
    space, loss = architecture(4)
    driver = Driver(PolicySearcher(), space)
    for _ in range(40):
        trial = driver.ask()
        driver.finish(trial, loss(trial.params))
    versions = [trial.memo["policy"] for trial in driver.told if trial.state == "RUNNING"]
    assert versions[0] == 0
    assert versions == sorted(versions)
    assert trained_on(driver.state, space, PolicySearcher()).version == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 0.0},
        {"window": 4},
        {"every": 0},
        {"epochs": 0},
        {"clip": 0.0},
        {"entropy": -1},
        {"coupling": 2},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ts.SettingError):
        ts.PolicySearcher(**settings)
