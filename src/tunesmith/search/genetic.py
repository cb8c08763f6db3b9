"""A genetic algorithm for mixed and conditional spaces, and ageing (regularised) evolution.

Goldberg (1989), Genetic algorithms in search, optimization and machine learning (tournaments, crossover,
mutation); Deb (2000), An efficient constraint handling method for genetic algorithms, CMAME 186; Real,
Aggarwal, Huang and Le (2019), Regularized evolution for image classifier architecture search, AAAI 33.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.ranking import ranking_of
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
    usable,
)

Indices = NDArray[np.intp]

_SIZES, _SHARE = (10, 50), 16
_CONTEST = 4
_MUTATIONS = 1.5
_AGEING_SIZES, _AGEING_SHARE = (10, 100), 4  # 100 members in the paper's larger runs


class Members(NamedTuple):
    """The state: what was told, and how many members live."""

    history: History
    size: int


@dataclass(frozen=True, slots=True)
class GeneticSearcher(Searcher[Members]):
    """Breeds from the best trials by tournament, crossover and mutation; or, ageing, mutates the young ones.

    Choose it for cheap objectives, hundreds of trials and many workers on categorical and conditional
    spaces; with `ageing=True` for architecture search and noisy objectives, where a lucky trial must not stay
    for ever. With few trials of an expensive objective a model (`tpe`, `gp`) finds more. What one parent
    lacks of a branch comes as a whole from one that has it. Trials of any source join. Infeasible trials come
    after feasible ones, by how much they break; failed ones are not bred; stopped ones are compared at the
    last step that both have reached.

    O(population + dims) an ask, the same for every number of trials.

    Args:
        population: how many members live: the best ones, or, ageing, the latest. None: a sixteenth of the
            study's `n_trials`, 10 to 50; ageing, a quarter, 10 to 100.
        tournament: of how many random members a parent is the best; None: 4; ageing, a quarter of them.
        crossover: probability that a child has two parents; ageing has none.
        mutations: how many parameters change on average (a child of one parent: one at least); None: 1.5,
            ageing 1.
        eta_crossover, eta_mutation: distribution indices; a child of a larger one is nearer to its parents.
        ageing: whether members die of age (regularised evolution), not of being worse.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles()

    population: int | None = None
    tournament: int | None = None
    crossover: float = 0.9
    mutations: float | None = None
    eta_crossover: float = 15.0
    eta_mutation: float = 3.0
    ageing: bool = False

    def __post_init__(self) -> None:
        check_evolution(self.population, self.crossover, self.eta_crossover, self.eta_mutation, self.ageing)
        if self.tournament is not None:
            _check.integer("tournament", self.tournament, 1)
        if self.mutations is not None and not _check.number("mutations", self.mutations) > 0.0:
            raise SettingError(f"mutations must be above 0, got {self.mutations!r}")

    def init(self, problem: Problem) -> Members:
        bounds, share = (_AGEING_SIZES, _AGEING_SHARE) if self.ageing else (_SIZES, _SHARE)
        size = population_for(problem.n_trials, self.population, bounds, share)
        return Members(History.empty(problem), size)

    def tell(self, state: Members, trial: Trial) -> Members:
        return Members(state.history.tell(trial), state.size)

    def ask(self, state: Members, ask: Ask) -> Proposal:
        history = state.history
        if not ask.space.dims:
            return Proposal([])
        generation = history.n // state.size
        rows = _young(state) if self.ageing else ranking_of(history, state.size).leaders(history, state.size)
        if len(rows) < 2 or history.n < state.size:
            return first_trial(history, ask, generation)
        contest = self.tournament or (max(2, state.size // 4) if self.ageing else _CONTEST)

        def one(rng: np.random.Generator) -> int:
            """Rows go from the best to the worst."""
            return int(rng.integers(len(rows), size=contest).min())

        def parents(rng: np.random.Generator) -> Parents:
            first = one(rng)
            return first, (first if self.ageing else one(rng))

        crossover = 0.0 if self.ageing else self.crossover
        mutations = self.mutations or (1.0 if self.ageing else _MUTATIONS)
        operators = Operators(crossover, self.eta_crossover, self.eta_mutation, mutations)
        return bred(history, ask, rows, parents, operators, generation)


def _young(state: Members) -> Indices:
    """The latest members that have losses, the best first; of a long run of failures older ones live on."""
    history, size = state.history, state.size
    rows = usable(history, np.arange(max(0, history.n - 4 * size), history.n))[-size:]
    return ranking_of(history, size).ordered(history, rows)
