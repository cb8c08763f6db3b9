"""CMA-ES as a searcher: kinds of parameters, orders of completion, restarts, warm starts."""

import numpy as np
import pytest
from driver import Driver, problem_of, space

import tunesmith.space as ts
from tunesmith.errors import SettingError
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.search.cmaes import CMAESSearcher
from tunesmith.search.random import RandomSearcher

FLOATS = space({f"x{i}": ts.Float(-5, 5) for i in range(8)})
MIXED = space(
    {
        **{f"x{i}": ts.Float(-5, 5) for i in range(4)},
        **{f"n{i}": ts.Int(-10, 10) for i in range(4)},
        "kind": ts.Categorical(["a", "b", "c"]),
        "other": ts.Categorical(["p", "q"]),
    }
)
BRANCHES = space(
    {
        "kind": ts.Categorical(["a", "b"]),
        "x": ts.Float(0, 1),
        "mu": ts.Float(0, 1, when={"kind": "a"}),
        "nu": ts.Float(0, 1, when={"kind": "b"}),
    }
)


def numbers(params):
    return [value for value in params.values() if not isinstance(value, str)]


def bowl(params):
    return sum((value - 1.7) ** 2 for value in numbers(params))


def mixed(params):
    away = sum((params[f"x{i}"] - 1.7) ** 2 + 1e3 * (params[f"n{i}"] - 4) ** 2 for i in range(4))
    return away + 10.0 * (params["kind"] != "b") + 5.0 * (params["other"] != "q")


def branches(params):
    if params["kind"] == "a":
        return 0.3 + abs(params["x"] - 0.7) + abs(params["mu"] - 0.2)
    return abs(params["x"] - 0.7) + abs(params["nu"] - 0.8)


def test_it_converges_on_numbers():
    assert min(Driver(CMAESSearcher(), FLOATS).run(bowl, 1500)) < 1e-8


def test_it_finds_an_optimum_on_the_edge():
    among = space({f"x{i}": ts.Float(0, 1) for i in range(6)})
    study = Driver(CMAESSearcher(), among)
    losses = study.run(lambda params: -sum((i + 1) * value for i, value in enumerate(params.values())), 400)
    assert min(losses) < -20.999


def test_whole_numbers_and_categories_are_found():
    """All eight at the optimum in four runs of five at least; random search would find none."""
    found = [min(Driver(CMAESSearcher(), MIXED, seed).run(mixed, 1000)) for seed in range(5)]
    assert sum(loss < 0.1 for loss in found) >= 4


def test_the_branch_that_is_better_wins():
    found = [min(Driver(CMAESSearcher(), BRANCHES, seed).run(branches, 250)) for seed in range(5)]
    assert np.median(found) < 0.02


@pytest.mark.parametrize("workers", [4, 40])
def test_workers_may_tell_in_any_order(workers):
    """More workers than a population has places: every trial counts, whichever generation it is of."""
    study, rng, losses = Driver(CMAESSearcher(), FLOATS, seed=2), np.random.default_rng(0), []
    running = []
    for _ in range(1500):
        running.append(study.ask())
        if len(running) >= workers:
            trial = running.pop(rng.integers(len(running)))
            losses.append(bowl(trial.params))
            study.finish(trial, losses[-1])
    assert min(losses) < 1e-2
    assert study.ask_of(study.rebuilt()) == study.ask_of(study.state)


def test_failed_trials_are_avoided():
    """Half of the space fails, the optimum lies just beside."""
    study, failed = Driver(CMAESSearcher(), FLOATS, seed=1), []
    best = np.inf
    for _ in range(400):
        trial = study.ask()
        failed.append(trial.params["x0"] > 1.8)
        loss = None if failed[-1] else bowl(trial.params)
        best = min(best, np.inf if loss is None else loss)
        study.finish(trial, loss)
    assert best < 0.3
    study.finish(study.ask(), np.inf)


def test_a_constraint_is_kept_in_the_end():
    study, losses = Driver(CMAESSearcher(), FLOATS, seed=1), []
    for _ in range(500):
        trial = study.ask()
        broken = trial.params["x0"] + 1.0
        losses.append((bowl(trial.params), broken))
        study.finish(trial, losses[-1][0], constraints={"c": broken})
    best = min(loss for loss, broken in losses if broken <= 0)
    assert best < 2.7**2 + 0.2


@pytest.mark.parametrize("restarts", ["ipop", "bipop"])
def test_restarts_leave_local_optima(restarts):
    """Two bowls, the start lying in the worse one, where some run without restarts stays."""

    def bowls(params):
        x = params["x"]
        return min((x - 1.0) ** 2 + 1.0, 3.0 * (x + 3.5) ** 2)

    among = space({"x": ts.Float(-5, 5)})
    found = [min(Driver(CMAESSearcher(restarts=restarts), among, s).run(bowls, 1000)) for s in range(3)]
    stays = [min(Driver(CMAESSearcher(restarts=None), among, s).run(bowls, 400)) for s in range(3)]
    assert max(found) < 0.1
    assert max(stays) > 0.9


def corner(params):
    return sum((value - 3.6) ** 2 for value in numbers(params))


def imported(study, rows, function=bowl):
    for x in rows:
        params = dict(zip(FLOATS.decode(x.tolist()), (x * 10 - 5).tolist(), strict=True))
        loss = (function(params),)
        trial = Trial(study.number, TrialState.RUNNING, params, source=Source.IMPORT)
        study.number += 1
        study.tell(trial)
        study.tell(trial._replace(state=TrialState.COMPLETE, values=loss, losses=loss))


def test_trials_of_others_seed_it():
    """After 200 random trials, warm against cold, 60 of its own: better in six seeds of seven at least."""
    wins = 0
    for seed in range(7):
        rows = np.random.default_rng(seed).random((200, 8))
        best = []
        for warm in (True, False):
            study = Driver(CMAESSearcher(warm_start=warm), FLOATS, seed)
            imported(study, rows, corner)
            best.append(min(study.run(corner, 60)))
        wins += best[0] < best[1]
    assert wins >= 6


def test_a_good_trial_that_comes_later_is_injected():
    study = Driver(CMAESSearcher(restarts=None), FLOATS, seed=0)
    study.run(bowl, 30)
    other = Driver(CMAESSearcher(restarts=None), FLOATS, seed=0)
    other.run(bowl, 30)
    imported(study, np.full((1, 8), 0.67))
    assert np.mean(study.run(bowl, 60)) < np.mean(other.run(bowl, 60))


def test_learning_rates_help_where_there_is_noise():
    """How far the mean ends from the optimum; all of three seeds (one in 8, were both alike)."""
    among = space({f"x{i}": ts.Float(-5, 5) for i in range(3)})

    def end(adapt, seed):
        rng = np.random.default_rng(seed)
        study = Driver(CMAESSearcher(adapt_rates=adapt, restarts=None), among, seed)
        study.run(lambda params: bowl(params) + 10.0 * rng.standard_normal(), 1200)
        return float(((study.state.run.evolution.mean - 0.67) ** 2).sum())

    assert all(end(True, seed) < end(False, seed) for seed in range(3))


def test_it_beats_random_search_on_every_kind():
    for among, function in ((FLOATS, bowl), (MIXED, mixed), (BRANCHES, branches)):
        ours = [min(Driver(CMAESSearcher(), among, seed).run(function, 100)) for seed in range(5)]
        chance = [min(Driver(RandomSearcher(), among, seed).run(function, 100)) for seed in range(5)]
        assert np.median(ours) < np.median(chance)


@pytest.mark.parametrize(
    "settings",
    [
        {"sigma": 0.0},
        {"sigma": 2.0},
        {"population": 3},
        {"restarts": "sometimes"},
        {"warm_start": 1},
        {"adapt_rates": "yes"},
        {"separable": 0},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SettingError):
        CMAESSearcher(**settings)


def test_it_needs_a_space():
    with pytest.raises(SettingError, match="declare"):
        CMAESSearcher().init(problem_of(None))
