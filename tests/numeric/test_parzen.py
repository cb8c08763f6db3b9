"""Parzen mixtures: densities that integrate to one, the matrix form against the naive one, samples."""

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from tunesmith.numeric.parzen import Axis, Kind, fit

FLOAT = Axis(Kind.CONTINUOUS)
BELIEVED = Axis(Kind.CONTINUOUS, prior=np.exp(-0.5 * ((np.arange(256) / 256 - 0.3) / 0.1) ** 2) + 0.1)
EDGES = np.array([0.0, 0.4, 0.7, 0.8, 1.0])  # such as those of a logarithmic Int
CELLS = Axis(Kind.CELLS, EDGES, (EDGES[1:] + EDGES[:-1]) / 2)
CATEGORIES = Axis(
    Kind.CATEGORIES, np.linspace(0, 1, 4), (np.arange(3) + 0.5) / 3, np.array([0.5, 0.25, 0.25])
)
AXES = (FLOAT, BELIEVED, CELLS, CATEGORIES)


def observations(n, rng, missing=0.3):
    points = rng.random((n, len(AXES)))
    for d in (2, 3):
        points[:, d] = AXES[d].centers[AXES[d].cells(points[:, d])]
    points[rng.random(points.shape) < missing] = np.nan
    return points


def mixture(seed, n=12):
    rng = np.random.default_rng(seed)
    return fit(AXES, observations(n, rng), rng.random(n) + 0.1, 0.7)


def naive_factor(axis, mu, sigma, x, kernels):
    """One factor of one kernel at one point, from SciPy's truncated normal."""
    if axis.kind is Kind.CONTINUOUS:
        if np.isnan(mu):
            return np.exp(axis.log_prior(np.array([x])))[0]
        return truncnorm.pdf(x, -mu / sigma, (1 - mu) / sigma, mu, sigma)
    cell, masses = axis.cells(np.array([x]))[0], axis.masses()
    if np.isnan(mu):
        return masses[cell]
    if axis.kind is Kind.CELLS:
        return np.diff(truncnorm.cdf(axis.edges[cell : cell + 2], -mu / sigma, (1 - mu) / sigma, mu, sigma))[
            0
        ]
    smooth = len(masses) / kernels
    same = float(axis.cells(np.array([mu]))[0] == cell)
    return (same + smooth * masses[cell]) / (1 + smooth)


def naive(mix, points, active):
    weights = np.exp(mix.log_weights)
    found = []
    for x, on in zip(points, active, strict=True):
        total = 0.0
        for mu, sigma, weight in zip(mix.mus, mix.sigmas, weights, strict=True):
            factors = [naive_factor(AXES[d], mu[d], sigma[d], x[d], len(mix.mus)) for d in np.flatnonzero(on)]
            total += weight * np.prod(factors)
        found.append(np.log(total))
    return np.array(found)


def test_the_matrix_product_is_the_naive_density():
    mix, rng = mixture(1), np.random.default_rng(2)
    points = observations(40, rng, missing=0.0)
    active = rng.random(points.shape) < 0.8
    assert np.allclose(mix.log_density(points, active), naive(mix, points, active), rtol=0, atol=1e-9)


def test_the_density_integrates_to_one():
    mix = mixture(3)
    middles = (np.arange(256) + 0.5) / 256
    grid = np.stack(np.meshgrid(middles, middles, CELLS.centers, CATEGORIES.centers), axis=-1).reshape(-1, 4)
    log_density = mix.log_density(grid, np.ones(grid.shape, dtype=bool))
    total = np.exp(log_density).sum() / 256**2 / np.exp(mix.log_weights).sum()
    assert total == pytest.approx(1.0, abs=2e-3)  # midpoint rule at bandwidths of eight cells and more


def test_columns_that_a_point_lacks_are_integrated_out():
    mix = mixture(4)
    x = np.full((256, 4), np.nan)
    x[:, 0] = (np.arange(256) + 0.5) / 256
    active = ~np.isnan(x)
    total = np.exp(mix.log_density(x, active)).mean() / np.exp(mix.log_weights).sum()
    assert total == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("d", [0, 1])
def test_samples_of_numbers_follow_the_density(d):
    """Kolmogorov-Smirnov at 1e-6: false alarms once in a million runs."""
    mix = mixture(5)
    sample = mix.sample(np.random.default_rng(6), 4000)[:, d]
    grid = np.full((2048, 4), np.nan)
    grid[:, d] = (np.arange(2048) + 0.5) / 2048
    heights = np.cumsum(np.exp(mix.log_density(grid, ~np.isnan(grid))))
    cdf = np.concatenate([[0.0], heights / heights[-1]])
    assert kstest(sample, lambda x: np.interp(x, np.linspace(0, 1, 2049), cdf)).pvalue > 1e-6


@pytest.mark.parametrize("d", [2, 3])
def test_samples_of_cells_follow_the_density(d):
    """Each frequency within five standard deviations: false alarms below one in 10^5 runs."""
    mix, n = mixture(7), 20_000
    sample = mix.sample(np.random.default_rng(8), n)[:, d]
    points = np.full((len(AXES[d].centers), 4), np.nan)
    points[:, d] = AXES[d].centers
    masses = np.exp(mix.log_density(points, ~np.isnan(points))) / np.exp(mix.log_weights).sum()
    counts = np.array([(sample == center).sum() for center in AXES[d].centers])
    assert counts.sum() == n
    assert np.all(np.abs(counts - n * masses) < 5 * np.sqrt(n * masses * (1 - masses)))


def test_no_observation_is_the_prior_and_samples_stay_inside():
    mix = fit(AXES, np.empty((0, 4)), np.empty(0), 1.0)
    points = mix.sample(np.random.default_rng(0), 100)
    assert ((points >= 0) & (points <= 1)).all()
    flat = np.where(np.arange(4) == 0, points, np.nan)
    assert np.allclose(mix.log_density(flat, ~np.isnan(flat)), 0.0)


def test_mixtures_of_far_points_do_not_underflow():
    axes = (FLOAT,) * 60
    mix = fit(axes, np.zeros((5, 60)), np.ones(5), 1e-300)
    assert np.isfinite(mix.log_density(np.ones((3, 60)), np.ones((3, 60), dtype=bool))).all()


def test_cells_and_categories_need_edges():
    with pytest.raises(ValueError, match="no cells"):
        FLOAT.cells(np.zeros(1))
    with pytest.raises(ValueError, match="no cells"):
        FLOAT.masses()
