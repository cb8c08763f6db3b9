"""Forest: better than chance, inside the space, never twice, the same after a rebuild, taught by failures."""

import json

import numpy as np
import pytest
from driver import Driver, space

import tunesmith.space as ts
from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.search._evidence import chosen, evidence_of
from tunesmith.search.forest import ForestSearcher
from tunesmith.search.random import RandomSearcher

FLOATS = space({f"x{i}": ts.Float(-5, 5) for i in range(4)})
MIXED = space(
    {
        "lr": ts.Float(1e-5, 1, log=True),
        "n": ts.Int(1, 500, log=True),
        "k": ts.Int(0, 6),
        "step": ts.Float(0, 1, step=0.1),
        "size": ts.Categorical([16, 32, 64], ordered=True),
        "kind": ts.Categorical(["a", "b", "c"]),
        "mu": ts.Float(0, 1, when={"kind": "a"}),
        "nu": ts.Float(0, 1, when={"kind": ["b", "c"]}, prior=ts.Prior(0.7)),
        "rho": ts.Int(0, 3, when="k > 3"),
        "one": ts.Constant(1),
    }
)
CONSTRAINED = space({"x": ts.Float(0, 1), "y": ts.Float(0, 1), "n": ts.Int(0, 9)}, ["x + y < 0.8"])
SQUARE = space({"x": ts.Float(0, 1), "y": ts.Float(0, 1)})
QUICK = ForestSearcher(trees=10, starts=3, rounds=4, neighbours=12)


def sphere(params):
    return sum((value - 1.7) ** 2 for value in params.values())


def branches(params):
    penalty = {"a": 0.0, "b": 0.4, "c": 0.8}[params["kind"]]
    inner = abs(params.get("mu", params.get("nu", 0.5)) - 0.2)
    away = abs(np.log10(params["lr"]) + 3) + abs(params["k"] - 2) + abs(np.log(params["n"] / 50))
    return penalty + inner + away


def key(params):
    return json.dumps(params, sort_keys=True)


@pytest.mark.parametrize(("among", "function"), [(FLOATS, sphere), (MIXED, branches)])
def test_it_beats_random_search(among, function):
    """Best of 50 trials over 6 seeds. Were both alike, all six pairs were won once in 64."""
    ours = [min(Driver(QUICK, among, seed).run(function, 50)) for seed in range(6)]
    chance = [min(Driver(RandomSearcher(), among, seed).run(function, 50)) for seed in range(6)]
    assert all(a < b for a, b in zip(ours, chance, strict=True))
    assert np.median(ours) < 0.5 * np.median(chance)


def test_it_finds_the_best_of_many_sets_of_categories():
    """One of 4^6 = 4096 in 90 trials: random search finds it once in 45 studies, here 4 of 4 do."""
    names = [f"op{i}" for i in range(6)]
    among = space({name: ts.Categorical(["p", "q", "r", "s"]) for name in names})
    best = ["q", "s", "p", "r", "q", "p"]

    def misses(params):
        return sum(params[name] != good for name, good in zip(names, best, strict=True))

    found = [min(Driver(QUICK, among, seed).run(misses, 90)) for seed in range(4)]
    assert found == [0.0] * 4


@pytest.mark.parametrize("among", [FLOATS, MIXED, CONSTRAINED])
def test_proposals_lie_in_the_space_whatever_happens_to_trials(among):
    study, rng = Driver(QUICK, among, seed=1), np.random.default_rng(0)
    running = []
    for _ in range(60):
        running.append(study.ask())
        assert among.feasible(running[-1].params)
        among.encode(running[-1].params)
        while len(running) > 4:
            trial = running.pop(rng.integers(len(running)))
            fate = rng.integers(5)
            if fate == 0:
                study.finish(trial, None)
            elif fate == 1:
                study.finish(trial, rng.random(), TrialState.STOPPED, step=int(rng.integers(1, 9)))
            elif fate == 2:
                study.finish(trial, rng.random(), TrialState.PAUSED, step=3)
                study.finish(trial, rng.random(), step=9)
            else:
                study.finish(trial, rng.random(), constraints={"c": rng.normal()})


@pytest.mark.parametrize("objectives", [1, 2])
def test_between_two_growths_the_rebuilt_state_proposes_the_same(objectives):
    """Trees grown at an earlier position serve on, also in a process that never grew them."""
    names = {f"f{i}": "minimize" for i in range(objectives)}
    searcher = ForestSearcher(trees=6, starts=2, rounds=2, neighbours=8, max_trials=64)
    study, rng = Driver(searcher, MIXED, seed=3, objectives=names), np.random.default_rng(1)
    for number in range(150):
        trial = (
            study.ask()
            if number > 120
            else Driver(RandomSearcher(), MIXED, number).ask()._replace(number=number)
        )
        study.number = number + 1
        if number <= 120:
            study.tell(trial)
        if number % 9:
            broken = {"c": rng.normal()} if number % 3 == 0 else {}
            study.finish(trial, rng.random(objectives), constraints=broken)
        if number in (127, 133, 149):
            before = study.ask_of(study.state)
            assert study.ask_of(study.state) == before
            assert study.ask_of(study.rebuilt()) == before


@pytest.mark.parametrize(
    "among",
    [
        space({"a": ts.Int(1, 4), "b": ts.Categorical(["p", "q", "r"]), "f": ts.Float(0, 1, step=0.5)}),
        space({"a": ts.Categorical([1, 2, 3]), "b": ts.Int(1, 9, when={"a": [2, 3]})}),
        space({"a": ts.Int(1, 6), "b": ts.Int(1, 6)}, ["a * b < 9"]),
    ],
)
def test_a_finite_space_is_walked_without_a_repeat(among):
    study = Driver(QUICK, among, seed=2)
    columns = [[p.domain.to_unit(v) for v in p.domain.values()] for p in among.dims]
    rows = np.stack(np.meshgrid(*columns), axis=-1).reshape(-1, len(among.dims)).tolist()
    everything = {key(params) for params in map(among.decode, rows) if among.feasible(params)}
    seen = []
    for number in range(len(everything)):
        trial = study.ask()
        seen.append(key(trial.params))
        if number % 3:  # pending ones count as tried
            study.finish(trial, float(len(seen[-1])))
    assert sorted(seen) == sorted(everything)
    assert among.feasible(study.ask().params)


def test_where_trials_fail_it_does_not_stay():
    """A third of the square fails, around the optimum of the rest: of the last 20 of 50 at most 10 do."""
    study = Driver(QUICK, SQUARE, seed=0)
    fails = []
    for _ in range(50):
        trial = study.ask()
        fails.append(trial.params["x"] > 0.66)
        study.finish(trial, None if fails[-1] else -trial.params["x"])
    assert sum(fails[-20:]) <= 10
    assert min(t.losses[0] for t in study.told if t.losses) < -0.6


def test_it_learns_where_it_is_feasible():
    """Feasible is x + y > 1.6, 8 % of the square, and the loss draws away: by chance 5 of 20 are rare."""
    study = Driver(QUICK, SQUARE, seed=0)
    meets = []
    for _ in range(50):
        trial = study.ask()
        total = trial.params["x"] + trial.params["y"]
        meets.append(total > 1.6)
        study.finish(trial, total, constraints={"c": 1.6 - total})
    assert sum(meets[-20:]) >= 5
    assert (
        min(t.losses[0] for t, ok in zip([t for t in study.told if t.losses], meets, strict=True) if ok) < 1.7
    )


def test_workers_spread_out():
    """Twelve pending proposals: no two within 0.01 of each other, and not all in one place."""
    study = Driver(QUICK, SQUARE, seed=0)
    study.run(lambda params: (params["x"] - 0.4) ** 2 + (params["y"] - 0.6) ** 2, 20)
    points = np.array([[*study.ask().params.values()] for _ in range(12)])
    apart = np.abs(points[:, None] - points[None]).max(axis=2)[np.triu_indices(12, 1)]
    assert apart.min() > 1e-4
    assert np.median(apart) > 0.02


def test_two_objectives_cover_the_front():
    """Mean distance of the ten nearest to the segment between both optima; six seeds of six."""

    def two(params):
        return (sum(v**2 for v in params.values()), sum((v - 2) ** 2 for v in params.values()))

    def gap(searcher, seed):
        study = Driver(searcher, FLOATS, seed, objectives={"a": "minimize", "b": "minimize"})
        return np.sort(np.array(study.run(two, 60)).sum(axis=1))[:10].mean()

    pairs = [(gap(QUICK, seed), gap(RandomSearcher(), seed)) for seed in range(6)]
    assert all(a < b for a, b in pairs)


def history_of(curves):
    """A history of trials by the losses that they reported; True: it ran to the end."""
    state = ForestSearcher().init(Driver(ForestSearcher(), SQUARE).problem)
    for number, (losses, whole) in enumerate(curves):
        reports = tuple(Report(step, (loss,), (loss,), {}) for step, loss in enumerate(losses, 1))
        state = state.tell(
            Trial(
                number=number,
                state=TrialState.COMPLETE if whole else TrialState.STOPPED,
                params={"x": 0.5, "y": 0.5},
                values=losses[-1:],
                losses=losses[-1:],
                reports=reports,
            )
        )
    return state


def test_stopped_trials_are_compared_where_they_stopped():
    history = history_of([((1.0, 0.5, 0.2), True), ((0.9,), False), ((2.0,), False), ((1.5, 0.6, 0.3), True)])
    found = evidence_of(history, np.arange(4))
    assert np.argsort(found.labels[:, 0]).tolist()[:2] == [1, 0]
    assert found.labels[2, 0] == found.labels.max()


def test_labels_of_failures_and_of_infeasible_trials():
    study = Driver(QUICK, SQUARE)
    for loss, broken in ((3.0, 0.0), (None, 0.0), (1.0, 2.0), (np.inf, 0.0), (2.0, 0.0)):
        study.finish(study.ask(), loss, constraints={"c": broken})
    found = evidence_of(study.state, np.arange(5))
    labels = found.labels[:, 0]
    assert labels[2] < labels[4] < labels[0] == labels[1] == labels[3]
    assert found.broken.tolist() == [False, False, True, False, False]


def test_while_nothing_is_feasible_the_violation_is_minimised():
    study = Driver(QUICK, SQUARE)
    for loss, broken in ((1.0, 3.0), (2.0, 1.0), (3.0, 2.0)):
        study.finish(study.ask(), loss, constraints={"c": broken})
    found = evidence_of(study.state, np.arange(3))
    assert np.argsort(found.labels[:, 0]).tolist() == [1, 2, 0]
    assert not found.broken.any()


def test_a_long_log_is_looked_at_in_part():
    study, rng = Driver(RandomSearcher(), SQUARE), np.random.default_rng(0)
    study.state = QUICK.init(study.problem)
    for number in range(700):
        trial = Trial(number, TrialState.COMPLETE, {"x": rng.random(), "y": rng.random()})
        study.state = study.state.tell(trial._replace(losses=(loss := (float(rng.random()),)), values=loss))
    rows = chosen(study.state, 128)
    assert len(rows) == 128
    assert (np.diff(rows) > 0).all()
    losses = study.state.losses[:, 0]
    assert np.isin(np.argsort(losses)[:60], rows).all()
    assert np.isin(np.arange(680, 700), rows).all()


def test_a_belief_draws_the_first_proposals():
    """Of a flat loss: the mean distance to the belief of 20 proposals; 0.25 without a belief."""
    among = space({"x": ts.Float(0, 1, prior=ts.Prior(0.9, ts.Confidence.HIGH)), "y": ts.Float(0, 1)})
    study = Driver(QUICK, among, seed=1)
    study.run(lambda _: 1.0, 30)
    away = [abs(t.params["x"] - 0.9) for t in study.told[-40:]]
    assert np.mean(away) < 0.15


def test_absent_parameters_have_a_code_of_their_own():
    from tunesmith.search._coding import Coding

    rows = np.array([MIXED.encode(MIXED.decode([0.5] * 5 + [u] + [0.5] * 3)) for u in (0.1, 0.5)])
    code = Coding(layout_of(MIXED), rows).encode(rows)
    assert np.isfinite(code).all()
    names = [p.name for p in MIXED.dims]
    assert code[:, names.index("mu")].tolist() == [0.5, -1.0]
    assert code[:, names.index("kind")].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"trees": 0}, "trees"),
        ({"min_leaf": 0.5}, "min_leaf"),
        ({"interleave": 1.0}, "interleave"),
        ({"max_trials": 3}, "max_trials"),
        ({"rounds": 0}, "rounds"),
    ],
)
def test_settings_are_checked(settings, word):
    with pytest.raises(SettingError, match=word):
        ForestSearcher(**settings)
