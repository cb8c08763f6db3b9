"""The signed-rank test against SciPy's, and what it does when it is looked at again and again."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.signed_ranks import looks, p_value, spent, worse


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=2, max_size=10, unique=True), st.data())
def test_it_is_scipys_exact_p_value(sizes, data):
    from scipy.stats import wilcoxon

    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(sizes), max_size=len(sizes)))
    differences = np.array(sizes) * np.array(signs) / 7.0
    exact = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert p_value(differences) == pytest.approx(exact)


def test_many_pairs_are_nearly_normal():
    from scipy.stats import wilcoxon

    differences = np.random.Generator(np.random.PCG64(1)).normal(0.3, 1.0, 60)
    exact = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert p_value(differences) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("n", [2, 3])
def test_few_pairs_tell_nothing_at_a_tenth(n):
    assert p_value(np.ones(n)) == 0.5**n
    assert not worse(np.ones(n), 0.1, 10)


def test_pairs_without_a_difference_take_their_ranks_with_them():
    assert p_value(np.zeros(5)) == 1.0
    assert p_value(np.array([0.0, 0.0, 0.0, 1.0, 2.0])) == 0.25
    assert p_value(np.array([math.inf, 1.0, 2.0, math.inf])) == 1 / 16


def test_the_level_is_spent_as_pairs_come():
    assert spent(0.1, 1.0) == pytest.approx(0.1)
    assert 0.0 < spent(0.1, 0.2) < spent(0.1, 0.5) < 0.1
    assert looks(10) == list(range(2, 11))
    assert looks(40)[-3:] == [27, 33, 40]


@pytest.mark.parametrize(("pairs", "studies"), [(10, 1500), (24, 400)])
def test_looking_again_and_again_keeps_the_level(pairs, studies):
    """Equals are stopped in at most 10 % of all studies, whatever the scale of each pair.

    The limit is 10 % and 3.5 standard deviations: by chance it fails in fewer than 3 of 10,000 other seeds.
    """
    rng = np.random.Generator(np.random.PCG64(2))
    stopped = naive = 0
    for _ in range(studies):
        differences = rng.standard_t(2, pairs) * rng.choice([0.1, 1.0, 5.0], pairs)
        stopped += any(worse(differences[:k], 0.1, pairs) for k in looks(pairs))
        naive += any(p_value(differences[:k]) <= 0.1 for k in looks(pairs))
    limit = 0.1 + 3.5 * math.sqrt(0.09 / studies)
    assert stopped / studies <= limit
    assert naive / studies > limit, "a plain p at every look errs more often"
    assert stopped > 0


def test_what_is_worse_is_found_soon():
    """Shifts of one standard deviation: at least 8 of 10 are found before the last pair. Fixed seed."""
    rng = np.random.Generator(np.random.PCG64(3))
    found = [any(worse(d[:k], 0.1, 20) for k in looks(16)) for d in rng.normal(1.0, 1.0, (200, 20))]
    assert np.mean(found) > 0.8
