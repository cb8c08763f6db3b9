"""Gaussian-process regression, its gradients against finite differences, and the acquisition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import norm

from tunesmith.numeric import gp
from tunesmith.numeric.acquisition import log_ei, log_feasible, log_h, log_mean
from tunesmith.numeric.embedding import Embedding
from tunesmith.numeric.maximize import ascend
from tunesmith.numeric.warp import POWERS, Reach, bilog, yeo_johnson


def _mixed(n: int, seed: int = 0) -> tuple[Embedding, gp.Data]:
    rng = np.random.default_rng(seed)
    units = rng.random((n, 5))
    units[rng.random(n) < 0.4, 1] = np.nan
    units[rng.random(n) < 0.3, 2] = np.nan
    y = np.nansum((units - 0.3) ** 2, axis=1) + 0.1 * rng.normal(size=n)
    return Embedding([0, 0, 3, 2, 0], [False, True, True, False, False]), gp.Data(
        units, (y - y.mean()) / y.std()
    )


def test_distances_are_hamming_for_categories_and_fixed_for_activity() -> None:
    embedding = Embedding([0, 3, 2], [True, False, False])
    z = embedding.embed(np.array([[0.2, 0.1, 0.2], [0.9, 0.5, 0.2], [np.nan, 0.1, 0.9], [np.nan, 0.1, 0.9]]))
    of = [np.flatnonzero(embedding.groups == d) for d in range(3)]
    apart = [[float(((z[a, c] - z[b, c]) ** 2).sum()) for c in of] for a, b in ((0, 1), (0, 2), (2, 3))]
    assert apart[0] == pytest.approx([0.49, 1.0, 0.0])
    assert apart[1][1:] == pytest.approx([0.0, 1.0])
    assert apart[1][0] > 0.4, "active and inactive lie apart, whatever the active one's value"
    assert apart[2] == pytest.approx([0.0, 0.0, 0.0])


def test_the_likelihoods_gradient_is_that_of_finite_differences() -> None:
    embedding, data = _mixed(25)
    objective = gp.NegativeLog(embedding, data)
    x = gp.prior(embedding).packed + np.random.default_rng(1).normal(0.0, 0.5, embedding.dims + 4)
    _, gradient = objective(x)
    numeric = approx_fprime(x, lambda v: objective(v)[0], 1e-6)
    assert np.abs(gradient - numeric).max() < 1e-3 * max(1.0, np.abs(gradient).max())


def test_the_posterior_is_the_textbooks() -> None:
    embedding, data = _mixed(12)
    hyper = gp.fit(embedding, data, gp.prior(embedding))[0]
    process = gp.Posterior(embedding, data, hyper)
    rows = np.random.default_rng(2).random((4, 5))
    _, z, t = process.placed(data.units)
    c = process.between(z, t)
    c[np.diag_indices(12)] += process.rho
    ones, inverse = np.ones(12), np.linalg.inv(c)
    mean = ones @ inverse @ data.y / (ones @ inverse @ ones)
    _, z, t = process.placed(rows)
    k = process.between(z, t)
    at = process.predict(rows)
    assert at.mean[:, 0] == pytest.approx(mean + k @ inverse @ (data.y - mean), abs=1e-6)
    own = 1.0 + (t * t).sum(axis=1)
    assert at.sd**2 == pytest.approx(own - np.einsum("ij,jk,ik->i", k, inverse, k), rel=1e-4, abs=1e-7)


def test_pending_points_by_samples_are_observations_of_these() -> None:
    embedding, data = _mixed(15)
    hyper = gp.prior(embedding)
    process = gp.Posterior(embedding, data, hyper)
    rng = np.random.default_rng(3)
    pending, rows = rng.random((3, 5)), rng.random((6, 5))
    believed, samples = process.with_pending(pending, rng.normal(size=(3, 4)))
    for s in range(4):
        more = gp.Data(np.concatenate([data.units, pending]), np.concatenate([data.y, samples[:, s]]))
        other = gp.Posterior(embedding, more, hyper)
        shift = believed.predict(rows).mean[:, s] - other.predict(rows).mean[:, 0]
        assert np.abs(shift).max() < 0.1  # the other has its own constant mean
        assert believed.predict(rows).sd == pytest.approx(other.predict(rows).sd, rel=1e-6)


def test_the_acquisitions_gradient_is_that_of_finite_differences() -> None:
    embedding, data = _mixed(20)
    hyper = gp.fit(embedding, data, gp.prior(embedding))[0]
    rng = np.random.default_rng(4)
    process, samples = gp.Posterior(embedding, data, hyper).with_pending(
        rng.random((2, 5)), rng.normal(size=(2, 4))
    )
    best = np.minimum(data.y.min(), samples.min(axis=0))

    def function(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = process.predict(rows)
        values, by_mean, by_sd = log_ei(at.mean, at.sd[:, None], best)
        total, shares = log_mean(values)
        return total, at.gradient(shares * by_mean, (shares * by_sd).sum(axis=1))

    row = np.array([0.4, 0.6, 0.5, 0.2, 0.3])
    _, gradient = function(row[None])
    numeric = approx_fprime(row, lambda u: function(u[None])[0][0], 1e-6)
    assert gradient[0, [0, 1, 4]] == pytest.approx(numeric[[0, 1, 4]], rel=1e-3, abs=1e-3)
    assert (gradient[0, [2, 3]] == 0.0).all()


@pytest.mark.parametrize("z", [3.0, 0.0, -0.99, -1.01, -5.0])
def test_log_h_is_the_integral(z: float) -> None:
    value, _ = quad(lambda t: (z - t) * norm.pdf(t), -40.0, z, epsabs=0.0)
    assert log_h(np.array([z]))[0] == pytest.approx(np.log(value), rel=1e-8)


def test_log_ei_lives_where_ei_is_zero() -> None:
    value, by_mean, by_sd = log_ei(np.array([[1e5]]), np.array([[1.0]]), 0.0)
    assert np.isfinite([value, by_mean, by_sd]).all()
    assert value[0, 0] == pytest.approx(-0.5e10, rel=1e-6)
    h = 1e-4
    for mean, sd in ((0.3, 0.7), (4.0, 0.5), (-2.0, 1.3)):
        at = np.array([[mean]]), np.array([[sd]])
        _, by_mean, by_sd = log_ei(*at, 0.0)
        up, down = (log_ei(at[0] + e, at[1], 0.0)[0] for e in (h, -h))
        assert by_mean == pytest.approx((up - down) / (2 * h), rel=1e-5)
        up, down = (log_ei(at[0], at[1] + e, 0.0)[0] for e in (h, -h))
        assert by_sd == pytest.approx((up - down) / (2 * h), rel=1e-5)
        value, by_mean, _ = log_feasible(at[0], at[1])
        assert value == pytest.approx(norm.logcdf(-mean / sd))
        up, down = (log_feasible(at[0] + e, at[1])[0] for e in (h, -h))
        assert by_mean == pytest.approx((up - down) / (2 * h), rel=1e-5)


def test_every_row_climbs_as_if_alone() -> None:
    centre = np.array([0.3, 0.8, 1.4])
    curves = np.array([1.0, 30.0, 5.0])

    def function(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = rows - centre
        return -(curves * away**2).sum(axis=1), -2.0 * curves * away

    rows = np.random.default_rng(5).random((9, 3))
    free = np.ones((9, 3), dtype=np.bool_)
    free[0, 1] = False
    found, values = ascend(function, rows, free, np.full(3, 0.5), 60, 1e-6)
    assert found[1:] == pytest.approx(np.tile([0.3, 0.8, 1.0], (8, 1)), abs=1e-3)
    assert found[0, 1] == rows[0, 1]
    assert values == pytest.approx(function(found)[0])
    for i in range(9):
        alone, _ = ascend(function, rows[i : i + 1], free[i : i + 1], np.full(3, 0.5), 60, 1e-6)
        assert alone[0] == pytest.approx(found[i], abs=1e-4)


@pytest.mark.parametrize("power", POWERS)
def test_shapes_keep_the_order_and_know_their_jacobian(power: float) -> None:
    y = np.random.default_rng(6).lognormal(0.0, 2.0, 40)
    z, jacobian = yeo_johnson(y, power)
    assert (np.argsort(z) == np.argsort(y)).all()
    assert [z.mean(), z.std()] == pytest.approx([0.0, 1.0], abs=1e-9)
    x = (y - np.median(y)) / y.std()
    slope = (1.0 + np.abs(x)) ** np.where(x >= 0.0, power - 1.0, 1.0 - power) / y.std()
    i, j = np.argsort(y)[[0, 1]]  # neighbours: their difference quotient gives what all slopes share
    ratio = (z[j] - z[i]) / (y[j] - y[i]) / slope[[i, j]].mean()
    assert jacobian == pytest.approx(np.log(slope * ratio).sum(), abs=0.05)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([1.0, 1e4, 1e12, 1e100, 1e149]))
def test_what_has_diverged_does_not_set_the_scale(seed: int, n: int, far: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    diverged = np.concatenate([y, np.full((n + 9) // 10, far)])
    found = Reach.of(diverged)(diverged)
    order = np.argsort(diverged, kind="stable")
    assert np.isfinite(found).all()
    assert (np.diff(found[order]) >= 0.0).all()
    if n >= 5:
        assert found.max() - np.median(y) <= 40.0 * np.ptp(y)
        inner = np.argsort(y)[: n // 2]
        assert found[inner].tolist() == y[inner].tolist()


def test_beyond_a_plateau_losses_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    plateau = 0.693 + 1e-9 * rng.random(60)
    good, bad = rng.uniform(0.0, 0.6, 12), rng.uniform(0.8, 2.0, 12)
    found = Reach.of(np.concatenate([plateau, good]))(np.concatenate([plateau, good]))
    assert found[60:].tolist() == good.tolist()
    mixed = np.concatenate([plateau, bad])
    found = Reach.of(mixed)(mixed)
    assert np.ptp(found[60:]) > 0.05 * np.ptp(found[:60])  # what has converged does not hide the rest


def test_losses_without_outliers_count_as_they_are() -> None:
    y = np.random.default_rng(0).normal(size=200)
    assert Reach.of(y)(y).tolist() == y.tolist()
    assert Reach.of(np.full(3, 2.0))(np.full(3, 2.0)).tolist() == [2.0] * 3


def test_bilog_keeps_what_is_far_within_bounds() -> None:
    for far in (1e3, 1e200, 1.7e308, np.inf):
        found = bilog(np.array([-1.0, -2.0, 1.0, 3.0, far]))
        assert found[4] > found[3] > found[2] > 0.0 > found[0] > found[1]
        assert found[2] > 0.1
    assert (bilog(np.array([np.inf, -1.0, -np.inf])) * [1, -1, -1] > 0.0).all()
    assert bilog(np.array([np.inf, np.inf])).tolist() == [1.0, 1.0]


def test_bilog_keeps_signs() -> None:
    c = np.array([-1e9, -1.0, 0.0, 2.0, 1e3])
    found = bilog(c)
    assert (np.sign(found) == np.sign(c)).all()
    assert np.abs(found).max() < 10.0
    assert yeo_johnson(np.zeros(3), 0.0)[0].tolist() == [0.0, 0.0, 0.0]
