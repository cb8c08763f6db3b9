"""A study run by simulated workers: the real kernel and a real store, but no time, no processes, no chance.

Workers finish in a pseudo-random order, fail, hang, lose their claims and come back as zombies, all by the
seed. What the study would have proposed at each position of its log is written down, so that any rebuild of
it can be held against that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tunesmith import presets
from tunesmith._rng import Rng, uniform
from tunesmith.errors import NoTrial
from tunesmith.kernel.advance import Fold
from tunesmith.kernel.attempt import decision, ended
from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.measure import measured
from tunesmith.kernel.plan import asked, question
from tunesmith.kernel.study import Study
from tunesmith.kernel.trial import TrialHandle
from tunesmith.record.assignment import Assignment, Decision
from tunesmith.record.codec import decode_event, decode_spec, dumps, encode_event, encode_spec, loads
from tunesmith.record.event import Event, Released
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.problem import Problem, StudySpec, parse_objectives
from tunesmith.record.trial import TrialState
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule.none import NoScheduler
from tunesmith.search._base import Ask, Proposal, Searcher
from tunesmith.space.space import Space
from tunesmith.store._base import Store
from tunesmith.store.memory import MemoryStore
from tunesmith.testing.toys import blend, blend_gradient


class Order(StrEnum):
    """Which of the running trials moves next."""

    RANDOM = "random"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How often something goes wrong, as a share of all attempts (of all openings, for `queued`)."""

    fails: float = 0.0
    infeasible: float = 0.0
    infinite: float = 0.0  # the loss is inf
    released: float = 0.0  # the claim is given to another worker, while the first goes on as a zombie
    lost: float = 0.0  # the worker is never heard of again
    broken: float = 0.0  # a constraint is broken on the way, less and less
    queued: float = 0.0  # the user enqueues a configuration, whole or in part, or imports a trial


NO_FAULTS = Faults()
ALL_FAULTS = Faults(fails=0.15, infeasible=0.1, infinite=0.05, released=0.1, lost=0.06, queued=0.12)


@dataclass(frozen=True, slots=True)
class Held:
    """A question put to the searcher while the study ran, with the state it was put to and the answer."""

    position: int
    state: Any
    ask: Ask
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A study that was simulated: its log, and what it would have proposed or has decided on its way."""

    spec: StudySpec
    searcher: Searcher[Any]
    scheduler: Scheduler[Any]
    events: tuple[Event, ...]
    held: tuple[Held, ...]
    decisions: Mapping[int, tuple[int, Decision]]  # after the report at this position, of this trial
    exhausted: bool  # the searcher had nothing left before the trials were used up
    refused: int  # writes of zombies that the store has refused

    @property
    def proposals(self) -> dict[int, str]:
        """The next proposal at each position of the log that was looked at, as text."""
        return {held.position: held.answer for held in self.held}

    def fold(self, position: int | None = None, events: Sequence[Event] | None = None) -> Fold:
        """The study rebuilt from the first `position` events of its log."""
        fold = Fold(self.spec.problem, self.searcher, self.scheduler)
        fold.advance((self.events if events is None else events)[:position])
        return fold


def simulate(
    searcher: Searcher[Any],
    space: Space | None,
    *,
    scheduler: Scheduler[Any] | None = None,
    objective: Callable[[TrialHandle], Any] | None = None,
    objectives: Mapping[str, str] | None = None,
    fidelity: Fidelity | None = None,
    n_trials: int = 24,
    workers: int = 1,
    seed: int = 0,
    faults: Faults = NO_FAULTS,
    order: Order = Order.RANDOM,
    store: Store | None = None,
    watch: bool = True,
) -> Simulation:
    """Run a study of `n_trials` with so many simulated workers; the same arguments give the same log.

    `objective` is called at the start of each attempt and returns the final values; with a fidelity they are
    approached step by step. A searcher that handles gradients is told those of `toys.blend`, most times.
    `watch` asks for the next proposal after every step of the simulation.
    """
    scheduler = NoScheduler() if scheduler is None else scheduler
    problem = Problem(
        objectives=parse_objectives(None, objectives), space=space, fidelity=fidelity, n_trials=n_trials
    )
    spec = StudySpec(
        name="simulated",
        problem=problem,
        seed=seed,
        searcher=presets.record(searcher),
        scheduler=presets.record(scheduler),
    )
    kept: Store = MemoryStore() if store is None else store
    cursor = Cursor(kept, kept.create(spec), spec, searcher, scheduler)
    run = _Run(cursor, objective or _default(len(problem.objectives)), workers, faults, order, watch)
    try:
        run.go(n_trials)
    finally:
        cursor.close()
    return Simulation(
        spec=spec,
        searcher=searcher,
        scheduler=scheduler,
        events=tuple(kept.read(cursor.id)),
        held=tuple(run.held),
        decisions=run.decisions,
        exhausted=run.exhausted,
        refused=run.refused,
    )


def _default(count: int) -> Callable[[TrialHandle], Any]:
    def one(trial: TrialHandle) -> float:
        return blend(trial.params)

    def several(trial: TrialHandle) -> tuple[float, ...]:
        return tuple(
            blend({f"{i}/{name}": value for name, value in trial.params.items()}) for i in range(count)
        )

    return one if count == 1 else several


@dataclass(slots=True)
class _Task:
    """One attempt under way."""

    assignment: Assignment
    handle: TrialHandle
    values: tuple[float, ...]
    gradient: Mapping[str, float] | None
    end: float  # the step at which it ends, 0 when it reports nothing
    step: float
    fate: float
    zombie: bool = False


@dataclass(slots=True)
class _Run:
    cursor: Cursor
    objective: Callable[[TrialHandle], Any]
    workers: int
    faults: Faults
    order: Order
    watch: bool
    tasks: list[_Task] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    decisions: dict[int, tuple[int, Decision]] = field(default_factory=dict)
    exhausted: bool = False
    refused: int = 0
    tick: int = 0

    def go(self, n_trials: int) -> None:
        self._look()
        while True:
            self.tick += 1
            free = self.workers - len(self.tasks)
            if free > 0:
                if self._chance("queued") < self.faults.queued and len(self._trials()) < n_trials:
                    self._queue()
                count = 1 + int(self._chance("open") * free)
                opened = self.cursor.open_trials(count, n_trials)
                for assignment in opened:
                    self._start(assignment)
                if opened:
                    self._look()
                elif not self.tasks:
                    self.exhausted = len(self._trials()) < n_trials
                    return
            if self.tasks:
                self._move(self.tasks[self._pick()])
                self._look()

    def _trials(self) -> Sequence[Any]:
        return self.cursor.fold.ledger.trials

    def _chance(self, name: str, number: int | None = None) -> float:
        return uniform(self.cursor.spec.seed, self.tick if number is None else number, f"simulate/{name}")

    def _pick(self) -> int:
        if self.order is Order.RANDOM:
            return int(self._chance("pick") * len(self.tasks))
        return 0 if self.order is Order.OLDEST else -1

    def _start(self, assignment: Assignment) -> None:
        context = replace(self.cursor.context, raises=False)
        handle = TrialHandle(assignment, context, self.cursor.answer)
        values = measured(self.objective(handle), context.names).values
        slopes = self.cursor.searcher.handles.gradients and self._chance("slope", assignment.number) < 0.9
        gradient = blend_gradient(handle) if slopes else None
        trial = assignment.trial
        fidelity = self.cursor.spec.problem.fidelity
        end = 0 if fidelity is None else trial.budget or fidelity.high
        fate = self._chance(f"fate/{trial.attempt}", trial.number)
        self.tasks.append(_Task(assignment, handle, values, gradient, end, trial.step, fate))

    def _move(self, task: _Task) -> None:
        """One step of one trial: a report, its end, or what fate has in store."""
        faults, fate = self.faults, task.fate
        if task.step < task.end - 1 and self._chance("report") < 0.9:  # most mishaps come at the last step
            self._report(task)
        elif task.zombie:
            self._zombie(task)
        elif fate < faults.released and task.assignment.trial.attempt < 4:
            worker = self.cursor.worker
            number, attempt = task.assignment.number, task.assignment.trial.attempt
            self.cursor.append([Released(number, attempt, worker, "simulated")])
            task.zombie = True
        elif fate < faults.released + faults.lost:
            self.tasks.remove(task)
        elif fate < faults.released + faults.lost + faults.fails:
            self._end(task, TrialState.FAILED, error="simulated")
        elif task.step < task.end:
            self._report(task)
        else:
            self._complete(task)

    def _report(self, task: _Task) -> None:
        task.step = min(task.step + 1, task.end)  # of a budget that is a fraction, all at once
        number = task.assignment.number
        noise = self._chance(f"curve/{task.step}", number) - 0.5
        values = tuple(value + (1.0 + 0.2 * noise) / task.step for value in task.values)
        if self._chance("broken", number) < self.faults.broken:
            task.handle.constraint("way", 0.4 + noise - 0.02 * task.step)
        before = self.cursor.fold.ledger.position
        task.handle.report(values if len(values) > 1 else values[0], task.step)
        if task.zombie:
            self.refused += 1
            self.tasks.remove(task)
            return
        answer = decision(task.handle)
        if self.cursor.fold.ledger.position > before:
            self.decisions[self.cursor.fold.ledger.position] = (number, answer)
        if answer is not Decision.CONTINUE:
            self._end(task, TrialState.PAUSED if answer is Decision.PAUSE else TrialState.STOPPED)
        elif task.step >= task.end:
            self._complete(task)

    def _complete(self, task: _Task) -> None:
        faults = self.faults
        luck = self._chance("luck", task.assignment.number)
        values = task.values
        if luck < faults.infeasible:
            task.handle.constraint("limit", 1.0 + luck)
        elif luck < faults.infeasible + faults.infinite:
            values = (float("inf"),) * len(values)
        self._end(task, TrialState.COMPLETE, values=values, gradient=task.gradient)

    def _end(
        self,
        task: _Task,
        state: TrialState,
        values: tuple[float, ...] | None = None,
        error: str | None = None,
        gradient: Mapping[str, float] | None = None,
    ) -> None:
        self.tasks.remove(task)
        self.cursor.answer(ended(task.handle, state, values=values, error=error, gradient=gradient))

    def _zombie(self, task: _Task) -> None:
        """A worker that has lost its claim tells its result: it is refused."""
        before = self.cursor.read().position
        self._end(task, TrialState.COMPLETE, values=task.values)
        assert self.cursor.read().position == before, "a zombie has written into the log"
        self.refused += 1

    def _queue(self) -> None:
        space = self.cursor.spec.problem.space
        if space is None:
            return
        study = Study(self.cursor)
        params = space.decode(space.draw(Rng(self.cursor.spec.seed + 1, self.tick)))
        way = self._chance("way")
        if way < 0.3:
            study.add_trial(params, dict.fromkeys(self.cursor.context.names, 0.5))
        elif way < 0.6 and not space.constraints and params:
            name = next(iter(params))
            study.enqueue({name: params[name]})
        else:
            study.enqueue(params)
        self._look()

    def _look(self) -> None:
        """Write down what would be proposed now."""
        if not self.watch:
            return
        fold = self.cursor.fold
        position = fold.ledger.position
        if self.held and self.held[-1].position == position:
            return
        ask = next_ask(fold, self.cursor.spec.seed)
        self.held.append(
            Held(position, fold.search_state, ask, answer_of(fold.searcher, fold.search_state, ask))
        )


def next_ask(fold: Fold, seed: int) -> Ask:
    """The question that the kernel would put to the searcher for the next new trial."""
    return question(fold, seed)


def answer_of(searcher: Searcher[Any], state: Any, ask: Ask) -> str:
    """The searcher's answer as text that differs when a single bit does."""
    return proposal_text(asked(searcher, state, ask))


def proposal_text(proposal: Proposal | None) -> str:
    """A proposal as text that differs when a single bit does."""
    return "nothing" if proposal is None else dumps([[float(u).hex() for u in proposal.unit], proposal.memo])


def through_json(events: Iterable[Event], later: float = 0.0) -> list[Event]:
    """The events as they come back from any store that keeps text, written so many seconds later."""
    found = []
    for event in events:
        body = loads(encode_event(event))
        body["at"] = event.at + later
        found.append(decode_event(type(event).__name__, dumps(body)))
    return found


def write_log(path: Path, simulation: Simulation) -> None:
    """Keep a simulation as JSON lines: its spec, its events, and the proposals at positions of its log."""
    lines = [json.dumps(["Spec", encode_spec(simulation.spec)])]
    lines += [json.dumps([type(event).__name__, encode_event(event)]) for event in simulation.events]
    lines.append(json.dumps(["Proposals", simulation.proposals]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_log(path: Path) -> tuple[StudySpec, list[Event], dict[int, str]]:
    """What `write_log` has kept."""
    first, *middle, last = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    events = [decode_event(kind, text) for kind, text in middle]
    return decode_spec(first[1]), events, {int(position): text for position, text in last[1].items()}


def diverged(path: Path) -> list[int]:
    """The positions at which a study rebuilt from this file does not propose what was proposed then."""
    spec, events, proposals = read_log(path)
    fold = Fold(spec.problem, presets.searcher_from(spec.searcher), presets.scheduler_from(spec.scheduler))
    found = []
    for position in range(len(events) + 1):
        wanted = proposals.get(position)
        if wanted is not None:
            try:
                answer = answer_of(fold.searcher, fold.search_state, next_ask(fold, spec.seed))
            except NoTrial:
                answer = "no trial"
            if answer != wanted:
                found.append(position)
        if position < len(events):
            fold.advance((events[position],))
    return found
