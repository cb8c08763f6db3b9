"""What a model learns from: one row an observation, as arrays, every loss minimised.

A row is appended when a trial pauses or finishes, so a trial that paused twice and completed has three
rows, each with the loss of its moment; `latest` picks the last of each. Columns share growing buffers:
appending costs O(1) and never copies what is there, and an older `History` stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.record.fidelity import Fidelity
from tunesmith.record.packed import Packed
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial, TrialState
from tunesmith.space.base import slope
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
T = TypeVar("T", bound=np.generic)
_START = 64

STATES = (TrialState.COMPLETE, TrialState.STOPPED, TrialState.PAUSED, TrialState.FAILED)
"""What the codes of `History.states` mean."""
_CODES = {state: code for code, state in enumerate(STATES)}


class _Columns:
    """The growing buffers behind histories. Rows before a history's length never change."""

    __slots__ = (
        "encoded",
        "fidelity",
        "filled",
        "limits",
        "losses",
        "n",
        "numbers",
        "rows",
        "scratch",
        "seconds",
        "signs",
        "slopes",
        "space",
        "states",
        "steps",
        "trials",
        "violations",
    )

    def __init__(self, signs: tuple[float, ...], fidelity: Fidelity | None) -> None:
        self.signs = signs
        self.fidelity = fidelity
        self.n = 0
        self.filled = 0  # so many rows of the columns are written
        self.trials: Packed[Trial] = Packed()
        self.losses: Floats = np.full((_START, len(signs)), np.nan)
        self.violations: Floats = np.zeros(_START)
        self.seconds: Floats = np.zeros(_START)
        # Of each outcome constraint: the first row that has it, and the column.
        self.limits: dict[str, tuple[int, Floats]] = {}
        self.steps: Floats = np.zeros(_START)
        self.states: NDArray[np.int8] = np.zeros(_START, dtype=np.int8)
        self.numbers: NDArray[np.int64] = np.zeros(_START, dtype=np.int64)
        self.space: Space | None = None  # what `rows` is encoded in, as far as `encoded`
        self.rows: Floats = np.empty((0, 0))
        self.encoded = 0
        # As `rows`, when asked for: the space, as far as which row, and the gradients.
        self.slopes: tuple[Space | None, int, Floats] = (None, 0, np.empty((0, 0)))
        self.scratch: dict[Any, Any] = {}

    def push(self, trial: Trial) -> None:
        self.trials.extend((trial,))
        self.n += 1

    def settle(self) -> _Columns:
        """Write what was pushed into the columns."""
        start, stop = self.filled, self.n
        if start == stop:
            return self
        while len(self.losses) < stop:
            self.losses = _grown(self.losses)
            self.violations = _grown(self.violations)
            self.seconds = _grown(self.seconds)
            self.steps = _grown(self.steps)
            self.states = _grown(self.states)
            self.numbers = _grown(self.numbers)
        nothing = (math.nan,) * self.losses.shape[1]
        fresh = list(islice(self.trials.since(start), stop - start))
        self.losses[start:stop] = [nothing if trial.losses is None else trial.losses for trial in fresh]
        self.violations[start:stop] = [trial.violation for trial in fresh]
        self.seconds[start:stop] = [trial.duration or 0.0 for trial in fresh]
        self._limit(fresh)
        self.steps[start:stop] = [trial.step for trial in fresh]
        self.numbers[start:stop] = [trial.number for trial in fresh]
        self.states[start:stop] = [_CODES[trial.state] for trial in fresh]
        self.filled = stop
        return self

    def _limit(self, fresh: Sequence[Trial]) -> None:
        """Write outcome constraints; NaN where a trial has told none."""
        size = len(self.losses)
        for row, trial in enumerate(fresh, start=self.filled):
            for name, value in trial.constraints.items():
                first, column = self.limits.get(name) or (row, np.full(size, math.nan))
                if len(column) < size:
                    column = np.concatenate([column, np.full(size - len(column), math.nan)])
                column[row] = value
                self.limits[name] = first, column

    def units(self, space: Space) -> Floats:
        """Unit rows of all trials in `space`; only rows not seen before are encoded."""
        if self.space is not space and self.space != space:  # a define-by-run space has grown
            self.rows = np.empty((_START, len(space.dims)))
            self.encoded = 0
        self.space = space
        while len(self.rows) < self.n:
            self.rows = _grown(self.rows)
        for index in range(self.encoded, self.n):  # by index: to walk to where the new ones begin is O(n)
            self.rows[index] = unit_row(space, self.trials[index].params)
        self.encoded = self.n
        return self.rows

    def gradients(self, space: Space) -> Floats:
        """Gradients of all trials in `space`; only rows not seen before are looked at."""
        known, done, slopes = self.slopes
        if known is not space and known != space:
            done, slopes = 0, np.empty((_START, len(space.dims)))
        while len(slopes) < self.n:
            slopes = _grown(slopes)
        for index in range(done, self.n):
            slopes[index] = unit_gradient(space, self.trials[index], self.signs[0])
        self.slopes = space, self.n, slopes
        return slopes

    def copy(self, n: int) -> _Columns:
        other = _Columns(self.signs, self.fidelity)
        for trial in self.trials[:n]:
            other.push(trial)
        return other


def _grown(buffer: NDArray[T]) -> NDArray[T]:
    bigger = np.empty((2 * len(buffer), *buffer.shape[1:]), dtype=buffer.dtype)
    bigger[: len(buffer)] = buffer
    return bigger


def unit_row(space: Space, params: Mapping[str, Any]) -> list[float]:
    """The unit row of params; NaN for what is inactive, was not asked for, or lies outside the space now."""
    row = [math.nan] * len(space.dims)
    found: dict[str, Any] = {}
    for parameter in space.parameters:
        name, domain, column = parameter.name, parameter.domain, parameter.column
        if (parameter.rules and not parameter.active(found)) or name not in params:
            continue
        value = params[name]
        if domain.contains(value):
            found[name] = value
            if column is not None:
                row[column] = domain.to_unit(value)
    return row


def unit_gradient(space: Space, trial: Trial, sign: float) -> list[float]:
    """The gradient of the trial's loss by unit values, NaN where it is not known."""
    row = [math.nan] * len(space.dims)
    gradient = trial.gradient
    if gradient:
        for parameter, u in zip(space.dims, unit_row(space, trial.params), strict=True):
            name = parameter.name
            if u == u and name in gradient and parameter.column is not None:
                per_unit = slope(parameter.domain, trial.params[name])
                row[parameter.column] = sign * gradient[name] * per_unit
    return row


class History:
    """A value: the first `n` observations of a study, in the order of the log."""

    __slots__ = ("_columns", "created", "n", "proposed")

    def __init__(self, columns: _Columns, n: int, created: int, proposed: int) -> None:
        self._columns = columns
        self.n = n
        self.created = created
        self.proposed = proposed

    @classmethod
    def empty(cls, problem: Problem) -> History:
        """The history of a study without trials."""
        return cls(_Columns(problem.signs, problem.fidelity), 0, 0, 0)

    def tell(self, trial: Trial) -> History:
        """The history after `trial` was created, paused or finished; this one stays as it is."""
        if trial.state is TrialState.PAUSED or trial.state.finished:
            columns = self._columns
            if columns.n != self.n:  # somebody else went on from here: a fork, which copies
                columns = columns.copy(self.n)
            columns.push(trial)
            return History(columns, self.n + 1, self.created, self.proposed)
        if trial.number == self.created:
            proposed = self.proposed + (trial.source == "searcher")
            return History(self._columns, self.n, self.created + 1, proposed)
        return self

    def first(self, n: int) -> History:
        """The history as it was after its first n observations, for models that are not fitted at every one;
        `created` and `proposed` stay as they are."""
        return History(self._columns, min(n, self.n), self.created, self.proposed)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Trial]:
        return islice(self._columns.trials, self.n)

    @property
    def fidelity(self) -> Fidelity | None:
        """What budgets are counted in, as the study was told."""
        return self._columns.fidelity

    @property
    def trials(self) -> list[Trial]:
        """The trials as they were when observed."""
        return self._columns.trials[: self.n]

    @property
    def losses(self) -> Floats:
        """Shape (n, objectives); NaN for trials that failed."""
        return self._columns.settle().losses[: self.n]

    @property
    def violations(self) -> Floats:
        """Shape (n,): sum of positive outcome constraints; 0 is feasible."""
        return self._columns.settle().violations[: self.n]

    @property
    def constraint_names(self) -> list[str]:
        """The outcome constraints that trials have told, sorted."""
        limits = self._columns.settle().limits
        return sorted(name for name, (first, _) in limits.items() if first < self.n)

    def constraint(self, name: str) -> Floats:
        """Shape (n,): an outcome constraint, feasible when at most 0; NaN where it was not told."""
        _, column = self._columns.settle().limits[name]
        found = np.full(self.n, math.nan)
        known = min(self.n, len(column))
        found[:known] = column[:known]
        return found

    @property
    def seconds(self) -> Floats:
        """Shape (n,): how long each trial took, 0 where that is not known."""
        return self._columns.settle().seconds[: self.n]

    @property
    def steps(self) -> Floats:
        """Shape (n,): the last step reported, 0 without reports."""
        return self._columns.settle().steps[: self.n]

    @property
    def states(self) -> NDArray[np.int8]:
        """Shape (n,): indices into `STATES`."""
        return self._columns.settle().states[: self.n]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Shape (n,): which trial each row is of."""
        return self._columns.settle().numbers[: self.n]

    @property
    def scratch(self) -> dict[Any, Any]:
        """Notes of searchers, shared by all histories of this log: pure functions of its first rows, which
        never change. It may be emptied at any time."""
        return self._columns.scratch

    def trial(self, row: int) -> Trial:
        """The trial as it was when observed."""
        return self._columns.trials[row]

    def units(self, space: Space) -> Floats:
        """Shape (n, dims): unit rows in `space`, NaN where inactive or unknown."""
        return self._columns.units(space)[: self.n]

    def gradients(self, space: Space) -> Floats:
        """Shape (n, dims): gradients of the minimised loss by unit values, where objectives told them
        (`ts.Evaluation`); NaN elsewhere."""
        return self._columns.gradients(space)[: self.n]

    @property
    def latest(self) -> NDArray[np.intp]:
        """Indices of the last row of each trial, in the order of the log."""
        _, first = np.unique(self._columns.settle().numbers[: self.n][::-1], return_index=True)
        return np.sort(self.n - 1 - first)

    def __repr__(self) -> str:
        return f"History(n={self.n}, created={self.created})"


def pending_units(pending: tuple[Trial, ...], space: Space) -> Floats:
    """Shape (pending, dims): unit rows of trials that were proposed and have not ended."""
    rows = [unit_row(space, trial.params) for trial in pending]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(space.dims))
