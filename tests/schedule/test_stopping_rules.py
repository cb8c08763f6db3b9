"""Rules that only stop: what they stop, and above all what they must not."""

import math

import numpy as np
import pytest
from hands import Driver

import tunesmith as ts
from tunesmith.record.assignment import Decision
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.trial import Source

GO, STOP, PAUSE = Decision.CONTINUE, Decision.STOP, Decision.PAUSE


def field(scheduler, losses, **settings):
    """A driver with trials that have reported these losses at step 1."""
    driver = Driver(scheduler, **settings)
    for loss in losses:
        driver.report(driver.start(), 1, loss)
    return driver


@pytest.mark.parametrize(("loss", "decision"), [(3.0, GO), (3.5, STOP), (math.nan, STOP), (-1.0, GO)])
def test_median_stops_who_is_worse_than_most(loss, decision):
    driver = field(ts.Median(), [1.0, 2.0, 3.0, 4.0, 5.0])
    assert driver.report(driver.start(), 1, loss) is decision


def test_median_looks_at_the_best_so_far_and_at_the_same_step():
    driver = field(ts.Median(n_startup=3), [1.0, 2.0, 3.0])
    for number in range(3):
        driver.report(number, 2, 0.5)
    mine = driver.start()
    assert driver.report(mine, 1, 0.1) is GO
    assert driver.report(mine, 2, 9.0) is GO, "its best by step 2 is 0.1"
    assert driver.report(mine, 3, 9.0) is GO, "nobody else has been there"


@pytest.mark.parametrize(
    "rule", [ts.Median(n_startup=6), ts.Median(warmup=1), ts.Percentile(99.0), ts.Median(interval=2)]
)
def test_who_is_spared(rule):
    driver = field(rule, [1.0, 2.0, 3.0, 4.0, 5.0])
    mine = driver.start()
    steps = [0.5, 1] if rule == ts.Median(interval=2) else [1]
    decisions = [driver.report(mine, step, 4.5) for step in steps]
    assert decisions[-1] is GO


def test_percentile_is_a_share_of_the_others():
    others = [float(i) for i in range(1, 101)]
    for percentile, last_kept in ((25.0, 26.0), (50.0, 51.0), (80.0, 81.0)):
        driver = field(ts.Percentile(percentile), others)
        assert driver.report(driver.start(), 1, last_kept - 0.5) is GO
        driver = field(ts.Percentile(percentile), others)
        assert driver.report(driver.start(), 1, last_kept + 0.5) is STOP


def test_infeasible_trials_are_behind_feasible_ones():
    driver = field(ts.Median(n_startup=3), [1.0, 2.0, 3.0])
    assert driver.report(driver.start(), 1, 0.0, constraints={"c": 0.5}) is STOP
    driver = Driver(ts.Median(n_startup=3))
    for _ in range(3):
        driver.report(driver.start(), 1, 0.0, constraints={"c": 0.5})
    assert driver.report(driver.start(), 1, 9.0) is GO


def test_several_objectives_are_ranked_by_fronts():
    driver = Driver(ts.Median(n_startup=3), objectives=2)
    for i in range(4):
        driver.report(driver.start(), 1, float(i), 3.0 - i)
    assert driver.report(driver.start(), 1, 0.5, 5.0) is STOP
    assert driver.report(driver.start(), 1, -1.0, 9.0) is GO, "best in one of them"


def test_at_the_end_of_its_budget_nobody_is_stopped():
    driver = field(ts.Median(), [1.0, 2.0, 3.0, 4.0, 5.0], fidelity=Fidelity("epoch", 1, 1))
    assert driver.report(driver.start(), 1, 9.0) is GO


def test_patience_counts_reports_without_progress():
    driver = Driver(ts.Patience(patience=2, min_delta=0.1))
    assert driver.curve(driver.start(), 1.0, 0.95, 0.8, 0.79, 0.75) == [GO, GO, GO, GO, STOP]
    assert driver.curve(driver.start(), math.nan, math.inf, 3.0, 2.0, 1.0) == [GO] * 2 + [GO] * 3
    driver = Driver(ts.Patience(patience=1, warmup=3))
    assert driver.curve(driver.start(), 1.0, 1.0, 1.0, 1.0) == [GO, GO, GO, STOP]


def test_patience_takes_progress_in_any_objective_or_constraint():
    driver = Driver(ts.Patience(patience=1), objectives=2)
    mine = driver.start()
    curve = [(1.0, 1.0), (2.0, 0.5), (0.9, 2.0), (3.0, 3.0)]
    assert [driver.report(mine, s, *v) for s, v in enumerate(curve, 1)] == [GO, GO, GO, STOP]
    mine = driver.start()
    broken = [driver.report(mine, s, 1.0, 1.0, constraints={"c": 1.0 - s / 10}) for s in range(1, 5)]
    assert broken == [GO] * 4


def test_threshold():
    driver = Driver(ts.Threshold(low=-1.0, high=10.0, warmup=1))
    assert driver.curve(driver.start(), 99.0, 10.0, -1.0, 10.5) == [GO, GO, GO, STOP]
    assert driver.curve(driver.start(), 0.0, math.nan) == [GO, STOP]
    driver = Driver(ts.Threshold(high=1.0, objective="goal1"), objectives=2)
    assert driver.report(driver.start(), 1, 5.0, 0.5) is GO
    assert driver.report(driver.start(), 1, 0.0, 1.5) is STOP


def test_threshold_is_of_values_as_the_user_gives_them():
    def train(trial):
        for epoch in range(1, 4):
            trial.report(5.0 * epoch, step=epoch)
        return 1.0

    study = ts.tune(
        train, {"x": ts.Float(0, 1)}, n_trials=2, direction="maximize", scheduler=ts.Threshold(high=9.0)
    )
    assert [t.state.value for t in study.trials] == ["STOPPED"] * 2
    assert [t.step for t in study.trials] == [2, 2]


def raced(rule, best, mine, **settings):
    """The decisions on `mine` after a complete trial that reported `best`."""
    driver = Driver(rule, **settings)
    rival = driver.start()
    driver.curve(rival, *best)
    driver.end(rival, losses=(float(np.mean(best)),))
    return driver.curve(driver.start(), *mine)


def test_wilcoxon_needs_enough_pairs_and_then_stops():
    best = [0.1 * i for i in range(10)]
    found = raced(ts.Wilcoxon(), best, [value + 0.05 for value in best])
    # after n of 10 pairs 0.1 ln(1 + 1.718 n / 10) of the level may be spent, and p is 2^-n
    assert found.index(STOP) == 4
    found = raced(ts.Wilcoxon(level=0.2), best, [value + 0.05 for value in best])
    assert found.index(STOP) == 3


def test_wilcoxon_never_stops_a_better_mean():
    best = [1.0] * 10
    mine = [1.1] * 4 + [-50.0] + [1.1] * 5  # worse nearly everywhere, and better on average
    assert STOP not in raced(ts.Wilcoxon(level=0.5), best, mine)[4:]


def test_wilcoxon_stops_what_is_no_number():
    """It is as bad as can be, as everywhere; two of them are alike."""
    best = [0.3 + 0.1 / (k + 1) for k in range(30)]
    assert STOP in raced(ts.Wilcoxon(), best, [math.nan] * 30)
    assert STOP not in raced(ts.Wilcoxon(), [math.nan] * 30, [math.nan] * 30)
    assert STOP not in raced(ts.Wilcoxon(), [math.nan] * 30, best)


def test_wilcoxon_compares_folds_by_themselves():
    """Running means are what is reported; the race is on each fold's own value."""
    own_best, own_mine = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.1, 1.1] * 4

    def means(values):
        return (np.cumsum(values) / np.arange(1, 9)).tolist()

    fidelity = Fidelity("fold", 1, 8, fold=1)
    driver = Driver(ts.Wilcoxon(level=0.2), fidelity=fidelity)
    rival = driver.start()
    driver.curve(rival, *means(own_best))
    driver.end(rival)
    assert driver.curve(driver.start(), *means(own_mine)).index(STOP) == 3
    state = driver.state.rivals[0].values
    assert [round(state[step][0], 9) for step in range(1, 9)] == own_best


def test_wilcoxon_has_no_rival_that_is_infeasible_while_a_feasible_one_is_there():
    driver = Driver(ts.Wilcoxon())
    for constraints, loss in (({}, 1.0), ({"c": 1.0}, 0.0)):
        number = driver.start()
        for step in range(1, 9):
            driver.report(number, step, loss, constraints=constraints)
        driver.end(number)
    assert STOP not in driver.curve(driver.start(), *[0.5] * 8)
    assert [rival.result.number for rival in driver.state.rivals] == [0]


def test_wilcoxon_stops_what_a_trial_of_the_front_beats_in_everything():
    driver = Driver(ts.Wilcoxon(level=0.4), objectives=2)
    for values in ((0.0, 1.0), (1.0, 0.0)):
        number = driver.start()
        for step in range(1, 11):
            driver.report(number, step, *values)
        driver.end(number)
    worse, between = driver.start(), driver.start()
    assert STOP in [driver.report(worse, s, 1.5, 0.5) for s in range(1, 11)]
    assert STOP not in [driver.report(between, s, 0.5, 0.5) for s in range(1, 11)]


def test_imported_trials_are_no_rivals_without_reports():
    driver = Driver(ts.Wilcoxon())
    driver.end(driver.start(source=Source.IMPORT), losses=(0.0,))
    assert driver.curve(driver.start(), *[1.0] * 9) == [GO] * 9


class TestCombined:
    def test_who_stops_wins_and_who_pauses_plans(self):
        fidelity = Fidelity("epoch", 1, 9)
        rule = ts.combine(ts.Threshold(high=5.0), ts.ASHA(promotion=True), "patience")
        driver = Driver(rule, fidelity=fidelity)
        assert driver.plan() == ts.Start(1)
        assert driver.report(driver.start(), 1, 1.0) is PAUSE
        assert driver.report(driver.start(), 1, 9.0) is STOP
        assert (rule.pauses, rule.ends, rule.objectives) == (True, False, None)

    def test_names_lists_and_records(self):
        made = ts.combine("asha", ts.Threshold(high=10.0))
        assert made == ts.CombinedScheduler((ts.ASHA(), ts.Threshold(high=10.0)))

        def train(trial):
            for _ in range(9):
                yield 20.0 * trial["x"]

        settings = {"fidelity": ts.Fidelity("epoch", 1, 9), "seed": 0, "n_trials": 9}
        study = ts.tune(train, {"x": ts.Float(0, 1)}, scheduler=["asha", ts.Threshold(high=10.0)], **settings)
        assert study.cursor.scheduler == ts.CombinedScheduler(
            (ts.ASHA(promotion=True), ts.Threshold(high=10.0))
        )
        assert {t.state.value for t in study.trials if t.params["x"] > 0.5} == {"STOPPED"}

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: ts.combine("asha", "tpe"), "searchers or schedulers"),
            (lambda: ts.combine("asha", ts.RandomSearcher()), "searchers or schedulers"),
            (lambda: ts.combine("asha", "median", then="tpe"), "for searchers"),
            (lambda: ts.combine(ts.ASHA(promotion=True), "halving"), "both pause"),
            (lambda: ts.CombinedScheduler((ts.ASHA(),)), "two schedulers or more"),
            (lambda: ts.create_study({"x": ts.Float(0, 1)}, scheduler=[]), "is empty"),
            (lambda: ts.Threshold(), "needs a limit"),
            (lambda: ts.Threshold(low=2.0, high=1.0), "no value lies between"),
            (lambda: Driver(ts.Threshold(high=1.0, objective="loss")), "name one"),
            (lambda: ts.Percentile(100.0), "between 0 and 100"),
            (lambda: ts.Median(warmup=-1), "must not be negative"),
            (lambda: ts.Patience(patience=0), "at least 1"),
            (lambda: ts.Wilcoxon(level=1.0), "between 0 and 1"),
            (lambda: Driver(ts.Halving()), "largest budget"),
            (lambda: ts.Hyperband(fresh=True), "promotion=True"),
            (lambda: ts.ASHA(low=0), "more than 0"),
            (lambda: Driver(ts.ASHA(low=100), Fidelity("epoch", 1, 9)), "run from low to high"),
            (lambda: ts.ASHA(low=9, high=3), "run from low to high, got 9 > 3"),
            (lambda: Driver(ts.ASHA(high=81), Fidelity("epoch", 1, 27)), "beyond the fidelity"),
            (lambda: Driver(ts.Halving(high=81), Fidelity("epoch", 1, 27)), "beyond the fidelity"),
            (lambda: ts.Fidelity("seconds", 1, 9), "budgets measure"),
            (lambda: ts.create_study(scheduler=["bohb", "asha"]), r"BOHBSearcher\(\), and ts.Hyperband"),
            (lambda: ts.create_study(scheduler=["asha", "pb2"]), "searcher='pb2', and 'pbt' among"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_sentence(self, make, words):
        with pytest.raises(ts.SettingError, match=words):
            make()
