"""Differential evolution: configurations are crossed with differences of others, and the better one stays.

Storn and Price (1997), Journal of Global Optimization 11; Tanabe and Fukunaga (2013), CEC (SHADE); Zhang and
Sanderson (2009), JADE, IEEE TEVC 13 (archive, bounds).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.ranking import ranking_of
from tunesmith.numeric.evolve import Drawn, Memory, classic, mutant
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import PAUSED, SEARCHER, Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._mixed import (
    Candidate,
    Mixed,
    beats,
    chosen,
    counted_before,
    drawn_vector,
    mixed_of,
    seen,
)
from tunesmith.search._start import start_row
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_FEWEST = 4  # that are crossed


class Strategy(StrEnum):
    """How trial vectors are made."""

    SHADE = "shade"  # current-to-pbest/1/bin with archive, scale and rate from what succeeded
    RAND = "rand"  # rand/1/bin with fixed scale and rate


class Member(NamedTuple):
    """A place of the population: its vector, and the row of the history that it has its loss from."""

    vector: Floats
    row: int


class DEState(NamedTuple):
    """What differential evolution knows. `tries`: how often each place was a target; None is an empty one."""

    history: History
    space: Space
    members: tuple[Member | None, ...]
    tries: tuple[int, ...]
    memory: Memory
    archive: tuple[Floats, ...] = ()
    successes: tuple[Drawn, ...] = ()
    gains: tuple[float, ...] = ()
    ended: int = 0  # trials since the memory was written


@dataclass(frozen=True, slots=True)
class DESearcher(Searcher[DEState]):
    """Crosses each configuration of a population with differences of others; the better one stays (SHADE).

    Choose it for thousands of quick trials, many workers, and objectives that are rough or flat in places;
    for few trials other methods need fewer. It asks the middle first and fills the population evenly, the
    defaults and enqueued trials included; later trials of others replace the worst when they are better.
    Whole numbers are the cells of a continuum, categories are taken over from better or other configurations.
    A trial replaces its target as soon as it ends, in any order. Failed trials replace none, infeasible ones
    go by violation, trials that were stopped are compared at the last step that both have reached.

    O(population * dims) an ask, whatever the number of trials.

    Args:
        population: how many configurations are kept; None is 10 and one more for each dimension, 40 at most.
        strategy: "shade" (current-to-pbest/1 with archive, scale and crossover learnt from what succeeded) or
            "rand" (rand/1 with the `scale` and `crossover` given).
        scale, crossover: F and CR of "rand".
        memory: how many generations of successes SHADE remembers.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(define_by_run=False)

    population: int | None = None
    strategy: str = "shade"
    scale: float = 0.5
    crossover: float = 0.9
    memory: int = 6

    def __post_init__(self) -> None:
        if self.population is not None:
            _check.integer("population", self.population, _FEWEST)
        _check.integer("memory", self.memory, 1)
        if self.strategy not in list(Strategy):
            raise SettingError(f"strategy must be 'shade' or 'rand', got {self.strategy!r}")
        if not 0.0 < _check.number("scale", self.scale) <= 2.0:
            raise SettingError(f"scale must be above 0 and at most 2, got {self.scale!r}")
        if not 0.0 <= _check.number("crossover", self.crossover) <= 1.0:
            raise SettingError(f"crossover must lie between 0 and 1, got {self.crossover!r}")

    def init(self, problem: Problem) -> DEState:
        if problem.space is None:
            raise SettingError("de must know the space beforehand: declare it with space=")
        size = self.population or min(10 + len(problem.space.dims), 40)
        nobody: tuple[Member | None, ...] = (None,) * size
        return DEState(History.empty(problem), problem.space, nobody, (0,) * size, Memory.of(self.memory))

    def tell(self, state: DEState, trial: Trial) -> DEState:
        history = state.history.tell(trial)
        fresh = history.created > state.history.created
        state = state._replace(history=history)
        memo = _memo(trial, len(state.members))
        if not (trial.state.finished or trial.state is PAUSED):
            return _tried(state, memo["target"]) if fresh and memo is not None else state
        if counted_before(history):
            return state
        row = history.n - 1
        hidden = None if memo is None else memo["hidden"]
        member = Member(seen(history, mixed_of(state.space, True), hidden), row)
        if memo is None:
            return _joined(state, member)
        return self._judged(state, member, memo)

    def _judged(self, state: DEState, member: Member, memo: Any) -> DEState:
        """The trial against its target; once in a population's trials what succeeded is learnt."""
        place, history = memo["target"], state.history
        target = state.members[place]
        state = state._replace(ended=state.ended + 1)
        if np.isnan(history.losses[member.row, 0]):
            pass
        elif target is None:
            state = _placed(state, place, member)
        elif beats(history, member.row, target.row):
            gain = float(history.losses[target.row, 0]) - float(history.losses[member.row, 0])
            state = _placed(state, place, member)
            # the oldest makes room, not one by chance as published: better on three functions of four
            state = state._replace(archive=(*state.archive, target.vector)[-len(state.members) :])
            if gain > 0.0 and "drawn" in memo:
                successes, gains = (*state.successes, Drawn(*memo["drawn"])), (*state.gains, gain)
                state = state._replace(successes=successes, gains=gains)
        if state.ended < len(state.members):
            return state
        memory = state.memory.after(state.successes, state.gains)
        return state._replace(memory=memory, successes=(), gains=(), ended=0)

    def ask(self, state: DEState, ask: Ask) -> Proposal:
        if not ask.space.dims:
            return Proposal([])
        mixed = mixed_of(ask.space, True)
        return Proposal(*chosen(state.history, mixed, ask, self._made(state, mixed, ask)))

    def _made(self, state: DEState, mixed: Mixed, ask: Ask) -> Iterator[Candidate]:
        """Trial vectors of the place that was a target least often, without end."""
        place = min(range(len(state.tries)), key=state.tries.__getitem__)
        rng = ask.rng.generator("de")
        if not state.tries[place]:
            yield _candidate(mixed, place, np.array(start_row(ask))[mixed.numbers])
        ranked, at = _ranked(state, place)
        while True:
            if at is None or len(ranked) < _FEWEST or not mixed.numbers:
                yield _candidate(mixed, place, drawn_vector(mixed, rng))
            elif self.strategy == Strategy.RAND:
                how = Drawn(self.scale, self.crossover)
                yield _candidate(mixed, place, classic(at, ranked, how, mixed.nominal, rng), how)
            else:
                how = state.memory.draw(rng)
                archive = np.array(state.archive).reshape(len(state.archive), len(mixed.numbers))
                yield _candidate(mixed, place, mutant(at, ranked, archive, how, mixed.nominal, rng), how)


def _candidate(mixed: Mixed, place: int, vector: Floats, drawn: Drawn | None = None) -> Candidate:
    row = mixed.row(vector)
    memo: dict[str, Any] = {"target": place, "hidden": mixed.hidden(row, vector)}
    return Candidate(row, memo if drawn is None else memo | {"drawn": list(drawn)})


def _memo(trial: Trial, size: int) -> Any:
    """The memo of a trial of ours, else None."""
    memo: Any = trial.memo
    ours = trial.source == SEARCHER and isinstance(memo, dict) and "target" in memo and "hidden" in memo
    return memo if ours and memo["target"] < size else None


def _tried(state: DEState, place: int) -> DEState:
    tries = state.tries
    return state._replace(tries=(*tries[:place], tries[place] + 1, *tries[place + 1 :]))


def _placed(state: DEState, place: int, member: Member) -> DEState:
    members = state.members
    return state._replace(members=(*members[:place], member, *members[place + 1 :]))


def _joined(state: DEState, member: Member) -> DEState:
    """With a trial of others: at a place that was not tried, else instead of the worst when it is better."""
    if np.isnan(state.history.losses[member.row, 0]):
        return state
    for place, (tries, there) in enumerate(zip(state.tries, state.members, strict=True)):
        if not tries and there is None:
            return _tried(_placed(state, place, member), place)
    rows = np.array([there.row for there in state.members if there is not None])
    if not len(rows):
        return state
    worst = int(ranking_of(state.history, 0).ordered(state.history, rows)[-1])
    place = next(i for i, there in enumerate(state.members) if there is not None and there.row == worst)
    return _placed(state, place, member) if beats(state.history, member.row, worst) else state


def _ranked(state: DEState, place: int) -> tuple[Floats, int | None]:
    """The vectors of the population, the best first, and which of them the target is."""
    there = [member for member in state.members if member is not None]
    if not there:
        return np.empty((0, 0)), None
    order = ranking_of(state.history, 0).ordered(state.history, np.array([member.row for member in there]))
    by_row = {member.row: member.vector for member in there}
    target = state.members[place]
    rows = order.tolist()
    at = None if target is None else rows.index(target.row)
    return np.array([by_row[row] for row in rows]), at
