"""DEHB's searcher: differential evolution with a population for each budget.

Awad, Mallik and Hutter (2021), DEHB: evolutionary Hyperband for scalable, robust and efficient hyperparameter
optimization, IJCAI, sections 4 and 4.2. Its other half is Hyperband, whose later rounds start new trials
where others would resume; `searcher="dehb"` gives both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.ranking import ranking_of
from tunesmith.numeric.evolve import Drawn, classic
from tunesmith.numeric.pareto import nondominated
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import SEARCHER, Trial
from tunesmith.search._at_budget import AtBudgets
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._mixed import Candidate, Mixed, beats, chosen, drawn_vector, mixed_of, seen
from tunesmith.search.de import Member
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_FEWEST = 4  # members of a population, for rand/1 crosses three with a fourth
_PARENTS = 3


class Population(NamedTuple):
    """Of one budget: members, how often each place was a target, and how many trials were proposed for it."""

    members: tuple[Member | None, ...]
    tries: tuple[int, ...]
    proposed: int = 0

    def placed(self, place: int, member: Member) -> Population:
        """With this member there."""
        return self._replace(members=(*self.members[:place], member, *self.members[place + 1 :]))

    def tried(self, place: int) -> Population:
        """With one trial more against this place."""
        tries = (*self.tries[:place], self.tries[place] + 1, *self.tries[place + 1 :])
        return self._replace(tries=tries)


class DEHBState(NamedTuple):
    """The history as seen at each budget, and the population of each."""

    seen: AtBudgets
    space: Space
    populations: tuple[Population, ...]

    def with_(self, rung: int, population: Population) -> DEHBState:
        """With another population of a budget."""
        found = (*self.populations[:rung], population, *self.populations[rung + 1 :])
        return self._replace(populations=found)


@dataclass(frozen=True, slots=True)
class DEHBSearcher(Searcher[DEHBState]):
    """Evolves a population for each budget, with parents from the best of the next smaller one.

    Choose it as it is published, beside Hyperband: `searcher="dehb"` joins both, and needs a fidelity; for
    many workers, many cheap trials, and spaces of many parameters. The first round of Hyperband begins at
    random and promotes; after it every level gets new configurations, rand/1/bin, which replace their target
    in the population of their budget when they are better. Whole numbers are the cells of a continuum,
    categories are taken over. Failed trials replace none, infeasible ones go by violation, several objectives
    by front and spread.

    O(population * dims) an ask.

    Args:
        scale, crossover: F and CR.

    Raises:
        SettingError: for settings out of range, for a space that is not declared, and without a fidelity.
    """

    handles = Handles(define_by_run=False, objectives=None, fidelity=True)

    scale: float = 0.5
    crossover: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < _check.number("scale", self.scale) <= 2.0:
            raise SettingError(f"scale must be above 0 and at most 2, got {self.scale!r}")
        if not 0.0 <= _check.number("crossover", self.crossover) <= 1.0:
            raise SettingError(f"crossover must lie between 0 and 1, got {self.crossover!r}")

    def init(self, problem: Problem) -> DEHBState:
        if problem.space is None:
            raise SettingError("dehb must know the space beforehand: declare it with space=")
        found = AtBudgets.of(problem, "dehb")
        counts = [max(size, _FEWEST) for size in _sizes(found)]
        nobody: tuple[Member | None, ...] = (None,)
        populations = tuple(Population(nobody * count, (0,) * count) for count in counts)
        return DEHBState(found, problem.space, populations)

    def tell(self, state: DEHBState, trial: Trial) -> DEHBState:
        before, now = state.seen, state.seen.tell(trial)
        state = state._replace(seen=now)
        memo = _memo(trial, state)
        if now.whole.created > before.whole.created and memo is not None:
            population = state.populations[memo["rung"]].tried(memo["target"])
            return state.with_(memo["rung"], population._replace(proposed=population.proposed + 1))
        for rung, (old, new) in enumerate(zip(before.rungs, now.rungs, strict=True)):
            if new.n > old.n:
                state = _came(state, rung, memo)
        return state

    def ask(self, state: DEHBState, ask: Ask) -> Proposal:
        if not ask.space.dims:
            return Proposal([])
        mixed = mixed_of(ask.space, True)
        return Proposal(*chosen(state.seen.whole, mixed, ask, self._made(state, mixed, ask)))

    def _made(self, state: DEHBState, mixed: Mixed, ask: Ask) -> Iterator[Candidate]:
        """Trial vectors for the place that was a target least often, without end."""
        rung = state.seen.at(ask.budget)
        population = state.populations[rung]
        place = min(range(len(population.tries)), key=population.tries.__getitem__)
        rng = ask.rng.generator("dehb")
        pool = _parents(state, rung)
        target = population.members[place]
        how = Drawn(self.scale, self.crossover)
        begun = rung > 0 or population.proposed >= len(population.tries)  # the first population is random
        while True:
            own = drawn_vector(mixed, rng) if target is None else target.vector
            vector = own if target is None else drawn_vector(mixed, rng)
            if begun and len(pool) >= _PARENTS and mixed.numbers:
                vector = classic(0, np.vstack([own, pool]), how, mixed.nominal, rng)
            row = mixed.row(vector)
            yield Candidate(row, {"rung": rung, "target": place, "hidden": mixed.hidden(row, vector)})


def _sizes(found: AtBudgets) -> list[int]:
    """How many trials the bracket of Hyperband has that begins at each budget."""
    top = len(found.budgets) - 1
    return [-(-(top + 1) * found.eta**s // (s + 1)) for s in range(top, -1, -1)]


def _parents(state: DEHBState, rung: int) -> Floats:
    """Vectors to be crossed, the best first: of the rung below for a later level of a bracket (as many as it
    takes), of the same population for the first one; of all populations where those are too few."""
    sizes, population = _sizes(state.seen), state.populations[rung]
    levels = [sizes[k] // state.seen.eta ** (rung - k) for k in range(rung)]
    # In a round the brackets that began below come before the one that begins here; the first one promotes.
    place = (population.proposed - sizes[rung]) % (sum(levels) + sizes[rung])
    later = population.proposed >= sizes[rung] and place < sum(levels)
    if later:
        begun = next(k for k in range(rung) if place < sum(levels[: k + 1]))
        found = _ranked(state, rung - 1)[: max(levels[begun], _PARENTS)]
    else:
        found = _ranked(state, rung)
    if len(found) < _PARENTS:
        found = [vector for k in range(len(sizes)) for vector in _ranked(state, k)]
    return np.array(found)


def _ranked(state: DEHBState, rung: int) -> list[Floats]:
    """The vectors of a population, the best first."""
    there = {member.row: member.vector for member in state.populations[rung].members if member is not None}
    history = state.seen.rungs[rung]
    order = ranking_of(history, 0).ordered(history, np.array(list(there), dtype=np.intp)) if there else ()
    return [there[int(row)] for row in order]


def _came(state: DEHBState, rung: int, memo: Any) -> DEHBState:
    """A trial was measured at a budget: against its target, else against an empty place or the worst."""
    history, population = state.seen.rungs[rung], state.populations[rung]
    ours = memo is not None and memo["rung"] == rung
    vector = seen(history, mixed_of(state.space, True), None if memo is None else memo["hidden"])
    member = Member(vector, history.n - 1)
    if np.isnan(history.losses[member.row]).any():
        return state
    place = memo["target"] if ours else _opposite(history, population)
    target = population.members[place]
    if target is None:
        return state.with_(rung, population.placed(place, member))
    pair = [member.row, target.row]
    several = history.losses.shape[1] > 1
    if several and not history.violations[pair].any() and nondominated(history.losses[pair]).all():
        return _crowded(state, rung, member)
    if beats(history, *pair):
        return state.with_(rung, population.placed(place, member))
    return state


def _crowded(state: DEHBState, rung: int, member: Member) -> DEHBState:
    """Neither dominates the other: out goes who is last by front and spread, of the population and the new
    one (Robič and Filipič 2005, DEMO, EMO)."""
    history, population = state.seen.rungs[rung], state.populations[rung]
    places = {there.row: place for place, there in enumerate(population.members) if there is not None}
    rows = np.array([*places, member.row], dtype=np.intp)
    last = int(ranking_of(history, 0).ordered(history, rows)[-1])
    return state.with_(rung, population.placed(places[last], member)) if last in places else state


def _opposite(history: History, population: Population) -> int:
    """The place of a trial that was made for another budget, or by others."""
    empty = [i for i, member in enumerate(population.members) if member is None and not population.tries[i]]
    if empty:
        return empty[0]
    rows = {member.row: place for place, member in enumerate(population.members) if member is not None}
    if not rows:
        return 0
    order = ranking_of(history, 0).ordered(history, np.array(list(rows), dtype=np.intp))
    return rows[int(order[-1])]


def _memo(trial: Trial, state: DEHBState) -> Any:
    """The memo of a trial of ours, else None."""
    memo: Any = trial.memo
    ours = trial.source == SEARCHER and isinstance(memo, dict)
    if not ours or not {"rung", "target", "hidden"} <= memo.keys():
        return None
    fits = memo["rung"] < len(state.populations)
    return memo if fits and memo["target"] < len(state.populations[memo["rung"]].members) else None
