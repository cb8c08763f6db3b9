"""Rungs: budgets at which trials are compared, and the trials that have climbed to them.

A ladder is one set of rungs. Trials either run on past a rung while they are among the best 1/eta of what was
seen there, or pause at it until they are. A trial that reports past several rungs at once stands on the last
of them. Ladders are values; each change costs O(log m) comparisons of the m results of one rung.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from tunesmith.record.assignment import Decision, Resume
from tunesmith.record.persistent import Table
from tunesmith.record.trial import PAUSED, RUNNING, Trial
from tunesmith.schedule._order import Order, Result, order_for, result_of

_SLACK = 1.0 + 1e-9  # by which a product of floats may miss a budget


def reached(budgets: Sequence[float], step: float) -> int:
    """The highest rung that a step has reached, -1 for none."""
    return bisect_right(budgets, step * _SLACK) - 1


def within(budget: float, step: float) -> bool:
    """Whether a step has reached a budget."""
    return budget <= step * _SLACK


def used_up(trial: Trial, top: float) -> bool:
    """Whether the trial has used its budget, and there is a larger one."""
    budget, step = trial.budget, trial.step * _SLACK
    return budget is not None and budget <= step < top


class Seat(NamedTuple):
    """Where a trial stands: the rung, with which result, and whether it is waiting there."""

    rung: int
    result: Result
    open: bool = True


class Ladder(NamedTuple):
    """`next`: of each rung the trial to be promoted from it, None when none has earned it."""

    budgets: tuple[float, ...]
    eta: int
    rungs: tuple[Order, ...]
    next: tuple[int | None, ...]
    seats: Table[Seat]

    @classmethod
    def of(cls, budgets: Sequence[float], eta: int, objectives: int) -> Ladder:
        """An empty one."""
        count = len(budgets)
        nobody: tuple[int | None, ...] = (None,) * count
        return cls(tuple(budgets), eta, (order_for(objectives),) * count, nobody, Table())

    def passed(self, trial: Trial) -> Ladder:
        """After a report of a running trial: it stands on the rung that it has reached, if that is new."""
        place = reached(self.budgets, trial.step)
        if place < 0:
            return self
        seat = self.seats.get(trial.number)
        if seat is not None and seat.rung >= place:
            return self
        result = result_of(trial)
        rung = self.rungs[place].plus(result, open_=False)
        return self._replace(
            rungs=(*self.rungs[:place], rung, *self.rungs[place + 1 :]),
            seats=self.seats.put(trial.number, Seat(place, result, False)),
        )

    def goes_on(self, trial: Trial) -> bool:
        """Whether a trial that was told by `passed` is good enough to run on, or was not to be judged now."""
        place = reached(self.budgets, trial.step)
        before = trial.reports[-2].step if len(trial.reports) > 1 else 0
        if place < 0 or place == len(self.budgets) - 1 or reached(self.budgets, before) == place:
            return True
        seat = self.seats.get(trial.number)
        if seat is None or seat.rung != place:
            return True
        keep = self.rungs[place].size // self.eta
        return keep == 0 or self.rungs[place].leads(seat.result, keep)

    def climbed(self, trial: Trial) -> Ladder:
        """After a trial was paused, or resumed: it waits on the rung that it has reached, or has left it."""
        seat = self.seats.get(trial.number)
        if trial.state is RUNNING and seat is not None and seat.open:
            rung = self.rungs[seat.rung].taken(seat.result)
            return self._changed(seat.rung, rung, seat._replace(open=False))
        if trial.state is PAUSED and trial.losses is not None:
            place = reached(self.budgets, trial.step)
            if place >= 0 and (seat is None or seat.rung < place):
                result = result_of(trial)
                return self._changed(place, self.rungs[place].plus(result), Seat(place, result))
        return self

    def _changed(self, place: int, rung: Order, seat: Seat) -> Ladder:
        following = rung.next(rung.size // self.eta)
        return self._replace(
            rungs=(*self.rungs[:place], rung, *self.rungs[place + 1 :]),
            next=(*self.next[:place], following, *self.next[place + 1 :]),
            seats=self.seats.put(seat.result.number, seat),
        )

    def pauses(self, trial: Trial) -> Decision:
        """What to say of a running trial where trials pause at rungs."""
        return Decision.PAUSE if used_up(trial, self.budgets[-1]) else Decision.CONTINUE

    def promotion(self) -> Resume | None:
        """The trial to be resumed next, from the top rung down; None when none has earned it."""
        for place in range(len(self.budgets) - 2, -1, -1):
            number = self.next[place]
            if number is not None:
                return Resume(number, self.budgets[place + 1])
        return None
