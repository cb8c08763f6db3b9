"""Quasi-random sequences: against SciPy's, and by what scrambling must keep."""

import numpy as np
import pytest
from scipy.stats import qmc as reference

from tunesmith._rng import Rng
from tunesmith.numeric.qmc import SOBOL_BLOCK, halton, sobol


def streams(seed):
    return lambda j: Rng(seed, 0).generator(f"test/{j}")


def first(sequence, n):
    return np.array([sequence.point(i) for i in range(n)])


def test_sobol_is_scipys_in_every_dimension_of_the_table():
    n = 256
    ours = first(sobol(SOBOL_BLOCK), n) - 2.0**-33
    theirs = reference.Sobol(SOBOL_BLOCK, scramble=False, bits=32).random(n)
    gray = np.arange(n) ^ (np.arange(n) >> 1)  # SciPy walks the same points in Gray code order
    assert np.array_equal(ours[gray], theirs)


def test_sobol_keeps_its_later_direction_numbers():
    sequence = sobol(SOBOL_BLOCK)
    engine = reference.Sobol(SOBOL_BLOCK, scramble=False, bits=32)
    engine.fast_forward((1 << 20) + 12345)
    index = (1 << 20) + 12345
    assert np.array_equal(sequence.point(index ^ index >> 1) - 2.0**-33, engine.random(1)[0])


def test_halton_is_scipys():
    ours = first(halton(12), 200)
    theirs = reference.Halton(12, scramble=False).random(200)
    assert np.allclose(ours, theirs, rtol=0, atol=1e-9)  # digits beyond 2^-32 are left out


@pytest.mark.parametrize("dims", [3, SOBOL_BLOCK, 2 * SOBOL_BLOCK + 5])
def test_scrambled_sobol_stratifies_every_dimension(dims):
    points = first(sobol(dims, streams(1)), 64)
    cells = np.sort(np.floor(points * 64).astype(int), axis=0)
    assert np.array_equal(cells, np.repeat(np.arange(64)[:, None], dims, axis=1))


def test_a_padded_block_is_a_net_of_its_own():
    """Dimensions 1 and 2 of the sequence are a (0, 2)-net: every elementary box holds one point."""
    points = first(sobol(SOBOL_BLOCK + 2, streams(5)), 64)[:, SOBOL_BLOCK:]
    for wide in range(7):
        cells = np.floor(points * [2**wide, 2 ** (6 - wide)]).astype(int)
        assert len({tuple(cell) for cell in cells}) == 64


@pytest.mark.parametrize("make", [sobol, halton])
def test_scrambled_discrepancy_is_far_below_that_of_random_points(make):
    """CD2 of 256 points in 5-d is about 0.045 for random ones (sd 0.005); ten of ours lie below half."""
    rng = np.random.default_rng(0)
    chance = np.median([reference.discrepancy(rng.random((256, 5))) for _ in range(10)])
    ours = [reference.discrepancy(first(make(5, streams(seed)), 256)) for seed in range(10)]
    assert max(ours) < 0.5 * chance


@pytest.mark.parametrize("make", [sobol, halton])
def test_scrambles_differ_by_seed_and_each_point_is_uniform(make):
    """Mean over 400 scrambles of point 3: sd 0.29 / 20; six sd fail by chance once in 10^8."""
    points = np.array([make(4, streams(seed)).point(3) for seed in range(400)])
    assert len(np.unique(points[:, 0])) == 400
    assert np.all(np.abs(points.mean(axis=0) - 0.5) < 6 * 0.289 / 20)


@pytest.mark.parametrize("make", [sobol, halton])
def test_points_lie_inside_and_columns_stay_when_dimensions_are_added(make):
    small, large = make(3, streams(2)), make(7, streams(2))
    points = first(small, 100)
    assert ((points >= 0) & (points < 1)).all()
    assert np.array_equal(points, first(large, 100)[:, :3])


def test_no_dimension_is_a_point_without_coordinates():
    assert sobol(0, streams(0)).point(5).shape == (0,)


def test_plain_sobol_beyond_the_table_is_refused():
    with pytest.raises(ValueError, match="128 dimensions"):
        sobol(SOBOL_BLOCK + 1)
