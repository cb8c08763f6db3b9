"""Running one assignment: the objective called, its results and its failures turned into messages."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

from tunesmith.errors import ObjectiveError, SpaceError, TrialFailed
from tunesmith.execute._base import Send
from tunesmith.kernel.attempt import (
    decision,
    domains_of,
    ended,
    final,
    last_values,
    mean_of_folds,
    partial,
    reached,
    resume,
)  # fmt: skip
from tunesmith.kernel.measure import flaw, measured
from tunesmith.kernel.parking import Parking, Room
from tunesmith.kernel.trial import Context, TrialEnded, TrialHandle
from tunesmith.record.assignment import Assignment, Decision, Message
from tunesmith.record.evaluation import checked_gradient, steep
from tunesmith.record.trial import COMPLETE, FAILED, PAUSED, STOPPED, WAITING

_HALTED = {Decision.PAUSE: PAUSED, Decision.RELEASE: WAITING}
Objective = Callable[[TrialHandle], Any]


@dataclass(slots=True)
class Worker:
    """Runs assignments of one study in one process, one at a time.

    `parked` holds the generators of paused trials: resumed here, they go on in memory.
    """

    objective: Objective
    context: Context
    parked: Parking

    def __call__(self, assignment: Assignment, send: Send) -> Message:
        """Run the assignment to the end of its attempt. KeyboardInterrupt passes through."""
        live = self.parked.take(assignment.number)
        if live is not None and assignment.trial.reports and reached(live[0]) != assignment.trial.step:
            live = None  # another worker has taken the trial further meanwhile
        if live is None:
            handle = TrialHandle(assignment, self.context, send)
        else:
            handle = live[0]
            resume(handle, assignment, send)
        try:
            result = self.objective(handle) if live is None else live[1]
            if isinstance(result, GeneratorType):
                return self._drive(handle, result)
            if result is not None and partial(handle):
                handle.report(result, handle.budget)
            return self._returned(handle, result)
        except TrialEnded:
            return self._halted(handle)
        except (ObjectiveError, SpaceError) as error:
            return ended(handle, FAILED, error=str(error), wrong=True)
        except TrialFailed as failure:
            return ended(handle, FAILED, error=str(failure))._replace(died=failure.died)
        except SystemExit as error:
            return ended(handle, FAILED, error=f"the objective called sys.exit({error.code!r})")
        except Exception as error:  # noqa: BLE001 - whatever an objective raises fails its trial, and no more
            return ended(handle, FAILED, error=_told(error))

    def forget(self, numbers: Iterable[int]) -> None:
        """These paused trials go on elsewhere."""
        for number in numbers:
            self.parked.drop(number)

    def _drive(self, handle: TrialHandle, generator: Generator[Any, Any, Any]) -> Message:
        """Step a generator until it ends, or is halted; a paused one is kept."""
        last: Any = None
        keep = False
        try:
            while True:
                try:
                    last = next(generator)
                except StopIteration as stop:
                    return self._returned(handle, final(handle, last) if stop.value is None else stop.value)
                try:
                    handle.report(last)
                except TrialEnded:
                    keep = decision(handle) is Decision.PAUSE
                    if keep:
                        self.parked.keep(handle.number, reached(handle), (handle, generator))
                    return self._halted(handle)
                fidelity = self.context.fidelity
                if fidelity is not None and reached(handle) >= fidelity.high:
                    return self._returned(handle, final(handle, last))
        finally:
            if not keep:
                generator.close()

    def _halted(self, handle: TrialHandle) -> Message:
        return ended(handle, _HALTED.get(decision(handle), STOPPED))

    def _returned(self, handle: TrialHandle, result: Any) -> Message:
        if handle.should_stop:  # the objective has swallowed the order to end, and returned
            return self._halted(handle)
        mean = mean_of_folds(handle)
        if mean is None and type(result) is float and result == result and len(self.context.names) == 1:
            return ended(handle, COMPLETE, values=(result,))
        values = last_values(handle) if result is None else None
        gradient = None
        if values is None:
            found = measured(result, self.context.names)
            values = found.values
            for name, value in found.metrics.items():
                handle.set_user_attr(name, value)
            gradient = checked_gradient(found.gradient, domains_of(handle), len(values))
        values = values if mean is None else mean
        error = flaw(values, self.context.names) or steep(gradient)
        if error is not None:
            return ended(handle, FAILED, error=error)
        return ended(handle, COMPLETE, values=values, gradient=gradient)


def _told(error: Exception, limit: int = 20_000) -> str:
    """The traceback, without the frames of this file; a very long one loses its middle."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace)).strip()
    return text if len(text) <= limit else f"{text[: limit // 2]}\n…\n{text[-limit // 2 :]}"


@dataclass(frozen=True, slots=True)
class WorkerFactory:
    """Makes the worker of a process; what an executor sends there. `room`: for its paused trials."""

    objective: Objective
    context: Context
    room: Room

    def __call__(self) -> Worker:
        """A worker with nothing parked."""
        return Worker(self.objective, self.context, Parking(self.room))
