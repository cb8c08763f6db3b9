"""Exploration: perturbations of a parent, and points where nothing was tried.

Jaderberg et al. (2017), Population based training of neural networks, arXiv 1711.09846, section 4 (perturb by
a factor or draw anew); Johnson, Moore and Ylvisaker (1990), J. Stat. Plan. Inference 26 (maximin distance).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.ranking import ranking_of
from tunesmith.record.history import History, pending_units, unit_row
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._moves import filled
from tunesmith.search._start import start_row
from tunesmith.search._untried import feasible, untried
from tunesmith.space.base import Domain
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_CANDIDATES = 64
_LOOKED_AT = 256  # trials from which distance is kept: the latest


@dataclass(frozen=True, slots=True)
class ExploreSearcher(HistorySearcher):
    """Perturbs a good configuration, or goes where nothing was tried yet.

    Choose it as a part of a combination that must not miss anything (`ts.combine("tpe", "explore")`), and
    with schedulers that continue a trial under other parameters: then it perturbs the parent, each number by
    a factor of 0.8 or 1.2 or drawn anew, whole numbers and categories to a neighbour in their order, as
    population based training does. Without a parent it perturbs one of the leaders likewise (their categories
    stay), or takes of 64 draws from the priors the one farthest from all trials. O(dims) an ask beyond 256
    trials.

    Args:
        near: share of trials without parent that perturb a leader; the others fill the space.
        resample: the chance of each parameter to be drawn anew when it is perturbed.
        factor: by how much numbers change otherwise: times 1 + factor or 1 - factor.
        leaders: how many of the best are perturbed.
        n_startup: how many trials are spread evenly at first: a population to begin with.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(objectives=None, parents=True)
    algebra = False

    near: float = 0.25
    resample: float = 0.25
    factor: float = 0.2
    leaders: int = 5
    n_startup: int = 1

    def __post_init__(self) -> None:
        for name in ("near", "resample"):
            if not 0.0 <= _check.number(name, getattr(self, name)) <= 1.0:
                raise SettingError(f"{name} must lie between 0 and 1, got {getattr(self, name)!r}")
        if not 0.0 < _check.number("factor", self.factor) < 1.0:
            raise SettingError(f"factor must lie between 0 and 1, got {self.factor!r}")
        _check.integer("leaders", self.leaders, 1)
        _check.integer("n_startup", self.n_startup, 1)

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        generator = ask.rng.generator("explore")
        if ask.parent is not None:
            return Proposal(self._child(space, unit_row(space, ask.parent.params), ask, generator))
        pending = pending_units(ask.pending, space)
        base = self._leader(state, ask, generator)
        if ask.number < self.n_startup or (base is None and not state.n and not len(pending)):
            ranked = iter([start_row(ask)])
        elif base is not None:
            ranked = self._perturbed(space, base, ask, generator)
        else:
            ranked = _far(state, ask, pending, generator)
        return Proposal(untried(state, space, ask.rng, ranked, pending))

    def _child(
        self, space: Space, parent: list[float], ask: Ask, generator: np.random.Generator
    ) -> list[float]:
        """The parent, perturbed; whether that was tried before does not matter, for its weights were not."""
        rows = list(islice(self._perturbed(space, parent, ask, generator, categories=True), _CANDIDATES))
        return next(feasible(space, rows), filled(parent, rows[0]))

    def _leader(self, state: History, ask: Ask, generator: np.random.Generator) -> list[float] | None:
        """What is perturbed where there is no parent; None when the space is to be filled."""
        chance, place = generator.random(2).tolist()
        if chance >= self.near or not state.n:
            return None
        rows = ranking_of(state, self.leaders).leaders(state, self.leaders).tolist()
        if not rows:
            return None
        found: list[float] = state.units(ask.space)[rows[int(place * len(rows))]].tolist()
        return found

    def _perturbed(
        self,
        space: Space,
        base: list[float],
        ask: Ask,
        generator: np.random.Generator,
        categories: bool = False,
    ) -> Iterator[list[float]]:
        domains = [parameter.domain for parameter in space.dims]
        row = filled(base, space.draw(ask.rng))
        return perturbed(domains, row, generator, self.resample, self.factor, categories)


def perturbed(
    domains: Sequence[Domain],
    row: Sequence[float],
    generator: np.random.Generator,
    resample: float,
    factor: float,
    categories: bool = True,
) -> Iterator[list[float]]:
    """Rows near this one, as published: each number times 1 + factor or 1 - factor, or drawn anew.

    Whole numbers and categories go to a neighbour; without `categories` those stay.
    """
    for _ in range(_CANDIDATES):
        anew = generator.random((len(row), 3)).tolist()
        yield [
            domain.draw(c) if a < resample else _changed(domain, u, b, factor, categories)
            for domain, u, (a, b, c) in zip(domains, row, anew, strict=True)
        ]


def _changed(domain: Domain, u: float, draw: float, factor: float, categories: bool) -> float:
    """The value times a factor; a neighbour where values are few."""
    up = draw < 0.5
    if not (domain.ordered or categories):
        return u
    value = domain.from_unit(u)
    if domain.numeric and domain.cardinality is None:
        return domain.to_unit(value * (1.0 + factor if up else 1.0 - factor))
    width = 1.0 / (domain.cardinality or 1)
    if domain.numeric:
        width = max(width, abs(domain.to_unit(value) - _unit_of(domain, value * (1.0 + factor))))
    return min(max(u + (width if up else -width), 0.0), 1.0)


def _unit_of(domain: Domain, value: float) -> float:
    """The unit value of a whole number nearby; outside, that of the edge."""
    try:
        return domain.to_unit(round(value))
    except ValueError:
        return 0.0


def _far(state: History, ask: Ask, pending: Floats, generator: np.random.Generator) -> Iterator[list[float]]:
    """Draws from the priors, those farthest from what was tried first."""
    space = ask.space
    draws = generator.random((_CANDIDATES, len(space.dims)))
    domains = [parameter.domain for parameter in space.dims]
    rows = [[domain.draw(u) for domain, u in zip(domains, row, strict=True)] for row in draws.tolist()]
    known = np.concatenate([state.units(space)[-_LOOKED_AT:], pending])
    candidates = np.array([space.encode(space.decode(row)) for row in rows])
    nominal = np.array([domain.cardinality is not None and not domain.ordered for domain in domains])
    order = np.argsort(-_distance(candidates, known, nominal), kind="stable")
    yield from (rows[place] for place in order.tolist())


def _distance(points: Floats, others: Floats, nominal: NDArray[np.bool_]) -> Floats:
    """From each point to the nearest of the others: 1 between categories and to what is inactive."""
    total = np.zeros((len(points), len(others)))
    for d in range(points.shape[1]):
        one, other = points[:, d, None], others[None, :, d]
        lost, gone = np.isnan(one), np.isnan(other)
        gap = (one != other).astype(np.float64) if nominal[d] else (one - other) ** 2
        total += np.where(lost & gone, 0.0, np.where(lost != gone, 1.0, gap))
    found: Floats = total.min(axis=1)
    return found
