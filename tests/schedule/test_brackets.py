"""Synchronous brackets: sizes and budgets as published, levels that close, and what must not hold them up."""

import itertools
from dataclasses import replace

import pytest
from hands import Driver

import tunesmith as ts
from tunesmith.record.assignment import Decision, Resume, Start, Wait
from tunesmith.record.event import Created, Paused, Reported, Resumed
from tunesmith.record.fidelity import Fidelity, bracket_budgets
from tunesmith.record.trial import Source, TrialState
from tunesmith.schedule.halving import Halving
from tunesmith.schedule.hyperband import Hyperband
from tunesmith.search.random import RandomSearcher
from tunesmith.testing.simulate import ALL_FAULTS, NO_FAULTS, simulate
from tunesmith.testing.zoo import zoo

NINE = Fidelity("epoch", 1, 9, 3)
# workers that are never heard of again hold up their level until their lease has run out
FAULTS = replace(ALL_FAULTS, lost=0.0)
FAILED, COMPLETE = TrialState.FAILED, TrialState.COMPLETE


def run_to_budget(driver, number, loss):
    """Reports up to the trial's budget, and the end that the scheduler wants."""
    trial = driver.trials[number]
    for step in range(int(trial.step) + 1, int(trial.budget) + 1):
        decision = driver.report(number, step, loss)
    if decision is Decision.PAUSE:
        driver.pause(number)
    else:
        driver.end(number)


def test_budgets_go_down_from_the_largest():
    assert bracket_budgets(1, 81, 3) == [1, 3, 9, 27, 81]
    assert bracket_budgets(1, 100, 3) == [1, 4, 11, 33, 100]
    assert bracket_budgets(2, 81, 3) == [3, 9, 27, 81]
    assert bracket_budgets(0.1, 0.9, 3) == pytest.approx([0.1, 0.3, 0.9])
    assert bracket_budgets(5, 5, 3) == [5]


def test_brackets_are_those_of_table_1():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    state = Hyperband(promotion=True).init(Driver(ts.NoScheduler(), Fidelity("epoch", 1, 81, 3)).problem)
    assert [shape.sizes for shape in state.shapes] == [
        (81, 27, 9, 3, 1), (34, 11, 3, 1), (15, 5, 1), (8, 2), (5,),
    ]  # fmt: skip
    assert [shape.budgets[0] for shape in state.shapes] == [1, 3, 9, 27, 81]


def test_a_field_runs_down_to_its_winner_and_the_next_one_begins():
    driver = Driver(Halving(), NINE)
    first = [driver.open() for _ in range(9)]
    assert driver.plan() == Wait()
    for number in first[:-1]:
        run_to_budget(driver, number, float(number))
        assert driver.plan() == Wait(), "the level is not complete"
    run_to_budget(driver, 8, -1.0)
    assert [driver.open() for _ in range(3)] == [8, 0, 1]
    assert driver.plan() == Wait()
    for number, loss in ((8, 5.0), (0, 4.0), (1, 3.0)):
        run_to_budget(driver, number, loss)
    assert driver.open() == 1
    run_to_budget(driver, 1, 0.0)
    assert driver.trials[1].state is COMPLETE
    assert driver.plan() == Start(1)


def test_failures_and_early_ends_hold_up_nobody():
    driver = Driver(Halving(), NINE)
    numbers = [driver.open() for _ in range(9)]
    for number in numbers[:6]:
        driver.end(number, FAILED)
    driver.report(6, 1, 0.0)
    driver.end(6)  # complete already: it needs no more, and is counted as the best
    for number in (7, 8):
        run_to_budget(driver, number, float(number))
    assert [driver.open(), driver.open(), driver.plan()] == [7, 8, Wait()]
    for number in (7, 8):
        driver.end(number, FAILED)
    assert driver.plan() == Start(1), "nobody is left, so the next field begins"


def test_the_last_field_has_the_trials_that_are_left():
    driver = Driver(Halving(), NINE, n_trials=11)
    for number in [driver.open() for _ in range(9)]:
        driver.end(number, FAILED)
    last = [driver.open() for _ in range(2)]
    assert driver.plan() == Wait()
    for number in last:
        run_to_budget(driver, number, float(number))
    assert driver.open() == 9


@pytest.mark.parametrize("n_trials", [None, 60])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("scheduler", ["halving", ts.Hyperband(promotion=True)])
def test_a_searcher_that_has_nothing_left_leaves_a_winner(scheduler, workers, n_trials):
    """Eleven trials of a first level for 27: it is closed as it is, and a study goes on like that later."""

    def train(trial):
        for epoch in range(1, 28):
            yield abs(trial["x"] - 0.7) + 1 / epoch

    study = ts.tune(
        train, {"x": ts.Float(0, 1, step=0.1)}, searcher="grid", scheduler=scheduler, workers=workers,
        fidelity=ts.Fidelity("epoch", 1, 27), n_trials=n_trials, quiet=True,
    )  # fmt: skip
    assert sorted(trial.step for trial in study.trials) == [1] * 8 + [3] * 2 + [27]
    assert study.best_params == {"x": 0.7}
    assert study.replay().identical


def test_free_workers_go_on_with_the_next_bracket():
    driver = Driver(Hyperband(promotion=True), NINE)
    budgets = [driver.trials[driver.open()].budget for _ in range(9 + 5 + 3 + 2)]
    assert budgets == [1] * 9 + [3] * 5 + [9] * 3 + [1] * 2
    for number in range(9):
        run_to_budget(driver, number, float(number))
    assert driver.plan() == Resume(0, 3), "what has been earned comes before what is new"


def test_a_trial_that_reports_past_the_next_level_is_not_run_again():
    driver = Driver(Halving(), NINE)
    for number in [driver.open() for _ in range(9)]:
        step = 5 if number == 4 else 1
        assert driver.report(number, step, 0.0 if number == 4 else 1.0 + number) is Decision.PAUSE
        driver.pause(number)
    assert driver.trials[4].step == 5
    resumed = [driver.open(), driver.open()]
    assert resumed == [0, 1]
    for number in resumed:
        run_to_budget(driver, number, 9.0)
    assert driver.plan() == Resume(4, 9)


def test_enqueued_trials_take_part_and_imported_ones_do_not():
    driver = Driver(Halving(), NINE)
    driver.start(budget=1, source=Source.QUEUE)
    trial = driver.start(budget=None, source=Source.IMPORT)
    driver.end(trial, losses=(0.0,))
    for _ in range(8):
        driver.open()
    assert driver.plan() == Wait()
    odd = driver.start(budget=7, source=Source.QUEUE)
    assert [driver.report(odd, step, 1.0) for step in range(1, 10)] == [Decision.CONTINUE] * 9


def test_fresh_levels_take_new_trials_after_the_first_round():
    driver, budgets = Driver(Hyperband(promotion=True, fresh=True), NINE), []
    for _ in range(60):
        number = driver.open()
        budgets.append((driver.trials[number].budget, driver.trials[number].attempt > 1))
        run_to_budget(driver, number, float(number))
    first, later = budgets[:22], budgets[22:]
    assert (
        first
        == [(1, False)] * 9
        + [(3, True)] * 3
        + [(9, True)]
        + [(3, False)] * 5
        + [(9, True)]
        + [(9, False)] * 3
    )
    assert (
        later[:22]
        == [(1, False)] * 9
        + [(3, False)] * 3
        + [(9, False)]
        + [(3, False)] * 5
        + [(9, False)]
        + [(9, False)] * 3
    )


def test_the_stopping_form_shares_trials_among_ladders_by_their_sizes():
    driver = Driver(Hyperband(), NINE)
    for _ in range(170):
        driver.start()
    assert driver.plan() == Start(9)
    assert [driver.state.taken[k] for k in range(3)] == [90, 50, 30]
    bold = [n for n in range(170) if driver.state.homes.get(n) == 0]
    assert [driver.report(n, 1, float(i)) for i, n in enumerate(bold[:4])][-1] is Decision.STOP
    careful = [n for n in range(170) if driver.state.homes.get(n) == 2]
    assert {driver.report(n, 1, float(i)) for i, n in enumerate(careful)} == {Decision.CONTINUE}


@pytest.mark.parametrize("workers", [1, 4, 9])
@pytest.mark.parametrize("seed", range(3))
def test_levels_close_before_anybody_goes_on(seed, workers):
    """Held against the log: who is resumed was among the best of all that paused or ended at the level."""
    run = simulate(
        RandomSearcher(), zoo()["one float"], scheduler=Halving(n=9), fidelity=NINE, seed=seed,
        workers=workers, n_trials=45, watch=False, faults=NO_FAULTS,
    )  # fmt: skip
    loss, paused, resumed = {}, {}, {}
    for event in run.events:
        if isinstance(event, Reported):
            loss[event.number] = event.values[0]
        elif isinstance(event, Paused):
            paused.setdefault((event.number // 9, event.step), {})[event.number] = loss[event.number]
        elif isinstance(event, Resumed):
            level = paused[event.number // 9, event.budget / 3]
            assert len(level) == (9 if event.budget == 3 else 3), "the level below was not complete"
            order = sorted(level, key=lambda n, level=level: (level[n], n))
            place = resumed.setdefault((event.number // 9, event.budget), [])
            place.append(event.number)
            assert event.number == order[len(place) - 1]
    assert {key: len(place) for key, place in resumed.items()} == {
        (field, budget): count for field, (budget, count) in itertools.product(range(5), ((3, 3), (9, 1)))
    }


@pytest.mark.parametrize("scheduler", [Halving(), Hyperband(promotion=True)])
def test_with_faults_all_trials_come_and_some_reach_the_top(scheduler):
    run = simulate(
        RandomSearcher(), zoo()["one float"], scheduler=scheduler, fidelity=NINE, seed=3,
        workers=4, n_trials=80, watch=False, faults=FAULTS,
    )  # fmt: skip
    assert sum(isinstance(event, Created) for event in run.events) == 80
    assert sum(isinstance(event, Reported) and event.step == 9 for event in run.events) >= 4
