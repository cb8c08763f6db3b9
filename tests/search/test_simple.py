"""Random, manual, grid and quasi-random search."""

import itertools
import json

import numpy as np
import pytest
from driver import Driver, problem_of, space

import tunesmith.space as ts
from tunesmith.errors import SettingError
from tunesmith.search._untried import Tried
from tunesmith.search.grid import GridSearcher
from tunesmith.search.manual import ManualSearcher
from tunesmith.search.qmc import QMCSearcher, Sequence
from tunesmith.search.random import RandomSearcher

ZOO = {
    "flat": space({"a": ts.Int(1, 4), "b": ts.Categorical(["x", "y", None]), "c": ts.Constant(3)}),
    "chain": space(
        {
            "a": ts.Categorical(["p", "q", "r"]),
            "b": ts.Int(0, 2, when={"a": ["p", "q"]}),
            "c": ts.Categorical([True, False], when={"b": [1, 2]}),
            "d": ts.Int(1, 3),
        }
    ),
    "choice": space(
        {
            "model": ts.Choice(
                {
                    "forest": {"n": ts.Int(1, 3), "same": ts.Int(0, 1)},
                    "svm": {"same": ts.Int(5, 9)},
                    "none": {},
                }
            ),
            "scale": ts.Categorical([1, 2]),
        }
    ),
    "two parents": space(
        {
            "a": ts.Int(1, 3),
            "b": ts.Int(1, 3),
            "z": ts.Int(0, 1),
            "c": ts.Int(0, 4, when="a + b > 4"),
        }
    ),
    "log": space({"n": ts.Int(1, 40, log=True), "f": ts.Float(0.0, 1.0, step=0.25)}),
    "constrained": space({"a": ts.Int(1, 6), "b": ts.Int(1, 6)}, ["a * b < 9"]),
    "one value": space({"a": ts.Constant(1), "b": ts.Float(2.0, 2.0)}),
}


def key(params):
    return json.dumps(params, sort_keys=True)


def every_combination(among):
    """All configurations, by brute force over the values of all parameters, inactive ones dropped."""
    found = set()
    for values in itertools.product(*(list(parameter.domain.values()) for parameter in among.dims)):
        row = [parameter.domain.to_unit(value) for parameter, value in zip(among.dims, values, strict=True)]
        params = among.decode(row)
        if among.feasible(params):
            found.add(key(params))
    return found


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", ZOO)
def test_grid_covers_every_combination_exactly_once(name, shuffle):
    study = Driver(GridSearcher(shuffle=shuffle), ZOO[name], seed=4)
    seen = []
    while (trial := study.ask()) is not None:
        seen.append(key(trial.params))
    assert len(seen) == len(set(seen))
    assert set(seen) == every_combination(ZOO[name])
    assert study.ask() is None


def test_grid_takes_bounds_and_resolution_of_continuous_parameters():
    study = Driver(GridSearcher(resolution=3), space({"x": ts.Float(1e-4, 1.0, log=True)}))
    values = [study.ask().params["x"] for _ in range(3)]
    assert values[0] == 1e-4
    assert values[1] == pytest.approx(1e-2)
    assert values[2] == 1.0
    assert study.ask() is None


def test_grid_reaches_into_a_huge_grid_without_listing_it():
    huge = space({f"x{i}": ts.Float(0, 1) for i in range(40)})
    searcher = GridSearcher(resolution=10, shuffle=True)
    assert searcher.size(huge) == 10**40
    rows = {key(trial.params) for trial in (Driver(searcher, huge, seed=s).ask() for s in range(20))}
    assert len(rows) == 20


def test_grid_shuffle_is_a_matter_of_the_seed():
    orders = []
    for seed in (0, 0, 1):
        study = Driver(GridSearcher(shuffle=True), ZOO["flat"], seed=seed)
        orders.append([key(study.ask().params) for _ in range(12)])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_grid_says_what_it_cannot_do():
    with pytest.raises(SettingError, match="resolution"):
        GridSearcher(resolution=0)
    with pytest.raises(SettingError, match="declared space"):
        GridSearcher().init(problem_of(None))
    wide = space({"a": ts.Int(1, 10**6), "b": ts.Int(0, 1, when="a > 5")})
    with pytest.raises(SettingError, match="combinations"):
        GridSearcher().init(problem_of(wide))


@pytest.mark.parametrize("sequence", list(Sequence))
def test_qmc_is_even_and_skips_infeasible_points(sequence):
    among = space({"x": ts.Float(0, 1), "y": ts.Float(0, 1)}, ["x + y < 1.2"])
    study = Driver(QMCSearcher(sequence), among, seed=3)
    trials = [study.ask() for _ in range(200)]
    assert all(among.feasible(trial.params) for trial in trials)
    indices = [trial.memo["index"] for trial in trials]
    assert indices == sorted(set(indices))
    # The points asked of the sequence stratify x: 32 cells hold as many as they should, up to a few.
    unconstrained = Driver(QMCSearcher(sequence), space({"x": ts.Float(0, 1)}))
    values = np.array([unconstrained.ask().params["x"] for _ in range(64)])
    assert np.histogram(values, 32, (0, 1))[0].max() <= 4


def test_qmc_honours_priors():
    """All of 256 stratified draws but a tenth come from N(0.2, 0.05): no chance involved."""
    believed = ts.Float(0, 1, prior=ts.Prior(0.2, confidence="high"))
    study = Driver(QMCSearcher(), space({"x": believed, "y": ts.Float(0, 1)}))
    values = np.array([study.ask().params["x"] for _ in range(256)])
    assert 0.85 < np.mean(np.abs(values - 0.2) < 0.15) < 0.97


def test_qmc_falls_back_when_feasible_points_are_rare():
    among = space({"x": ts.Float(0, 1), "n": ts.Int(0, 4000, default=0)}, ["n == 0 or x > 2"])
    study = Driver(QMCSearcher(), among)
    trial = study.ask()
    assert trial.params["n"] == 0
    assert study.ask().memo["index"] > trial.memo["index"]


def test_qmc_follows_a_space_that_grows():
    study = Driver(QMCSearcher(), space({"x": ts.Float(0, 1)}), seed=1)
    first = study.ask().params["x"]
    study.space = space({"x": ts.Float(0, 1), "y": ts.Float(0, 1)})
    second = study.ask().params
    fresh = Driver(QMCSearcher(), study.space, seed=1)
    assert fresh.ask().params["x"] == first
    assert fresh.ask().params == second


def test_qmc_settings_are_checked():
    with pytest.raises(SettingError, match="sobol"):
        QMCSearcher("latin")
    wide = space({f"x{i}": ts.Float(0, 1) for i in range(129)})
    with pytest.raises(SettingError, match="scramble=True"):
        QMCSearcher(scramble=False).init(problem_of(wide))
    assert QMCSearcher("halton").sequence is Sequence.HALTON


def test_qmc_and_grid_ignore_trials_of_other_sources():
    for searcher in (QMCSearcher(), GridSearcher()):
        study = Driver(searcher, ZOO["flat"])
        enqueued = Driver(RandomSearcher(), ZOO["flat"]).ask()
        study.tell(enqueued)
        study.number = 1
        assert study.ask().memo["index"] == 0


def test_random_draws_from_the_space_and_manual_proposes_nothing():
    study = Driver(RandomSearcher(), ZOO["constrained"], seed=2)
    assert all(study.ask().params["a"] < 9 for _ in range(20))
    assert Driver(ManualSearcher(), ZOO["flat"]).ask() is None


@pytest.mark.parametrize("searcher", [RandomSearcher(), QMCSearcher(), GridSearcher(shuffle=True)])
def test_the_rebuilt_state_proposes_the_same(searcher):
    study = Driver(searcher, ZOO["chain"], seed=5)
    study.run(lambda params: 0.0, 7)
    assert study.rebuilt() == study.state
    assert study.ask_of(study.rebuilt()) == study.ask_of(study.state)


def test_neighbours_of_a_long_logarithmic_range_are_not_one():
    whole = space({"n": ts.Int(1, 150_000, log=True)})
    tried = Tried(whole)
    rows = [np.array(whole.encode({"n": n})) for n in range(149_900, 150_001)]
    assert len({tried.key(row) for row in rows}) == 101
    mixed = Tried(space({"x": ts.Float(0, 1)}))
    assert mixed.key(np.array([0.3])) == mixed.key(np.array([0.3 + 1e-9])) != mixed.key(np.array([0.3001]))
