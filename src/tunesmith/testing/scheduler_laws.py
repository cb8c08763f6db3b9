"""The laws of schedulers as a test class: one line a method.

    class TestASHA(SchedulerLaws):
        scheduler = ASHA

The checks are plain functions of a `Simulation`, for use outside of pytest too.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import pytest

from tunesmith import api, presets
from tunesmith.errors import SettingError
from tunesmith.kernel.advance import Fold
from tunesmith.record.assignment import Decision, Resume, Start, Wait
from tunesmith.record.event import Created, Paused, Reported, Resumed
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.trial import TrialState
from tunesmith.schedule._base import Scheduler
from tunesmith.search.random import RandomSearcher
from tunesmith.space import Space
from tunesmith.testing.simulate import ALL_FAULTS, NO_FAULTS, Faults, Simulation, simulate, through_json
from tunesmith.testing.zoo import zoo

_SPACES = zoo()
BROKEN = replace(ALL_FAULTS, broken=0.4)
FIDELITY = Fidelity("epoch", 1, 27, 3)
FRACTION = Fidelity("share", 1.5, 27.0, 3)
FOLDS = Fidelity("epoch", 1, 27, 3, fold=3)


def _answers(fold: Fold) -> tuple[Any, ...]:
    """All that a scheduler can be asked at one position: its plan, and a decision on each running trial."""
    ledger = fold.ledger
    plan = fold.scheduler.plan(fold.schedule_state, len(ledger.trials))
    trials = [ledger.trials[number] for number in sorted(ledger.running)]
    running = [trial for trial in trials if trial.reports]
    return plan, tuple(fold.scheduler.decide(fold.schedule_state, trial) for trial in running)


def check_fold(simulation: Simulation, full: int = 8) -> None:
    """Rebuilt from the log at any position, through JSON, the scheduler answers the same."""
    events = through_json(simulation.events)
    walker, answers = simulation.fold(0), []
    for event in events:
        walker.advance((event,))
        answers.append(_answers(walker))
        decided = simulation.decisions.get(walker.ledger.position)
        if decided is not None:
            number, decision = decided
            trial = walker.ledger.trials[number]
            assert walker.scheduler.decide(walker.schedule_state, trial) is decision
    for position in range(1, len(events) + 1, max(1, len(events) // full)):
        assert _answers(simulation.fold(position)) == answers[position - 1]


def check_purity(simulation: Simulation) -> None:
    """Asked twice it answers alike, and states of the past answer as they did."""
    walker, kept = simulation.fold(0), []
    for event in simulation.events:
        walker.advance((event,))
        plan = walker.scheduler.plan(walker.schedule_state, len(walker.ledger.trials))
        trial = walker.ledger.trials[event.number]
        decision = walker.scheduler.decide(walker.schedule_state, trial) if trial.reports else None
        kept.append((walker.schedule_state, len(walker.ledger.trials), trial, plan, decision))
    for state, number, trial, plan, decision in reversed(kept):
        assert simulation.scheduler.plan(state, number) == plan
        if decision is not None:
            assert simulation.scheduler.decide(state, trial) is decision


def check_plans(simulation: Simulation) -> None:
    """It resumes only what is paused, and further than before, nothing that it has retired, and never waits
    for nothing."""
    walker, retired = simulation.fold(0), set[int]()
    for event in (None, *simulation.events):
        if event is not None:
            if isinstance(event, Resumed):
                before = walker.ledger.trials[event.number]
                assert before.state is TrialState.PAUSED
                assert event.number not in retired
                assert event.budget is None or event.budget > before.step
                assert before.budget is not None
                assert event.budget is None or event.budget >= before.budget
            walker.advance((event,))
        ledger = walker.ledger
        scheduler, state = walker.scheduler, walker.schedule_state
        retired.update(number for number in ledger.paused if scheduler.retired(state, number))
        plan = scheduler.plan(state, len(ledger.trials))
        if isinstance(plan, Resume):
            assert plan.number in ledger.paused, f"trial {plan.number} is to be resumed and is not paused"
            assert plan.budget is None or plan.budget > ledger.trials[plan.number].step
        elif isinstance(plan, Wait):
            stuck = not (ledger.running or ledger.waiting)
            assert scheduler.ends or not stuck, "it waits, and nothing will ever happen"
        elif isinstance(plan, Start) and plan.parent is not None:
            parent = ledger.trials[plan.parent]
            over = parent.state.finished or parent.number in retired
            assert not over or parent.number in scheduler.parents(state)


def check_decisions(simulation: Simulation) -> None:
    """It pauses only when it says that it may, and what it stops or pauses reports no more."""
    halted: set[int] = set()
    for position, event in enumerate(simulation.events, start=1):
        if isinstance(event, Resumed):
            halted.discard(event.number)
        if isinstance(event, Reported):
            assert event.number not in halted
            _, decision = simulation.decisions[position]
            if decision is Decision.PAUSE:
                assert simulation.scheduler.pauses
            if decision is not Decision.CONTINUE:
                halted.add(event.number)


def check_all(simulation: Simulation) -> None:
    """All laws that one simulation can show."""
    check_fold(simulation)
    check_purity(simulation)
    check_plans(simulation)
    check_decisions(simulation)


@lru_cache(maxsize=64)
def _simulated(
    scheduler: Scheduler[Any],
    workers: int,
    seed: int,
    faults: Faults,
    n_trials: int,
    objectives: int = 1,
    fidelity: Fidelity = FIDELITY,
) -> Simulation:
    return simulate(
        RandomSearcher(),
        _space(),
        scheduler=scheduler,
        workers=workers,
        seed=seed,
        fidelity=fidelity,
        n_trials=n_trials,
        objectives={f"goal{i}": "maximize" if i else "minimize" for i in range(objectives)},
        watch=False,
        faults=faults,
    )


def _space() -> Space:
    return _SPACES["two parents"]


class SchedulerLaws:
    """What every scheduler promises (`tunesmith.Scheduler`), checked on simulated studies."""

    scheduler: ClassVar[Any]  # a class whose settings all have defaults, or an instance
    n_trials: ClassVar[int] = 30  # of each simulated study; fewer for schedulers whose answers take long

    def made(self) -> Scheduler[Any]:
        """The scheduler under test."""
        found: Scheduler[Any] = self.scheduler() if isinstance(self.scheduler, type) else self.scheduler
        return found

    def _run(self, workers: int, seed: int, faults: Faults, *more: Any) -> Simulation:
        return _simulated(self.made(), workers, seed, faults, self.n_trials, *more)

    @pytest.mark.parametrize("faulty", [False, True], ids=["well", "faulty"])
    @pytest.mark.parametrize("workers", [1, 4, 9])
    @pytest.mark.parametrize("seed", range(3))
    def test_laws(self, seed: int, workers: int, faulty: bool) -> None:
        check_all(self._run(workers, seed, ALL_FAULTS if faulty else NO_FAULTS))

    @pytest.mark.parametrize("workers", [1, 4, 9])
    @pytest.mark.parametrize("count", [2, 3])
    def test_several_objectives(self, count: int, workers: int) -> None:
        most = self.made().objectives
        if most is not None and count > most:
            goals = {f"goal{i}": "minimize" for i in range(count)}
            with pytest.raises(SettingError):
                api.create_study(_space(), objectives=goals, scheduler=self.made(), fidelity=FIDELITY)
            return
        check_all(self._run(workers, 7, ALL_FAULTS, count))

    @pytest.mark.parametrize(
        ("fidelity", "workers"), [(FRACTION, 1), (FRACTION, 9), (FOLDS, 4)], ids=["1", "9", "folds"]
    )
    def test_budgets_that_are_no_steps(self, fidelity: Fidelity, workers: int) -> None:
        check_all(self._run(workers, 3, ALL_FAULTS, 1, fidelity))

    @pytest.mark.parametrize(("count", "workers"), [(1, 1), (1, 9), (2, 4)])
    def test_constraints_that_are_broken_on_the_way(self, count: int, workers: int) -> None:
        most = self.made().objectives
        if most is None or count <= most:
            check_all(self._run(workers, 5, BROKEN, count))

    def test_all_trials_come_to_an_end(self) -> None:
        found = self._run(4, 1, NO_FAULTS)
        fold = found.fold()
        assert not fold.ledger.running
        assert found.exhausted <= found.scheduler.ends
        assert found.exhausted or sum(isinstance(event, Created) for event in found.events) == self.n_trials
        paused = sum(isinstance(event, Paused) for event in found.events)
        assert bool(paused) == found.scheduler.pauses or not paused

    def test_settings_survive_the_record(self) -> None:
        scheduler = self.made()
        record = presets.record(scheduler)
        again = presets.scheduler_from(json.loads(json.dumps(record)))
        assert again == scheduler
        assert presets.record(again) == record
