"""The leaders of a log: those of a full sort, at any position, asked in any order."""

import numpy as np
import pytest
from driver import problem_of, space

import tunesmith.space as ts
from tunesmith.model.ranking import Ranking, ranking_of
from tunesmith.record.history import History
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.search._split import split

ONE = space({"x": ts.Float(0, 1)})


def made(number, losses, state=TrialState.COMPLETE, curve=(), constraints=None):
    reports = tuple(Report(step, (loss,), (loss,), {}) for step, loss in curve)
    return Trial(
        number,
        state,
        {"x": 0.5},
        losses,
        losses,
        reports,
        constraints={} if constraints is None else constraints,
    )


def history_of(trials, objectives=1):
    state = History.empty(problem_of(ONE, {f"f{i}": "minimize" for i in range(objectives)}))
    for trial in trials:
        state = state.tell(trial)
    return state


def at_every(trials, positions, objectives=1):
    """Histories of one log, as a study has them."""
    state = History.empty(problem_of(ONE, {f"f{i}": "minimize" for i in range(objectives)}))
    found = {0: state}
    for n, trial in enumerate(trials, 1):
        state = found[n] = state.tell(trial)
    return [found[n] for n in positions]


def fates(n, seed):
    """A log with everything in it: failures, infeasible, stopped and resumed trials."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(n):
        loss, kind = float(rng.normal()), rng.integers(8)
        curve = [(1, loss + 1.0), (3, loss + 0.5)]
        if kind == 0:
            trials.append(made(number, None, TrialState.FAILED))
        elif kind == 1:
            trials.append(made(number, (loss,), constraints={"c": float(rng.normal())}))
        elif kind == 2:
            trials.append(made(number, (loss + 1.0,), TrialState.STOPPED, curve[:1]))
        elif kind == 3:
            trials.append(made(number, (loss + 1.0,), TrialState.PAUSED, curve[:1]))
            trials.append(made(number, (loss + 0.5,), TrialState.PAUSED, curve))
        else:
            trials.append(made(number, (loss,), TrialState.COMPLETE, [*curve, (9, loss)]))
    return trials


@pytest.mark.parametrize("seed", range(3))
def test_leaders_are_those_of_a_full_sort(seed):
    losses = np.random.default_rng(seed).integers(0, 400, 1000).astype(float)  # with ties
    state = history_of([made(i, (loss,)) for i, loss in enumerate(losses)])
    wanted = np.argsort(losses, kind="stable")[:40]
    assert np.array_equal(ranking_of(state, 40).leaders(state, 40), wanted)


@pytest.mark.parametrize("objectives", [1, 3])
def test_the_order_of_asking_and_dropped_notes_change_nothing(objectives):
    trials = fates(700, 1)
    if objectives > 1:
        rng = np.random.default_rng(2)
        trials = [made(i, tuple(rng.normal(size=3))) for i in range(700)]
    positions = [700, 10, 512, 127, 128, 129, 333, 699]
    states = at_every(trials, positions, objectives)
    together = [split(state, 0.15, 25, 64) for state in states]
    for state, found in zip(states, together, strict=True):
        state.scratch.clear()
        for one, other in zip(found, split(state, 0.15, 25, 64), strict=True):
            assert np.array_equal(one, other)


def test_failed_trials_never_lead_and_infeasible_ones_come_last():
    trials = [made(0, None, TrialState.FAILED), made(1, (9.0,)), made(2, (0.0,), constraints={"c": 2.0})]
    trials += [made(3, (0.0,), constraints={"c": 1.0}), made(4, (5.0,))]
    state = history_of(trials)
    assert Ranking(9).leaders(state, 9).tolist() == [4, 1, 3, 2]
    assert Ranking(9).leaders(history_of(trials[:1]), 9).tolist() == []


def test_a_trial_that_went_on_is_known_by_its_last_row():
    trials = [made(0, (0.1,), TrialState.PAUSED, [(1, 0.1)]), made(1, (0.5,), curve=[(1, 0.7), (3, 0.5)])]
    trials += [made(0, (0.9,), curve=[(1, 0.1), (3, 0.9)])]
    state = history_of(trials)
    found = split(state, 0.5, 25, 64)
    assert found.good.tolist() == [1]
    assert found.bad.tolist() == [2]


def test_stopped_trials_are_compared_at_the_step_that_both_have_reached():
    """The first trial ran to the end because nobody was there to stop it; all later ones beat its start."""
    trials = [made(0, (0.8,), curve=[(1, 2.0), (3, 1.0), (9, 0.8)])]
    trials += [made(i, (1.0 + i / 10,), TrialState.STOPPED, [(1, 1.0 + i / 10)]) for i in range(1, 6)]
    trials += [made(6, (0.3,), curve=[(1, 1.05), (3, 0.5), (9, 0.3)])]
    trials += [made(7, (0.4,), TrialState.STOPPED, [(1, 1.02), (3, 0.4)])]
    leaders = Ranking(9).leaders(history_of(trials), 9).tolist()
    assert leaders[-1] == 0
    assert leaders[:3] == [7, 6, 1]


def test_what_leads_with_several_objectives_is_hardly_dominated():
    rng = np.random.default_rng(5)
    losses = rng.normal(size=(1500, 3))
    state = history_of([made(i, tuple(row)) for i, row in enumerate(losses.tolist())], objectives=3)
    leaders = ranking_of(state, 89).leaders(state, 25)
    beaten = [(losses <= losses[row]).all(axis=1).sum() > 1 for row in leaders]
    assert len(set(leaders.tolist())) == 25
    assert sum(beaten) <= 2


def test_a_long_log_is_modelled_by_few_rows_that_stand_for_all():
    state = history_of([made(i, (float(i % 997),)) for i in range(5000)])
    found = split(state, 0.15, 25, 256)
    assert len(found.good) == 25
    assert len(found.bad) <= 256
    assert found.bad_weights.sum() == pytest.approx(5000 - 25)
    assert set(range(4936, 5000)) <= {*found.bad.tolist(), *found.good.tolist()}


def test_good_rows_that_lead_for_what_they_had_reported_have_no_negative_weight():
    """Trials that were stopped lead by what they reported, so the best ones need not have the least losses:
    here the third has a smaller one than the second."""
    trials = [
        made(0, (-10.0,), curve=[(1, 0.0), (3, -10.0)]),
        made(1, (2.0,), curve=[(1, 0.1), (3, 2.0)]),
        made(2, (1.0,), curve=[(1, 5.0), (3, 1.0)]),
        *(made(3 + i, (50.0 + i,), curve=[(1, 2.5), (3, 50.0 + i)]) for i in range(3)),
        *(made(6 + i, (3.0,), TrialState.STOPPED, [(1, 3.0)]) for i in range(2)),
    ]
    history = history_of(trials)
    found = split(history, 0.25, 25, 64)
    assert ranking_of(history, 41).leaders(history, 3).tolist() == [0, 1, 2]
    assert found.good.tolist() == [0, 1]
    assert found.weights.tolist() == [1.0, 1.0]
