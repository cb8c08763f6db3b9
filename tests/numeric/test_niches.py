"""Reference directions and niches of NSGA-III, and the crowding and constrained fronts of NSGA-II."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.niches import Frontier, associated, directions, lattice, niched, normalised, seen
from tunesmith.numeric.pareto import constrained_ranks, crowding, ranks


@pytest.mark.parametrize(("objectives", "divisions"), [(2, 5), (3, 12), (4, 3), (5, 6)])
def test_a_lattice_is_that_of_das_and_dennis(objectives, divisions):
    found = lattice(objectives, divisions)
    assert len(found) == math.comb(objectives + divisions - 1, divisions)
    assert len(np.unique(found.round(9), axis=0)) == len(found)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))
    assert (found >= 0).all()


def test_many_objectives_have_two_layers_as_in_the_paper():
    assert len(directions(3, 92)) == 91
    assert len(directions(8, 156)) == 156  # table I: 3 outer and 2 inner divisions
    assert len(directions(10, 275)) == 275
    assert len(directions(1, 20)) == 1
    for objectives in range(2, 12):
        found = directions(objectives, 20)
        assert objectives <= len(found) <= max(20, objectives)
        assert found.sum(axis=1) == pytest.approx(np.ones(len(found)))


def test_normalisation_undoes_scale_and_shift():
    rng = np.random.default_rng(0)
    angles = rng.random((60, 3)) + 0.02
    front = np.concatenate([np.eye(3), angles / np.linalg.norm(angles, axis=1, keepdims=True)])
    moved = front * [1.0, 50.0, 1e-3] + [3.0, -7.0, 2.0]
    plain, scaled = (
        normalised(seen(Frontier.unknown(3), points, points), points, points) for points in (front, moved)
    )
    assert scaled == pytest.approx(plain, abs=1e-6)
    assert plain == pytest.approx(front, abs=1e-6)


def test_a_front_without_a_plane_is_scaled_by_its_worst():
    losses = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]])
    found = normalised(seen(Frontier.unknown(3), losses, losses), losses, losses)
    assert np.isfinite(found).all()


def test_association_is_by_perpendicular_distance():
    nearest, distance = associated(np.array([[1.0, 1.0], [2.0, 0.1]]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert nearest.tolist() == [1, 0]
    assert distance == pytest.approx([0.0, 0.1], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(1, 40), st.integers(0, 2**32))
def test_survivors_hold_whole_fronts_and_fill_niches(objectives, count, seed):
    rng = np.random.default_rng(seed)
    losses = rng.random((40, objectives))
    fronts = ranks(losses, 40)
    kept, frontier = niched(
        losses,
        fronts,
        np.ones(40, np.bool_),
        count,
        directions(objectives, 20),
        Frontier.unknown(objectives),
        np.random.default_rng(seed),
    )
    assert len(set(kept.tolist())) == min(count, 40)
    worst = fronts[kept].max()
    assert set(np.flatnonzero(fronts < worst)) <= set(kept.tolist())
    assert frontier.ideal == pytest.approx(losses.min(axis=0))


def test_each_niche_of_a_front_keeps_its_nearest():
    rays = directions(2, 3)
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.52, 0.49], [0.02, 0.97]])
    front, feasible = np.zeros(5, np.intp), np.ones(5, np.bool_)
    kept, _ = niched(losses, front, feasible, 3, rays, Frontier.unknown(2), np.random.default_rng(0))
    assert sorted(kept) == [0, 1, 2]


def test_what_is_not_feasible_says_nothing_about_the_front():
    rays = directions(2, 10)
    angle = np.linspace(0.0, np.pi / 2, 20)
    front = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    losses = np.concatenate([front, [[-1e6, -1e6]]])
    fronts, feasible = np.repeat([0, 1], [20, 1]), np.arange(21) < 20
    alone, known = niched(
        front, fronts[:20], feasible[:20], 10, rays, Frontier.unknown(2), np.random.default_rng(0)
    )
    for count in (10, 21):  # part of the front, and all of it with what is worse
        kept, frontier = niched(
            losses, fronts, feasible, count, rays, Frontier.unknown(2), np.random.default_rng(0)
        )
        assert frontier.ideal == pytest.approx(known.ideal)
        if count == 10:
            assert kept.tolist() == alone.tolist()
    nothing = np.zeros(21, np.bool_)
    _, frontier = niched(losses, fronts, nothing, 10, rays, known, np.random.default_rng(0))
    assert frontier is known


def test_crowding_is_the_sum_of_the_gaps():
    losses = np.array([[0.0, 4.0], [1.0, 2.0], [3.0, 1.0], [4.0, 0.0]])
    found = crowding(losses, np.zeros(4, np.intp))
    assert np.isinf(found[[0, 3]]).all()
    assert found[1:3] == pytest.approx([3 / 4 + 3 / 4, 3 / 4 + 2 / 4])
    twice = crowding(np.concatenate([losses, losses + 10]), np.repeat([0, 1], 4))
    assert twice[[1, 2, 5, 6]] == pytest.approx(np.tile(found[1:3], 2))
    odd = crowding(np.array([[np.inf, 1.0], [2.0, -np.inf], [1.0, 3.0]]), np.zeros(3, np.intp))
    assert not np.isnan(odd).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_constrained_domination_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    losses = rng.integers(0, 5, (15, 2)).astype(float)
    violations = np.maximum(rng.integers(-3, 4, 15), 0).astype(float)
    found = constrained_ranks(losses, violations, np.ones(15, dtype=bool))

    def beats(i, j):
        if violations[i] != violations[j]:
            return violations[i] < violations[j]
        return (losses[i] <= losses[j]).all() and (losses[i] < losses[j]).any()

    for i in range(15):
        above = [found[j] for j in range(15) if beats(j, i)]
        assert found[i] == (max(above) + 1 if above else 0)
