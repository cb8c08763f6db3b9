"""Differential evolution and swarms as mathematics: invariants of trial vectors, memories and flights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.evolve import Drawn, Memory, classic, flown, mutant


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(4, 12), st.integers(1, 6), st.integers(0, 5), st.booleans())
def test_trial_vectors_stay_in_the_cube_and_change_something_at_most_where_they_may(seed, m, dims, k, shade):
    rng = np.random.default_rng(seed)
    ranked, archive = rng.random((m, dims)), rng.random((k, dims))
    nominal = rng.random(dims) < 0.3
    target, drawn = int(rng.integers(m)), Drawn(float(rng.uniform(0.01, 1.0)), float(rng.random()))
    if shade:
        found = mutant(target, ranked, archive, drawn, nominal, rng)
    else:
        found = classic(target, ranked, drawn, nominal, rng)
    assert found.shape == (dims,)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    for d in np.flatnonzero(nominal):
        assert found[d] in ranked[:, d], "a category must be one that somebody has"


def test_without_crossover_one_coordinate_changes():
    rng = np.random.default_rng(0)
    ranked = rng.random((6, 9))
    for _ in range(20):
        found = classic(2, ranked, Drawn(0.5, 0.0), np.zeros(9, dtype=bool), rng)
        assert np.count_nonzero(found != ranked[2]) == 1


def test_the_memory_learns_the_weighted_lehmer_mean():
    memory = Memory.of(2).after((Drawn(0.2, 0.1), Drawn(0.8, 0.9)), (1.0, 3.0))
    assert memory.scales[0] == pytest.approx((0.25 * 0.04 + 0.75 * 0.64) / (0.25 * 0.2 + 0.75 * 0.8))
    assert memory.crosses[0] == pytest.approx(0.7)
    assert (memory.scales[1], memory.crosses[1], memory.place) == (0.5, 0.5, 1)
    assert memory.after((), ()) == memory
    assert memory.after((Drawn(0.4, 0.4),), (np.inf,)).scales[1] == pytest.approx(0.4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_drawn_lies_in_range(seed):
    rng = np.random.default_rng(seed)
    memory = Memory((0.01, 0.99), (0.0, 1.0))
    for _ in range(20):
        scale, cross = memory.draw(rng)
        assert 0.0 < scale <= 1.0
        assert 0.0 <= cross <= 1.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_particles_stay_in_the_cube(seed):
    rng = np.random.default_rng(seed)
    position, velocity = rng.random(5), rng.uniform(-2.0, 2.0, 5)
    for _ in range(20):
        position, velocity = flown(position, velocity, rng.random(5), rng.random(5), rng)
        assert ((position >= 0.0) & (position <= 1.0)).all()
        assert (np.abs(velocity) <= 0.5).all()


def test_a_particle_at_rest_where_all_are_best_stays():
    place = np.full(3, 0.4)
    there, velocity = flown(place, np.zeros(3), place, place, np.random.default_rng(0))
    np.testing.assert_allclose(there, place)
    np.testing.assert_allclose(velocity, 0.0)
