"""What is recommended: the best measured value without noise, the best posterior mean with it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.analysis.recommend import recommend
from tunesmith.numeric.smooth import distances, smooth
from tunesmith.record.trial import COMPLETE, FAILED, STOPPED, Trial
from tunesmith.space.space import Space

BOX = Space.of({"x": ts.Float(0, 1), "y": ts.Float(0, 1), "kind": ts.Categorical(["a", "b"])})


def hill(params):
    return (params["x"] - 0.4) ** 2 + (params["y"] - 0.6) ** 2 + (0.2 if params["kind"] == "b" else 0.0)


def complete(number, params, loss, **more):
    return Trial(number, COMPLETE, params, (loss,), (loss,), **more)


def searched(seed, n, noise, f=hill):
    """Trials as of a search: half of them anywhere, half near the optimum."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(n):
        near = number >= n // 2
        x, y = np.clip([0.4, 0.6] + 0.15 * rng.normal(size=2), 0, 1) if near else rng.random(2)
        params = {"x": float(x), "y": float(y), "kind": "ab"[int(rng.integers(2))]}
        found.append(complete(number, params, f(params) + noise * float(rng.normal())))
    return found


def test_with_noise_it_is_truly_better_than_the_best_score():
    """Over 80 studies the recommended configuration's true loss is lower on average. Measured on 200 others:
    -0.013 on average, standard deviation 0.035, so that a mean of 80 above 0 is 3.3 standard errors off: of
    implementations as good as this one, 1 in 2,000 would fail (the seeds are fixed)."""
    gains, estimated, real = [], [], []
    for seed in range(80):
        trials = searched(seed, 50, 0.1)
        found = recommend(trials, BOX, 1.0)
        luckiest = min(trials, key=lambda t: t.losses[0])
        gains.append(hill(found.params) - hill(luckiest.params))
        estimated.append(found.optimism)
        real.append(hill(luckiest.params) - luckiest.losses[0])
    assert np.mean(gains) < 0.0
    assert 0.6 * np.mean(real) < np.mean(estimated) < 1.4 * np.mean(real)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.sampled_from([1.0, -1.0]))
def test_without_noise_it_is_the_best_measured(seed, n, sign):
    trials = searched(seed, n, 0.0)
    found = recommend(trials, BOX, sign)
    best = min(trials, key=lambda t: t.losses[0])
    assert found.number == best.number
    assert found.value == sign * best.losses[0]
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.optimism == found.noise == 0.0


def test_equal_repeats_say_that_there_is_no_noise():
    trials = searched(1, 30, 0.1)  # taken for what they are
    trials += [t._replace(number=30 + t.number) for t in trials[:2]]
    found = recommend(trials, BOX, 1.0)
    assert found.number == min(trials, key=lambda t: t.losses[0]).number
    assert found.interval == (found.value, found.value)
    assert "repeated" in found.reason


def test_repeats_count_together():
    one, other = ({"x": x, "y": 0.5, "kind": "a"} for x in (0.1, 0.9))
    losses = [(one, 0.0), (one, 1.0), (one, 1.1), (other, 0.6), (other, 0.5), (other, 0.55)]
    trials = [complete(number, params, loss) for number, (params, loss) in enumerate(losses)]
    found = recommend(trials, BOX, 1.0)
    assert found.params == other
    assert (found.number, found.evaluations) == (4, 3)
    assert found.interval[0] < found.value < found.interval[1]
    assert found.optimism > 0.5
    turned = recommend(trials, BOX, -1.0)
    assert turned.value == -found.value
    assert turned.interval == (-found.interval[1], -found.interval[0])
    assert turned.optimism == found.optimism


def test_what_did_not_end_well_is_left_out():
    trials = searched(3, 20, 0.0)
    low = {"x": 0.4, "y": 0.6, "kind": "a"}
    trials += [
        Trial(20, FAILED, low),
        Trial(21, STOPPED, low, (-9.0,), (-9.0,)),
        complete(22, low, -9.0, constraints={"late": 1.0}),
        complete(23, low, -math.inf),
    ]
    assert recommend(trials, BOX, 1.0).number < 20
    assert recommend(trials[20:], BOX, 1.0) is None


def test_any_space_and_any_size():
    conditional = Space.of({"a": [True, False], "b": ts.Float(0, 1, when={"a": True})})
    rng = np.random.default_rng(0)
    trials = []
    for number in range(700):
        params = conditional.decode(rng.random(2).tolist())
        trials.append(complete(number, params, params.get("b", 0.7) + float(rng.normal(0, 0.3))))
    found = recommend(trials, conditional, 1.0)
    assert found.params["a"] is True
    assert found.params["b"] < 0.4
    assert found.noise == pytest.approx(0.3, rel=0.4)
    assert recommend(trials[:1], conditional, 1.0).interval == (-math.inf, math.inf)
    assert recommend([complete(0, {}, 1.0)] * 2, Space.of({"c": 3}), 1.0).value == 1.0


def test_the_study_recommends():
    def noisy(trial):
        return -hill(trial.params) + 0.1 * float(np.random.default_rng(trial.number).normal())

    study = ts.tune(noisy, BOX, direction="maximize", n_trials=60, seed=0)
    found = study.recommend()
    assert isinstance(found, ts.Recommendation)
    assert found.interval[0] < found.value < found.interval[1]
    assert study.best_value - found.value > 0.0
    assert -hill(found.params) >= -hill(study.best_params) - 0.05
    with pytest.raises(ts.NoTrial):
        ts.create_study(BOX).recommend()
    with pytest.raises(ts.SettingError, match="Pareto"):
        ts.create_study(BOX, objectives={"a": "minimize", "b": "minimize"}).recommend()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_the_posterior_is_invariant(seed):
    """To the order of points, to shift and scale of the values, to which way a column runs."""
    rng = np.random.default_rng(seed)
    points, values, counts = rng.random((12, 3)), rng.normal(size=12), rng.integers(1, 4, 12).astype(float)
    categories = np.array([False, False, True])
    points[:, 2] = points[:, 2] > 0.5
    found = smooth(distances(points, categories), values, counts)
    order = rng.permutation(12)
    turned = points * [1, -1, 1] + [0, 1, 0]
    again = smooth(distances(turned[order], categories), 5.0 - 3.0 * -values[order], counts[order])
    np.testing.assert_allclose(again.mean, 5.0 + 3.0 * found.mean[order], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.noise, 3.0 * found.noise, rtol=1e-5)


def test_the_posterior_of_known_cases():
    points = np.linspace(0, 1, 15)[:, None]
    squares = distances(points, np.array([False]))
    exact = smooth(squares, np.sin(5 * points[:, 0]), np.ones(15))
    np.testing.assert_allclose(exact.mean, np.sin(5 * points[:, 0]), atol=0.01)
    noise = np.random.default_rng(0).normal(size=15)
    rows = distances(np.linspace(0, 1, 40)[:, None], np.array([False]))
    left = []
    for seed in range(8):
        white = np.random.default_rng(seed).normal(size=40)
        left.append(smooth(rows, white, np.ones(40)).mean.std() / white.std())
    assert np.mean(left) < 0.5
    known = smooth(squares, np.sin(5 * points[:, 0]) + 0.1 * noise, np.ones(15), 100 * 0.01, 100)
    assert known.noise == pytest.approx(0.1, rel=0.15)
    missing = distances(np.array([[0.2], [np.nan], [np.nan]]), np.array([False]))
    np.testing.assert_allclose(missing[0], [[0, 0.84, 0.84], [0.84, 0, 0], [0.84, 0, 0]])
