"""Objectives on arrays: many configurations in, as many values out, in one call."""

from __future__ import annotations

import time
import traceback
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.kernel.claims import end_all
from tunesmith.kernel.loop import Loop
from tunesmith.kernel.measure import flaw
from tunesmith.record.assignment import Kind, Message
from tunesmith.record.event import CreatedBatch, Event, Finished, FinishedBatch, Released
from tunesmith.record.trial import TrialState
from tunesmith.space.domain import Domain
from tunesmith.space.space import Space

ArrayObjective = Callable[[Any], Any]  # of a dict of columns


class Batch(NamedTuple):
    """Trials that are run in one call: their claims, and a column for each parameter."""

    numbers: Sequence[int]
    attempts: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


class Outcome(NamedTuple):
    """What became of a batch: a column for each objective, and why single trials failed, by number."""

    values: tuple[array[float], ...]
    errors: dict[str, str]
    wrong: bool = False  # the objective breaks its contract whatever the configurations


@dataclass(slots=True, kw_only=True)
class BatchLoop(Loop):
    """A run that hands `size` trials at a time to an objective on arrays, in this process."""

    objective: ArrayObjective
    size: int
    space: Space
    held: Batch | None = field(default=None, init=False)

    def _loop(self) -> None:
        try:
            while not self._done():
                batch = self.held = self._opened()
                if batch is None:
                    if self.cursor.put_back():
                        continue  # another driver died while we were at work: take its trials over
                    self.reason = self._exhausted()
                    return
                for callback in self.on_opened:
                    for number in batch.numbers:
                        callback.opened(self.study, self.cursor.fold.ledger.trials[number])
                outcome = evaluated(self.objective, self.space, batch, self.cursor.context.names)
                end_all(self.cursor, endings(batch, outcome, time.time()))
                self.held = None
                self._heard(batch, outcome)
        except KeyboardInterrupt:
            self.reason = "interrupted"
            self.cursor.refold()
            self._abandon("interrupted")
        except BaseException:
            self._abandon("the run failed")
            raise

    def _opened(self) -> Batch | None:
        events = self.cursor.open_batch(self.size, self.limit)
        if isinstance(events, CreatedBatch):
            numbers = range(events.number, events.number + events.size)
            batch = Batch(numbers, [events.attempt] * events.size, events.params)
        elif events:
            trials = self.cursor.fold.ledger.trials
            rows = [trials[event.number].params for event in events]
            columns = {p.name: [row.get(p.name) for row in rows] for p in self.space.parameters}
            batch = Batch([e.number for e in events], [e.attempt for e in events], columns)
        else:
            return None
        return batch

    def _heard(self, batch: Batch, outcome: Outcome) -> None:
        """Judge the failures, and tell who wants to know."""
        trials = self.cursor.fold.ledger.trials
        self._went_well(len(batch.numbers) - len(outcome.errors))
        for name in [] if self.worked else outcome.errors:
            trial = trials[int(name)]
            self._judge(trial, Message(trial.number, trial.attempt, Kind.END, wrong=outcome.wrong))
            if self.raising is not None:
                break
        for callback in self.on_ended:
            for number in batch.numbers:
                callback.ended(self.study, trials[number])
        self._poll()

    def _abandon(self, why: str) -> None:
        if self.held is not None:
            claims, worker, at = zip(*self.held[:2], strict=True), self.cursor.worker, time.time()
            end_all(self.cursor, [Released(n, attempt, worker, why, at) for n, attempt in claims])
            self.held = None
        self._drop_unheld((), why)


def evaluated(objective: ArrayObjective, space: Space, batch: Batch, names: Sequence[str]) -> Outcome:
    """Call the objective, and make of what it returns, or raises, an outcome for each trial."""
    count = len(batch.numbers)
    try:
        result = objective(arrays(space, batch.columns))
        values = _columns(result, names, count)
    except ObjectiveError as error:
        return _failed(batch, str(error), len(names), wrong=True)
    except Exception as error:  # noqa: BLE001 - whatever an objective raises fails its trials, and no more
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        text = "".join(traceback.format_exception(type(error), error, trace)).strip()
        return _failed(batch, text, len(names))
    errors = {}
    for index in np.flatnonzero(np.isnan(np.array(values)).any(axis=0)).tolist():
        problem = flaw(tuple(column[index] for column in values), names)
        errors[str(batch.numbers[index])] = problem or "nan"
    return Outcome(values, errors)


def endings(batch: Batch, outcome: Outcome, at: float) -> list[Event]:
    """The events that end a batch: one, when its trials were claimed by one."""
    values, errors = outcome.values, outcome.errors
    if isinstance(batch.numbers, range):
        return [FinishedBatch(batch.numbers[0], 1, len(batch.numbers), values, errors, at)]
    events: list[Event] = []
    for number, attempt, row in zip(batch.numbers, batch.attempts, zip(*values, strict=True), strict=True):
        error = errors.get(str(number))
        state = TrialState.COMPLETE if error is None else TrialState.FAILED
        events.append(Finished(number, attempt, state, row if error is None else None, error, at=at))
    return events


def _failed(batch: Batch, error: str, objectives: int, wrong: bool = False) -> Outcome:
    nothing = array("d", [np.nan]) * len(batch.numbers)
    return Outcome((nothing,) * objectives, {str(number): error for number in batch.numbers}, wrong)


def _columns(result: Any, names: Sequence[str], count: int) -> tuple[array[float], ...]:
    """An objective's result as a column for each objective. Raises ObjectiveError for another shape."""
    if isinstance(result, Mapping):
        missing = [name for name in names if name not in result]
        if missing:
            raise ObjectiveError(
                f"the objective on arrays must return {missing[0]!r}, got {', '.join(map(repr, result))}"
            )
        surplus = [name for name in result if name not in names]
        if surplus:
            raise ObjectiveError(
                f"the objective on arrays returned {surplus[0]!r}, which is no objective: constraints and "
                "further metrics need an objective that takes one trial at a time"
            )
        columns = [result[name] for name in names]
    elif len(names) == 1:
        columns = [result]
    else:
        columns = list(np.asarray(result).T)
    return tuple(_column(column, name, count) for name, column in _paired(names, columns))


def _paired(names: Sequence[str], columns: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    if len(names) != len(columns):
        raise ObjectiveError(
            f"the objective on arrays must return a column for each of {', '.join(map(repr, names))}, "
            f"got {len(columns)}: return a dict of arrays, or an array of shape (trials, {len(names)})"
        )
    return zip(names, columns, strict=True)


def _column(values: Any, name: str, count: int) -> array[float]:
    try:
        given = np.asarray(values)
    except ValueError:  # rows of different lengths
        given = np.empty(0, dtype=object)
    if given.dtype.kind not in "fiu" or isinstance(values, np.ma.MaskedArray):
        raise ObjectiveError(
            f"the objective on arrays must return real numbers for {name!r}, got {type(values).__name__} of "
            f"{given.dtype}"
        )
    found = given.astype(np.float64)
    if found.shape == (count, 1):
        found = found[:, 0]
    if found.shape != (count,):
        raise ObjectiveError(
            f"the objective on arrays must return {count} numbers for {name!r}, one for each configuration, "
            f"got shape {found.shape}"
        )
    return array("d", found.tobytes())


def arrays(space: Space, columns: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
    """The configurations as NumPy arrays: numbers, texts, or the objects behind labels.

    Where a parameter is inactive its column holds NaN (numbers, then all floats) or None.
    """
    return {p.name: _array(p.domain, columns[p.name]) for p in space.parameters}


def _array(domain: Domain, values: Sequence[Any]) -> NDArray[Any]:
    if isinstance(values, array):
        return np.array(values)
    kinds = set(map(type, values))
    if domain.numeric:
        return np.array(values, dtype=np.float64 if type(None) in kinds or float in kinds else np.int64)
    things = {value: domain.object(value) if value is not None else None for value in set(values)}
    found = [things[value] for value in values]
    if len(set(map(type, found))) == 1 and isinstance(found[0], (str, bool, int, float)):
        return np.array(found)
    objects = np.empty(len(found), dtype=object)
    objects[:] = found
    return objects


def check_arrays(space: Space | None, reports: bool) -> Space:
    """The declared space; raises for what an objective on arrays cannot be combined with.

    `reports`: whether the scheduler goes by what trials report on their way.
    """
    if space is None:
        raise SettingError(
            "an objective on arrays needs a declared space: give space=, or leave vectorized= out"
        )
    if reports:
        raise SettingError(
            "an objective on arrays reports nothing on its way, and this scheduler goes by reports: use "
            "scheduler='none'"
        )
    return space
