"""A loss over configurations and budgets, and what it is expected to be further on.

Trials that were run a part of the way are rows (x, s) of one Gaussian process, s = log(step / low) /
log(high / low) in [0, 1]: so what is cheap tells of what is dear, and how much is learnt (Swersky, Snoek and
Adams 2013, NIPS 26; Klein et al. 2017, AISTATS; Tiao et al. 2020, arXiv 2003.10865). Compared are values at
one budget only, the largest that any trial has reached: further on, where nothing was seen, a process is
as unsure of every configuration as of any other (Falkner, Klein and Hutter 2018, BOHB, ICML, model the
largest budget that tells enough, for the same reason).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.model.surrogate import ALL, Manner, Quantity, Surrogate, shapes, surrogate
from tunesmith.model.targets import finite
from tunesmith.model.terms import Improvement, given
from tunesmith.numeric.ehvi import tchebycheff
from tunesmith.numeric.warp import Reach
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.history import STATES, History
from tunesmith.record.trial import COMPLETE, PAUSED, STOPPED
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

ANCHORS = 5  # of the best rows, near which more are looked for

_COMPLETE, _STOPPED, _PAUSED = map(STATES.index, (COMPLETE, STOPPED, PAUSED))
_HELD = 32
_KEPT = 4
_SLACK = 1.0 + 1e-9  # by which a product of floats may miss a budget


def partial(history: History) -> bool:
    """Whether budgets tell trials apart: there is a fidelity, and some trials were run a part of the way."""
    fidelity = history.fidelity
    if fidelity is None or fidelity.low >= fidelity.high:
        return False
    rows = history.latest
    return bool(((history.states[rows] != _COMPLETE) & (history.steps[rows] > 0)).any())


def unfinished(history: History, space: Space) -> Floats:
    """The latest trials that were stopped or paused on their way (n, dims).

    What they come to may never be seen, and a trial beside them would be stopped as well: they count as if
    they still ran. Without that a process that is unsure of the end proposes the same corner over and over.
    """
    rows = history.latest
    states = history.states[rows]
    rows = rows[(states == _STOPPED) | (states == _PAUSED)][-_HELD:]
    found: Floats = history.units(space)[rows]
    return found


class Observed(NamedTuple):
    """`rows` of the history; the `losses` (n, objectives) of these trials at `shares` (n,) of the budget."""

    rows: Indices
    losses: Floats
    shares: Floats


def observed(history: History) -> Observed:
    """Each trial at every rung that it has reached, and at its last step."""
    notes: dict[int, Observed] = history.scratch.setdefault("budgets", {})
    found = notes.get(history.n)
    if found is None:
        while len(notes) >= _KEPT:
            del notes[next(iter(notes))]
        found = notes[history.n] = _observed(history)
    return found


def _observed(history: History) -> Observed:
    fidelity = history.fidelity
    objectives = history.losses.shape[1]
    rows: list[int] = []
    losses: list[tuple[float, ...]] = []
    steps: list[float] = []
    for row in history.latest.tolist():
        curve = {} if fidelity is None else _curve(history, row, fidelity)
        rows += [row] * len(curve)
        steps += curve
        losses += curve.values()
    if fidelity is None or not rows:
        return Observed(np.empty(0, dtype=np.intp), np.empty((0, objectives)), np.empty(0))
    return Observed(np.array(rows, dtype=np.intp), finite(np.array(losses)), share_of(fidelity, steps))


def _curve(history: History, row: int, fidelity: Fidelity) -> dict[float, tuple[float, ...]]:
    """The losses of a row's trial by step: at the rungs, the last ones reported by then, and at its end."""
    notes = history.scratch.setdefault("curves", {})
    found: dict[float, tuple[float, ...]] | None = notes.get(row)
    if found is None:
        trial = history.trial(row)
        found = {}
        if trial.losses is not None and not any(map(math.isnan, trial.losses)):
            end = fidelity.high if trial.state is COMPLETE or not trial.reports else trial.step
            steps = [report.step for report in trial.reports]
            for rung in fidelity.rungs():
                place = bisect_right(steps, rung * _SLACK) - 1
                if place >= 0 and rung < end and not any(map(math.isnan, trial.reports[place].losses)):
                    found[rung] = trial.reports[place].losses
            found[end] = trial.losses
        notes[row] = found
    return found


def share_of(fidelity: Fidelity, steps: Sequence[float]) -> Floats:
    """Where steps lie between the least and the largest budget, on a logarithmic scale: in [0, 1]."""
    found = np.log(np.maximum(steps, fidelity.low) / fidelity.low) / math.log(fidelity.high / fidelity.low)
    return np.asarray(np.minimum(found, 1.0))


def loss_by_budget(manner: Manner = ALL, weights: tuple[float, ...] = ()) -> Quantity:
    """The loss at any budget, minimised; of several objectives the augmented Tchebycheff norm."""

    def values(history: History) -> tuple[Indices, Floats]:
        found = observed(history)
        if not len(found.rows):
            return found.rows, np.empty(0)
        columns = [Reach.of(column)(column) for column in found.losses.T]
        if not weights:
            return found.rows, columns[0]
        return found.rows, tchebycheff(np.stack(columns, axis=1), np.array(weights))

    def tail(history: History) -> Floats:
        return observed(history).shares

    name = ("loss by budget", manner, weights)
    return Quantity(name, values, shapes(manner), trend=manner.trend, tail=tail)


class Horizon(NamedTuple):
    """What trials may be expected to come to at the largest budget that any has reached.

    `main`: the process; `rows` of the history, one a trial, with their `units`, the `means` of their losses
    there, and `feasible`.
    """

    main: Surrogate
    rows: Indices
    units: Floats
    means: Floats
    feasible: NDArray[np.bool_]

    @property
    def anchors(self) -> Floats:
        """The rows that are expected to be the best ones, feasible ones first."""
        found: Floats = self.units[np.lexsort((self.means, ~self.feasible))[:ANCHORS]]
        return found

    @property
    def best(self) -> float:
        """The least loss that is expected, of a feasible trial where there is one."""
        return float((self.means[self.feasible] if self.feasible.any() else self.means).min())

    def improvement(self, pending: Floats, normals: Floats, roughness: bool = True) -> Improvement:
        """The logarithm of what is gained below the least loss that any trial is expected to come to, or by
        a sample of what is pending (see `given`)."""
        rough, samples = given(self.main, pending, normals, roughness)
        return Improvement(rough, np.minimum(self.best, samples.min(axis=0, initial=np.inf)))


def horizon(
    history: History, space: Space, manner: Manner = ALL, weights: tuple[float, ...] = ()
) -> Horizon | None:
    """None while nothing was observed. `weights`: of several objectives."""
    main = surrogate(history, space, loss_by_budget(manner, weights))
    if main is None:
        return None
    rows = np.unique(observed(history).rows)
    units = history.units(space)[rows]
    means = main.process.predict(units).mean[:, 0]
    return Horizon(main, rows, units, means, history.violations[rows] <= 0.0)
