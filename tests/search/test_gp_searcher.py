"""What the Gaussian process is for: few trials on numbers, categories, conditions and constraints."""

import math
import time
import zlib

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.errors import SettingError
from tunesmith.numeric.hypervolume import hypervolume


def _best(space, objective, n, seed, **settings):
    return ts.tune(objective, space, searcher=ts.GPSearcher(**settings), n_trials=n, seed=seed)


def test_it_finds_the_bottom_of_a_bowl_in_twenty_dimensions() -> None:
    space = {f"x{i}": ts.Float(-5, 5) for i in range(20)}
    study = _best(space, lambda t: sum((v - 1.0) ** 2 for v in t.params.values()), 50, 0)
    assert study.best_value < 0.5  # the middle has 20; random search stays above 100


@pytest.mark.parametrize("seed", range(3))
def test_branches_categories_and_logarithms(seed: int) -> None:
    space = {
        "model": ts.Choice(
            {
                "a": {"lr": ts.Float(1e-5, 1.0, log=True), "units": ts.Int(4, 512, log=True)},
                "b": {"depth": ts.Int(1, 20)},
                "c": {},
            }
        ),
        "pre": ts.Categorical(["none", "scale", "pca"]),
    }

    def objective(trial):
        p = trial.params
        loss = {"none": 0.3, "scale": 0.0, "pca": 0.2}[p["pre"]]
        if p["model"] == "a":
            return loss + 0.2 * (math.log10(p["lr"]) + 2.5) ** 2 + 0.3 * (math.log10(p["units"]) - 2) ** 2
        return loss + (0.3 + 0.02 * abs(p["depth"] - 7) if p["model"] == "b" else 0.6)

    study = _best(space, objective, 35, seed)
    assert study.best_params["model"] == "a"
    assert study.best_params["pre"] == "scale"
    assert study.best_value < 0.05


def test_outcome_constraints_are_learnt() -> None:
    def objective(trial):
        x, y = trial["x"], trial["y"]
        trial.constraint("outside", 0.2 - (x - y))
        return (x - 0.3) ** 2 + (y - 0.7) ** 2

    study = _best({"x": ts.Float(0, 1), "y": ts.Float(0, 1)}, objective, 30, 1)
    assert study.best_value < 0.19  # 0.18 is the least with x - y >= 0.2
    late = sorted(t.violation for t in study.trials[10:])
    assert late[len(late) // 2] < 0.01  # along the edge, where the best is


def test_where_trials_fail_is_avoided() -> None:
    def objective(trial):
        if trial["x"] > 0.5:
            raise MemoryError("too big")
        return (trial["x"] - 0.8) ** 2 + trial["y"] ** 2

    study = _best({"x": ts.Float(0, 1), "y": ts.Float(0, 1)}, objective, 30, 2)
    failed = [t.state is ts.TrialState.FAILED for t in study.trials]
    assert study.best_value < 0.095  # 0.09 at the edge
    assert sum(failed[:20]) <= 10  # where every second draw would fail and the best is at the edge


@pytest.mark.parametrize("diverged", [1e6, 1e300, math.inf])
def test_what_has_diverged_does_not_hide_the_rest(diverged: float) -> None:
    """A quarter of the space has huge losses; blind to the rest it would be left at 0.1."""
    space = {"rate": ts.Float(1e-6, 1, log=True), **{name: ts.Float(0, 1) for name in "abc"}}

    def objective(trial):
        exponent = math.log10(trial["rate"])
        if exponent > -1.5:
            return diverged
        return (exponent + 3) ** 2 / 9 + sum(
            (trial[n] - m) ** 2 for n, m in zip("abc", (0.3, 0.7, 0.2), strict=True)
        )

    assert _best(space, objective, 30, 1).best_value < 2e-3


def test_infinite_constraints_are_learnt() -> None:
    space = {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}

    def objective(trial):
        trial.constraint("late", math.inf if trial["y"] > 0.4 else -1.0)
        return (trial["x"] - 0.3) ** 2 + (trial["y"] - 0.9) ** 2

    study = _best(space, objective, 30, 0)
    assert study.best_trial.violation == 0.0
    assert study.best_value < 0.26  # 0.25 is on the border


@pytest.mark.parametrize("dims", [129, 200])
def test_more_parameters_than_a_plain_sequence_has(dims: int) -> None:
    space = {f"x{i}": ts.Float(0, 1) for i in range(dims)}
    study = _best(space, lambda t: sum((v - 0.4) ** 2 for v in t.params.values()), 9, 0, candidates=32)
    assert len(study.trials) == 9


@pytest.mark.parametrize(
    "space",
    [
        {f"n{i}": ts.Int(0, 9) for i in range(6)},
        {"x": ts.Float(0, 1), "n": ts.Int(0, 5), "kind": ["a", "b", "c"]},
    ],
    ids=["digits", "an edge"],
)
def test_nothing_is_tried_twice(space) -> None:
    study = _best(space, lambda t: sum(v for v in t.params.values() if v not in ("a", "b", "c")), 60, 0)
    assert study.best_value < 0.01
    assert len({str(trial.params) for trial in study.trials}) == 60


def test_two_objectives_are_searched_along_the_front() -> None:
    space = {"x": ts.Float(0, 1), "y": ts.Float(0, 1)}
    study = ts.tune(
        lambda t: (t["x"] ** 2 + t["y"] ** 2, (t["x"] - 1) ** 2 + t["y"] ** 2),
        space,
        objectives={"a": "minimize", "b": "minimize"},
        searcher="gp",
        n_trials=30,
        seed=0,
    )
    front = np.array([t.values for t in study.best_trials])
    assert len(front) >= 8
    assert front[:, 0].min() < 0.05
    assert front[:, 1].min() < 0.05


@pytest.mark.parametrize("seed", range(2))
def test_thirty_trials_of_two_objectives_find_more_than_two_hundred_at_random(seed: int) -> None:
    def objective(trial):
        far = 1.0 + 4.0 * sum((trial[f"x{i}"] - 0.3) ** 2 for i in range(1, 5))
        return far * trial["x0"], far * (1.0 - math.sqrt(trial["x0"]))

    study = ts.tune(
        objective,
        {f"x{i}": ts.Float(0, 1) for i in range(5)},
        objectives={"a": "minimize", "b": "minimize"},
        searcher="gp",
        n_trials=30,
        seed=seed,
    )
    found = hypervolume(np.array([t.values for t in study.trials]), np.array([2.0, 2.0]))
    assert found > 3.42  # random: at most 3.42 in 40 runs of 200; this: below that in 1 of 40


def test_two_objectives_within_a_constraint_with_failures_and_workers() -> None:
    space = {"x": ts.Float(0, 1), "y": ts.Float(0, 1), "kind": ts.Categorical(["a", "b", "c"])}
    study = ts.create_study(
        space, objectives={"a": "minimize", "b": "minimize"}, searcher=ts.GPSearcher(fantasies=4), seed=0
    )
    for _ in range(10):
        for trial in study.ask(3):
            x, y = trial["x"], trial["y"]
            trial.constraint("outside", 0.4 - y)
            worse = {"a": 0.3, "b": 0.0, "c": 0.6}[trial["kind"]]
            study.tell(trial, (math.nan, 0.0) if x > 0.9 else (x**2 + y + worse, (x - 0.8) ** 2 + y + worse))
    late = study.trials[15:]
    assert sum(t.violation > 0.02 for t in late) <= 8
    front = np.array([t.values for t in study.best_trials])
    assert front[:, 0].min() < 0.45  # 0.4 is the least of either within the constraint
    assert front[:, 1].min() < 0.45
    gaps = np.array([[t.params["x"], t.params["y"]] for t in study.trials])
    assert len(np.unique(gaps.round(6), axis=0)) == len(gaps)


def test_workers_do_not_crowd() -> None:
    study = ts.create_study({"x": ts.Float(0, 1), "y": ts.Float(0, 1)}, searcher="gp", seed=0)
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, (trial["x"] - 0.4) ** 2 + (trial["y"] - 0.6) ** 2)
    points = np.array([[t["x"], t["y"]] for t in study.ask(6)])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(6, 1)]
    assert gaps.min() > 1e-3


def test_a_belief_draws_the_first_trials() -> None:
    space = {"x": ts.Float(0, 1, prior=ts.Prior(0.9, confidence="high")), "y": ts.Float(0, 1)}
    near = 0
    for seed in range(4):
        study = _best(space, lambda t: 0.1 * (t["y"] - 0.5) ** 2 + 1e-3 * t["x"], 9, seed)
        near += sum(abs(t.params["x"] - 0.9) < 0.2 for t in study.trials)
    assert near >= 18  # of 36; 14 are expected without a belief, and the objective points the other way


def test_improvement_per_second_prefers_what_is_fast() -> None:
    slow = {}
    for per_second in (False, True):
        study = ts.create_study(
            {"x": ts.Float(0, 1)}, searcher=ts.GPSearcher(n_startup=4, per_second=per_second), seed=0
        )
        for x, seconds in ((0.1, 0.0), (0.3, 0.0), (0.7, 0.3), (0.9, 0.3)):
            study.enqueue({"x": x})
            trial = study.ask()
            time.sleep(seconds)
            study.tell(trial, (x - 0.55) ** 2)
        slow[per_second] = study.ask()["x"]
    assert slow[True] < slow[False]


@pytest.mark.parametrize(
    "settings",
    [{"n_startup": 0}, {"candidates": 1}, {"ascents": 0}, {"fantasies": 0}, {"per_second": 1}],
)
def test_settings_out_of_range_are_refused(settings) -> None:
    with pytest.raises(SettingError):
        ts.GPSearcher(**settings)


CENTRE = (0.3, -2.1, 1.7, 3.3, -0.8, 2.2, -3.1, 0.9)


def _off(trial):
    """Squared distances from the centre, parameter by parameter."""
    return [(value - centre) ** 2 for value, centre in zip(trial.params.values(), CENTRE, strict=False)]


def _cell(trial):
    """The plateau that a configuration is on: so many there are in each direction."""
    return tuple(round(2.0 * value) for value in trial.params.values())


def _plateaus(trial):
    """A bowl in steps, each of them higher or lower by chance; the same each time it is looked at."""
    place = _cell(trial)
    chance = zlib.crc32(",".join(map(str, place)).encode()) / 2**32
    return sum((0.5 * at - centre) ** 2 for at, centre in zip(place, CENTRE, strict=False)) + 20.0 * chance


def _with_and_without(name, dims, objective, n, seeds):
    """Studies with an ingredient of the model, and those without; the seeds are the same."""
    space = {f"x{i}": ts.Float(-5, 5) for i in range(dims)}
    return [[_best(space, objective, n, seed, **{name: on}) for seed in range(seeds)] for on in (True, False)]


def test_a_trend_finds_the_bottom_of_a_bowl_sooner() -> None:
    """With it 20 trials of 8 parameters left 3.1 at most, without 8.7 at least, in 8 studies each."""
    trend, none = _with_and_without("trend", 8, lambda t: sum(_off(t)), 20, 3)
    assert max(study.best_value for study in trend) < min(study.best_value for study in none)


def test_the_shape_of_losses_that_multiply_is_learnt() -> None:
    """A product of bowls: its logarithm is a sum. Above its least value, 1, what was left after 20 trials was
    less in 11 of 12 studies of 3 parameters, and a fifth of what was left without on average."""
    shape, none = _with_and_without("shape", 3, lambda t: math.prod(1.0 + off for off in _off(t)), 20, 6)
    left, left_without = (sum(study.best_value - 1.0 for study in found) for found in (shape, none))
    assert left < 0.6 * left_without


def test_roughness_spends_no_trials_on_plateaus_that_are_known() -> None:
    """Without it the best place is tried again and again, as if the losses there were noise: 2 to 12 of 30
    trials in 10 studies, against 0 to 2; and the best loss was higher in 8 of them, lower in none."""
    rough, none = _with_and_without("roughness", 2, _plateaus, 30, 4)
    known, known_without = (
        sum(len(study.trials) - len(set(map(_cell, study.trials))) for study in found)
        for found in (rough, none)
    )
    assert known < 0.3 * known_without
    assert sum(study.best_value for study in rough) < sum(study.best_value for study in none)


@pytest.mark.parametrize("name", ["trend", "shape", "roughness"])
def test_ingredients_are_on_or_off(name: str) -> None:
    with pytest.raises(SettingError, match=f"{name} must be True or False, got 1"):
        ts.GPSearcher(**{name: 1})


@pytest.mark.parametrize("kind", ["yields", "reports"])
def test_stopped_trials_teach(kind: str) -> None:
    """Successive halving completes few trials; what it has stopped shows the way all the same."""

    def yields(trial):
        for epoch in range(1, 28):
            yield abs(trial["x"] - 0.3) + abs(trial["y"] + 0.2) + 1 / epoch

    def reports(trial):
        for step, value in enumerate(yields(trial), 1):
            trial.report(value, step=step)
        return value

    found = []
    for seed in range(3):  # of eight seeds the mean was .027 (yields) and .020 (reports)
        study = ts.tune(
            yields if kind == "yields" else reports,
            {"x": ts.Float(-1, 1), "y": ts.Float(-1, 1)},
            searcher="gp",
            scheduler="asha",
            fidelity=ts.Fidelity("epoch", 1, 27),
            n_trials=40,
            seed=seed,
        )
        found.append(study.best_value - 1 / 27)
    assert sum(found) / 3 < 0.04  # random search: 0.27


def test_what_is_stopped_in_a_corner_is_not_proposed_over_and_over() -> None:
    """First reports hardly differ, last ones do: a model unsure of the end had 75 of 80 trials at an edge."""

    def train(trial):
        for epoch in range(1, 28):
            grown = 0.95 * (1 - math.exp(-epoch / 5))
            trial.report(grown * (1 - 0.1 * abs(math.log10(trial["rate"]) + 2)), epoch)

    study = ts.tune(
        train, {"rate": ts.Float(1e-4, 1e-1, log=True)}, searcher="gp", scheduler="asha", n_trials=80,
        fidelity=ts.Fidelity("epoch", 1, 27), direction="maximize", seed=2,
    )  # fmt: skip
    assert study.best_value > 0.945  # of .9457; random search: .9456
    assert sum(trial.params["rate"] > 0.098 for trial in study.trials) < 50
