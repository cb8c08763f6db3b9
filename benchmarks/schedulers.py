"""`python -m benchmarks schedulers`: what decisions of schedulers cost, and how busy they keep a large
cluster.

A cluster is simulated: workers, a heap of events in simulated time, log-normal durations (a factor a trial,
another an epoch). The scheduler is told of every event as the kernel would tell it, and asked after it; what
that takes is CPU time of this process. Nothing else of Tunesmith runs, so that the figures are the
scheduler's.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click

from tunesmith.record.assignment import Decision, Start, Wait
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule.asha import ASHA
from tunesmith.schedule.halving import Halving
from tunesmith.schedule.hyperband import Hyperband
from tunesmith.schedule.median import Median
from tunesmith.schedule.patience import Patience
from tunesmith.schedule.percentile import Percentile

CASES: dict[str, Scheduler[Any]] = {
    "asha, stopping": ASHA(),
    "asha, promotion": ASHA(promotion=True),
    "hyperband, stopping": Hyperband(),
    "hyperband, promotion": Hyperband(promotion=True),
    "halving": Halving(),
    "median": Median(),
    "percentile": Percentile(),
    "patience": Patience(),
}
MOST_US, LEAST_BUSY = 50.0, 0.95
_SLOW_TRIALS, _SLOW_EPOCHS = 0.5, 0.2  # spreads of the logarithms of durations
_NOISE = 0.1


class Figures(NamedTuple):
    """`decisions`: reports decided upon, and trials opened. `busy`: share of the workers' time while there
    was anything to start, `busy_in_all`: until the last trial had ended."""

    trials: int
    epochs: int
    decisions: int
    seconds: float
    busy: float
    busy_in_all: float

    @property
    def each_us(self) -> float:
        """CPU time of a decision, what it is told included, in microseconds."""
        return 1e6 * self.seconds / max(self.decisions, 1)


@dataclass(slots=True)
class Cluster:
    """Workers in simulated time, and one study without a store."""

    scheduler: Scheduler[Any]
    workers: int
    n_trials: int
    fidelity: Fidelity
    objectives: int = 1
    seed: int = 0
    trials: list[Trial] = field(default_factory=list)
    heap: list[tuple[float, int, int]] = field(default_factory=list)  # when, which event, which trial
    idle: int = 0
    seconds: float = 0.0
    decisions: int = 0
    epochs: int = 0
    count: int = 0

    def run(self) -> Figures:
        """From the first trial to the end of the last one."""
        goals = {f"goal{i}": "minimize" for i in range(self.objectives)}
        problem = Problem(
            objectives=parse_objectives(None, goals),
            space=None,
            fidelity=self.fidelity,
            n_trials=self.n_trials,
        )
        chance = random.Random(self.seed)
        state = self.scheduler.init(problem)
        quality: list[tuple[float, ...]] = []
        speed: list[float] = []
        now = busy = idle_time = full_until = full_idle = 0.0
        self.idle = self.workers
        while True:
            state, exhausted = self._open(state, chance, quality, speed, now)
            if not exhausted:
                full_until, full_idle = now, idle_time
            if not self.heap:
                break
            at, _, number = heapq.heappop(self.heap)
            idle_time += self.idle * (at - now)
            busy += (self.workers - self.idle) * (at - now)
            now = at
            state, ended = self._report(state, chance, quality[number], number)
            if ended:
                self.idle += 1
            else:
                self._push(now, number, speed[number], chance)
        whole = busy / (self.workers * now) if now else 1.0
        full = 1.0 - full_idle / (self.workers * full_until) if full_until else whole
        return Figures(len(self.trials), self.epochs, self.decisions, self.seconds, full, whole)

    def _open(
        self, state: Any, chance: random.Random, quality: list[Any], speed: list[float], now: float
    ) -> tuple[Any, bool]:
        """Put free workers to work; whether the trials are used up."""
        while self.idle:
            begun = time.process_time()
            plan = self.scheduler.plan(state, len(self.trials))
            self.seconds += time.process_time() - begun
            if isinstance(plan, Wait):
                return state, False
            if isinstance(plan, Start):
                if len(self.trials) >= self.n_trials:
                    return state, True
                trial = Trial(len(self.trials), TrialState.RUNNING, {}, budget=plan.budget, attempt=1)
                self.trials.append(trial)
                quality.append(tuple(chance.random() for _ in range(self.objectives)))
                speed.append(chance.lognormvariate(0.0, _SLOW_TRIALS))
            else:
                before = self.trials[plan.number]
                trial = before._replace(
                    state=TrialState.RUNNING, budget=plan.budget, attempt=before.attempt + 1
                )
            state = self._tell(state, trial)
            self.decisions += 1
            self.idle -= 1
            self._push(now, trial.number, speed[trial.number], chance)
        return state, False

    def _push(self, now: float, number: int, speed: float, chance: random.Random) -> None:
        self.count += 1
        heapq.heappush(
            self.heap, (now + speed * chance.lognormvariate(0.0, _SLOW_EPOCHS), self.count, number)
        )

    def _report(
        self, state: Any, chance: random.Random, quality: Sequence[float], number: int
    ) -> tuple[Any, bool]:
        """An epoch has ended; whether the worker is free now."""
        trial = self.trials[number]
        step = int(trial.step) + 1
        self.epochs += 1
        losses = tuple(q + 1.0 / step + _NOISE * chance.random() for q in quality)
        trial = trial._replace(reports=(*trial.reports, Report(step, losses, losses, {})))
        state = self._tell(state, trial)
        begun = time.process_time()
        decision = self.scheduler.decide(state, trial)
        self.seconds += time.process_time() - begun
        self.decisions += 1
        ends = {Decision.PAUSE: TrialState.PAUSED, Decision.STOP: TrialState.STOPPED}
        end = ends.get(decision, TrialState.COMPLETE if step >= self.fidelity.high else None)
        if end is not None:
            state = self._tell(state, trial._replace(state=end, losses=losses, values=losses))
        return state, end is not None

    def _tell(self, state: Any, trial: Trial) -> Any:
        self.trials[trial.number] = trial
        begun = time.process_time()
        state = self.scheduler.tell(state, trial)
        self.seconds += time.process_time() - begun
        return state


@click.command("schedulers")
@click.option("--workers", type=int, default=1_000, show_default=True)
@click.option("--trials", type=int, default=100_000, show_default=True)
@click.option("--high", type=int, default=81, show_default=True, help="Epochs of a whole training.")
@click.option("--objectives", type=int, default=1, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(CASES)), help="This one; may be repeated.")
def schedulers(workers: int, trials: int, high: int, objectives: int, only: tuple[str, ...]) -> None:
    """Cost of decisions, and utilisation of a simulated cluster."""
    click.echo(f"{workers} workers, {trials} trials of up to {high} epochs, {objectives} objective(s)")
    click.echo(
        f"{'scheduler':22} {'epochs':>9} {'µs a decision':>14} {'µs a trial':>11} {'busy':>7} {'in all':>7}"
    )
    for name in only or CASES:
        fidelity = Fidelity("epoch", 1, high, 3)
        found = Cluster(CASES[name], workers, trials, fidelity, objectives).run()
        a_trial = 1e6 * found.seconds / max(found.trials, 1)
        met = ""
        if name.startswith("asha") and objectives == 1:
            good = found.each_us <= MOST_US and found.busy >= LEAST_BUSY
            met = f"  bar of {MOST_US:g} µs and {LEAST_BUSY:.0%}: {'met' if good else 'NOT met'}"
        click.echo(
            f"{name:22} {found.epochs:9d} {found.each_us:14.1f} {a_trial:11.1f} {found.busy:7.1%} "
            f"{found.busy_in_all:7.1%}{met}"
        )
