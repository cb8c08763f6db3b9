"""What happens next, as pure functions of what is known: who runs, and with which configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from tunesmith._rng import Rng
from tunesmith._threads import one_thread
from tunesmith.errors import SpaceError
from tunesmith.kernel.advance import Fold
from tunesmith.kernel.ahead import Ahead
from tunesmith.record.assignment import Resume, Start
from tunesmith.record.codec import dumps, loads
from tunesmith.record.event import Claimed, Created, CreatedBatch, Resumed, becomes
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import DEFAULT, QUEUE, SEARCHER, Trial, TrialState
from tunesmith.search._base import Ask, Proposal, Searcher

Opening = Created | Claimed | Resumed
"""The events that put a trial into a worker's hands."""

_MOST_PASSED = 64  # paused trials that cannot go on just now, before the worker stays free

UNUSED = "tunesmith:unused"  # the attribute of a trial that lists what was enqueued in vain


class Outlook(NamedTuple):
    """What a proposal may know: the states at one log position, and the trials proposed since."""

    searcher: Searcher[Any]
    search_state: Any
    ledger: Ledger
    number: int
    pending: tuple[Trial, ...]
    fresh: bool  # whether nothing was chosen by the searcher or by default yet
    seed: int
    ahead: Ahead | None = None  # what was prepared

    def after(self, trial: Trial) -> Outlook:
        """The outlook of the next proposal of the same batch."""
        learns = self.searcher.learns
        return self._replace(
            search_state=self.searcher.tell(self.search_state, trial) if learns else self.search_state,
            number=self.number + 1,
            pending=(*self.pending, trial) if learns else (),
            fresh=self.fresh and trial.source is QUEUE,
        )


def outlook(fold: Fold, seed: int, ahead: Ahead | None = None) -> Outlook:
    """The outlook at the fold's position."""
    ledger = fold.ledger
    return Outlook(
        fold.searcher,
        fold.search_state,
        ledger,
        len(ledger.trials.rows),
        ledger.pending if fold.searcher.learns else (),
        ledger.chosen == 0,
        seed,
        ahead,
    )


def question(fold: Fold, seed: int) -> Ask:
    """What the searcher would be asked for the next new trial, as far as the scheduler can tell by now."""
    ledger = fold.ledger
    number = len(ledger.trials.rows)
    plan = fold.scheduler.plan(fold.schedule_state, number)
    start = plan if isinstance(plan, Start) else Start()
    return Ask(
        number,
        ledger.space,
        ledger.pending,
        Rng(seed, number),
        start.budget,
        None if start.parent is None else ledger.trials[start.parent],
    )


def asked(searcher: Searcher[Any], state: Any, ask: Ask) -> Proposal | None:
    """The searcher's answer, computed with one thread of whatever it calls."""
    if not (searcher.learns and searcher.algebra):
        return searcher.ask(state, ask)
    with one_thread:
        return searcher.ask(state, ask)


def prepare(searcher: Searcher[Any], state: Any, ask: Ask) -> None:
    """Let the searcher work ahead, with one thread as in `asked`: what it keeps has the same bits."""
    with one_thread:
        searcher.prepare(state, ask)


def propose(
    view: Outlook,
    worker: str | None,
    at: float,
    start: Start | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Created | None:
    """The next trial, claimed by `worker` (None: left waiting); None when the searcher has nothing left.

    The configuration of defaults comes first, so that every result is stated against it. `fixed` values
    are the user's; the searcher fills in the others. Raises SpaceError for values outside the space.
    """
    budget, parent = (None, None) if start is None else (start.budget, start.parent)
    source = SEARCHER if fixed is None else QUEUE
    params: Mapping[str, Any] | None = None
    memo = None
    declared = view.ledger.problem.space is not None and view.searcher.defaults_first
    if view.fresh and declared and fixed is None and parent is None:
        default = view.ledger.space.default
        if default is not None:
            params, source = dict(default), DEFAULT
    if params is None and fixed is None and view.ahead is not None:
        params = view.ahead.params(view.ledger.space, view.number)
    if params is None:
        forebear = None if parent is None else view.ledger.trials[parent]
        rng = Rng(view.seed, view.number)
        ask = Ask(view.number, view.ledger.space, view.pending, rng, budget, forebear)
        proposal = asked(view.searcher, view.search_state, ask)
        if proposal is None and fixed is None:
            return None
        unit = view.ledger.space.center if proposal is None else proposal.unit
        if proposal is not None and proposal.memo is not None and fixed is None:
            memo = loads(dumps(proposal.memo))  # as it will be when it comes back from the log
        params = view.ledger.space.decode(unit) if fixed is None else _with_fixed(view, fixed, unit)
        if fixed is None and proposal is not None and proposal.exact:
            params = {name: proposal.exact.get(name, value) for name, value in params.items()}
    fields = (
        view.number,
        0 if worker is None else 1,
        params,
        source,
        memo,
        budget,
        parent,
        view.ledger.position,
        worker,
        fixed,
        at,
    )
    return tuple.__new__(Created, fields)


def _with_fixed(view: Outlook, fixed: Mapping[str, Any], unit: Sequence[float]) -> dict[str, Any]:
    """The user's values, and the proposal's for what the user left open."""
    if view.ledger.problem.space is None:
        return {**view.ledger.space.decode(unit), **fixed}
    params = view.ledger.space.complete(fixed, unit)
    if not view.ledger.space.feasible(params):
        raise SpaceError(
            f"the configuration {params!r} breaks a constraint of the space: change it, or the constraint"
        )
    return params


def queued(fold: Fold, seed: int, at: float, fixed: Mapping[str, Any]) -> list[Created]:
    """The trial that a user asks for, left waiting; in a new study, behind the configuration of defaults."""
    first = fold.scheduler.plan(fold.scheduler.init(fold.ledger.problem), 0)
    start = first if isinstance(first, Start) else Start()
    view = outlook(fold, seed)
    events: list[Created] = []
    if view.number == 0 and view.ledger.space.default is not None:
        default = propose(view, None, at, start)
        if default is not None:
            events.append(default)
            view = view.after(opened(default, fold.ledger.trials))
    wanted = propose(view, None, at, start, fixed)
    return events if wanted is None else [*events, wanted]


def unused(ledger: Ledger, number: int, asked: Mapping[str, Any] | None) -> list[str]:
    """What a user enqueued for this trial, and a define-by-run objective never asked for."""
    fixed = ledger.fixed.get(number)
    if not fixed or asked is None or ledger.problem.space is not None:
        return []
    return [name for name in fixed if name not in asked]


def anything(_: Opening) -> bool:
    """Whether a trial may be opened now, where nothing is to be said against any."""
    return True


def openings(
    fold: Fold,
    seed: int,
    worker: str,
    at: float,
    count: int,
    limit: int | None,
    ahead: Ahead | None = None,
    may: Callable[[Opening], bool] = anything,
) -> list[Opening]:
    """Up to `count` trials to be put into a worker's hands now; no new one past `limit` trials in all.

    Waiting trials come first, then what the scheduler plans. Each proposal knows of those before it. What
    `may` not be opened now is passed over: the scheduler is asked what it would plan had that been resumed.
    """
    ledger = fold.ledger
    events: list[Opening] = []
    if ledger.waiting:
        claims = (Claimed(n, ledger.trials[n].attempt + 1, worker, at) for n in sorted(ledger.waiting))
        events.extend(islice(filter(may, claims), count))
        if len(events) == count:
            return events
    passed = 0
    scheduler, schedule_state = fold.scheduler, fold.schedule_state
    view = outlook(fold, seed, ahead)
    while True:
        plan = scheduler.plan(schedule_state, view.number)
        if isinstance(plan, Start):
            if limit is not None and view.number >= limit:
                return events
            created = propose(view, worker, at, plan)
            if created is None or not may(created):
                return events
            event: Opening = created
        elif isinstance(plan, Resume):
            attempt = ledger.trials[plan.number].attempt + 1
            event = Resumed(plan.number, attempt, worker, plan.budget, at)
        else:
            return events
        if isinstance(plan, Start) or may(event):
            events.append(event)
        elif passed == _MOST_PASSED:
            return events
        else:
            passed += 1
        if len(events) == count:
            return events
        trial = opened(event, ledger.trials)
        if scheduler.learns:
            schedule_state = scheduler.tell(schedule_state, trial)
        if isinstance(plan, Start):
            view = view.after(trial)


def opening_batch(
    fold: Fold, worker: str, at: float, count: int, limit: int | None, ahead: Ahead
) -> CreatedBatch | None:
    """Up to `count` new trials as one event; None where they must be opened one by one.

    That is where any of them waits, or depends on the others: on a scheduler, a searcher that learns, a
    configuration of defaults, conditions or constraints.
    """
    ledger = fold.ledger
    number = len(ledger.trials.rows)
    count = count if limit is None else min(count, limit - number)
    started = ledger.chosen > 0 or ledger.problem.space is None or ledger.space.default is None
    if count <= 0 or ledger.waiting or fold.scheduler.learns or not started:
        return None
    columns = ahead.columns(ledger.space, number, count)
    plan = fold.scheduler.plan(fold.schedule_state, number)
    if not columns or not isinstance(plan, Start) or plan.parent is not None:
        return None
    return CreatedBatch(number, 1, count, columns, plan.budget, ledger.position, worker, at)


def opened(event: Opening, trials: Sequence[Trial]) -> Trial:
    """The trial's record once `event` is in the log."""
    if isinstance(event, Created):
        return Trial(
            number=event.number,
            state=becomes(event),
            params=event.params,
            budget=event.budget,
            attempt=event.attempt,
            parent=event.parent,
            memo=event.memo,
            source=event.source,
        )
    trial = trials[event.number]._replace(state=TrialState.RUNNING, attempt=event.attempt)
    return trial._replace(budget=event.budget) if isinstance(event, Resumed) else trial
