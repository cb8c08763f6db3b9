"""Results of trials in their order, the best first: feasible before infeasible ones, those by violation.

With one objective the feasible go by their loss, with several by front (non-domination), and where only a
part of a front is wanted by an epsilon net of it (Schmucker et al. 2021, arXiv:2106.12639, section 3), of a
large front by crowding (the same section, as NSGA-II). A
result is *open* until it is taken: promoted, or never to be promoted. All are values.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.pareto import beaten, crowding, epsilon_net
from tunesmith.record.persistent import Line
from tunesmith.record.trial import Trial

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Bools = NDArray[np.bool_]

_COVERED = 4096  # members times those wanted, up to which a front is covered by an epsilon net


class Result(NamedTuple):
    """What a trial had come to at a step: sorts by violation, losses and number. NaN counts as infinite."""

    violation: float
    losses: tuple[float, ...]
    number: int
    step: float = 0


def result_of(trial: Trial) -> Result:
    """What the trial's last report says; of one without reports what it returned."""
    losses = trial.reports[-1].losses if trial.reports else trial.losses or ()
    if any(loss != loss for loss in losses):
        losses = tuple(math.inf if loss != loss else loss for loss in losses)
    return Result(trial.violation if trial.constraints else 0.0, losses, trial.number, trial.step)


class Order(Protocol):
    """Results that were added."""

    @property
    def size(self) -> int:
        """How many."""

    def plus(self, result: Result, open_: bool = True) -> Order:
        """With one more."""

    def taken(self, result: Result) -> Order:
        """This one is open no more, and counts as before."""

    def leads(self, result: Result, count: int) -> bool:
        """Whether this one, which was added, is among the best `count`."""

    def next(self, count: int) -> int | None:
        """The number of the best open one, None unless it is among the best `count` of all."""

    def best(self, count: int) -> list[int]:
        """The numbers of the open ones among the best `count` of all, best first."""

    def worse(self, result: Result) -> int:
        """How many would be better than this one, whether it was added or not."""


def order_for(objectives: int) -> Order:
    """Nothing yet, of so many objectives."""
    return Single() if objectives == 1 else Several()


class Single(NamedTuple):
    """With one objective: O(log n) comparisons an answer."""

    all: Line = Line()
    open: Line = Line()

    @property
    def size(self) -> int:
        return self.all.size

    def plus(self, result: Result, open_: bool = True) -> Single:
        return Single(self.all.plus(result), self.open.plus(result) if open_ else self.open)

    def taken(self, result: Result) -> Single:
        return Single(self.all, self.open.minus(result))

    def leads(self, result: Result, count: int) -> bool:
        return count > 0 and self.all.before(result) < count

    def next(self, count: int) -> int | None:
        if not self.open.size or count <= 0:
            return None
        first = self.open.chunks[0][0]
        return first[2] if self.all.before(first) < count else None

    def best(self, count: int) -> list[int]:
        return [item[2] for item in self.open.first(count) if self.all.before(item) < count]

    def worse(self, result: Result) -> int:
        return self.all.before((result.violation, result.losses))


class Front(NamedTuple):
    """Results of which none dominates another."""

    losses: Floats  # (members, objectives)
    numbers: Numbers
    open: Bools

    def part(self, which: Bools) -> Front:
        """Those of its members."""
        return Front(self.losses[which], self.numbers[which], self.open[which])

    def plus(self, other: Front) -> Front:
        """With the members of another one."""
        return Front(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


class Several(NamedTuple):
    """With several objectives: to add costs a few array operations of the size of a front."""

    fronts: tuple[Front, ...] = ()
    feasible: int = 0
    broken: Single = Single()

    @property
    def size(self) -> int:
        return self.feasible + self.broken.size

    def plus(self, result: Result, open_: bool = True) -> Several:
        if result.violation > 0.0:
            return self._replace(broken=self.broken.plus(result, open_))
        losses = np.array([result.losses])
        moving = Front(losses, np.array([result.number]), np.array([open_]))
        fronts, place = list(self.fronts), self._place(losses)
        # Whoever is dominated by those that come moves on to the next front (Li et al. 2017, IEEE
        # Trans. Cybern. 47: efficient non-domination level update)
        while len(moving.numbers):
            if place == len(fronts):
                fronts.append(moving)
                break
            there = fronts[place]
            leave = beaten(there.losses, moving.losses)
            fronts[place] = there.part(~leave).plus(moving)
            moving = there.part(leave)
            place += 1
        return self._replace(fronts=tuple(fronts), feasible=self.feasible + 1)

    def taken(self, result: Result) -> Several:
        if result.violation > 0.0:
            return self._replace(broken=self.broken.taken(result))
        place = self._place(np.array([result.losses]))
        front = self.fronts[place]
        closed = front._replace(open=front.open & (front.numbers != result.number))
        return self._replace(fronts=(*self.fronts[:place], closed, *self.fronts[place + 1 :]))

    def leads(self, result: Result, count: int) -> bool:
        if result.violation > 0.0:
            return self.broken.leads(result, count - self.feasible)
        place = self._place(np.array([result.losses]))
        before = sum(len(front.numbers) for front in self.fronts[:place])
        return result.number in self._chosen(self.fronts[place], count - before).numbers

    def next(self, count: int) -> int | None:
        left = count
        for front in self.fronts:
            if left <= 0:
                return None
            if front.open.any():
                chosen = self._chosen(front, left)
                if chosen.open.any():
                    return int(chosen.numbers[int(np.argmax(chosen.open))])
            left -= len(front.numbers)
        return self.broken.next(left)

    def best(self, count: int) -> list[int]:
        left = count
        found: list[int] = []
        for front in self.fronts:
            if left <= 0:
                return found
            chosen = self._chosen(front, left)
            found.extend(chosen.numbers[chosen.open].tolist())
            left -= len(front.numbers)
        return found + self.broken.best(left)

    def worse(self, result: Result) -> int:
        if result.violation > 0.0:
            return self.feasible + self.broken.worse(result)
        place = self._place(np.array([result.losses]))
        return sum(len(front.numbers) for front in self.fronts[:place])

    def _place(self, losses: Floats) -> int:
        """The first front of which no member dominates these losses."""
        low, high = 0, len(self.fronts)
        while low < high:
            middle = (low + high) // 2
            if beaten(losses, self.fronts[middle].losses)[0]:
                low = middle + 1
            else:
                high = middle
        return low

    def _chosen(self, front: Front, count: int) -> Front:
        """So many of a front, those that stand for it first."""
        if count <= 0:
            return front.part(np.zeros(len(front.numbers), dtype=np.bool_))
        order = np.lexsort((front.numbers, *front.losses.T[::-1]))
        ranked = Front(front.losses[order], front.numbers[order], front.open[order])
        if count >= len(order):
            return ranked
        if count * len(order) <= _COVERED:
            net = epsilon_net(ranked.losses, count)
        else:
            away = crowding(ranked.losses, np.zeros(len(order), dtype=np.intp))
            net = np.argsort(-away, kind="stable")[:count]
        return Front(ranked.losses[net], ranked.numbers[net], ranked.open[net])
