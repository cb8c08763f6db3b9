"""One line a scheduler, and ASHA held against a naive re-computation of the paper from the log."""

import math

import pytest

from tunesmith.record.assignment import Decision, Start
from tunesmith.record.event import Created, Paused, Reported, Resumed
from tunesmith.record.fidelity import Fidelity
from tunesmith.schedule.asha import ASHA
from tunesmith.schedule.combine import CombinedScheduler
from tunesmith.schedule.curve import CurveStop
from tunesmith.schedule.freeze_thaw import FreezeThaw
from tunesmith.schedule.halving import Halving
from tunesmith.schedule.hyperband import Hyperband
from tunesmith.schedule.median import Median
from tunesmith.schedule.none import NoScheduler
from tunesmith.schedule.patience import Patience
from tunesmith.schedule.pbt import PBT
from tunesmith.schedule.percentile import Percentile
from tunesmith.schedule.replay import PBTReplay
from tunesmith.schedule.threshold import Threshold
from tunesmith.schedule.wilcoxon import Wilcoxon
from tunesmith.search.random import RandomSearcher
from tunesmith.testing.scheduler_laws import SchedulerLaws
from tunesmith.testing.simulate import ALL_FAULTS, NO_FAULTS, simulate
from tunesmith.testing.toys import curves
from tunesmith.testing.zoo import zoo

FIDELITY = Fidelity("epoch", 1, 27, 3)
RUNGS = (1, 3, 9, 27)


class TestNone(SchedulerLaws):
    scheduler = NoScheduler


class TestStoppingASHA(SchedulerLaws):
    scheduler = ASHA


class TestPromotingASHA(SchedulerLaws):
    scheduler = ASHA(promotion=True)


class TestMedian(SchedulerLaws):
    scheduler = Median(n_startup=2)


class TestPercentile(SchedulerLaws):
    scheduler = Percentile(percentile=40, n_startup=3, warmup=1, interval=2)


class TestPatience(SchedulerLaws):
    scheduler = Patience(patience=2, min_delta=0.05)


class TestThreshold(SchedulerLaws):
    scheduler = Threshold(high=2.0)


class TestWilcoxon(SchedulerLaws):
    scheduler = Wilcoxon
    n_trials = 20


class TestThawing(SchedulerLaws):
    scheduler = FreezeThaw(n_startup=3, candidates=8)
    n_trials = 6


class TestStoppingByModel(SchedulerLaws):
    scheduler = FreezeThaw(promotion=False, n_startup=3, candidates=8)
    n_trials = 6


class TestHalving(SchedulerLaws):
    scheduler = Halving


class TestSmallHalving(SchedulerLaws):
    scheduler = Halving(n=5, eta=2)


class TestPromotingHyperband(SchedulerLaws):
    scheduler = Hyperband(promotion=True)


class TestStoppingHyperband(SchedulerLaws):
    scheduler = Hyperband


class TestFreshHyperband(SchedulerLaws):
    scheduler = Hyperband(promotion=True, fresh=True, low=9)


class TestCombined(SchedulerLaws):
    scheduler = CombinedScheduler((Threshold(high=2.0), ASHA(promotion=True), Patience(3)))


class TestOddRungs(SchedulerLaws):
    scheduler = ASHA(promotion=True, low=2, high=25, eta=2)


class TestPBT(SchedulerLaws):
    scheduler = PBT(population=8, interval=3)


class TestSynchronousPBT(SchedulerLaws):
    scheduler = PBT(population=6, interval=4, quantile=0.34, synchronous=True)


class TestReplayOfASchedule(SchedulerLaws):
    scheduler = PBTReplay(
        [
            {"start": 0, "end": 6, "params": {}, "trial": 0, "reported": 6},
            {"start": 6, "end": 13, "params": {}, "trial": 4, "reported": 14},
            {"start": 13, "end": 27, "params": {}, "trial": 9, "reported": 27},
        ]
    )


class TestPopulationOfTwo(SchedulerLaws):
    scheduler = PBT(population=2)


class TestCurve(SchedulerLaws):
    scheduler = CurveStop(chance=0.2, startup=3)  # eager, so that much is stopped
    n_trials = 16


def simulated(promotion, seed, workers=4, faults=ALL_FAULTS, n_trials=60):
    return simulate(
        RandomSearcher(),
        zoo()["one float"],
        scheduler=ASHA(promotion=promotion),
        fidelity=FIDELITY,
        seed=seed,
        workers=workers,
        faults=faults,
        n_trials=n_trials,
        watch=False,
    )


@pytest.mark.parametrize("workers", [1, 4, 9])
@pytest.mark.parametrize("seed", range(4))
def test_promotions_are_those_of_algorithm_2(seed, workers):
    run = simulated(True, seed, workers)
    results = {budget: {} for budget in RUNGS}  # rung -> trial -> loss there
    promoted = {budget: set() for budget in RUNGS}
    last = {}

    def get_job():
        for k in reversed(range(len(RUNGS) - 1)):
            rung = results[RUNGS[k]]
            top = sorted(rung, key=lambda n: (rung[n], n))[: len(rung) // 3]
            for number in top:
                if number not in promoted[RUNGS[k]]:
                    return number, RUNGS[k + 1]
        return None

    resumed = 0
    for event in run.events:
        if isinstance(event, Reported):
            last[event.number] = event
        elif isinstance(event, Paused):
            loss = last[event.number].values[0]
            results[last[event.number].step][event.number] = math.inf if math.isnan(loss) else loss
        elif isinstance(event, Resumed):
            assert get_job() == (event.number, event.budget)
            before = RUNGS[RUNGS.index(event.budget) - 1]
            assert event.number not in promoted[before], "promoted twice to one rung"
            promoted[before].add(event.number)
            resumed += 1
        elif isinstance(event, Created) and event.source == "searcher":
            assert event.budget == RUNGS[0]
            assert get_job() is None, "a new trial was started while another had earned its promotion"
    assert resumed > 8


@pytest.mark.parametrize("workers", [1, 4, 9])
@pytest.mark.parametrize("seed", range(4))
def test_stops_are_those_of_the_stopping_form(seed, workers):
    run = simulated(False, seed, workers)
    rungs = {budget: {} for budget in RUNGS}
    stops = 0
    for position, event in enumerate(run.events, start=1):
        if not isinstance(event, Reported):
            continue
        _, decision = run.decisions[position]
        if event.step not in rungs:
            assert decision is Decision.CONTINUE
            continue
        rung = rungs[event.step]
        rung.setdefault(event.number, event.values[0])
        keep = len(rung) // 3
        best = sorted(rung, key=lambda n: (rung[n], n))[:keep]
        goes_on = keep == 0 or event.number in best or event.step == RUNGS[-1]
        assert decision is (Decision.CONTINUE if goes_on else Decision.STOP), (event, keep)
        stops += not goes_on
    assert stops > 8


def test_without_a_largest_budget_the_stopping_form_runs_to_the_end_of_the_objective():
    problem = simulated(False, 0).spec.problem
    plan = ASHA(low=2).plan(ASHA(low=2).init(problem), 0)
    assert isinstance(plan, Start)


@pytest.mark.parametrize("promotion", [False, True])
def test_asha_finds_good_configurations_with_fewer_steps(promotion):
    """Steps until a trial of the best 5 % is measured at full budget, summed over 20 studies.

    The sums are of 20 independent studies with fixed seeds: it fails when code changes, never by chance.
    """
    steps = {}
    toy = curves(27)
    for scheduler in (NoScheduler(), ASHA(promotion=promotion)):
        total = 0
        for seed in range(20):
            run = simulate(
                RandomSearcher(),
                toy.space,
                scheduler=scheduler,
                fidelity=toy.fidelity,
                seed=seed,
                workers=4,
                n_trials=150,
                watch=False,
                faults=NO_FAULTS,
                objective=lambda t: (t["x"] - 0.7) ** 2,
            )
            total += _until(run, target=0.025**2)
        steps[type(scheduler).__name__] = total
    assert steps["ASHA"] < 0.7 * steps["NoScheduler"], steps


def _until(run, target):
    params, steps = {}, 0
    for event in run.events:
        if isinstance(event, Created):
            params[event.number] = event.params
        elif isinstance(event, Reported):
            steps += 1
            if event.step == 27 and (params[event.number]["x"] - 0.7) ** 2 <= target:
                return steps
    return steps
