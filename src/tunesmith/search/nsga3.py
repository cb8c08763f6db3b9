"""NSGA-III: nondominated sorting, and niches around reference directions.

Deb and Jain (2014), IEEE Trans. Evol. Comput. 18, part I (the method); Jain and Deb (2014), part II
(constraints).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith._rng import Rng
from tunesmith.errors import SettingError
from tunesmith.numeric.niches import Frontier, directions, lattice, niched
from tunesmith.numeric.pareto import constrained_ranks
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._breeding import (
    Operators,
    Parents,
    bred,
    check_evolution,
    first_trial,
    population_for,
    tiers,
    usable,
)

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_SIZES = 12, 92  # 91 directions for three objectives, in fours (table I of the paper)
_SHARE = 10
_MOST_RAYS = 5000


class Niches(NamedTuple):
    """The state: parents (rows of the history), the row from which on their children come, and the front."""

    history: History
    size: int
    rays: Floats
    parents: Indices
    since: int
    number: int
    frontier: Frontier


@dataclass(frozen=True, slots=True)
class NSGA3Searcher(Searcher[Niches]):
    """Keeps a population with members near many directions of the Pareto front, and breeds from it.

    Choose it for three objectives and more, where crowding no longer tells the members of a front apart, with
    many cheap trials; for two objectives `nsga2` does as well. Trials of any source join: enqueued, imported,
    made by another searcher. Infeasible trials come after feasible ones, by how much they break; failed ones
    are not bred. It starts at the middle of the space and goes on evenly until `population` trials have
    ended.

    O(population^2 + dims) an ask, the same for every number of trials.

    Args:
        population: how many parents are kept; None: as many as there are directions, in fours.
        divisions: of each objective's axis by the lattice of directions (12: 91 directions of three
            objectives); None: as many directions as the population, which then is a tenth of the study's
            `n_trials`, 12 to 92. In many objectives they lie in two layers.
        crossover: probability that a child has two parents.
        eta_crossover, eta_mutation: distribution indices; a child of a larger one is nearer to its parents.
            The published 20 for mutation changes too little: 5 left out 0.013 less of the hypervolume after
            200 trials (eight tasks of `benchmarks.goals`; standard error 0.003); after 800 they do as well.
        steady: whether children join the parents as they end; False: when a whole generation of them has,
            as published.

    Raises:
        SettingError: for settings out of range, or one objective.
    """

    handles = Handles(objectives=None)

    population: int | None = None
    divisions: int | None = None
    crossover: float = 1.0
    eta_crossover: float = 30.0
    eta_mutation: float = 5.0
    steady: bool = True

    def __post_init__(self) -> None:
        check_evolution(self.population, self.crossover, self.eta_crossover, self.eta_mutation, self.steady)
        if self.divisions is not None:
            _check.integer("divisions", self.divisions, 1)

    def init(self, problem: Problem) -> Niches:
        objectives = len(problem.objectives)
        size = population_for(problem.n_trials, self.population, _SIZES, _SHARE)
        rays = directions(objectives, size) if self.divisions is None else self._lattice(objectives)
        if self.population is None:
            size = -(-max(len(rays), 4) // 4) * 4
        nothing = np.empty(0, dtype=np.intp)
        return Niches(History.empty(problem), size, rays, nothing, 0, 0, Frontier.unknown(objectives))

    def _lattice(self, objectives: int) -> Floats:
        divisions = self.divisions or 1
        count = math.comb(objectives + divisions - 1, divisions)
        if count > _MOST_RAYS:
            raise SettingError(
                f"divisions={divisions} of {objectives} objectives are {count} directions, and "
                f"{_MOST_RAYS} are the most: take fewer divisions"
            )
        return lattice(objectives, divisions)

    def tell(self, state: Niches, trial: Trial) -> Niches:
        state = state._replace(history=state.history.tell(trial))
        history = state.history
        if history.n - state.since < state.size:
            return state
        rows, frontier = _kept(state)
        return state._replace(parents=rows, since=history.n, number=state.number + 1, frontier=frontier)

    def ask(self, state: Niches, ask: Ask) -> Proposal:
        history = state.history
        if not ask.space.dims:
            return Proposal([])
        rows = _kept(state)[0] if self.steady else usable(history, state.parents)
        if len(rows) < 2 or (state.number == 0 and len(rows) < state.size):
            return first_trial(history, ask, state.number)
        violations = history.violations[rows]
        feasible = bool((violations == violations[0]).all())

        def one(rng: np.random.Generator) -> int:
            """Any parent; where some are infeasible, the less so of two (part II, algorithm 3)."""
            if feasible:
                return int(rng.integers(len(rows)))
            first, other = rng.integers(len(rows), size=2).tolist()
            return int(other if violations[other] < violations[first] else first)

        def parents(rng: np.random.Generator) -> Parents:
            return one(rng), one(rng)

        operators = Operators(self.crossover, self.eta_crossover, self.eta_mutation)
        return bred(history, ask, rows, parents, operators, state.number)


def _kept(state: Niches) -> tuple[Indices, Frontier]:
    """The rows that survive now, and where the front lies."""
    history = state.history
    rows = usable(history, np.concatenate([state.parents, np.arange(state.since, history.n)]))
    if not len(rows):
        return rows, state.frontier
    losses = history.losses[rows]
    violations, whole = tiers(history, rows)
    fronts = constrained_ranks(losses, violations, whole)
    rng = Rng(0, history.n).generator("niches")  # of the position alone: what survives is told, not asked
    kept, frontier = niched(
        losses, fronts, whole & (violations <= 0.0), state.size, state.rays, state.frontier, rng
    )
    return rows[kept], frontier
