"""Hyperband (Li et al. 2018, JMLR 18, algorithm 1): brackets of successive halving from bold to careful.

s_max = floor(log_eta(high / low)). Bracket s has n = ceil((s_max + 1) / (s + 1) * eta^s) trials that begin
with high / eta^s; s runs from s_max down to 0, and then again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.persistent import Table
from tunesmith.record.problem import Problem
from tunesmith.record.trial import RUNNING, WAITING, Source, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._brackets import Brackets, Shape
from tunesmith.schedule._rungs import Ladder
from tunesmith.schedule.asha import check_rungs
from tunesmith.schedule.halving import bracket_rungs, pausing


class Ladders(NamedTuple):
    """The stopping form: a ladder for each bracket, how many trials each has, and on which each trial is."""

    ladders: tuple[Ladder, ...]
    sizes: tuple[int, ...]
    taken: tuple[int, ...]
    homes: Table[int] = Table()

    def limited(self, n_trials: int | None) -> Ladders:  # noqa: ARG002
        """The same: its ladders take whoever comes."""
        return self

    def told(self, trial: Trial) -> Ladders:
        """After something happened to a trial."""
        which = self.homes.get(trial.number)
        if which is None:
            new = trial.state in (RUNNING, WAITING) and trial.source is not Source.IMPORT
            return self._joined(trial.number) if new else self
        if trial.state is not RUNNING or not trial.reports:
            return self
        ladder = self.ladders[which].passed(trial)
        if ladder is self.ladders[which]:
            return self
        return self._replace(ladders=(*self.ladders[:which], ladder, *self.ladders[which + 1 :]))

    def retired(self, number: int) -> bool:  # noqa: ARG002
        """Nothing pauses here."""
        return False

    def _joined(self, number: int) -> Ladders:
        """On the ladder that has the smallest part of its size."""
        shares = [taken / size for taken, size in zip(self.taken, self.sizes, strict=True)]
        which = shares.index(min(shares))
        taken = tuple(count + (i == which) for i, count in enumerate(self.taken))
        return self._replace(taken=taken, homes=self.homes.put(number, which))

    def goes_on(self, trial: Trial) -> bool:
        """Whether the trial is good enough for its ladder."""
        which = self.homes.get(trial.number)
        return which is None or self.ladders[which].goes_on(trial)


State = Brackets | Ladders


@dataclass(frozen=True, slots=True)
class Hyperband(Scheduler[State]):
    """Runs brackets of successive halving that begin with ever larger budgets, in turn.

    Choose it when it is not known how much early reports say about the end: its bold brackets are as fast as
    `halving`, its careful ones do not depend on the first steps. With `promotion` trials pause at each level
    and the best are resumed, all in step; free workers go on with the next bracket. It asks for objectives
    that yield, return at `trial.budget`, or start again from a checkpoint. Without it trials run, each on the
    rungs of its bracket, and are stopped there unless they are among the best 1/eta seen (as the stopping
    form of `asha`). Feasible trials are before infeasible ones, several objectives are ranked by
    non-domination.

    Args:
        promotion: which form.
        low, high, eta: the budgets, high / eta^k not below low; None takes them from the study's fidelity.
        fresh: with `promotion`, after the first round the later levels take new trials, which a searcher
            makes out of the best of the level below (as in DEHB, Awad et al. 2021, IJCAI), and nothing is
            resumed.

    Raises:
        SettingError: for settings out of range, and without a largest budget.
    """

    promotion: bool = False
    low: float | None = None
    high: float | None = None
    eta: int | None = None
    fresh: bool = False
    pauses: bool = field(init=False, repr=False, compare=False)

    objectives = None

    def __post_init__(self) -> None:
        check_rungs("Hyperband", self.low, self.high, self.eta)
        object.__setattr__(self, "pauses", self.promotion)
        if self.fresh and not self.promotion:
            raise SettingError("fresh=True fills the levels of brackets that pause: give promotion=True too")

    def init(self, problem: Problem) -> State:
        budgets, eta = bracket_rungs("hyperband", problem, self.low, self.high, self.eta)
        goals, top = len(problem.objectives), len(budgets) - 1
        sizes = [-(-(top + 1) * eta**s // (s + 1)) for s in range(top, -1, -1)]
        if not self.promotion:
            ladders = tuple(Ladder.of(budgets[k:], eta, goals) for k in range(top + 1))
            return Ladders(ladders, tuple(sizes), (0,) * (top + 1))
        shapes = tuple(
            Shape(tuple(budgets[k:]), tuple(n // eta**i for i in range(top + 1 - k)), self.fresh)
            for k, n in enumerate(sizes)
        )
        return Brackets(shapes, eta, goals, problem.n_trials)

    def limited(self, state: State, n_trials: int | None) -> State:
        return state.limited(n_trials)

    def retired(self, state: State, number: int) -> bool:
        return state.retired(number)

    def budgets(self, problem: Problem) -> list[float]:
        """The budgets of the levels."""
        return bracket_rungs("hyperband", problem, self.low, self.high, self.eta)[0]

    def tell(self, state: State, trial: Trial) -> State:
        return state.told(trial)

    def decide(self, state: State, trial: Trial) -> Decision:
        if isinstance(state, Brackets):
            return pausing(state, trial)
        return Decision.CONTINUE if state.goes_on(trial) else Decision.STOP

    def plan(self, state: State, number: int) -> Plan:  # noqa: ARG002
        if isinstance(state, Brackets):
            return state.plan() or Start(state.shape(state.turn).budgets[0])
        return Start(state.ladders[0].budgets[-1])
