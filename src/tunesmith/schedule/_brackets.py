"""Brackets of synchronous successive halving: n trials with a small budget, the best of them with more, and
so on (Jamieson and Talwalkar 2016, AISTATS; Li et al. 2018, Hyperband, JMLR 18, algorithm 1).

A level is closed when all its trials have paused at its budget or ended, failed ones too; then the best go on
to the next one. Whatever a trial came to is compared at the budget of its level, with the same number of
others. Brackets are values; one that is done is forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

from tunesmith.record.assignment import Plan, Resume, Start
from tunesmith.record.persistent import Table
from tunesmith.record.trial import COMPLETE, PAUSED, RUNNING, WAITING, Source, Trial
from tunesmith.schedule._order import Order, Result, order_for, result_of
from tunesmith.schedule._rungs import within


class Shape(NamedTuple):
    """What a bracket is made of: the budget of each level and how many trials it takes.

    `fresh`: whether the later levels take new trials too, instead of the best of the level below.
    """

    budgets: tuple[float, ...]
    sizes: tuple[int, ...]
    fresh: bool = False

    def of(self, most: int, eta: int) -> Shape:
        """The same with at most so many trials in the first level."""
        if most >= self.sizes[0]:
            return self
        sizes, left = [], max(most, 1)
        for _ in self.budgets:
            sizes.append(left)
            left = max(left // eta, 1)
        return self._replace(sizes=tuple(sizes))


class Bracket(NamedTuple):
    """`level`: the one that runs; `expected`: how many trials it has; `begun` and `done`: of those.
    `queue`: trials to be resumed to it, the best first."""

    key: int
    shape: Shape
    expected: int
    results: Order
    level: int = 0
    begun: int = 0
    done: int = 0
    queue: tuple[int, ...] = ()

    @property
    def budget(self) -> float:
        """Of the level that runs."""
        return self.shape.budgets[self.level]

    @property
    def wanting(self) -> int:
        """How many new trials it takes."""
        return self.expected - self.begun if not self.level or self.shape.fresh else 0


class Home(NamedTuple):
    """The bracket of a trial, the level it was last counted at (-1: at none), and with what."""

    bracket: int
    level: int
    result: Result | None = None


class Brackets(NamedTuple):
    """All that are open. `turn`: how many were opened in the order that the scheduler gives; `created`: how
    many trials there are."""

    shapes: tuple[Shape, ...]  # in the order in which they take turns
    eta: int
    objectives: int
    n_trials: int | None
    open: tuple[Bracket, ...] = ()
    homes: Table[Home] = Table()
    opened: int = 0
    turn: int = 0
    created: int = 0

    def limited(self, n_trials: int | None) -> Brackets:
        """With another total of trials: first levels that it cannot fill any more are closed as they are."""
        state = self._replace(n_trials=n_trials)
        if n_trials is None:
            return state
        left = max(n_trials - self.created, 0)
        for bracket in self.open:
            if bracket.level:
                continue
            more = min(bracket.wanting, left)
            left -= more
            count = bracket.begun + more
            if count == bracket.expected:
                continue
            index = next(i for i, one in enumerate(state.open) if one.key == bracket.key)
            fewer = bracket._replace(shape=bracket.shape.of(count, self.eta), expected=count)
            state = state._closed(index, fewer)
        return state

    def shape(self, turn: int) -> Shape:
        """The shape whose turn it is; only after the first round `fresh` holds."""
        found = self.shapes[turn % len(self.shapes)]
        return found if turn >= len(self.shapes) else found._replace(fresh=False)

    def told(self, trial: Trial) -> Brackets:
        """After something happened to a trial."""
        newer = trial.number >= self.created
        state = self._replace(created=trial.number + 1) if newer else self
        return state._told(trial)

    def _told(self, trial: Trial) -> Brackets:
        home = self.homes.get(trial.number)
        state = trial.state
        if home is None:
            new = state in (RUNNING, WAITING) and not trial.reports
            return self._joined(trial) if new and trial.source is not Source.IMPORT else self
        index = next((i for i, one in enumerate(self.open) if one.key == home.bracket), None)
        if index is None:
            return self
        bracket = self.open[index]
        if state is RUNNING:
            if trial.number not in bracket.queue:
                return self
            queue = tuple(number for number in bracket.queue if number != trial.number)
            return self._with(index, bracket._replace(queue=queue, begun=bracket.begun + 1))
        if state is PAUSED or state.finished:
            return self._counted(index, bracket, home, trial)
        return self

    def plan(self) -> Plan | None:
        """What an open bracket can do with a free worker, the oldest first; None for nothing."""
        for bracket in self.open:
            if bracket.queue:
                return Resume(bracket.queue[0], bracket.budget)
        for bracket in self.open:
            if bracket.wanting > 0:
                return Start(bracket.budget)
        return None

    def retired(self, number: int) -> bool:
        """Whether a paused trial was left behind: its level is closed, and it is not among the best there."""
        home = self.homes.get(number)
        if home is None:
            return False
        bracket = next((one for one in self.open if one.key == home.bracket), None)
        return bracket is None or (home.level < bracket.level and number not in bracket.queue)

    def _joined(self, trial: Trial) -> Brackets:
        """A new trial belongs to the first bracket that takes one of its budget; else it opens one."""
        for index, bracket in enumerate(self.open):
            if bracket.wanting > 0 and bracket.budget == trial.budget:
                home = Home(bracket.key, bracket.level - 1)
                found = self._with(index, bracket._replace(begun=bracket.begun + 1))
                return found._replace(homes=found.homes.put(trial.number, home))
        for ahead in range(len(self.shapes)):
            shape = self.shape(self.turn + ahead)
            if shape.budgets[0] == trial.budget:
                return self._opened(shape, trial, 0 if ahead else 1)
        return self  # of a budget of its own: it runs to its end

    def _opened(self, shape: Shape, trial: Trial, turns: int) -> Brackets:
        if self.n_trials is not None:
            left = self.n_trials - trial.number - sum(bracket.wanting for bracket in self.open)
            shape = shape.of(left, self.eta)
        bracket = Bracket(self.opened, shape, shape.sizes[0], order_for(self.objectives), begun=1)
        return self._replace(
            open=(*self.open, bracket),
            homes=self.homes.put(trial.number, Home(self.opened, -1)),
            opened=self.opened + 1,
            turn=self.turn + turns,
        )

    def _counted(self, index: int, bracket: Bracket, home: Home, trial: Trial) -> Brackets:
        """A trial has come to the end of its level, or ended."""
        if home.level >= bracket.level:
            return self
        results = bracket.results
        result = None if trial.losses is None or trial.state not in (PAUSED, COMPLETE) else result_of(trial)
        if result is not None:  # a complete one needs no more
            results = results.plus(result, open_=trial.state is PAUSED)
        bracket = bracket._replace(results=results, done=bracket.done + 1)
        homes = self.homes.put(trial.number, Home(bracket.key, bracket.level, result))
        return self._replace(homes=homes)._closed(index, bracket)

    def _closed(self, index: int, bracket: Bracket) -> Brackets:
        """With the next level begun where this one is complete; without the bracket after its last one."""
        state = self
        while bracket.done == bracket.expected:
            level = bracket.level + 1
            if level == len(bracket.shape.budgets):
                return state._without(index)
            size, nothing = bracket.shape.sizes[level], order_for(state.objectives)
            best = [] if bracket.shape.fresh else bracket.results.best(size)
            expected = size if bracket.shape.fresh else len(best)
            bracket = bracket._replace(level=level, begun=0, done=0, expected=expected, results=nothing)
            if not expected:
                return state._without(index)
            state, bracket = state._queued(bracket, best)
        return state._with(index, bracket)

    def _queued(self, bracket: Bracket, best: list[int]) -> tuple[Brackets, Bracket]:
        """The best are to be resumed, but for those that have reported past the next budget already."""
        homes, queue = self.homes, []
        for number in best:
            home = homes.get(number)
            result = None if home is None else home.result
            if result is None or not within(bracket.budget, result.step):
                queue.append(number)
                continue
            homes = homes.put(number, Home(bracket.key, bracket.level, result))
            results = bracket.results.plus(result)
            bracket = bracket._replace(results=results, begun=bracket.begun + 1, done=bracket.done + 1)
        return self._replace(homes=homes), bracket._replace(queue=tuple(queue))

    def _with(self, index: int, bracket: Bracket) -> Brackets:
        return self._replace(open=(*self.open[:index], bracket, *self.open[index + 1 :]))

    def _without(self, index: int) -> Brackets:
        return self._replace(open=(*self.open[:index], *self.open[index + 1 :]))
