"""Crossover and mutation: inside the bounds, every kind as it is, and the published distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.variation import Genes, crossed, filled, mutated

CONTINUUM = Axis(Kind.CONTINUOUS)
CELLS = Axis(Kind.CELLS, np.linspace(0, 1, 6), (np.arange(5) + 0.5) / 5)
NOMINAL = Axis(Kind.CATEGORIES, np.linspace(0, 1, 4), (np.arange(3) + 0.5) / 3)
GENES = Genes((CONTINUUM, CELLS, NOMINAL, CONTINUUM))


def point(values):
    return np.array(
        [values[0], CELLS.centers[int(values[1] * 4.99)], NOMINAL.centers[int(values[2] * 2.99)], values[3]]
    )


POINTS = st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).map(point)


@settings(max_examples=60, deadline=None)
@given(POINTS, POINTS, st.floats(0.0, 50.0), st.integers(0, 2**32))
def test_children_lie_in_the_cube_and_on_the_cells(first, second, eta, seed):
    rng = np.random.default_rng(seed)
    child = crossed(GENES, first, second, eta, rng)
    assert ((child >= 0.0) & (child <= 1.0)).all()
    assert child[1] in CELLS.centers
    assert child[2] in (first[2], second[2])
    same = np.abs(first - second) <= 1e-12
    assert (child[same] == first[same]).all()
    before = child.copy()
    mutated(GENES, child, np.array([True, True, True, False]), eta, rng)
    assert ((child >= 0.0) & (child <= 1.0)).all()
    assert child[1] in CELLS.centers
    assert child[1] != before[1]
    assert child[2] in NOMINAL.centers
    assert child[2] != before[2]
    assert child[3] == before[3]


def test_sbx_has_the_published_spread():
    """Away from the bounds P(spread <= 1) is 1/2, and the distance of the children scales as the parents'."""
    genes = Genes((CONTINUUM,))
    rng = np.random.default_rng(0)
    draws = np.array([crossed(genes, np.array([0.49]), np.array([0.51]), 15.0, rng)[0] for _ in range(6000)])
    moved = draws[draws != 0.49]
    assert abs(len(moved) / 6000 - 0.5) < 0.04  # crossed with probability 1/2, six standard errors
    inside = np.abs(moved - 0.5) <= 0.01
    assert abs(inside.mean() - 0.5) < 0.06
    assert abs(np.median(moved) - 0.5) < 0.02


@pytest.mark.parametrize("eta", [10.0, 20.0])
def test_polynomial_mutation_has_the_published_scale(eta):
    """In the middle E|delta| is about 1 / (eta + 2) of the range (Deb 2001)."""
    genes = Genes((CONTINUUM,))
    rng = np.random.default_rng(1)
    steps = []
    for _ in range(4000):
        row = np.array([0.5])
        mutated(genes, row, np.array([True]), eta, rng)
        steps.append(row[0] - 0.5)
    assert abs(np.mean(steps)) < 0.02
    assert np.mean(np.abs(steps)) == pytest.approx(1.0 / (eta + 2.0), rel=0.12)


def test_a_lone_bound_is_reached_and_left():
    genes = Genes((CONTINUUM,))
    rng = np.random.default_rng(2)
    for edge in (0.0, 1.0):
        row = np.array([edge])
        mutated(genes, row, np.array([True]), 5.0, rng)
        assert 0.0 <= row[0] <= 1.0


def test_what_parents_lack_comes_from_one_donor_as_a_whole():
    genes = Genes((NOMINAL, CONTINUUM, CONTINUUM, CONTINUUM))
    nan = np.nan
    donors = np.array([[1 / 6, nan, nan, 0.3], [0.5, 0.1, 0.2, nan], [0.5, 0.8, 0.9, nan]])
    seen = set()
    for seed in range(40):
        first, second = np.array([1 / 6, nan, nan, 0.3]), np.array([1 / 6, nan, nan, 0.7])
        filled(genes, first, second, donors, np.random.default_rng(seed))
        assert not np.isnan(first).any()
        assert not np.isnan(second).any()
        seen.add((first[1], first[2]))
    assert seen == {(0.1, 0.2), (0.8, 0.9)}
    lonely = np.array([[1 / 6, nan, nan, 0.3]] * 2)
    filled(genes, lonely[0], lonely[1], lonely.copy(), np.random.default_rng(0))
    assert not np.isnan(lonely).any()
    assert (lonely >= 0).all()
    assert (lonely <= 1).all()
