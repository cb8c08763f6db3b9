"""NSGA-II: nondominated sorting and crowding.

Deb, Pratap, Agarwal and Meyarivan (2002), A fast and elitist multiobjective genetic algorithm, IEEE Trans.
Evol. Comput. 6. Children of a generation that is not full: Durillo, Nebro, Luna and Alba (2009), On the
effect of the steady-state selection scheme in multi-objective genetic algorithms, EMO (LNCS 5467).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.pareto import constrained_ranks, crowding
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

_SIZES = 10, 50
_SHARE = 10


class Generation(NamedTuple):
    """The state: the parents (rows of the history), and from which row on their children come."""

    history: History
    size: int
    parents: Indices
    since: int
    number: int


class Ranked(NamedTuple):
    """Rows with their fronts and crowding distances, as tournaments compare them."""

    rows: Indices
    fronts: Indices
    distances: Floats


@dataclass(frozen=True, slots=True)
class NSGA2Searcher(Searcher[Generation]):
    """Keeps a population spread along the Pareto front and breeds from it by crossover and mutation.

    Choose it for two objectives that cost little, thousands of trials and many workers; with a few hundred
    trials a model (`tpe`, `gp`) finds more. Trials of any source join: enqueued, imported, made by another
    searcher. Infeasible trials come after feasible ones, by how much they break; failed ones are not bred.
    What one parent lacks of a branch comes as a whole from one that has it. It starts at the middle of the
    space and goes on evenly until `population` trials have ended.

    O(population log(population) + dims) an ask for two objectives, O(population^2 + dims) for more, the same
    for every number of trials.

    Args:
        population: how many parents are kept; None: a tenth of the study's `n_trials`, 10 to 50.
        crossover: probability that a child has two parents.
        eta_crossover, eta_mutation: distribution indices; a child of a larger one is nearer to its parents.
            The published 20 for mutation changes too little: 5 left out 0.02 less of the hypervolume after
            200 and after 800 trials (eleven tasks of `benchmarks.goals`; standard errors 0.006 and 0.003).
        steady: whether children join the parents as they end; False: when a whole generation of them has,
            as published.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(objectives=None)

    population: int | None = None
    crossover: float = 0.9
    eta_crossover: float = 15.0
    eta_mutation: float = 5.0
    steady: bool = True

    def __post_init__(self) -> None:
        check_evolution(self.population, self.crossover, self.eta_crossover, self.eta_mutation, self.steady)

    def init(self, problem: Problem) -> Generation:
        size = population_for(problem.n_trials, self.population, _SIZES, _SHARE)
        return Generation(History.empty(problem), size, np.empty(0, dtype=np.intp), 0, 0)

    def tell(self, state: Generation, trial: Trial) -> Generation:
        history = state.history.tell(trial)
        state = state._replace(history=history)
        if history.n - state.since < state.size:
            return state
        rows = usable(history, _pool(state))
        kept = _best(history, rows, state.size).rows
        return state._replace(parents=kept, since=history.n, number=state.number + 1)

    def ask(self, state: Generation, ask: Ask) -> Proposal:
        history = state.history
        if not ask.space.dims:
            return Proposal([])
        rows = usable(history, _pool(state) if self.steady else state.parents)
        if len(rows) < 2 or (state.number == 0 and len(rows) < state.size):
            return first_trial(history, ask, state.number)
        ranked = _best(history, rows, state.size)

        def parents(rng: np.random.Generator) -> Parents:
            return tournament(ranked, rng), tournament(ranked, rng)

        operators = Operators(self.crossover, self.eta_crossover, self.eta_mutation)
        return bred(history, ask, ranked.rows, parents, operators, state.number)


def _pool(state: Generation) -> Indices:
    return np.concatenate([state.parents, np.arange(state.since, state.history.n)])


def _best(history: History, rows: Indices, count: int) -> Ranked:
    """The best `count` rows: front by front, the last front by crowding (section III-C)."""
    losses = history.losses[rows]
    fronts = constrained_ranks(losses, *tiers(history, rows))
    distances = crowding(losses, fronts)
    if len(rows) > count:
        order = np.lexsort((-distances, fronts))[:count]
        rows, fronts, distances = rows[order], fronts[order], distances[order]
    return Ranked(rows, fronts, distances)


def tournament(ranked: Ranked, rng: np.random.Generator) -> int:
    """The place of the better of two rows, by front and then by distance (the crowded comparison)."""
    one, other = rng.integers(len(ranked.rows), size=2).tolist()
    fronts, distances = ranked.fronts, ranked.distances
    better = fronts[other] < fronts[one] or (
        fronts[other] == fronts[one] and distances[other] > distances[one]
    )
    return int(other if better else one)
