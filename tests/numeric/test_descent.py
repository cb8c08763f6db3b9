"""Descents find minima of smooth functions in the box, whatever is told of a step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.descent import Adam, QuasiNewton


def rosenbrock(x):
    z = 4 * x - 2
    a, b = z[1:] - z[:-1] ** 2, 1 - z[:-1]
    slope = np.zeros_like(z)
    slope[:-1] += -400 * z[:-1] * a - 2 * b
    slope[1:] += 200 * a
    return float((100 * a**2 + b**2).sum()), 4 * slope


def bowl(centre, weights):
    return lambda x: (float((weights * (x - centre) ** 2).sum()), 2 * weights * (x - centre))


def descend(kind, function, start, radius=0.1, most=400, told=lambda step: True):
    """The descent after convergence, and how many points were evaluated."""
    loss, gradient = function(start)
    at = kind.begin(start, loss, gradient, radius)
    for step in range(most):
        ahead = at.ahead()
        if ahead is None:
            return at, step
        assert np.all((ahead >= 0) & (ahead <= 1))
        loss, gradient = function(ahead)
        at = at.advance(ahead, loss, gradient if told(step) else None)
    return at, most


def test_a_curved_valley_is_walked_to_its_end():
    at, steps = descend(QuasiNewton, rosenbrock, np.full(4, 0.5))
    assert at.loss < 1e-8
    assert steps < 80


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_bowls_have_their_minimum_at_the_nearest_point_of_the_box(seed, dims):
    rng = np.random.default_rng(seed)
    centre, weights = rng.uniform(-0.5, 1.5, dims), 10 ** rng.uniform(-1, 1, dims)
    function = bowl(centre, weights)
    at, steps = descend(QuasiNewton, function, rng.random(dims))
    least = function(np.clip(centre, 0, 1))[0]
    assert at.loss - least <= 1e-3 * (function(np.full(dims, 0.5))[0] - least) + 1e-6
    assert steps < 80


def test_losses_never_rise():
    start = np.array([0.1, 0.9, 0.2])
    at = QuasiNewton.begin(start, *rosenbrock(start), 0.3)
    losses = [at.loss]
    while (ahead := at.ahead()) is not None:
        at = at.advance(ahead, *rosenbrock(ahead))
        losses.append(at.loss)
    assert losses == sorted(losses, reverse=True)


def test_steps_that_fail_make_it_careful_not_blind():
    at, _ = descend(
        QuasiNewton, bowl(np.array([0.3, 0.8]), np.ones(2)), np.full(2, 0.5), told=lambda s: s % 2
    )
    assert at.loss < 1e-3


def test_nothing_but_failures_ends_it():
    at, steps = descend(QuasiNewton, rosenbrock, np.full(3, 0.5), told=lambda step: False)
    assert steps <= 5
    assert np.array_equal(at.point, np.full(3, 0.5))
    assert descend(Adam, rosenbrock, np.full(3, 0.5), told=lambda step: False)[1] <= 15


def test_unknown_slopes_leave_their_coordinates_alone():
    def function(x):
        return float(x.sum()), np.array([1.0, 0.0, 1.0])

    at, _ = descend(QuasiNewton, function, np.array([0.5, 0.25, 0.5]))
    assert at.point.tolist() == [0.0, 0.25, 0.0]
    assert at.ahead() is None


def test_states_are_values():
    start = np.full(3, 0.5)
    at = QuasiNewton.begin(start, *rosenbrock(start), 0.1)
    ahead = at.ahead()
    later = at.advance(ahead, *rosenbrock(ahead)).advance(ahead, 1e9, None)
    assert np.array_equal(at.ahead(), ahead)
    assert later is not at


@pytest.mark.parametrize("seed", range(3))
def test_adam_averages_noise(seed):
    rng = np.random.default_rng(seed)
    exact = bowl(np.full(5, 0.7), np.ones(5))

    def function(x):
        loss, gradient = exact(x)
        return loss + 0.05 * rng.normal(), gradient + 0.5 * rng.normal(size=5)

    at, _ = descend(Adam, function, np.full(5, 0.2), most=150)
    assert exact(at.point)[0] < 0.15  # 1.25 at the start
