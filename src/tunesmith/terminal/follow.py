"""Following a study as its log grows: what a view needs, at a cost that does not grow with the study."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from tunesmith.analysis.importance import importances
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.schedule._base import Rungs, Scheduler
from tunesmith.space.space import Space
from tunesmith.terminal.front import FrontSoFar
from tunesmith.terminal.snapshot import Best, Row, Snapshot, eta
from tunesmith.terminal.spark import staircase

_RECENT = 200  # durations that the ETA looks at
_SAMPLE = 1000  # trials that importances are computed from, at most
_SLOWLY = 5.0  # seconds between looks at what is dearer than a glance
_SOON = 0.5  # and at the beginning, when every trial is news
_POINTS = 30  # of the best value's trend
_COMMON = 30  # trials that must all have a parameter for it to get a column


_Ages = Sequence[tuple[float, float | None]]


class Follower:
    """A study's course so far. `take` what the ledger holds, under the lock of whoever moves it; then ask
    for a `snapshot`, which needs no lock.
    """

    def __init__(self, name: str, problem: Problem, scheduler: Scheduler[Any] | None = None) -> None:
        self._name, self._problem = name, problem
        self._rungs: list[float] = scheduler.budgets(problem) if isinstance(scheduler, Rungs) else []
        self._seen = 0
        self._open: set[int] = set()
        self._ended = 0
        self._infeasible = 0
        self._best: Trial | None = None
        self._ago = 0
        self._improved: list[tuple[int, float]] = []
        self._front = FrontSoFar(problem)
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self._desks: dict[int, int] = {}  # trial number -> the worker's place in the view
        self._since: dict[int, tuple[int, float]] = {}  # trial number -> attempt, and when it was first seen
        self._running: list[Trial] = []
        self._reporting = False
        self._counts = dict.fromkeys(TrialState, 0)
        self._total: int | None = None
        self._began = time.monotonic()
        self._looked = float("-inf")
        self._due = False
        self._sample: Sequence[Trial] = ()
        self._space: Space | None = None
        self._importances: tuple[tuple[str, float], ...] | None = None
        self._columns: tuple[str, ...] = ()

    @property
    def best(self) -> Trial | None:
        """The best complete trial, of one objective."""
        return self._best

    def take(self, ledger: Ledger) -> list[Trial]:
        """Take in what is new in the ledger; the trials that have ended since, in the order of their ends."""
        trials = ledger.trials
        ended = []
        for number in [*self._open, *range(self._seen, len(trials))]:
            trial = trials[number]
            if trial.state.finished:
                ended.append(trial)
                self._open.discard(number)
            else:
                self._open.add(number)
        self._seen = len(trials)
        ended.sort(key=lambda trial: (trial.finished or 0.0, trial.number))
        for trial in ended:
            self._count(trial)
        self._running = [trials[number] for number in sorted(ledger.running)]
        self._reporting = self._reporting or any(trial.reports for trial in (*ended, *self._running))
        self._counts = dict(ledger.states)
        self._total = ledger.n_trials
        now = time.monotonic()
        self._due = now - self._looked >= min(_SLOWLY, _SOON + (now - self._began) / 4)
        if self._due:
            stride = max(1, -(-len(trials) // _SAMPLE))
            self._sample = trials[stride - 1 :: stride]
            self._space = ledger.space
        return ended

    def snapshot(self, *, workers: int | None = None, total: int | None = None, note: str = "") -> Snapshot:
        """The study as it was last taken. `workers`: how many there are; by default as many as are at work.

        `total`: of this run, where that is not the study's.
        """
        fresh = self._due
        if fresh:
            self._look_closer()
        now = time.time()
        rows = self._rows(now, workers or 0)
        total = self._total if total is None else total
        done = sum(self._counts[state] for state in self._counts if state.finished)
        busy = len(self._running)
        ages = [(row.age, _rest(row)) for row in rows if row.number is not None]
        single = self._problem.single
        return Snapshot(
            name=self._name,
            done=done,
            total=total,
            objective=self._problem.objectives[0].name,
            lower=self._problem.signs[0] > 0,
            running=busy,
            failed=self._counts[TrialState.FAILED],
            stopped=self._counts[TrialState.STOPPED],
            paused=self._counts[TrialState.PAUSED],
            waiting=self._counts[TrialState.WAITING],
            infeasible=self._infeasible,
            best=self._best_so_far(now) if single else None,
            front=None if single else self._front.summed(self._ended, fresh=fresh),
            eta=self._left(total, done, ages, workers),
            rows=rows,
            reporting=self._reporting,
            columns=self._columns,
            importances=self._importances,
            note=note,
        )

    def _left(self, total: int | None, done: int, ages: _Ages, workers: int | None) -> float | None:
        """Seconds to go; None where nobody can say, as when nobody is at work."""
        if total is None or (not ages and not workers):
            return None
        return eta(total - done - len(ages), ages, self._durations, max(len(ages), workers or 0))

    def _count(self, trial: Trial) -> None:
        self._ended += 1
        self._ago += 1
        if trial.duration is not None and trial.source is not Source.IMPORT and trial.attempt == 1:
            self._durations.append(trial.duration)  # a pause, or a lost worker, is no work
        if trial.state is not TrialState.COMPLETE or trial.losses is None:
            return
        self._infeasible += trial.violation > 0
        if not self._problem.single:
            if trial.violation == 0:
                self._front.take(trial, self._ended)
            return
        best = self._best
        if trial.value is None or trial.value != trial.value:
            return
        if best is None or _rank(trial) < _rank(best):
            if best is not None and best.violation > trial.violation == 0:
                self._improved.clear()  # what came before was never allowed
            self._best, self._ago = trial, 0
            self._improved.append((self._ended, trial.value))

    def _best_so_far(self, now: float) -> Best | None:
        best = self._best
        if best is None or best.value is None:
            return None
        return Best(
            number=best.number,
            value=best.value,
            ago=self._ago,
            age=None if best.finished is None else max(0.0, now - best.finished),
            params=best.params,
            trend=tuple(staircase(self._improved, self._ended, _POINTS)),
            feasible=best.violation == 0,
        )

    def _rows(self, now: float, workers: int) -> tuple[Row, ...]:
        """A row a worker: a trial keeps the place it got when it was first seen running."""
        running = {trial.number: trial for trial in self._running}
        self._desks = {number: desk for number, desk in self._desks.items() if number in running}
        self._since = {number: since for number, since in self._since.items() if number in running}
        taken = set(self._desks.values())
        free = iter(desk for desk in range(len(running) + len(taken)) if desk not in taken)
        for number, trial in running.items():
            if number not in self._desks:
                self._desks[number] = next(free)
            if self._since.get(number, (0, 0.0))[0] != trial.attempt:
                first = trial.started if trial.attempt == 1 and trial.started is not None else now
                self._since[number] = (trial.attempt, first)
        at = {desk: running[number] for number, desk in self._desks.items()}
        return tuple(
            self._row(desk, at[desk], now) if desk in at else Row(worker=desk)
            for desk in range(max([workers, *(desk + 1 for desk in at)]))
            if desk in at or desk < workers
        )

    def _row(self, desk: int, trial: Trial, now: float) -> Row:
        return Row(
            worker=desk,
            number=trial.number,
            params=trial.params,
            step=trial.step,
            budget=trial.budget,
            curve=tuple(report.value for report in trial.reports[-_SAMPLE:]),
            age=max(0.0, now - self._since[trial.number][1]),
            state=self._state(trial),
        )

    def _state(self, trial: Trial) -> str:
        if not self._rungs:
            return "running" if trial.attempt == 1 else f"attempt {trial.attempt}"
        passed = sum(budget <= trial.step for budget in self._rungs)
        many = f"/{len(self._rungs)}" if self._problem.fidelity is not None else ""
        return f"rung {passed}{many}"

    def _look_closer(self) -> None:
        """What costs milliseconds: importances, and the parameters that all trials have, in their order."""
        self._looked, self._due = time.monotonic(), False
        space, sample = self._space, self._sample
        if space is None:
            return
        shares = importances(sample, space)
        claims = any(shares.values())
        self._importances = tuple(shares.items()) if claims else () if shares else None
        names = [name for name in shares if claims] + [p.name for p in space.parameters]
        recent = [trial.params for trial in (*self._running, *sample[-_COMMON:]) if trial.params]
        self._columns = tuple(n for n in dict.fromkeys(names) if all(n in params for params in recent))


def _rest(row: Row) -> float | None:
    """How long the trial would run on at its pace so far, if nobody stops it."""
    if row.budget is None or not row.step:
        return None
    return row.age * max(0, row.budget - row.step) / row.step


def _rank(trial: Trial) -> tuple[float, float]:
    return (trial.violation, trial.losses[0] if trial.losses else float("inf"))
