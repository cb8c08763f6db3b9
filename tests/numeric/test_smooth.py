"""The distances behind a recommendation are those of a Euclidean space, whatever is inactive."""

import numpy as np
import pytest

from tunesmith.numeric.smooth import distances


@pytest.mark.parametrize("seed", range(20))
def test_kernels_of_weighted_distances_are_positive_definite(seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    categories = np.array([True, False, False, True])
    points = np.where(categories, rng.integers(0, 3, (40, 4)), rng.uniform(size=(40, 4)))
    points[rng.random((40, 4)) < 0.4] = np.nan
    squares = np.tensordot(10.0 ** rng.uniform(-2, 1.5, 4), distances(points, categories), axes=1)
    r = np.sqrt(5.0 * squares)
    kernel = (1.0 + r + r * r / 3.0) * np.exp(-r)
    assert np.linalg.eigvalsh(kernel).min() > -1e-10


def test_what_is_inactive_is_as_far_from_both_ends_and_nowhere_from_itself():
    found = distances(np.array([[0.0], [1.0], [np.nan], [np.nan]]), np.array([False]))[0]
    assert found[0, 1] == found[0, 2] == found[1, 2] == 1.0
    assert found[2, 3] == 0.0
