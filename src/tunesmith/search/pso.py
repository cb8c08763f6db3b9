"""Particle swarm: configurations fly on, drawn to the best places that they and their neighbours have seen.

Clerc and Kennedy (2002), The particle swarm: explosion, stability and convergence in a multidimensional
complex space, IEEE TEVC 6 (constriction); Kennedy and Mendes (2002), Population structure and particle swarm
performance, CEC (the ring).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.numeric.evolve import flown
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import PAUSED, SEARCHER, Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._mixed import Candidate, Mixed, beats, chosen, counted_before, mixed_of, seen
from tunesmith.search._start import start_row
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_FEWEST = 3  # a ring


class Particle(NamedTuple):
    """Where a particle is, how it flies, and its best place with that one's row of the history."""

    position: Floats
    velocity: Floats
    best: Floats
    row: int


class PSOState(NamedTuple):
    """What a swarm knows. `tries`: how often each particle has flown; None has not been seen yet."""

    history: History
    space: Space
    particles: tuple[Particle | None, ...]
    tries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PSOSearcher(Searcher[PSOState]):
    """Lets a swarm of configurations fly, each drawn to its best place and to its neighbours' (PSO).

    Choose it for many quick trials of an objective on numbers; `cmaes` and `de` need fewer trials as a rule.
    The first particle starts in the middle, the others evenly. Each one's neighbours are the two beside it
    on a ring. At a bound a particle is reflected. Whole numbers and categories are the cells of a continuum.
    A particle flies on when its trial ends, in any order. Failed trials are never a best place, infeasible
    ones go by violation; trials of others become the best place of a particle when they beat it.

    O(dims) an ask, whatever the number of trials.

    Args:
        population: how many particles; None is 10 + 2 sqrt(dims).

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(define_by_run=False)

    population: int | None = None

    def __post_init__(self) -> None:
        if self.population is not None:
            _check.integer("population", self.population, _FEWEST)

    def init(self, problem: Problem) -> PSOState:
        if problem.space is None:
            raise SettingError("pso must know the space beforehand: declare it with space=")
        size = self.population or 10 + int(2.0 * math.sqrt(len(problem.space.dims)))
        nobody: tuple[Particle | None, ...] = (None,) * size
        return PSOState(History.empty(problem), problem.space, nobody, (0,) * size)

    def tell(self, state: PSOState, trial: Trial) -> PSOState:
        history = state.history.tell(trial)
        fresh = history.created > state.history.created
        state = state._replace(history=history)
        memo = _memo(trial, len(state.particles))
        if not (trial.state.finished or trial.state is PAUSED):
            return _tried(state, memo["particle"]) if fresh and memo is not None else state
        if counted_before(history):
            return state
        hidden = None if memo is None else memo["hidden"]
        position = seen(history, mixed_of(state.space, True), hidden)
        if memo is None:
            return _joined(state, position)
        velocity = np.array(memo["velocity"])
        return _moved(state, memo["particle"], position, velocity)

    def ask(self, state: PSOState, ask: Ask) -> Proposal:
        if not ask.space.dims:
            return Proposal([])
        mixed = mixed_of(ask.space, True)
        return Proposal(*chosen(state.history, mixed, ask, self._flights(state, mixed, ask)))

    def _flights(self, state: PSOState, mixed: Mixed, ask: Ask) -> Iterator[Candidate]:
        """Where the particle goes that has flown least often; without end."""
        place = min(range(len(state.tries)), key=state.tries.__getitem__)
        rng = ask.rng.generator("pso")
        dims = len(mixed.numbers)
        particle = state.particles[place]
        if not state.tries[place]:
            start = np.array(start_row(ask))[mixed.numbers]
            yield _candidate(mixed, place, start, 0.5 * (rng.random(dims) - start))
        while True:
            if particle is None:
                start = rng.random(dims)
                yield _candidate(mixed, place, start, 0.5 * (rng.random(dims) - start))
                continue
            leader = _leader(state, place, particle)
            there, velocity = flown(particle.position, particle.velocity, particle.best, leader, rng)
            yield _candidate(mixed, place, there, velocity)


def _candidate(mixed: Mixed, place: int, position: Floats, velocity: Floats) -> Candidate:
    row = mixed.row(position)
    memo = {"particle": place, "velocity": velocity.tolist(), "hidden": mixed.hidden(row, position)}
    return Candidate(row, memo)


def _leader(state: PSOState, place: int, particle: Particle) -> Floats:
    """The best place that the particle and its two neighbours have seen."""
    found = particle
    for beside in (place - 1, (place + 1) % len(state.particles)):
        other = state.particles[beside]
        if (
            other is not None
            and other.row >= 0
            and (found.row < 0 or beats(state.history, other.row, found.row))
        ):
            found = other
    return found.best


def _memo(trial: Trial, size: int) -> Any:
    """The memo of a trial of ours, else None."""
    memo: Any = trial.memo
    ours = trial.source == SEARCHER and isinstance(memo, dict) and "velocity" in memo and "hidden" in memo
    return memo if ours and memo["particle"] < size else None


def _tried(state: PSOState, place: int) -> PSOState:
    tries = state.tries
    return state._replace(tries=(*tries[:place], tries[place] + 1, *tries[place + 1 :]))


def _placed(state: PSOState, place: int, particle: Particle) -> PSOState:
    particles = state.particles
    return state._replace(particles=(*particles[:place], particle, *particles[place + 1 :]))


def _moved(state: PSOState, place: int, position: Floats, velocity: Floats) -> PSOState:
    """With the particle at its new place, which may be its best. A row of -1 says that it has had no loss."""
    history, row = state.history, state.history.n - 1
    before = state.particles[place]
    lost = bool(np.isnan(history.losses[row, 0]))
    if before is None:
        return _placed(state, place, Particle(position, velocity, position, -1 if lost else row))
    if not lost and (before.row < 0 or beats(history, row, before.row)):
        return _placed(state, place, Particle(position, velocity, position, row))
    return _placed(state, place, before._replace(position=position, velocity=velocity))


def _joined(state: PSOState, position: Floats) -> PSOState:
    """With a trial of others: as a particle that has not started, else as the best place of the worst one."""
    history, row = state.history, state.history.n - 1
    if np.isnan(history.losses[row, 0]):
        return state
    arrived = Particle(position, np.zeros(len(position)), position, row)
    worst: int | None = None
    for place, (tries, particle) in enumerate(zip(state.tries, state.particles, strict=True)):
        if not tries and particle is None:
            return _tried(_placed(state, place, arrived), place)
        if particle is not None and (worst is None or _worse(state, particle, worst)):
            worst = place
    there = None if worst is None else state.particles[worst]
    if worst is None or there is None or (there.row >= 0 and not beats(history, row, there.row)):
        return state
    return _placed(state, worst, there._replace(best=position, row=row))


def _worse(state: PSOState, particle: Particle, place: int) -> bool:
    other = state.particles[place]
    if other is None or other.row < 0:
        return False
    return particle.row < 0 or not beats(state.history, particle.row, other.row)
