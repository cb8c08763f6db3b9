"""What the kernel reads off a running trial's handle, and does to it; objectives never see this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.execute._base import Send
from tunesmith.kernel.trial import TrialHandle, asked, declared_domains
from tunesmith.record.assignment import CONTINUE, END, Assignment, Decision, Message
from tunesmith.record.trial import TrialState
from tunesmith.space.domain import Domain

_NOTHING: dict[str, float] = {}


def ended(
    handle: TrialHandle,
    state: TrialState,
    *,
    values: tuple[float, ...] | None = None,
    error: str | None = None,
    wrong: bool = False,
    gradient: Mapping[str, float] | None = None,
) -> Message:
    """The message that ends this attempt."""
    params, domains = asked(handle)
    fields = (
        handle.number,
        handle._assignment.trial.attempt,
        END,
        handle._step,
        values,
        _NOTHING,
        state,
        error,
        False,
        wrong,
        params,
        domains,
        handle._constraints or _NOTHING,
        handle._user_attrs or _NOTHING,
        None,  # file
        gradient,
    )
    return tuple.__new__(Message, fields)


def domains_of(handle: TrialHandle) -> dict[str, Domain]:
    """The domains of the trial's parameters: those that are active, or that it has asked for."""
    space = handle._context.space
    if space is None:
        return {name: handle._known[name] for name in handle._asked if name in handle._known}
    declared = declared_domains(space)
    return {name: declared[name] for name in handle._proposed if name in declared}


def resume(handle: TrialHandle, assignment: Assignment, send: Send) -> None:
    """Go on under a new claim: the trial was paused, and continues where it stands."""
    handle._assignment = assignment
    handle._send = send
    handle._decision = CONTINUE
    handle.budget = assignment.trial.budget
    if handle._saved is not None:
        handle._saved.trail = assignment.checkpoints


def decision(handle: TrialHandle) -> Decision:
    """What the scheduler said last."""
    return handle._decision


def reached(handle: TrialHandle) -> float:
    """The last step measured, reported or not."""
    return handle._step


def final(handle: TrialHandle, last: Any) -> Any:
    """What a generator that ends without a value has measured: what it yielded last; of folds their mean."""
    fidelity = handle._context.fidelity
    return last if fidelity is None or fidelity.fold is None else None


def last_values(handle: TrialHandle) -> tuple[float, ...] | None:
    """The values measured last, None before the first report."""
    return handle._last


def mean_of_folds(handle: TrialHandle) -> tuple[float, ...] | None:
    """The mean over all folds, where some were run in an earlier attempt: what the objective returns now
    knows of the others only. None elsewhere."""
    fidelity, reports = handle._context.fidelity, handle._assignment.trial.reports
    if fidelity is None or fidelity.fold is None or not reports:
        return None
    return handle._last or reports[-1].values


def partial(handle: TrialHandle) -> bool:
    """Whether what the objective returns is the value at its budget, and not at the end of the fidelity.

    That is so where it has less than all of it, and has reported nothing on its way.
    """
    fidelity, budget = handle._context.fidelity, handle.budget
    if fidelity is None or fidelity.fold is not None or budget is None:
        return False
    return budget < fidelity.high and handle._last is None


def attempt_of(handle: TrialHandle) -> int:
    """Which attempt at its trial this is, from 1 on."""
    return handle._assignment.trial.attempt


def files_of(handle: TrialHandle) -> str | None:
    """The folder for the files of the study, None when its store is not on disk."""
    return handle._context.files
