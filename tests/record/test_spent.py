"""What trials have used: totals over events whose times are given."""

import pytest

import tunesmith as ts
from tunesmith.record.event import (
    Checkpointed,
    Claimed,
    Created,
    CreatedBatch,
    Finished,
    FinishedBatch,
    Paused,
    Released,
    Reported,
    Resumed,
)
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Source, TrialState

COMPLETE, FAILED, STOPPED = TrialState.COMPLETE, TrialState.FAILED, TrialState.STOPPED


def fold(*events):
    fidelity = ts.Fidelity("epoch", 1, 9, 3)
    space = ts.Space.of({"x": ts.Float(0, 1)})
    ledger = Ledger(Problem(objectives=parse_objectives(None, None), space=space, fidelity=fidelity))
    for event in events:
        ledger.take(event)
    return ledger.spent


def created(number, at, budget=9, **more):
    return Created(number, 1, {"x": 0.5}, budget=budget, worker="me", at=at, **more)


def reported(number, step, at, attempt=1, **metrics):
    return Reported(number, attempt, step, (1.0,), metrics, at)


def test_a_trial_that_reports():
    spent = fold(created(0, 10), reported(0, 1, 13), reported(0, 2, 14))
    assert (spent.steps, spent.seconds) == (2, 4)
    assert spent.unheard(16) == 2
    spent = fold(
        created(0, 10), reported(0, 1, 13), reported(0, 2, 14), Finished(0, 1, COMPLETE, (1.0,), at=15)
    )
    assert (spent.steps, spent.seconds, spent.ended_steps) == (2, 5, 2)
    (stint,) = spent.stints
    assert (stint.base, stint.lead, stint.first, stint.last, stint.between, stint.tail) == (0, 3, 1, 2, 1, 1)
    assert stint.whole
    assert stint.seconds == spent.longest == 5
    assert spent.slowest == 2.5
    assert spent.unheard(20) == 0


def test_steps_count_once_where_a_trial_is_run_again():
    events = [
        created(0, 0, budget=3),
        reported(0, 1, 1),
        reported(0, 3, 3),
        Paused(0, 1, 3, at=3),
        Resumed(0, 2, "me", 9, at=10),
        reported(0, 4, 14, attempt=2),
        Released(0, 2, "me", at=15),
        Claimed(0, 3, "me", at=20),
        reported(0, 9, 25, attempt=3),
        Finished(0, 3, COMPLETE, (1.0,), at=26),
    ]
    spent = fold(*events)
    assert spent.steps == 9
    assert spent.seconds == 3 + 4 + 6
    assert [(s.base, s.last, s.whole) for s in spent.stints] == [(0, 3, False), (3, 4, False), (4, 9, True)]


def test_a_trial_that_returns_without_a_report_has_used_its_budget():
    assert fold(created(0, 0), Finished(0, 1, COMPLETE, (1.0,), at=2)).steps == 9
    assert fold(created(0, 0, budget=None), Finished(0, 1, COMPLETE, (1.0,), at=2)).steps == 0
    assert fold(created(0, 0), Finished(0, 1, FAILED, error="no", at=2)).steps == 0


def test_a_child_counts_from_its_parent_s_checkpoint():
    start = [created(0, 0), reported(0, 4, 4), Checkpointed(0, 1, 4, "f", at=4)]
    assert fold(*start, created(1, 5, parent=0), reported(1, 6, 7)).steps == 4 + 2
    assert fold(*start, created(1, 5, parent=0), reported(1, 1, 7), reported(1, 2, 8)).steps == 4 + 2


def test_imported_trials_have_cost_nothing():
    spent = fold(
        created(0, 0, source=Source.IMPORT),
        reported(0, 9, 5, kwh=3.0),
        Finished(0, 1, COMPLETE, (1.0,), at=6),
    )
    assert (spent.steps, spent.seconds, spent.amounts, spent.closed) == (0, 0.0, {}, 0)


def test_amounts_are_summed_over_reports_or_taken_from_what_was_returned():
    spent = fold(
        created(0, 0),
        reported(0, 1, 1, kwh=0.5),
        reported(0, 2, 2, kwh=0.25, other=float("nan")),
        Finished(0, 1, COMPLETE, (1.0,), user_attrs={"kwh": 0.25, "water": 3, "note": "x"}, at=3),
        created(1, 3),
        Finished(1, 1, STOPPED, (1.0,), user_attrs={"kwh": 1.0}, at=4),
    )
    assert spent.amounts == {"kwh": 1.75, "water": 3}
    assert (spent.stopped, spent.ended) == (1, 2)


def test_a_lost_worker_s_silence_is_not_counted():
    spent = fold(created(0, 0), reported(0, 1, 4), Released(0, 1, "other", at=4000))
    assert spent.seconds == 4


def test_clocks_that_go_backwards_cost_nothing():
    spent = fold(created(0, 10), reported(0, 1, 8), Finished(0, 1, COMPLETE, (1.0,), at=11))
    assert spent.seconds == 1
    assert all(value >= 0 for value in (spent.stints[0].lead, spent.stints[0].between, spent.stints[0].tail))


def test_a_batch_takes_the_time_of_its_call():
    spent = fold(
        CreatedBatch(0, 1, 3, {"x": [0.1, 0.2, 0.3]}, worker="me", at=1),
        FinishedBatch(0, 1, 3, ([1.0, 2.0, 3.0],), at=4),
    )
    assert spent.seconds == 3


@pytest.mark.parametrize("order", [1, -1])
def test_trials_beside_each_other(order):
    events = [created(0, 0), created(1, 1)]
    events += [reported(n, 1, 2 + n) for n in (0, 1)][::order]
    spent = fold(*events)
    assert (spent.steps, spent.seconds) == (2, 4)
