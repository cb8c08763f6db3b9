"""Neighbours differ in one column that the point has, and stay on the grid and in the cube."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.exchange import Exchange
from tunesmith.numeric.labels import half_ranked, normal_scores, standardised


def cells(kind, count):
    edges = np.linspace(0.0, 1.0, count + 1)
    return Axis(kind, edges, (edges[1:] + edges[:-1]) / 2)


UNEVEN = Axis(Kind.CELLS, np.array([0.0, 0.5, 0.8, 1.0]), np.array([0.2, 0.7, 0.95]))
AXES = (
    Axis(Kind.CONTINUOUS),
    cells(Kind.CATEGORIES, 4),
    cells(Kind.CELLS, 6),
    UNEVEN,
    cells(Kind.CATEGORIES, 1),
)


def snapped(u):
    return np.array([u[0], *(axis.snap(u[d : d + 1])[0] for d, axis in enumerate(AXES[1:], 1))])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), missing=st.sampled_from([None, 0, 1, 2, 3]))
def test_one_column_changes_and_stays_legal(seed, missing):
    rng = np.random.default_rng(seed)
    points = np.stack([snapped(rng.random(5)) for _ in range(3)])
    active = np.ones(points.shape, dtype=bool)
    active[:, 4] = False
    if missing is not None:
        active[:, missing] = False
    found = Exchange(AXES).neighbours(points, active, 50, rng)
    changed = found != np.repeat(points, 50, axis=0)
    assert (changed.sum(axis=1) <= 1).all()
    assert not changed[:, 4].any()
    assert missing is None or not changed[:, missing].any()
    assert ((found >= 0.0) & (found <= 1.0)).all()
    for d, axis in enumerate(AXES[1:], 1):
        assert np.isin(found[:, d], axis.centers).all()


def test_categories_become_all_others_alike():
    """600 draws of three categories: a share beyond 0.42 or below 0.25 has probability 1e-4."""
    rng = np.random.default_rng(0)
    found = Exchange(AXES[1:2]).neighbours(np.array([[0.125]]), None, 600, rng)
    shares = [np.mean(found == u) for u in (0.125, 0.375, 0.625, 0.875)]
    assert shares[0] == 0.0
    assert all(0.25 < share < 0.42 for share in shares[1:])


def test_steps_end_at_the_bounds():
    rng = np.random.default_rng(0)
    found = Exchange(AXES[:1]).neighbours(np.array([[0.02]]), None, 400, rng)
    assert (found == 0.0).sum() > 20
    assert np.abs(found - 0.02).max() > 0.3


@pytest.mark.parametrize("shape", [half_ranked, normal_scores, standardised])
@settings(max_examples=60, deadline=None)
@given(
    losses=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40), scale=st.sampled_from([0.25, 1.0, 64.0])
)
def test_labels_keep_the_order_and_forget_the_scale(shape, losses, scale):
    y = np.array(losses)
    found = shape(y)
    assert np.isfinite(found).all()
    order = np.argsort(y, kind="stable")
    assert (np.diff(found[order]) >= -1e-9).all()
    if shape is not half_ranked:
        np.testing.assert_allclose(shape(scale * y), found, atol=1e-6)


def test_half_ranks_tame_the_bad_and_keep_the_good():
    y = np.array([1.0, 2.0, 3.0, 4.0, 1e6])
    found = half_ranked(y)
    assert found[2] - found[1] == pytest.approx(found[1] - found[0])
    assert found[4] - found[2] < 3.0 * (found[2] - found[0])
    assert np.isfinite(half_ranked(np.array([1e300, -1e300, 0.0]))).all()
    assert not half_ranked(np.zeros(3)).any()
