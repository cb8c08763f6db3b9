"""Expected hypervolume improvement: by simulation, by finite differences, by cases known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.acquisition import log_ei
from tunesmith.numeric.ehvi import log_ehvi, strips_of, tchebycheff
from tunesmith.numeric.hypervolume import hypervolume

REFERENCE = np.array([1.1, 1.3])


def staircase(rng, k):
    return np.stack([np.sort(rng.random(k)), np.sort(rng.random(k))[::-1]], axis=1)


@pytest.mark.parametrize("k", [0, 1, 5])
def test_it_is_the_mean_improvement_of_the_hypervolume(k):
    """Six standard errors of a simulation: one false alarm in a billion."""
    rng = np.random.default_rng(k)
    front = staircase(rng, k)
    mean, sd = np.array([0.5, 0.6]), np.array([0.3, 0.2])
    before = hypervolume(front, REFERENCE)
    gains = [
        hypervolume(np.append(front, draw[None], axis=0), REFERENCE) - before
        for draw in mean + sd * rng.standard_normal((3000, 2))
    ]
    value = np.exp(log_ehvi(mean[None], sd[None], front, REFERENCE)[0][0])
    assert abs(value - np.mean(gains)) < 6 * np.std(gains) / np.sqrt(3000)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 15), st.floats(-2, 1.3), st.floats(-2, 0.5))
def test_derivatives_are_those_of_finite_differences(seed, k, away, scale):
    rng = np.random.default_rng(seed)
    front = staircase(rng, k)
    mean = rng.standard_normal((3, 2)) * 10**away
    sd = 10**scale * (0.5 + rng.random((3, 2)))
    value, by_mean, by_sd = log_ehvi(mean, sd, front, REFERENCE)
    assert np.isfinite(value).all()
    for j in range(2):
        step = np.zeros(2)
        step[j] = 1e-5
        for found, up, down in (
            (by_mean, (mean + step * sd, sd), (mean - step * sd, sd)),
            (by_sd, (mean, sd * (1 + step)), (mean, sd * (1 - step))),
        ):
            wanted = (log_ehvi(*up, front, REFERENCE)[0] - log_ehvi(*down, front, REFERENCE)[0]) / (
                2e-5 * sd[:, j]
            )
            room = 1e-4 * np.abs(wanted) + 1e-9 * (1.0 + np.abs(value)) / sd[:, j]
            assert (np.abs(found[:, j] - wanted) <= room).all()


def test_without_a_front_it_is_a_product_of_improvements():
    mean, sd = np.array([[0.2, 3.0], [50.0, -4.0]]), np.array([[0.5, 0.1], [0.2, 2.0]])
    value, by_mean, by_sd = log_ehvi(mean, sd, np.empty((0, 2)), REFERENCE)
    each = log_ei(mean, sd, REFERENCE)
    assert value == pytest.approx(each[0].sum(axis=1))
    assert by_mean == pytest.approx(each[1])
    assert by_sd == pytest.approx(each[2])


def test_what_is_dominated_doubled_or_outside_does_not_count():
    front = np.array([[0.2, 0.8], [0.6, 0.3]])
    more = np.concatenate([front, front, [[0.7, 0.9], [5.0, -1.0], [-1.0, 5.0]]])
    mean, sd = np.array([[0.4, 0.4]]), np.array([[0.1, 0.1]])
    for one, other in zip(
        log_ehvi(mean, sd, front, REFERENCE), log_ehvi(mean, sd, more, REFERENCE), strict=True
    ):
        assert one == pytest.approx(other, rel=1e-12)
    assert strips_of(more, REFERENCE).right.tolist() == [0.2, 0.6, 1.1]


def test_both_losses_are_treated_alike():
    rng = np.random.default_rng(3)
    front, mean, sd = staircase(rng, 8), rng.random((20, 2)), 0.05 + rng.random((20, 2))
    one = log_ehvi(mean, sd, front, REFERENCE)
    other = log_ehvi(mean[:, ::-1], sd[:, ::-1], front[:, ::-1], REFERENCE[::-1])
    assert one[0] == pytest.approx(other[0])
    assert one[1] == pytest.approx(other[1][:, ::-1], rel=1e-6)
    assert one[2] == pytest.approx(other[2][:, ::-1], rel=1e-6)


def test_far_away_there_is_still_a_slope():
    """Where the improvement is below any float its logarithm falls as the square of the distance."""
    front = staircase(np.random.default_rng(0), 6)
    mean = np.array([[30.0, 40.0], [300.0, 400.0]])
    value, by_mean, by_sd = log_ehvi(mean, np.full((2, 2), 0.1), front, REFERENCE)
    assert np.isfinite(value).all()
    assert value[1] < 50 * value[0] < 0
    assert (by_mean < 0).all()
    assert (by_sd > 0).all()


def test_a_hair_between_two_points_of_the_front_counts_as_little():
    mean, sd = np.array([[0.5, 0.5]]), np.array([[0.2, 0.2]])
    one, two = (
        log_ehvi(mean, sd, np.array([[0.4, 0.4], [0.4 + gap, 0.4 - gap]]), REFERENCE) for gap in (1e-13, 1e-7)
    )
    for found, near in zip(one, two, strict=True):
        assert found == pytest.approx(near, rel=1e-5)


def test_scalarisation_finds_dents():
    x = np.linspace(0.0, 1.0, 41)
    dent = np.stack([x, np.sqrt(1.0 - x**2)], axis=1)  # no weighted sum has a minimum inside
    weights = np.random.default_rng(1).dirichlet(np.ones(2), 300)
    found = {int(np.argmin(tchebycheff(dent, w))) for w in weights}
    assert len(found) > 20
