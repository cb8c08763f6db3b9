"""The policy's derivatives against finite differences, its samples against its probabilities, its steps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.controller import Heads, advantages, chosen, evaluated, improved, untrained

HEADS = Heads((3, 0, 1, 0, 4), 0.5)


def weights_of(seed, heads=HEADS):
    rng = np.random.default_rng(seed)
    start = untrained(
        heads, [np.full(size, 1 / size) for size in heads.sizes if size],
        rng.uniform(0.1, 0.9, len(heads.numbers)), rng.uniform(0.15, 0.5, len(heads.numbers)),
    )  # fmt: skip
    return start + 0.1 * rng.normal(size=start.shape) * heads.mask


def actions_of(seed, n=6, heads=HEADS, absent=0.2):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(size, size=n) if size else rng.random(n) for size in heads.sizes]
    actions = np.stack(columns, axis=1).astype(float)
    actions[rng.random(actions.shape) < absent] = np.nan
    return actions


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_slopes_are_those_of_finite_differences_through_all_weights(seed):
    weights, actions = weights_of(seed), actions_of(seed)
    features = HEADS.features(actions)
    policy = evaluated(HEADS, weights, features, actions)
    exact = features.T @ policy.slopes
    assert np.isfinite(policy.log_probs).all()
    rng = np.random.default_rng(seed)
    for place in zip(*np.nonzero(HEADS.mask * (rng.random(weights.shape) < 0.2)), strict=True):
        up, down = weights.copy(), weights.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        change = [evaluated(HEADS, w, features, actions).log_probs.sum() for w in (up, down)]
        assert exact[place] == pytest.approx((change[0] - change[1]) / 2e-6, rel=2e-4, abs=2e-4)


def test_entropy_slopes_of_softmaxes():
    heads = Heads((4,), 0.0)
    weights = np.array([[0.3, -1.0, 2.0, 0.1]])
    actions = np.array([[1.0]])
    features = heads.features(actions)

    def entropy(w):
        p = np.exp(w[0]) / np.exp(w[0]).sum()
        return -(p * np.log(p)).sum()

    found = evaluated(heads, weights, features, actions).entropy[0]
    for k in range(4):
        step = np.zeros((1, 4))
        step[0, k] = 1e-6
        assert found[k] == pytest.approx((entropy(weights + step) - entropy(weights - step)) / 2e-6, abs=1e-6)


def test_densities_integrate_to_one():
    heads = Heads((0,), 0.0)
    grid = (np.arange(20_000) + 0.5) / 20_000
    for mean, spread in [(0.5, 0.3), (-0.2, 0.1), (1.3, 0.4), (0.99, 0.02)]:
        weights = untrained(heads, [], [mean], [spread])
        actions = grid[:, None]
        logs = evaluated(heads, weights, heads.features(actions), actions).log_probs
        assert np.exp(logs).mean() == pytest.approx(1.0, abs=1e-3)


def test_what_is_chosen_has_the_probabilities_that_are_said():
    """20,000 quantiles, stratified: shares are met within 1e-3."""
    heads = Heads((4, 0), 1.0)
    weights = untrained(heads, [np.array([0.1, 0.2, 0.3, 0.4])], [0.7], [0.2])
    weights[1, heads.outputs[1]] = -0.5  # after cell 1 the number is lower
    start = np.zeros(len(heads.mask))
    start[-1] = 1.0
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    cells = np.array([chosen(heads, 0, weights, start, u) for u in quantiles])
    assert np.allclose(np.bincount(cells.astype(int)) / 20_000, [0.1, 0.2, 0.3, 0.4], atol=1e-3)
    start[1] = 1.0
    numbers = np.array([chosen(heads, 1, weights, start, u) for u in quantiles])
    assert ((numbers >= 0) & (numbers <= 1)).all()
    assert np.median(numbers) < 0.35
    inside = np.array([[1.0, 0.3]])
    density = math.exp(evaluated(heads, weights, heads.features(inside), inside).log_probs[0, 1])
    assert np.mean(np.abs(numbers - 0.3) < 0.01) / 0.02 == pytest.approx(density, rel=0.02)


@pytest.mark.parametrize("mean", [-40.0, 40.0])
def test_means_far_outside_choose_an_edge(mean):
    heads = Heads((0,), 0.0)
    weights = untrained(heads, [], [mean], [0.01])
    assert chosen(heads, 0, weights, np.ones(1), 0.5) == (0.0 if mean < 0 else 1.0)
    actions = np.array([[0.5]])
    policy = evaluated(heads, weights, heads.features(actions), actions)
    assert np.isfinite(policy.log_probs).all()
    assert np.isfinite(policy.slopes).all()


def test_what_a_row_does_not_have_is_neither_praised_nor_blamed():
    actions = np.array([[0.0, np.nan, 0.0, np.nan, 2.0]])
    policy = evaluated(HEADS, weights_of(1), HEADS.features(actions), actions)
    assert policy.log_probs[0, [1, 3]].tolist() == [0.0, 0.0]
    assert not policy.slopes[:, np.isin(HEADS.owner, [1, 3])].any()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=40))
def test_advantages_know_ranks_only(values):
    keys = np.array(values, dtype=float)[:, None]
    found = advantages(keys)
    assert found.sum() == pytest.approx(0.0, abs=1e-9)
    assert np.allclose(found, advantages(np.exp(keys)))
    order = np.argsort(keys[:, 0], kind="stable")
    assert (np.diff(found[order]) <= 1e-12).all()
    for value in set(values):
        assert np.ptp(found[keys[:, 0] == value]) == 0.0


def test_steps_are_clipped():
    """However many epochs, the best row becomes about 1 + clip times as likely, head by head, and no more."""
    heads = Heads((5, 5), 0.0)
    weights = untrained(heads, [np.full(5, 0.2)] * 2, [], [])
    actions = np.array([[0.0, 1.0], [2.0, 3.0], [3.0, 4.0], [4.0, 2.0]])
    before = evaluated(heads, weights, heads.features(actions), actions).log_probs
    worth = advantages(np.arange(4.0)[:, None])
    after = improved(heads, weights, actions, before, worth, rate=0.2, clip=0.2, entropy=0.0, epochs=200)
    ratio = np.exp(evaluated(heads, after, heads.features(actions), actions).log_probs - before)
    assert (ratio[0] > 1.15).all()
    assert (ratio[0] < 1.5).all()
    assert (ratio[3] < 1.0).all()


def test_many_parameters_are_chosen_independently():
    heads = Heads((10,) * 100, 0.3)
    assert heads.mask.shape == (1, 1000)
    assert Heads((10,) * 10, 0.0).mask.shape == (1, 100)
