"""Predicted durations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.duration import Durations


def test_one_observation_is_the_prediction():
    model = Durations.fitted(np.array([[0.3, np.nan]]), np.array([2.5]))
    assert model.at(np.array([0.9, 0.1])) == pytest.approx(2.5)


def test_without_coordinates_it_is_the_geometric_mean():
    model = Durations.fitted(np.zeros((4, 0)), np.array([1.0, 10.0, 1.0, 10.0]))
    assert model.at(np.zeros(0)) == pytest.approx(10**0.5)


@pytest.mark.parametrize("seed", range(5))
def test_what_multiplies_is_learned(seed):
    """A factor of 100 along one of five coordinates, under noise of 10 %: errors of a few percent."""
    rng = np.random.default_rng(seed)
    points = rng.random((60, 5))
    seconds = 0.1 * 100 ** points[:, 2] * np.exp(0.1 * rng.standard_normal(60))
    model = Durations.fitted(points, seconds)
    new = rng.random((200, 5))
    errors = [np.log(model.at(row) / (0.1 * 100 ** row[2])) for row in new]
    assert np.sqrt(np.mean(np.square(errors))) < 0.15


def test_a_middle_category_may_be_the_slowest():
    points = np.tile([[0.0], [0.5], [1.0]], (5, 1))
    model = Durations.fitted(points, np.tile([1.0, 9.0, 2.0], 5))
    assert [model.at(np.array([x])) for x in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 9.0, 2.0], rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_reason_to_trust_coordinates(seed):
    rng = np.random.default_rng(seed)
    seconds = np.exp(0.3 * rng.standard_normal(20))
    model = Durations.fitted(rng.random((20, 8)), seconds)
    found = [model.at(row) for row in rng.random((50, 8))]
    assert 0.5 < min(found) <= max(found) < 2.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(0, 4),
    st.lists(st.floats(0, 1e6), min_size=12, max_size=12),
    st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=52, max_size=52),
)
def test_predictions_are_near_what_was_seen(n, d, seconds, coordinates):
    points = np.array(coordinates[: n * d]).reshape(n, d)
    shown = np.array(seconds[:n])
    found = Durations.fitted(points, shown).at(np.array(coordinates[48 : 48 + d]))
    assert np.isfinite(found)
    low, high = max(shown.min(), 1e-9), max(shown.max(), 1e-9)
    assert low / 3.01 <= found <= high * 3.01
