"""What a study has come to: the text printed when a run ends, and by `tunesmith show`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tunesmith.kernel.view import cut_short, pareto
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.store._base import Store
from tunesmith.terminal import commands
from tunesmith.terminal.words import cause, number, params_python, place, plural, safe, seconds, values

_ORDER = (
    TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED,
    TrialState.RUNNING, TrialState.PAUSED, TrialState.WAITING,
)  # fmt: skip


def summary(name: str, ledger: Ledger, store: Store | None, steps: Sequence[commands.Step] = ()) -> list[str]:
    """Lines: the best value and what it gains over the default, its parameters, trials, time, place.

    `steps`: commands to type next, each with what it does.
    """
    lines = [*verdict(ledger), ""]
    if ledger.best is not None and len(ledger.signs) == 1:
        lines += [params_python(ledger.best.params), ""]
    lines.append(f"{states(ledger)}{usual(ledger.trials)}")
    if store is not None:
        lines.append(f"study {name!r} is in {safe(place(store))}")
    if steps:
        lines += ["", *map(safe, commands.lines(steps))]
    return lines


def verdict(ledger: Ledger) -> list[str]:
    """The best trial in a line; against the default configuration when that was tried."""
    if len(ledger.signs) > 1:
        return _front(ledger)
    best = ledger.best
    if best is None or best.value is None:
        return [_nothing(ledger)]
    lines = [f"best {number(best.value)} (trial #{best.number}{_infeasible(best)})"]
    default = next((t for t in ledger.trials if t.source is Source.DEFAULT), None)
    if default is not None:
        lines += _against(best, default)
    return lines


def states(ledger: Ledger) -> str:
    """'60 trials: 57 complete, 3 failed'."""
    counts = [f"{ledger.states[s]} {s.value.lower()}" for s in _ORDER if ledger.states[s]]
    return f"{plural(len(ledger.trials), 'trial')}: {', '.join(counts) or 'none yet'}"


def usual(trials: Sequence[Trial]) -> str:
    """', 1.2 s a trial (median)', nothing when no trial has ended."""
    found = [t.duration for t in trials if t.duration is not None and t.source is not Source.IMPORT]
    return f"; {seconds(statistics.median(found))} a trial (median)" if found else ""


def _against(best: Trial, default: Trial) -> list[str]:
    if default.losses is None or best.losses is None or default.state is not TrialState.COMPLETE:
        return [f"the default configuration (trial #{default.number}) is {default.state.value.lower()}"]
    gain = default.losses[0] - best.losses[0]
    told = number(default.value)
    if gain <= 0:
        return [f"default {told} (trial #{default.number}): nothing better was found"]
    return [f"default {told} (trial #{default.number}): {number(gain)} gained"]


def _front(ledger: Ledger) -> list[str]:
    front = pareto(ledger)
    if not front:
        infeasible = "no complete trial is feasible: each breaks an outcome constraint"
        return [infeasible if ledger.best is not None else _nothing(ledger)]
    names = ", ".join(safe(objective.name) for objective in ledger.problem.objectives)
    lines = [f"{plural(len(front), 'trial')} on the Pareto front ({names}):"]
    lines += [f"  #{trial.number}  {values(trial.values)}" for trial in front[:10]]
    if len(front) > 10:
        lines.append(f"  … and {len(front) - 10} more")
    return lines


def _nothing(ledger: Ledger) -> str:
    halted = cut_short(ledger)
    failed = [trial for trial in ledger.trials if trial.state is TrialState.FAILED]
    if halted or not failed:
        return f"no trial is complete: {halted}" if halted else "no trial is complete yet"
    return f"no trial is complete: {len(failed)} failed, the last with: {cause(failed[-1].error)}"


def failures(ledger: Ledger, most: int = 3) -> list[str]:
    """The last failed trials, a line each with what went wrong."""
    if not ledger.states[TrialState.FAILED]:
        return []
    failed = [trial for trial in ledger.trials if trial.state is TrialState.FAILED]
    lines = [f"  #{trial.number}  {cause(trial.error)}" for trial in failed[: -most - 1 : -1]]
    more = f", the last {most}" if len(failed) > most else ""
    return [f"{plural(len(failed), 'trial')} failed{more}:", *lines]


def _infeasible(trial: Trial) -> str:
    return "; no feasible one was found" if trial.violation > 0 else ""
