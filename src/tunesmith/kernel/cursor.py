"""A place in a study's log, and what was folded up to it: the one thing that moves."""

from __future__ import annotations

import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunesmith import _owner
from tunesmith.errors import Conflict, LeaseLost
from tunesmith.kernel import plan
from tunesmith.kernel.advance import Fold
from tunesmith.kernel.ahead import Ahead
from tunesmith.kernel.files import Keeper
from tunesmith.kernel.lease import keep_renewed
from tunesmith.kernel.plan import UNUSED, Opening, opening_batch, openings, prepare, question, unused
from tunesmith.kernel.trial import Context
from tunesmith.record.assignment import CONTINUE, Assignment, Decision, Kind, Message
from tunesmith.record.event import (
    Checkpointed,
    Created,
    CreatedBatch,
    Event,
    Finished,
    Paused,
    Released,
    Reported,
    Suggested,
)  # fmt: skip
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import StudySpec
from tunesmith.record.trial import FAILED, PAUSED, STOPPED, WAITING, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher
from tunesmith.space.domain import Domain
from tunesmith.store._base import Store
from tunesmith.store.checkpoints import Checkpoints, shelf_of


class Cursor:
    """Reads on in the log, folds what it reads, and appends what this process has to say.

    Threads of a process may share one; `lock` is held around whatever reads and then writes.
    """

    def __init__(
        self,
        store: Store,
        study_id: int,
        spec: StudySpec,
        searcher: Searcher[Any],
        scheduler: Scheduler[Any],
        ahead: bool = True,
    ) -> None:
        self.store = store
        self.id = study_id
        self.spec = spec
        self.searcher = searcher
        self.scheduler = scheduler
        self.ends = searcher.ends or scheduler.ends  # whether there may come an end without being told to
        self.worker = _owner.identity()
        self.lock = threading.RLock()
        self.context = _context(spec, store, study_id)
        self.files = Keeper(self.context.checkpoints, Checkpoints.recorded(spec.checkpoints), store.shared)
        self.fold = Fold(spec.problem, searcher, scheduler)
        self._ahead = Ahead(searcher, spec.seed, ahead)
        self._claims: dict[int, int] = {}
        self._keeper: threading.Event | None = None
        self.opening: tuple[int, Sequence[Opening | CreatedBatch]] | None = None  # by which thread, and what
        self._prepared: tuple[tuple[int, int, int | None], list[Opening]] | None = None
        self._rehearsed: tuple[int, int, int | None] | None = None
        self._prepared_for: Any = None  # the state of the searcher that has prepared last
        self._flaw: str | None = None  # why nothing is prepared any more
        self._torn = False  # whether a fold was begun and not finished
        self._pid = os.getpid()
        self._looked = -math.inf  # when trials of lost workers were last looked for
        self.read()

    def read(self) -> Ledger:
        """The ledger at the log's end."""
        with self.lock:
            return self._read()

    def append(self, events: Sequence[Event], expect: int | None = None) -> None:
        """Write events, and fold them with whatever others wrote before them."""
        with self.lock:
            self._append(events, expect)

    def _read(self) -> Ledger:
        if self._torn:
            self.fold = Fold(self.spec.problem, self.searcher, self.scheduler)
            self._torn = False
        ledger = self.fold.ledger
        while True:
            events = self.store.read(self.id, ledger.position, _PAGE)
            if events:
                self._torn = True
                self.fold.advance(events)
                self._torn = False
            if len(events) < _PAGE:
                return ledger

    def _append(self, events: Sequence[Event], expect: int | None = None) -> None:
        position = self.store.append(self.id, events, expect)
        if position != self.fold.ledger.position + len(events):
            self._read()
            return
        self._torn = True  # when Ctrl-C breaks in, the next read folds all anew
        self.fold.advance(events)
        self._torn = False

    def refold(self) -> None:
        """Drop what was folded and read the log again: the way back after an interruption at any moment."""
        with self.lock:
            self._torn = True
            self._read()

    def open_trials(
        self, count: int, limit: int | None, may: Callable[[Opening], bool] = plan.anything
    ) -> list[Assignment]:
        """Put up to `count` trials into this process's hands; no new one past `limit` trials in all.

        `may`: whether a trial may be opened now; one that may not is passed over.
        """
        with self.lock:
            self._look_after_others()
            while True:
                domains = self._read().domains
                events = self._openings(count, limit, may)
                if not events:
                    return []
                if self._claimed(events):
                    break
            ledger = self.fold.ledger
            if domains is not ledger.domains:
                domains = _NOTHING  # others have changed them since these trials were proposed
            trials = ledger.trials
            return [
                self.assignment(trials[event.number], domains if type(event) is Created else _NOTHING)
                for event in events
            ]

    def open_batch(self, count: int, limit: int | None) -> list[Opening] | CreatedBatch:
        """As `open_trials`, for an objective on arrays: one event where that is possible."""
        with self.lock:
            self._look_after_others()
            while True:
                self._read()
                at = time.time()
                batch = opening_batch(self.fold, self.worker, at, count, limit, self._ahead)
                if batch is not None:
                    if self._claimed([batch]):
                        return batch
                    continue
                events = self._openings(count, limit)
                if not events or self._claimed(events):
                    return events

    def _openings(
        self, count: int, limit: int | None, may: Callable[[Opening], bool] = plan.anything
    ) -> list[Opening]:
        if self._flaw:
            flaw, self._flaw = self._flaw, ""
            warnings.warn(
                f"the searcher could not prepare its next proposal ({flaw}): it goes on without, and asks "
                "take longer",
                stacklevel=2,
            )
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] == (self.fold.ledger.position, count, limit):
            at = time.time()
            found = [event._replace(worker=self.worker, at=at) for event in prepared[1]]
            if all(map(may, found)):
                return found
        return openings(self.fold, self.spec.seed, self.worker, time.time(), count, limit, self._ahead, may)

    def prepare(self, limit: int | None) -> None:
        """Make ready for the next proposal while there is nothing else to do.

        A searcher that says so prepares by itself, once for each of its states. Any other is asked now;
        `open_trials` takes that at this position. What is told meanwhile makes it another proposal, which is
        asked for then; but what asking needs for the first time (modules, tables, encoded rows) is there.
        """
        with self.lock:
            fold = self.fold
            if self._torn or (limit is not None and len(fold.ledger.trials.rows) >= limit):
                return
            if self.searcher.prepares:
                if self._prepared_for is not fold.search_state and self._flaw is None:
                    self._prepared_for = fold.search_state
                    self._prepare()
                return
            basis = (fold.ledger.position, 1, limit)
            if self._rehearsed != basis:
                self._rehearsed = basis
                self._prepared = (basis, self._openings(1, limit))

    def _prepare(self) -> None:
        try:
            prepare(self.searcher, self.fold.search_state, question(self.fold, self.spec.seed))
        except Exception as error:  # noqa: BLE001  (it is not needed: asking says what is wrong, if anything is)
            self._flaw = f"{type(error).__name__}: {error}"
            self._torn = True  # whatever it left half done goes with the fold

    def _look_after_others(self) -> None:
        """Before anything is claimed: whose process this is, and whether workers are lost."""
        if self._pid != os.getpid():
            self._forked()
        if self.store.shared and time.monotonic() - self._looked > self.store.lease / 4:
            self.put_back()

    def _claimed(self, events: Sequence[Opening | CreatedBatch]) -> bool:
        """Write the claims; False when another worker was faster, and the log has to be read on."""
        position = self.fold.ledger.position
        self.opening = (threading.get_ident(), events)
        try:
            self._append(events, _first_new(events))
        except Conflict:
            if position == self._read().position:
                raise  # nobody was: the store contradicts its own log
            return False
        for event in events:
            if type(event) is CreatedBatch:
                self._claims.update(dict.fromkeys(range(event.number, event.number + event.size), 1))
            else:
                self._claims[event.number] = event.attempt
        if self._keeper is None and self.store.shared:
            self._keeper = keep_renewed(self, self.store.lease / 4)
        return True

    def _forked(self) -> None:
        """A forked child holds nothing, and answers for itself; the parent renews what it has claimed."""
        self._pid, self.worker = os.getpid(), _owner.identity()
        self._claims, self._keeper, self._looked = {}, None, -math.inf

    def answer(self, message: Message) -> Decision:
        """Take a message from a running trial into the log; whether the trial goes on."""
        with self.lock:
            try:
                if message.kind is Kind.REPORT:
                    return self._reported(message)
                if message.kind is Kind.CHECKPOINT:
                    self._checkpointed(message)
                else:
                    self.end(message)
                return CONTINUE
            except LeaseLost:
                self._claims.pop(message.number, None)
                return Decision.STOP

    def _reported(self, message: Message) -> Decision:
        trial = self.fold.ledger.trials[message.number]
        if trial.attempt == message.attempt and trial.reports and message.step <= trial.step:
            return self.scheduler.decide(self.fold.schedule_state, trial)  # known from an earlier attempt
        events = self._suggested(message)
        values = message.values or ()
        events.append(
            Reported(
                message.number,
                message.attempt,
                message.step,
                values,
                message.metrics,
                time.time(),
                message.constraints,
            )
        )
        self._append(events)
        trial = self.fold.ledger.trials[message.number]
        return self.scheduler.decide(self.fold.schedule_state, trial)

    def _checkpointed(self, message: Message) -> None:
        name = message.file or ""
        if self.files.lost(name):
            return  # the one before stands
        self._append([Checkpointed(message.number, message.attempt, message.step, name, at=time.time())])
        self.files.tidy(self.fold)

    def end(self, message: Message) -> None:
        """Write how an attempt ended. Raises LeaseLost when it no longer held its trial."""
        number, attempt, at = message.number, message.attempt, time.time()
        events = self._suggested(message) if message.params is not None else []
        state, attrs, left = message.state, message.user_attrs, []
        if state is PAUSED:
            events.append(
                Paused(number, attempt, message.step, message.constraints, message.user_attrs, at=at)
            )
        elif state is WAITING or state is None:
            events = [Released(number, attempt, self.worker, message.error or "", at=at)]
        else:
            values = message.values
            if values is None and state is STOPPED:
                reports = self.fold.ledger.trials[number].reports
                values = reports[-1].values if reports else None
            if self.fold.ledger.fixed and state is not FAILED:  # which may have failed before it could ask
                left = unused(self.fold.ledger, number, message.params)
                attrs = {**attrs, UNUSED: left} if left else attrs
            gradient = message.gradient
            fields = (number, attempt, state, values, message.error, message.constraints, attrs, at, gradient)
            events.append(tuple.__new__(Finished, fields))
        self._append(events)
        self._claims.pop(number, None)
        self.files.tidy(self.fold)
        if left:
            warnings.warn(
                f"trial {number} was enqueued with {', '.join(map(repr, left))}, which the objective did not "
                "ask for: it had no effect",
                stacklevel=2,
            )

    def _suggested(self, message: Message) -> list[Event]:
        """What a define-by-run objective has asked for, when it is not what the log holds already."""
        params = message.params
        if params is None:
            return []
        ledger = self.fold.ledger
        domains = {n: d for n, d in message.domains.items() if ledger.domains.get(n) != d}
        if not domains and params == ledger.trials[message.number].params:
            return []
        return [Suggested(message.number, message.attempt, params, domains, at=time.time())]

    def assignment(self, trial: Trial, domains: Mapping[str, Domain] | None = None) -> Assignment:
        """The trial as a unit of work: with its checkpoints, and what the user asked for.

        `domains`: those that its values were proposed in; with none, every value is held against the domain
        that the objective asks for.
        """
        ledger = self.fold.ledger
        fixed = ledger.fixed.get(trial.number, _NOTHING) if ledger.fixed else _NOTHING
        checkpoints = ledger.checkpoints.get(trial.number, ()) if ledger.checkpoints else ()
        return tuple.__new__(Assignment, (trial, domains or _NOTHING, fixed, checkpoints, self.spec.seed))

    def renew(self) -> None:
        """Renew the leases of the trials that this process runs; called from beside the training code."""
        self.store.renew(self.id, list(self._claims.items()))

    def put_back(self) -> int:
        """Free trials whose worker is gone, for anyone to claim; how many were freed."""
        count = 0
        with self.lock:
            self._looked = time.monotonic()
            for number, attempt in self.store.renew(self.id, list(self._claims.items())).lapsed:
                try:
                    released = Released(number, attempt, self.worker, "its worker is gone", at=time.time())
                    self._append([released])
                    count += 1
                except (Conflict, LeaseLost):
                    continue  # another worker has freed it, or it ended after all
        return count

    def close(self) -> None:
        """Renew no more leases."""
        if self._keeper is not None:
            self._keeper.set()
            self._keeper = None


_NOTHING: dict[str, Any] = {}
_PAGE = 5_000  # events read and folded at once: a long log never lies in memory as objects


def _first_new(events: Sequence[Opening | CreatedBatch]) -> int | None:
    for event in events:
        if type(event) is Created or type(event) is CreatedBatch:
            return event.number
    return None


def _context(spec: StudySpec, store: Store, study: int) -> Context:
    problem, folder = spec.problem, store.checkpoint_folder(study)
    return Context(
        names=tuple(objective.name for objective in problem.objectives),
        space=problem.space,
        fidelity=problem.fidelity,
        checkpoints=shelf_of(spec.checkpoints, folder, store.shared),
        files=folder if store.shared else None,
    )
