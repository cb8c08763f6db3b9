"""Parzen mixtures: densities that integrate to one, the matrix form against the naive one, samples."""

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.parzen import Frame, fit

FLOAT = Axis(Kind.CONTINUOUS)
BELIEVED = Axis(Kind.CONTINUOUS, prior=np.exp(-0.5 * ((np.arange(256) / 256 - 0.3) / 0.1) ** 2) + 0.1)
EDGES = np.array([0.0, 0.4, 0.7, 0.8, 1.0])  # such as those of a logarithmic Int
CELLS = Axis(Kind.CELLS, EDGES, (EDGES[1:] + EDGES[:-1]) / 2)
STEPS = Axis(Kind.CELLS, np.linspace(0, 1, 11), (np.arange(10) + 0.5) / 10)
CATEGORIES = Axis(
    Kind.CATEGORIES, np.linspace(0, 1, 4), (np.arange(3) + 0.5) / 3, np.array([0.5, 0.25, 0.25])
)
AXES = (FLOAT, BELIEVED, CELLS, CATEGORIES, STEPS)
FRAME = Frame(AXES)
NUMBERS = [0, 1, 2, 4]


def observations(n, rng, missing=0.3):
    points = rng.random((n, len(AXES)))
    for d in (2, 3, 4):
        points[:, d] = AXES[d].snap(points[:, d])
    points[rng.random(points.shape) < missing] = np.nan
    return points


def mixture(seed, n=12):
    rng = np.random.default_rng(seed)
    return fit(FRAME, observations(n, rng), rng.random(n) + 0.1, 0.7, 0.12)


def log_density(mix, points):
    """Of the columns that are not NaN."""
    return mix.log_density(FRAME.features(points, ~np.isnan(points)))


def naive_factor(mix, kernel, d, x):
    """One factor of one kernel at one point, from SciPy's truncated normal."""
    axis = AXES[d]
    mu = np.nan if kernel == len(mix.points) else mix.points[kernel, d]
    if axis.kind is Kind.CATEGORIES:
        masses, cell = axis.masses(), axis.cells(np.array([x]))[0]
        if np.isnan(mu):
            return masses[cell]
        smooth = len(masses) / len(mix.weights)
        return (float(axis.cells(np.array([mu]))[0] == cell) + smooth * masses[cell]) / (1 + smooth)
    if np.isnan(mu):
        return np.exp(axis.log_prior(np.array([x])))[0]
    bandwidth = mix.bandwidths[kernel, NUMBERS.index(d)]
    width = 0.0 if axis.edges is None else np.diff(axis.edges)[axis.cells(np.array([mu]))[0]]
    sigma = np.sqrt(bandwidth**2 + width**2 / 12)
    return truncnorm.pdf(x, -mu / sigma, (1 - mu) / sigma, mu, sigma)


def naive(mix, points):
    found = []
    for x in points:
        total = 0.0
        for kernel, weight in enumerate(mix.weights):
            factors = [naive_factor(mix, kernel, d, x[d]) for d in np.flatnonzero(~np.isnan(x))]
            total += weight * np.prod(factors)
        found.append(np.log(total))
    return np.array(found)


def test_the_matrix_product_is_the_naive_density():
    mix, rng = mixture(1), np.random.default_rng(2)
    points = observations(40, rng, missing=0.2)
    assert np.allclose(log_density(mix, points), naive(mix, points), rtol=0, atol=1e-9)


def test_many_observations_share_a_bandwidth_and_their_density_is_the_naive_one():
    mix = mixture(1, n=150)
    assert len(mix.bandwidths) == 1
    mix_naive = type(mix)(
        mix.frame,
        mix.points,
        np.repeat(mix.bandwidths, 150, axis=0),
        mix.weights,
        mix.coefficients,
        mix.smooth,
    )
    points = observations(10, np.random.default_rng(2), missing=0.2)
    assert np.allclose(log_density(mix, points), naive(mix_naive, points), rtol=0, atol=1e-9)


def test_a_normal_over_a_cell_is_the_blurred_normal_in_its_middle():
    """The claim of the module: within 2 % of the peak from half a cell on."""
    h = 0.1
    centers = (np.arange(10) + 0.5) * h
    for b in (h / 2, h, 3 * h):
        exact = norm.cdf((centers + h / 2 - 0.45) / b) - norm.cdf((centers - h / 2 - 0.45) / b)
        blurred = h * norm.pdf(centers, 0.45, np.sqrt(b * b + h * h / 12))
        assert np.abs(exact - blurred).max() < 0.02 * exact.max()


def test_the_density_integrates_to_one():
    mix = mixture(3)
    middles = (np.arange(128) + 0.5) / 128
    grid = np.stack(np.meshgrid(middles, middles, CATEGORIES.centers), axis=-1).reshape(-1, 3)
    points = np.full((len(grid), 5), np.nan)
    points[:, [0, 1, 3]] = grid
    total = np.exp(log_density(mix, points)).sum() / 128**2 / mix.weights.sum()
    assert total == pytest.approx(1.0, abs=2e-3)  # midpoint rule at bandwidths of four cells and more


def test_masses_of_cells_sum_to_one():
    mix = mixture(3)
    points = np.full((10, 5), np.nan)
    points[:, 4] = STEPS.centers
    total = np.exp(log_density(mix, points)).sum() * 0.1 / mix.weights.sum()
    assert total == pytest.approx(1.0, abs=0.02)


def test_columns_that_a_point_lacks_are_integrated_out():
    mix = mixture(4)
    x = np.full((256, 5), np.nan)
    x[:, 0] = (np.arange(256) + 0.5) / 256
    total = np.exp(log_density(mix, x)).mean() / mix.weights.sum()
    assert total == pytest.approx(1.0, abs=2e-3)


def test_samples_are_normals_whose_tails_lie_on_the_edges():
    """Shares within five standard deviations: false alarms below one in 10^5 runs."""
    points = np.array([[0.05, 0.5, 0.2, 0.5, 0.05]])
    mix, n = fit(FRAME, points, np.ones(1), 0.0, 0.1), 40_000
    sample, kernels = mix.sample(np.random.default_rng(6), n)
    assert not kernels.any()
    b = mix.bandwidths[0, 0]
    for low, high, share in [
        (0.0, 0.0, norm.cdf(-0.05 / b)),
        (1e-12, 0.05, 0.5 - norm.cdf(-0.05 / b)),
        (1.0, 1.0, norm.cdf(-0.95 / b)),
    ]:
        found = np.mean((sample[:, 0] >= low) & (sample[:, 0] <= high))
        assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / n) + 1e-12
    assert set(np.unique(sample[:, 4])) <= set(STEPS.centers)
    first = np.mean(sample[:, 4] == STEPS.centers[0])  # the first cell takes what lies below
    share = norm.cdf((0.1 - 0.05) / mix.bandwidths[0, 3])
    assert abs(first - share) < 5 * np.sqrt(share * (1 - share) / n)


def test_samples_of_categories_follow_the_density():
    """Each frequency within five standard deviations: false alarms below one in 10^5 runs."""
    mix, n = mixture(7), 20_000
    sample = mix.sample(np.random.default_rng(8), n)[0][:, 3]
    points = np.full((3, 5), np.nan)
    points[:, 3] = CATEGORIES.centers
    masses = np.exp(log_density(mix, points)) / mix.weights.sum()
    counts = np.array([(sample == center).sum() for center in CATEGORIES.centers])
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * masses) < 5 * np.sqrt(n * masses * (1 - masses)))


def test_no_observation_is_the_prior_and_samples_stay_inside():
    mix = fit(FRAME, np.empty((0, 5)), np.empty(0), 1.0, 0.1)
    points, _ = mix.sample(np.random.default_rng(0), 2000)
    assert ((points >= 0) & (points <= 1)).all()
    assert np.mean(np.abs(points[:, 1] - 0.3) < 0.2) > 0.6  # what is believed
    flat = np.where(np.arange(5) == 0, points, np.nan)
    assert np.allclose(log_density(mix, flat), 0.0)


def test_mixtures_of_far_points_do_not_underflow():
    frame = Frame((FLOAT,) * 60)
    mix = fit(frame, np.zeros((5, 60)), np.ones(5), 1e-300, 0.1)
    assert np.isfinite(mix.log_density(frame.features(np.ones((3, 60))))).all()


def test_cells_and_categories_need_edges():
    with pytest.raises(ValueError, match="no cells"):
        FLOAT.cells(np.zeros(1))
    with pytest.raises(ValueError, match="no cells"):
        FLOAT.masses()
    with pytest.raises(ValueError, match="no cells"):
        FLOAT.snap(np.zeros(1))
