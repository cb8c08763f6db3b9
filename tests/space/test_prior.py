"""Priors: a proper distribution around the value, never excluding anything."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith.space as ts

CONFIDENCES = list(ts.Confidence)


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(CONFIDENCES), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_inverse_cdf_rises_and_stays_inside(confidence, center, a, b):
    prior = ts.Prior(0, confidence)
    low, high = (prior.inverse_cdf(u, center) for u in sorted((a, b)))
    assert 0.0 <= low <= high + 1e-12
    assert high <= 1.0
    assert prior.inverse_cdf(0.0, center) == pytest.approx(0, abs=1e-12)
    assert prior.inverse_cdf(1.0, center) == pytest.approx(1)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(
    ("center", "cells"), [(0.0, None), (0.3, None), (1.0, None), (0.3, 5), (0.1, 5), (0.9, 5)]
)
def test_the_density_is_the_slope_of_the_cdf(confidence, center, cells):
    prior = ts.Prior(0, confidence)
    for u in (0.013, 0.11, 0.27, 0.52, 0.73, 0.913):
        left, right = (prior.inverse_cdf(u + d, center, cells) for d in (-1e-6, 1e-6))
        middle = prior.inverse_cdf(u, center, cells)
        assert 2e-6 / (right - left) == pytest.approx(
            math.exp(prior.log_density(middle, center, cells)), rel=1e-3
        )


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(("center", "cells"), [(0.2, None), (0.5, 4)])
def test_the_density_integrates_to_one(confidence, center, cells):
    prior = ts.Prior(0, confidence)
    total = sum(math.exp(prior.log_density((k + 0.5) / 4000, center, cells)) for k in range(4000)) / 4000
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("confidence", "share"), [("low", 0.6), ("medium", 0.8), ("high", 0.9)])
def test_draws_concentrate(confidence, share):
    domain = ts.Float(1e-5, 1e-1, log=True, prior=ts.Prior(1e-3, confidence))
    units = [domain.draw((k + 0.5) / 1000) for k in range(1000)]
    near = sum(abs(unit - domain.center) < 0.25 for unit in units) / 1000
    assert near > share
    assert min(units) < 0.05
    assert max(units) > 0.95


def test_a_category_gets_extra_weight():
    domain = ts.Categorical(list("abcde"), prior=ts.Prior("c", "medium"))
    found = [domain.from_unit(domain.draw((k + 0.5) / 1000)) for k in range(1000)]
    assert found.count("c") == pytest.approx(600, abs=2)
    assert all(found.count(label) == pytest.approx(100, abs=2) for label in "abde")


def test_without_prior_the_draw_is_the_uniform():
    assert ts.Float(0, 1).draw(0.37) == 0.37
    assert ts.Float(0, 1).log_prior(0.2) == 0.0
    assert ts.Float(0, 1, prior=ts.Prior(0.2)).log_prior(0.2) > 0.0
    assert ts.Categorical(["ab"], prior=ts.Prior("ab")).log_prior(0.2) == 0.0


def test_an_ordered_category_is_believed_like_a_number():
    domain = ts.Categorical([8, 16, 32, 64, 128], ordered=True, prior=ts.Prior(32, "low"))
    found = [domain.from_unit(domain.draw((k + 0.5) / 1000)) for k in range(1000)]
    assert found.count(32) > found.count(16) > found.count(8)


def test_prior_reads_text_and_json():
    assert ts.Prior(1, "high") == ts.Prior(1, ts.Confidence.HIGH)
    domain = ts.Int(1, 9, prior=ts.Prior(3.0, "high"))
    assert domain.prior == ts.Prior(3, "high")
    assert ts.domain_from_json(domain.as_json()) == domain
