"""Differential evolution and particle swarms as searchers."""

import numpy as np
import pytest
from driver import Driver, problem_of, space

import tunesmith.space as ts
from tunesmith.errors import SettingError
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.search.de import DESearcher
from tunesmith.search.pso import PSOSearcher
from tunesmith.search.random import RandomSearcher

FLOATS = space({f"x{i}": ts.Float(-5, 5) for i in range(5)})
MIXED = space(
    {
        "x": ts.Float(-5, 5),
        "rate": ts.Float(1e-5, 1, log=True),
        "n": ts.Int(0, 30),
        "kind": ts.Categorical(["a", "b", "c", "d"]),
        "mu": ts.Float(0, 1, when={"kind": ["b", "c"]}),
    }
)
METHODS = [DESearcher(), DESearcher(strategy="rand"), PSOSearcher()]


def bowl(params):
    return sum((value - 1.7) ** 2 for value in params.values())


def mixed(params):
    away = (params["x"] - 1.7) ** 2 + (np.log10(params["rate"]) + 2) ** 2 + 0.1 * abs(params["n"] - 21)
    return away + (abs(params["mu"] - 0.3) if params["kind"] == "c" else 1.0)


@pytest.mark.parametrize(
    ("searcher", "trials", "reached"),
    [(METHODS[0], 1000, 1e-4), (METHODS[1], 1500, 1e-3), (METHODS[2], 1000, 1e-2)],
)
def test_it_converges_on_numbers(searcher, trials, reached):
    """Median of three seeds; random search reaches about 2."""
    assert np.median([min(Driver(searcher, FLOATS, s).run(bowl, trials)) for s in range(3)]) < reached


@pytest.mark.parametrize("searcher", METHODS)
def test_it_beats_random_search_in_mixed_and_conditional_spaces(searcher):
    """Medians of five seeds, 300 trials each."""
    ours = [min(Driver(searcher, MIXED, s).run(mixed, 300)) for s in range(5)]
    chance = [min(Driver(RandomSearcher(), MIXED, s).run(mixed, 300)) for s in range(5)]
    assert np.median(ours) < 0.8 * np.median(chance)


@pytest.mark.parametrize("searcher", METHODS)
@pytest.mark.parametrize("workers", [4, 50])
def test_trials_may_end_in_any_order(searcher, workers):
    study, rng, losses = Driver(searcher, FLOATS, seed=1), np.random.default_rng(0), []
    running = []
    for _ in range(700):
        running.append(study.ask())
        if len(running) >= workers:
            trial = running.pop(rng.integers(len(running)))
            losses.append(bowl(trial.params))
            study.finish(trial, None if rng.random() < 0.1 else losses[-1])
    assert min(losses) < 1.5
    assert study.ask_of(study.rebuilt()) == study.ask_of(study.state)


@pytest.mark.parametrize("searcher", METHODS)
def test_what_breaks_a_constraint_is_left(searcher):
    study, kept = Driver(searcher, FLOATS, seed=1), []
    for _ in range(500):
        trial = study.ask()
        broken = trial.params["x0"] + 1.0
        kept.append(broken <= 0.0)
        study.finish(trial, bowl(trial.params), constraints={"c": broken})
    assert np.mean(kept[-100:]) > 0.5
    assert np.mean(kept[-100:]) > np.mean(kept[:100])


@pytest.mark.parametrize("searcher", METHODS)
def test_trials_of_others_join(searcher):
    """The optimum, imported after 100 trials, draws the others towards it."""

    def after(imported):
        study = Driver(searcher, FLOATS, seed=3)
        study.run(bowl, 60)
        if imported:
            params = {f"x{i}": 1.7 for i in range(5)}
            trial = Trial(study.number, TrialState.RUNNING, params, source=Source.IMPORT)
            study.number += 1
            study.tell(trial)
            study.tell(trial._replace(state=TrialState.COMPLETE, values=(0.0,), losses=(0.0,)))
        return np.mean(study.run(bowl, 100))

    assert after(True) < after(False)


@pytest.mark.parametrize("searcher", METHODS)
def test_the_start_is_the_middle_and_then_even(searcher):
    study = Driver(searcher, FLOATS, seed=0)
    trials = [study.ask() for _ in range(12)]
    assert set(trials[0].params.values()) == {0.0}
    assert len({tuple(trial.params.values()) for trial in trials}) == 12


def test_a_target_stays_when_its_trial_is_worse():
    study = Driver(DESearcher(population=4), FLOATS, seed=0)
    for _ in range(4):
        study.finish(study.ask(), 1.0)
    before = study.state.members
    trial = study.ask()
    study.finish(trial, 2.0)
    assert [member.row for member in study.state.members] == [member.row for member in before]
    trial = study.ask()
    study.finish(trial, 0.5)
    assert study.state.members[trial.memo["target"]].row == 5
    assert len(study.state.archive) == 1


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (DESearcher, {"population": 3}),
        (DESearcher, {"strategy": "best"}),
        (DESearcher, {"scale": 0.0}),
        (DESearcher, {"crossover": 1.5}),
        (DESearcher, {"memory": 0}),
        (PSOSearcher, {"population": 2}),
    ],
)
def test_settings_out_of_range_are_refused(method, settings):
    with pytest.raises(SettingError):
        method(**settings)


@pytest.mark.parametrize("searcher", METHODS)
def test_it_needs_a_space(searcher):
    with pytest.raises(SettingError, match="declare"):
        searcher.init(problem_of(None))
