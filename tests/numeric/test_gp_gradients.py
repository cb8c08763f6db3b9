"""The process that knows slopes: blocks and gradients against finite differences, and what it has learnt."""

import numpy as np
import pytest

from tunesmith.numeric.gp_gradients import (
    Slopes,
    conditioned,
    covariance,
    fitted,
    modelled,
    most_promising,
    warped,
)


def waves(points):
    values = np.sin(5 * points[:, 0]) + (points[:, 1:] ** 2).sum(axis=1)
    slopes = 2 * points
    slopes[:, 0] = 5 * np.cos(5 * points[:, 0])
    return Slopes(points, values, slopes)


def value_block(left, right):
    return covariance(left, right)[: len(left), : len(right)]


def test_blocks_are_derivatives_of_the_kernel():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    found, step = covariance(x, y), 1e-4
    for j in range(2):
        e = step * np.eye(2)[j]
        numeric = (value_block(x, y + e) - value_block(x, y - e)) / (2 * step)
        assert np.allclose(found[:3, 4 + np.arange(4) * 2 + j], numeric, atol=1e-7)
        numeric = (value_block(x + e, y) - value_block(x - e, y)) / (2 * step)
        assert np.allclose(found[3 + np.arange(3) * 2 + j, :4], numeric, atol=1e-7)
        for i in range(2):
            d = step * np.eye(2)[i]
            mixed = (
                value_block(x + d, y + e) - value_block(x + d, y - e)
                - value_block(x - d, y + e) + value_block(x - d, y - e)
            ) / (4 * step**2)  # fmt: skip
            block = found[np.ix_(3 + np.arange(3) * 2 + i, 4 + np.arange(4) * 2 + j)]
            assert np.allclose(block, mixed, atol=1e-5)


def test_the_covariance_of_points_with_themselves_is_symmetric_and_positive():
    points = np.random.default_rng(1).random((6, 3)) * 3
    found = covariance(points, points)
    assert np.allclose(found, found.T)
    assert np.linalg.eigvalsh(found).min() > 0


def test_predictions_have_the_gradients_that_they_say():
    found = waves(np.random.default_rng(2).random((7, 3)))
    process = fitted(found)
    at, step = np.array([0.4, 0.3, 0.8]), 1e-5
    _, _, by_mean, by_sd = process.predict(at)
    for j in range(3):
        e = step * np.eye(3)[j]
        up, down = process.predict(at + e), process.predict(at - e)
        assert by_mean[j] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-4, abs=1e-6)
        assert by_sd[j] == pytest.approx((up[1] - down[1]) / (2 * step), rel=1e-3, abs=1e-6)
    means, spreads = process.means(at[None, :])
    assert (means[0], spreads[0]) == pytest.approx(process.predict(at)[:2])


def test_values_and_slopes_are_met_where_they_were_seen():
    found = waves(np.random.default_rng(3).random((6, 2)))
    process = conditioned(found, np.array([0.5, 1.0]), 1e-8)
    for point, value, slope in zip(*found, strict=True):
        mean, sd, by_mean, _ = process.predict(point)
        assert mean == pytest.approx(value, abs=1e-4)
        assert by_mean == pytest.approx(slope, abs=1e-3)
        assert sd < 1e-2


def test_slopes_say_more_than_values_alone():
    rng = np.random.default_rng(4)
    found = waves(rng.random((8, 3)))
    blind = found._replace(slopes=np.full_like(found.slopes, np.nan))
    elsewhere = waves(rng.random((100, 3)))
    errors = [
        np.abs(
            conditioned(told, np.array([0.4, 1.5, 1.5]), 1e-8).means(elsewhere.points)[0] - elsewhere.values
        ).mean()
        for told in (found, blind)
    ]
    assert errors[0] < 0.4 * errors[1]


def test_some_slopes_may_be_missing():
    found = waves(np.random.default_rng(5).random((6, 3)))
    found.slopes[::2, 1] = np.nan
    process = fitted(found)
    assert len(process.rows) == 6 * 4 - 3
    assert np.isfinite(process.predict(np.full(3, 0.5))[0])


def test_warping_follows_the_chain_rule_and_is_chosen_by_evidence():
    rng = np.random.default_rng(6)

    def steep(points):
        values = np.exp(6 * points[:, 0])
        return Slopes(points, values, np.stack([6 * values, np.zeros(len(points))], axis=1))

    points = rng.random((8, 2))
    told = warped(steep(points))[0]
    moved = points + np.array([1e-6, 0.0])
    above = steep(points).values - steep(points).values.min()
    unit = np.quantile(above, 0.25)
    change = np.log1p((steep(moved).values - steep(points).values.min()) / unit) * unit - told.values
    assert told.slopes[:, 0] == pytest.approx(change / 1e-6, rel=1e-3)
    flat = waves(points)
    assert modelled(flat)[0] is flat


def test_improvement_is_expected_near_the_minimum():
    rng = np.random.default_rng(7)
    points = rng.random((6, 2))
    found = Slopes(points, ((points - 0.3) ** 2).sum(axis=1), 2 * (points - 0.3))
    process = fitted(found)
    best = most_promising(process, float(found.values.min()), rng.random((50, 2)), 3)
    assert np.abs(best - 0.3).max() < 0.1
