"""Grid search: every combination once, found by its number."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from math import prod
from typing import Any

from tunesmith import _check
from tunesmith.errors import SettingError, SpaceError
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.space.base import Domain
from tunesmith.space.flatten import Parameter
from tunesmith.space.number import Int
from tunesmith.space.space import Space

_MOST_BRANCHES = 200_000
_ROUNDS = 4

_PATIENCE = 200_000  # infeasible combinations in a row before a grid is given up


@dataclass(frozen=True, slots=True)
class GridSearcher(Searcher[int]):
    """Every combination of active parameters exactly once, then nothing more.

    Choose it for few parameters with few values each, or to tabulate. Continuous parameters are taken at
    `resolution` evenly spaced points, both bounds included (in the logarithm where declared); whole numbers,
    steps and categories at every value. Conditional branches hold their own parameters only, infeasible
    combinations are skipped. The state is the next index, which trials carry as a memo. Combinations are
    numbered, not listed, so that a huge grid costs nothing before it is walked; O(dims) an ask.

    Args:
        resolution: points of a continuous parameter; one means the middle.
        shuffle: whether the order is a random permutation by the study's seed, so that a study which is
            stopped early has seen all of the space.

    Raises:
        SettingError: for a resolution below 1, or when the parameters that decide which others exist have
            more than 200 000 combinations.
    """

    handles = Handles(define_by_run=False, objectives=None)
    algebra = False
    ends = True

    resolution: int = 5
    shuffle: bool = False

    def __post_init__(self) -> None:
        _check.integer("resolution", self.resolution, 1)

    def init(self, problem: Problem) -> int:
        if problem.space is None:
            raise SettingError("grid search needs a declared space: pass one, or choose another searcher")
        grid_of(problem.space, self.resolution)
        return 0

    def tell(self, state: int, trial: Trial) -> int:
        memo = trial.memo
        return max(state, int(memo["index"]) + 1) if isinstance(memo, dict) and "index" in memo else state

    def ask(self, state: int, ask: Ask) -> Proposal | None:
        index = _next_feasible(ask.space, self, ask.rng.seed if self.shuffle else None, state)
        if index is None:
            return None
        return Proposal(self._row(ask.space, ask.rng.seed, index), {"index": index})

    def size(self, space: Space) -> int:
        """The number of combinations, constraints aside."""
        return grid_of(space, self.resolution).size

    def _row(self, space: Space, seed: int, index: int) -> list[float]:
        grid = grid_of(space, self.resolution)
        return grid.row(_permuted(index, grid.size, seed) if self.shuffle else index)


@dataclass(frozen=True, slots=True)
class _Branch:
    """Values of the deciding parameters, the cells (column, unit) they fix, and the parameters left free."""

    params: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[tuple[int, float], ...] = ()
    free: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class _Component:
    """Parameters tied by conditions: a branch fixes those that decide about others; the rest multiply."""

    branches: tuple[_Branch, ...]
    ends: tuple[int, ...]  # running total of combinations over branches
    resolution: int

    def fill(self, row: list[float], index: int) -> None:
        place = bisect_right(self.ends, index)
        branch = self.branches[place]
        index -= self.ends[place - 1] if place else 0
        for column, unit in branch.fixed:
            row[column] = unit
        for parameter in reversed(branch.free):
            index, k = divmod(index, _count(parameter.domain, self.resolution))
            if parameter.column is not None:
                row[parameter.column] = _unit(parameter.domain, k, self.resolution)


@dataclass(frozen=True, slots=True)
class Grid:
    """Mixed-radix numbers over components: the last component changes fastest."""

    components: tuple[_Component, ...]
    dims: int
    size: int

    def row(self, index: int) -> list[float]:
        """The unit row of combination `index`; 0.5 where inactive."""
        row = [0.5] * self.dims
        for component in reversed(self.components):
            index, local = divmod(index, component.ends[-1])
            component.fill(row, local)
        return row


@lru_cache(maxsize=8)
def grid_of(space: Space, resolution: int) -> Grid:
    """All combinations of a space, numbered. Raises SettingError."""
    components = tuple(_component(group, resolution) for group in _groups(space.parameters))
    return Grid(components, len(space.dims), prod(component.ends[-1] for component in components))


def _groups(parameters: tuple[Parameter, ...]) -> list[list[Parameter]]:
    """Parameters connected by conditions, each group in the space's order (parents first)."""
    group_of: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        joined = [parameter]
        for parent in parameter.parents:
            if not any(member is parameter for member in group_of[parent]):
                joined = group_of[parent] + joined
                for member in joined:
                    group_of[member.key] = joined
        group_of[parameter.key] = joined
    place = {parameter.key: i for i, parameter in enumerate(parameters)}
    groups = {id(group): sorted(group, key=lambda p: place[p.key]) for group in group_of.values()}
    return list(groups.values())


def _component(group: list[Parameter], resolution: int) -> _Component:
    deciding = {parent for parameter in group for parent in parameter.parents}
    branches = [_Branch()]
    for parameter in group:
        after: list[_Branch] = []
        for branch in branches:
            if not parameter.active(branch.params):
                after.append(branch)
            elif parameter.key not in deciding:
                after.append(replace(branch, free=(*branch.free, parameter)))
            else:
                after += _assigned(parameter, branch, resolution)
            if len(after) > _MOST_BRANCHES:
                raise SettingError(
                    f"the parameters that decide which others exist ({', '.join(sorted(deciding))}) have "
                    f"more than {_MOST_BRANCHES} combinations: give them fewer values, or search otherwise"
                )
        branches = after
    sizes = [prod(_count(parameter.domain, resolution) for parameter in branch.free) for branch in branches]
    return _Component(tuple(branches), tuple(accumulate(sizes)), resolution)


def _assigned(parameter: Parameter, branch: _Branch, resolution: int) -> list[_Branch]:
    found = []
    for k in range(min(_count(parameter.domain, resolution), _MOST_BRANCHES + 1)):
        unit = _unit(parameter.domain, k, resolution)
        cell = () if parameter.column is None else ((parameter.column, unit),)
        params = {**branch.params, parameter.name: parameter.domain.from_unit(unit)}
        found.append(_Branch(params, (*branch.fixed, *cell), branch.free))
    return found


def _count(domain: Domain, resolution: int) -> int:
    return resolution if domain.cardinality is None else domain.cardinality


def _unit(domain: Domain, k: int, resolution: int) -> float:
    """The k-th value: bounds included for a continuous domain, else the middle of its cell."""
    if domain.cardinality is None:
        return 0.5 if resolution == 1 else k / (resolution - 1)
    if isinstance(domain, Int):
        return domain.to_unit(domain.low + k * (domain.step or 1))
    return (k + 0.5) / domain.cardinality


@lru_cache(maxsize=64)
def _next_feasible(space: Space, searcher: GridSearcher, seed: int | None, start: int) -> int | None:
    """The first index from `start` on that satisfies the constraints."""
    size = searcher.size(space)
    if not space.constraints:
        return start if start < size else None
    for index in range(start, size):
        if index - start == _PATIENCE:
            raise SpaceError(
                f"{_PATIENCE:,} combinations in a row break the constraints of the space: a grid of {size:,} "
                "is the wrong tool for it, take searcher='random', or a coarser resolution"
            )
        if space.feasible(space.decode(searcher._row(space, seed or 0, index))):
            return index
    return None


def _permuted(index: int, size: int, seed: int) -> int:
    """The image of `index` under a random permutation of range(size): Feistel rounds, walked until inside.

    Black and Rogaway (2002), Ciphers with arbitrary finite domains, CT-RSA, method 2.
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    while True:
        left, right = index >> half, index & mask
        for turn in range(_ROUNDS):
            digest = blake2b(f"{seed}/grid/{turn}/{right}".encode(), digest_size=8 + half // 8).digest()
            left, right = right, left ^ (int.from_bytes(digest, "big") & mask)
        index = left << half | right
        if index < size:
            return index
