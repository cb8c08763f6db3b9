"""Domination, fronts and hypervolume, against brute force."""

import itertools

import numpy as np
import pytest

from tunesmith.numeric.hypervolume import contributions, hypervolume, reference_point, select, spread
from tunesmith.numeric.pareto import fronts, nondominated, ranks


def brute(losses):
    beaten = [
        any((a <= b).all() and (a < b).any() for a in losses if not np.isnan(a).any()) or np.isnan(b).any()
        for b in losses
    ]
    return ~np.array(beaten, dtype=bool)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_nondominated_is_the_definition_ties_and_nan_included(objectives, seed):
    rng = np.random.default_rng(seed)
    losses = rng.integers(0, 6, (60, objectives)).astype(float)
    losses[rng.random(losses.shape) < 0.02] = np.nan
    assert np.array_equal(nondominated(losses), brute(losses))
    losses[rng.random(losses.shape) < 0.6] = np.inf
    assert np.array_equal(nondominated(losses), brute(losses))


def test_fronts_of_infinite_losses():
    assert [front.tolist() for front in fronts(np.array([[np.inf, np.inf], [1.0, np.inf]]))] == [[1], [0]]


@pytest.mark.parametrize("objectives", [2, 3])
def test_fronts_peel_and_stop_when_there_are_enough(objectives):
    losses = np.random.default_rng(1).random((80, objectives))
    peeled = fronts(losses)
    assert sorted(np.concatenate(peeled)) == list(range(80))
    left = np.arange(80)
    for front in peeled:
        assert np.array_equal(front, left[brute(losses[left])])
        left = np.setdiff1d(left, front)
    few = fronts(losses, 10)
    assert sum(map(len, few)) >= 10 > sum(map(len, few[:-1]))
    assert fronts(np.full((3, 2), np.nan)) == []


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_hypervolume_counts_cells(objectives):
    """On whole numbers the volume is the number of dominated unit cells."""
    rng = np.random.default_rng(objectives)
    losses = rng.integers(0, 7, (8, objectives)).astype(float)
    reference = np.full(objectives, 6.0)
    cells = np.array(list(itertools.product(range(6), repeat=objectives)), dtype=float)
    covered = (losses[:, None, :] <= cells).all(axis=2).any(axis=0).sum()
    assert hypervolume(losses, reference) == pytest.approx(float(covered))


def test_contributions_are_what_is_lost():
    losses = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [3.0, 3.0]])
    assert contributions(losses, np.array([4.0, 4.0])) == pytest.approx([1.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("seed", range(5))
def test_greedy_selection_holds_its_promise(seed):
    rng = np.random.default_rng(seed)
    losses = rng.random((9, 3))
    reference = reference_point(losses)
    best = max(hypervolume(losses[list(c)], reference) for c in itertools.combinations(range(9), 3))
    chosen = select(losses, reference, 3)
    assert len(set(chosen)) == 3
    assert hypervolume(losses[chosen], reference) >= (1 - 1 / np.e) * best


def test_selection_takes_all_when_there_are_few_and_a_flat_column_has_room():
    losses = np.array([[1.0, 2.0], [1.0, 2.0]])
    reference = reference_point(losses)
    assert (reference > losses).all()
    assert sorted(select(losses, reference, 5)) == [0, 1]


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_ranks_number_the_fronts(objectives):
    losses = np.random.default_rng(objectives).integers(0, 5, (50, objectives)).astype(float)
    found = ranks(losses, 50)
    for number, front in enumerate(fronts(losses)):
        assert set(np.flatnonzero(found == number)) == set(front)
    few = ranks(losses, 12)
    assert np.count_nonzero(few >= 0) >= 12 > np.count_nonzero((few >= 0) & (few < few.max()))
    assert np.array_equal(few[few >= 0], found[few >= 0])
    assert not len(ranks(losses[:0], 3))


@pytest.mark.parametrize("objectives", [2, 3, 5])
def test_spread_is_nearly_as_good_as_the_exact_greedy_choice(objectives):
    """Points of a spherical front: 95 % of the exact greedy choice's hypervolume, and more than chance."""
    rng = np.random.default_rng(objectives)
    losses = 1.0 - np.abs(rng.normal(size=(40, objectives)))
    losses = 1.0 - (1.0 - losses) / np.linalg.norm(1.0 - losses, axis=1, keepdims=True)
    reference = reference_point(losses)
    ours, exact = (hypervolume(losses[f(losses, reference, 8)], reference) for f in (spread, select))
    chance = [hypervolume(losses[rng.choice(40, 8, replace=False)], reference) for _ in range(50)]
    assert ours >= 0.95 * exact
    assert ours > np.max(chance)
    assert len(set(spread(losses, reference, 100).tolist())) == 40
