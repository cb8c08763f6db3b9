"""A history as seen at each budget: its rows are trials as they were when they had come so far.

What learns from complete trials alone learns from such a history unchanged, and compares like with like.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.fidelity import bracket_budgets
from tunesmith.record.history import History
from tunesmith.record.persistent import Table
from tunesmith.record.problem import Problem
from tunesmith.record.trial import COMPLETE, FAILED, PAUSED, Trial
from tunesmith.search._base import Ask

_SLACK = 1.0 + 1e-9


def check_chosen(random: float, n_startup: int | None) -> None:
    """Raises SettingError for settings out of range, of `AtBudgets.chosen`."""
    if n_startup is not None:
        _check.integer("n_startup", n_startup, 2)
    if not 0.0 <= _check.number("random", random) <= 1.0:
        raise SettingError(f"random is a share and must lie between 0 and 1, got {random!r}")


class AtBudgets(NamedTuple):
    """`whole`: the history as it is. `rungs`: one for each of the budgets, which rise. `seats`: the highest
    rung at which each trial was counted."""

    budgets: tuple[float, ...]
    eta: int
    whole: History
    rungs: tuple[History, ...]
    seats: Table[int]

    @classmethod
    def of(cls, problem: Problem, name: str) -> AtBudgets:
        """Before the first trial. Raises SettingError without a fidelity."""
        fidelity = problem.fidelity
        if fidelity is None:
            raise SettingError(
                f"{name} learns from small budgets and must know them: give fidelity=, such as "
                "ts.Fidelity('epoch', 1, 81)"
            )
        budgets = tuple(bracket_budgets(fidelity.low, fidelity.high, fidelity.eta))
        rungs = tuple(History.empty(problem) for _ in budgets)
        return cls(budgets, fidelity.eta, History.empty(problem), rungs, Table())

    def tell(self, trial: Trial) -> AtBudgets:
        """After a trial was created, paused or finished."""
        state = self._replace(whole=self.whole.tell(trial))
        if not (trial.state is PAUSED or trial.state.finished):
            return state
        seat = self.seats.get(trial.number)
        first = 0 if seat is None else seat + 1
        rungs, steps = list(self.rungs), [report.step * _SLACK for report in trial.reports]
        last = bisect_right(self.budgets, steps[-1]) - 1 if steps else -1
        for place in range(first, last + 1):
            report = trial.reports[bisect_left(steps, self.budgets[place])]
            there = trial._replace(state=COMPLETE, values=report.values, losses=report.losses, reports=())
            rungs[place] = rungs[place].tell(there)
        following = max(first, last + 1)
        if trial.state is COMPLETE and following < len(rungs):
            last = self._ended(trial)  # it told what it came to without reports
            for place in {last} if last >= following else set():
                rungs[place] = rungs[place].tell(trial._replace(reports=()))
        elif trial.state is FAILED and following < len(rungs):  # on its way to this one
            rungs[following] = rungs[following].tell(trial._replace(reports=()))
        last = max(last, first - 1)
        seats = self.seats if last < 0 else self.seats.put(trial.number, last)
        return state._replace(rungs=tuple(rungs), seats=seats)

    def _ended(self, trial: Trial) -> int:
        """The rung at which the result of a complete trial counts: the whole budget, if it had no other."""
        return len(self.budgets) - 1 if trial.budget is None or trial.reports else self.at(trial.budget)

    def at(self, budget: float | None) -> int:
        """The rung of a budget; None is the last one."""
        if budget is None:
            return len(self.budgets) - 1
        return max(bisect_right(self.budgets, budget * _SLACK) - 1, 0)

    def chosen(self, ask: Ask, name: str, random: float, n_startup: int | None) -> History | None:
        """The history to model for a proposal; None for one that is to be random, or too early."""
        if ask.rng.uniform(f"{name}/random") < random:
            return None
        return self.informed(n_startup or len(ask.space.dims) + 3)

    def informed(self, least: int) -> History | None:
        """The history at the largest budget at which at least so many trials have a loss; None for none."""
        for history in reversed(self.rungs):
            if history.n >= least and np.count_nonzero(~np.isnan(history.losses).any(axis=1)) >= least:
                return history
        return None
