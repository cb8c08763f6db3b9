"""What the evolutionary searchers share: who may be a parent, and how a child is made of two rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.numeric.variation import Genes, crossed, filled, mutated
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.trial import TrialState
from tunesmith.search._base import Ask, Proposal
from tunesmith.search._start import start_row
from tunesmith.search._untried import untried
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
Parents = tuple[int, int]  # places in the population

_PAUSED = STATES.index(TrialState.PAUSED)
_COMPLETE = STATES.index(TrialState.COMPLETE)
_MOST_CHILDREN = 32


@dataclass(frozen=True, slots=True)
class Operators:
    """How children differ from their parents; see `numeric.variation`."""

    crossover: float
    eta_crossover: float
    eta_mutation: float
    mutations: float = 1.0  # how many columns change on average


def check_evolution(
    population: int | None, crossover: float, eta_crossover: float, eta_mutation: float, flag: bool
) -> None:
    """Raises SettingError for settings that no genetic algorithm can have."""
    if population is not None:
        _check.integer("population", population, 4)
    if not 0.0 <= _check.number("crossover", crossover) <= 1.0:
        raise SettingError(f"crossover must lie between 0 and 1, got {crossover!r}")
    for name, value in (("eta_crossover", eta_crossover), ("eta_mutation", eta_mutation)):
        if not 0.0 <= _check.number(name, value) <= 1000.0:
            raise SettingError(f"{name} must lie between 0 and 1000, got {value!r}")
    if not isinstance(flag, bool):
        raise SettingError(f"steady and ageing are True or False, got {flag!r}")


def usable(history: History, rows: Indices) -> Indices:
    """Those of the rows that have losses, and of a trial that paused the last one only."""
    rows = rows[~np.isnan(history.losses[rows]).any(axis=1)]
    if (history.states[rows] == _PAUSED).any():
        _, last = np.unique(history.numbers[rows][::-1], return_index=True)
        rows = np.sort(rows[::-1][last])
    return rows


def tiers(history: History, rows: Indices) -> tuple[Floats, Bools]:
    """The violation of each row, and whether its trial ran to the end."""
    return history.violations[rows], history.states[rows] == _COMPLETE


def population_for(n_trials: int | None, given: int | None, bounds: tuple[int, int], share: int) -> int:
    """How large a population is: as given, else one `share`-th of the trials there will be, within bounds.

    A population of the usual size would take most of a short study to be filled.
    """
    if given is not None:
        return given
    least, most = bounds
    return most if n_trials is None else min(max(n_trials // share, least), most)


def first_trial(history: History, ask: Ask, generation: int) -> Proposal:
    """A proposal while there is no population."""
    pending = pending_units(ask.pending, ask.space)
    row = untried(history, ask.space, ask.rng, iter([start_row(ask)]), pending)
    return Proposal(row, {"generation": generation, "parents": []})


def bred(
    history: History,
    ask: Ask,
    rows: Indices,
    parents: Callable[[np.random.Generator], Parents],
    operators: Operators,
    generation: int,
) -> Proposal:
    """A child of two of the rows, not tried before; its memo names the generation and the parents' trials."""
    space = ask.space
    units = history.units(space)[rows]
    rng = ask.rng.generator("breed")
    made: list[tuple[list[float], Parents]] = []

    def children() -> Iterator[list[float]]:
        for _ in range(_MOST_CHILDREN):  # where constraints leave little, the space's own draw is taken
            chosen = parents(rng)
            made.append((_child(space, units, chosen, operators, rng), chosen))
            yield made[-1][0]

    row = untried(history, space, ask.rng, children(), pending_units(ask.pending, space))
    of = next((chosen for found, chosen in made if found is row), None)
    numbers = [] if of is None else sorted({int(history.numbers[rows[place]]) for place in of})
    return Proposal(row, {"generation": generation, "parents": numbers})


def _child(
    space: Space, units: Floats, parents: Parents, operators: Operators, rng: np.random.Generator
) -> list[float]:
    genes = genes_of(space)
    first, second = units[parents[0]].copy(), units[parents[1]].copy()
    known = ~(np.isnan(first) & np.isnan(second))
    filled(genes, first, second, units, rng)
    crossing = parents[0] != parents[1] and rng.random() < operators.crossover
    child = crossed(genes, first, second, operators.eta_crossover, rng) if crossing else first
    active = layout_of(space).active(child[None])
    there = known if active is None else active[0]
    same = not crossing or bool((child == first).all() or (child == second).all())
    mutate(genes, child, there, operators.mutations, operators.eta_mutation, rng, least=same)
    found: list[float] = child.tolist()
    return found


def mutate(
    genes: Genes,
    row: Floats,
    active: Bools,
    expected: float,
    eta: float,
    rng: np.random.Generator,
    *,
    least: bool,
) -> None:
    """Change `expected` of the active columns on average, in place; one at least if `least`."""
    candidates = active & genes.searched
    count = np.count_nonzero(candidates)
    if not count:
        return
    chosen = candidates & (rng.random(genes.dims) < expected / count)
    if least and not chosen.any():
        chosen[np.flatnonzero(candidates)[int(rng.integers(count))]] = True
    mutated(genes, row, chosen, eta, rng)


@lru_cache(maxsize=16)
def genes_of(space: Space) -> Genes:
    """The columns of a space as genes, remembered."""
    return Genes(layout_of(space).frame.axes)
