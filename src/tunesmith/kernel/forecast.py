"""How long a trial will run, and what it will use, from what others have: a pure function of the log."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.numeric.duration import Durations
from tunesmith.record.ledger import Ledger
from tunesmith.record.spent import Stint
from tunesmith.record.trial import Trial

_ENOUGH = 3  # stints of several reports, before those of one are left out


class _Pace(NamedTuple):
    """Seconds a step, or in all, by configuration; and what comes once an attempt."""

    model: Durations
    once: float
    by_steps: bool  # whether the model has the number of steps as its last coordinate


class Forecast:
    """What is to be expected of trials, as far as the ledger tells. Models are fitted when they are asked."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._closed = -1
        self._space: object = None
        self._rows: dict[int, list[float]] = {}
        self._pace: _Pace | None = None

    def steps(self, trial: Trial) -> float | None:
        """How many steps more the trial will make, in the study's fidelity; None where there is none.

        Where a scheduler stops trials, few reach their budget: then it is what trials make on average.
        """
        fidelity, spent = self.ledger.problem.fidelity, self.ledger.spent
        if fidelity is None:
            return None
        budget = fidelity.high if trial.budget is None else trial.budget
        done = max(self.base(trial), trial.step)
        if spent.stopped:
            mean = max(spent.ended_steps / spent.ended, fidelity.low)
            return max(0.0, min(mean, budget) - done) or min(fidelity.low, max(0.0, budget - done))
        return max(0.0, budget - done)

    def base(self, trial: Trial, anew: bool = False) -> float:
        """The step from which the trial goes on; `anew`: in another process, from its checkpoint."""
        if trial.reports and not anew:
            return trial.step
        known = self.ledger.checkpoints
        found = known.get(trial.number) or (None if trial.parent is None else known.get(trial.parent))
        return found[0].step if found else 0

    def seconds(self, trial: Trial, anew: bool = False) -> float | None:
        """How long the trial will run from here, or `anew`; None while nothing is known."""
        pace = self._fitted()
        if pace is None:
            return None
        steps, row = self.steps(trial), self._row(trial)
        if pace.by_steps:
            reached = self.base(trial) + (steps or 0.0)
            return pace.model.at(np.array([*row, math.log(max(reached, 1e-9)) if steps is not None else 0.0]))
        each = pace.model.at(np.array(row))
        own = None if steps is None else self._own(trial.number)
        each = each if own is None else own
        if steps is None:
            return each
        return pace.once + each * (steps + self.base(trial) - self.base(trial, anew))

    def bound(self) -> float | None:
        """Seconds that hardly any trial takes; None while nothing is known."""
        spent, fidelity = self.ledger.spent, self.ledger.problem.fidelity
        if not spent.closed:
            return None
        high = 0.0 if fidelity is None else fidelity.high
        return 2.0 * max(spent.longest, spent.slowest * high)

    def _own(self, number: int) -> float | None:
        """Seconds a step of the trial itself, where it has shown them."""
        for stint in reversed(self.ledger.spent.stints):
            if stint.number == number and _several(stint):
                return _each(stint)
        return None

    def _fitted(self) -> _Pace | None:
        ledger = self.ledger
        if self._closed != ledger.spent.closed or self._space is not ledger.space:
            if self._space is not ledger.space:
                self._rows.clear()
            self._closed, self._space = ledger.spent.closed, ledger.space
            self._pace = self._fit(list(ledger.spent.stints))
        return self._pace

    def _fit(self, stints: list[Stint]) -> _Pace | None:
        reporting = [stint for stint in stints if stint.first is not None]
        counting = self.ledger.problem.fidelity is not None
        several = [stint for stint in reporting if _several(stint)]
        if counting and (len(several) >= _ENOUGH or (several and len(several) == len(reporting))):
            points = np.array([self._row(self._trial(s)) for s in several])
            model = Durations.fitted(points, np.array([_each(s) for s in several]))
            once = sorted(_once(stint) for stint in several)
            return _Pace(model, once[len(once) // 4], by_steps=False)  # some start a process, most do not
        if counting:
            found = [s for s in stints if s.first is not None or s.whole]
            ends = [s.last or s.budget or self._high() for s in found]
            rows = [
                [*self._row(self._trial(s)), math.log(max(end, 1e-9))]
                for s, end in zip(found, ends, strict=True)
            ]
        else:
            found = [stint for stint in stints if stint.whole]
            rows = [self._row(self._trial(stint)) for stint in found]
        if not found:
            return None
        model = Durations.fitted(np.array(rows), np.array([stint.seconds for stint in found]))
        return _Pace(model, 0.0, by_steps=counting)

    def _high(self) -> float:
        fidelity = self.ledger.problem.fidelity
        return 1.0 if fidelity is None else fidelity.high

    def _trial(self, stint: Stint) -> Trial:
        return self.ledger.trials[stint.number]

    def _row(self, trial: Trial) -> list[float]:
        """The trial's unit row; unknown where it does not fit the space as it is known by now."""
        row = self._rows.get(trial.number)
        if row is None:
            try:
                row = list(self.ledger.space.encode(trial.params))
            except SpaceError:
                row = [math.nan] * len(self.ledger.space.center)
            if trial.number < len(self.ledger.trials):  # others are but proposed
                self._rows[trial.number] = row
        return row


def _several(stint: Stint) -> bool:
    return stint.first is not None and stint.last is not None and stint.last > stint.first


def _each(stint: Stint) -> float:
    return stint.between / ((stint.last or 0) - (stint.first or 0))


def _once(stint: Stint) -> float:
    """What the attempt took beside its steps."""
    made = (stint.first or 0) - stint.base
    return max(0.0, stint.lead - made * _each(stint)) + (stint.tail if stint.whole else 0.0)
