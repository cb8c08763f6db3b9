"""Tree-structured Parzen estimator: propose where good trials are dense and bad ones are not.

Watanabe (2023), Tree-structured Parzen estimator: understanding its algorithm components and their roles,
arXiv 2304.11127 (the settings); Bergstra et al. (2011), NIPS 24 (the method); Watanabe and Hutter (2023),
c-TPE, IJCAI (outcome constraints); Ozaki et al. (2022), JAIR 73 (several objectives).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith._rng import Rng
from tunesmith.errors import SettingError
from tunesmith.numeric.hypervolume import reference_point, select
from tunesmith.numeric.pareto import fronts
from tunesmith.numeric.parzen import Axis, Kind, Mixture, fit
from tunesmith.numeric.qmc import Sobol, sobol
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.trial import TrialState
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._untried import feasible, untried
from tunesmith.space.base import Domain
from tunesmith.space.number import Int
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_COMPLETE, _PAUSED = STATES.index(TrialState.COMPLETE), STATES.index(TrialState.PAUSED)
_NARROW = 0.015  # cells narrower than half the bandwidth floor are as good as a continuum
_MOST_CELLS = 100_000
_BINS = 256


@dataclass(frozen=True, slots=True)
class TPESearcher(HistorySearcher):
    """Models the best share of trials and all others as mixtures l and g of kernels, and proposes the
    candidate from l with the largest l / g.

    Choose it for conditional and categorical spaces, many trials, many workers, noisy or failing objectives;
    for few trials of an expensive objective on numbers `gp` needs fewer. Both mixtures span all parameters
    jointly; a trial says nothing of parameters it did not have, so that branches share what they share.
    Failed, pending and infeasible trials count as bad, stopped and paused ones rank after completed ones by
    how far they came. Finite spaces are not sampled twice. O(min(n, max_bad) * dims * candidates) an ask,
    flat from max_bad trials on; two objectives add O(n log n) for their fronts, paused trials O(n).

    Args:
        n_startup: trials observed before the model is used; until then points of a scrambled Sobol sequence.
        gamma: share of trials called good; `max_good`: how many at most.
        candidates, candidates_per_dim: how many points of l are compared.
        floor: least bandwidth, as a share of the range; raise it for noisy objectives.
        rate: least bandwidth is also rate * n^(-1 / (dims + 4)) of n observations.
        max_bad: how many bad trials are modelled: the latest, the nearly good, and an even sample.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(objectives=None)

    n_startup: int = 10
    gamma: float = 0.1
    max_good: int = 25
    candidates: int = 24
    candidates_per_dim: int = 8
    floor: float = 0.03
    rate: float = 0.2
    max_bad: int = 256

    def __post_init__(self) -> None:
        _check.integer("n_startup", self.n_startup, 1)
        _check.integer("max_good", self.max_good, 1)
        _check.integer("candidates", self.candidates, 1)
        _check.integer("candidates_per_dim", self.candidates_per_dim, 0)
        _check.integer("max_bad", self.max_bad, 8)
        for name, value in (("gamma", self.gamma), ("floor", self.floor), ("rate", self.rate)):
            if not 0.0 < _check.number(name, value) < 1.0:
                raise SettingError(f"{name} must lie between 0 and 1, got {value!r}")

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        layout = _layout(space)
        rng = ask.rng.generator("tpe")
        if state.n < self.n_startup:
            ranked: Iterable[list[float]] = [_start_row(ask)]
        else:
            ranked = self._ranked(state, ask, layout, rng)
        if layout.finite:
            tried = (state.units(space), pending_units(ask.pending, space))
            return Proposal(untried(space, ask.rng, rng, ranked, tried))
        if space.constraints:
            ranked = feasible(space, ranked)
        for row in ranked:
            return Proposal(row)
        return Proposal(space.draw(ask.rng))

    def _ranked(
        self, history: History, ask: Ask, layout: _Layout, rng: np.random.Generator
    ) -> Iterator[list[float]]:
        """Candidates, the most promising first."""
        split = _split(history, self)
        if not len(split.good):
            return
        units = history.units(ask.space)
        liars = pending_units(ask.pending, ask.space)  # pending trials count as bad: they repel
        bad = np.concatenate([units[split.bad], liars])
        bad_weights = np.concatenate([split.bad_weights, np.ones(len(liars))])
        count = self.candidates + self.candidates_per_dim * len(layout.axes)
        good = self._fit(layout, units[split.good], split.weights, split.prior_weight)
        worse = self._fit(layout, bad, bad_weights, 1.0)
        points = good.sample(rng, count)
        active = layout.active(points)
        score = good.log_density(points, active) - worse.log_density(points, active)
        if split.feasible is not None and split.infeasible is not None:
            # c-TPE: the product of 1 / (gamma + (1 - gamma) g / l) over the objective and feasibility.
            kept = self._fit(layout, units[split.feasible], np.ones(len(split.feasible)), 1.0)
            broken = self._fit(layout, units[split.infeasible], np.ones(len(split.infeasible)), 1.0)
            ratio = kept.log_density(points, active) - broken.log_density(points, active)
            score = _relative(score, split.share) + _relative(ratio, split.feasible_share)
        for place in np.argsort(-score, kind="stable"):
            yield points[place].tolist()

    def _fit(self, layout: _Layout, points: Floats, weights: Floats, prior_weight: float) -> Mixture:
        return fit(layout.axes, points, weights, prior_weight, self.floor, self.rate)


@dataclass(frozen=True, slots=True)
class _Split:
    """Rows of the history: good ones with weights, bad ones with weights, feasible and infeasible ones."""

    good: Indices
    weights: Floats
    prior_weight: float
    share: float
    bad: Indices
    bad_weights: Floats
    feasible: Indices | None = None
    infeasible: Indices | None = None
    feasible_share: float = 1.0


def _split(history: History, settings: TPESearcher) -> _Split:
    losses, violations, steps, states = history.losses, history.violations, history.steps, history.states
    rows = np.arange(history.n)
    if (states == _PAUSED).any():  # a trial that went on is known by its last row
        rows = history.latest
        losses, violations, steps, states = losses[rows], violations[rows], steps[rows], states[rows]
    n = len(rows)
    broken = violations > 0.0
    regular = (states == _COMPLETE) & ~broken
    single = losses.shape[1] == 1
    count = min(math.ceil(settings.gamma * n), settings.max_good)
    nearly = settings.max_bad // 4
    if single:
        leaders = _leaders(losses[:, 0], regular, violations, steps, count + nearly)
    else:
        leaders = _front_leaders(losses, regular, violations, steps, count)
    good = leaders[:count]
    weights, prior_weight = _improvements(losses[:, 0], regular, leaders, len(good), single)
    bad, bad_weights = _bad_sample(n, good, leaders[count:], settings.max_bad)
    split = _Split(rows[good], weights, prior_weight, len(good) / n, rows[bad], bad_weights)
    if not broken.any() or broken.all():
        return split
    half = settings.max_bad // 2
    return _Split(
        *(split.good, split.weights, split.prior_weight, split.share, split.bad, split.bad_weights),
        feasible=rows[_even(np.flatnonzero(~broken), half)],
        infeasible=rows[_even(np.flatnonzero(broken), half)],
        feasible_share=1.0 - float(broken.mean()),
    )


def _leaders(
    losses: Floats, regular: Bools, violations: Floats, steps: NDArray[np.int64], count: int
) -> Indices:
    """The best `count` rows, best first; never a failed one."""
    usable = np.where(regular, losses, np.inf)
    if np.count_nonzero(regular) >= count:
        return _smallest(usable, count)
    failed = np.isnan(losses)
    broken = np.where(failed, np.inf, violations)
    reached = np.where(regular | failed, 0, -steps)
    order = np.lexsort((losses, reached, ~regular, broken))
    return order[: min(count, len(losses) - np.count_nonzero(failed))]


def _smallest(values: Floats, count: int) -> Indices:
    """Indices of the smallest values in order, ties by position; a sampled bound spares most of the sort."""
    stride = len(values) // 1024
    if stride >= 4:
        sample = values[::stride]
        place = 3 * count // stride + 8
        if place < len(sample):
            bound = np.partition(sample, place)[place]
            few = np.flatnonzero(values <= bound)
            if count <= len(few) < len(values) // 2:
                return few[np.argsort(values[few], kind="stable")[:count]]
    return np.argsort(values, kind="stable")[:count]


def _front_leaders(
    losses: Floats, regular: Bools, violations: Floats, steps: NDArray[np.int64], count: int
) -> Indices:
    """Fronts of completed feasible rows, the last one by hypervolume; then the others, by the first loss."""
    usable = np.flatnonzero(regular)
    chosen: list[Indices] = []
    missing = count
    for front in fronts(losses[usable], count):
        members = usable[front]
        if len(members) > missing:
            members = members[select(losses[members], reference_point(losses[usable]), missing)]
        chosen.append(members)
        missing -= len(members)
    if missing > 0:
        mean = losses.mean(axis=1)
        rest = _leaders(mean, regular, violations, steps, len(mean))
        chosen.append(rest[~regular[rest]][:missing])
    return np.concatenate(chosen) if chosen else np.empty(0, dtype=np.intp)


def _improvements(
    losses: Floats, regular: Bools, leaders: Indices, good: int, single: bool
) -> tuple[Floats, float]:
    """Weights of good rows: by how much they beat the best bad one (EI weights, Watanabe 2023)."""
    if single and 0 < good < len(leaders) and regular[leaders[: good + 1]].all():
        best = losses[leaders[: good + 1]]
        gains = best[good] - best[:good] if np.isfinite(best).all() else np.zeros(good)
        if np.isfinite(gains).all() and gains.sum() > 0.0:
            gains = gains / gains.mean()
            return gains, 1.0
    return np.ones(good), 1.0


def _bad_sample(n: int, good: Indices, nearly: Indices, most: int) -> tuple[Indices, Floats]:
    """All rows but the good ones; of many, the latest, the nearly good, and an even sample for the rest."""
    chosen = np.zeros(n, dtype=np.bool_)
    chosen[good] = True
    if n - len(good) <= most:
        bad = np.flatnonzero(~chosen)
        return bad, np.ones(len(bad))
    exact = np.unique(np.concatenate([nearly, np.arange(n - most // 4, n)]))
    exact = exact[~chosen[exact]]
    chosen[exact] = True
    sample = _even(np.arange(n), most // 2)
    sample = sample[~chosen[sample]]
    weight = (n - len(good) - len(exact)) / max(len(sample), 1)
    return np.concatenate([exact, sample]), np.repeat([1.0, weight], [len(exact), len(sample)])


def _even(rows: Indices, most: int) -> Indices:
    """At most `most` rows, evenly spread over the log."""
    if len(rows) <= most:
        return rows
    return rows[((np.arange(most) + 0.5) * (len(rows) / most)).astype(np.intp)]


def _relative(log_ratio: Floats, share: float) -> Floats:
    """-log(gamma + (1 - gamma) g / l), with gamma the share of l."""
    inside = max(share, 1e-12)
    found: Floats = -np.logaddexp(math.log(inside), math.log(max(1.0 - inside, 1e-12)) - log_ratio)
    return found


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a space means to the mixtures; a pure function of the space."""

    space: Space
    axes: tuple[Axis, ...]
    finite: bool
    deciding: tuple[int, ...]  # columns on which it depends which others are active

    def active(self, points: Floats) -> Bools:
        """Shape of `points`: which parameters each candidate has; decoded once a combination of parents."""
        if not self.deciding:
            return np.ones(points.shape, dtype=np.bool_)
        parents = points[:, self.deciding]
        _, first, place = np.unique(parents, axis=0, return_index=True, return_inverse=True)
        known = [self.space.encode(self.space.decode(row)) for row in points[first].tolist()]
        active: Bools = ~np.isnan(np.array(known))[place.reshape(-1)]
        return active


@lru_cache(maxsize=16)
def _layout(space: Space) -> _Layout:
    parents = {key for parameter in space.parameters for key in parameter.parents}
    deciding = tuple(d for d, parameter in enumerate(space.dims) if parameter.key in parents)
    axes = tuple(_axis(parameter.domain) for parameter in space.dims)
    finite = all(parameter.domain.cardinality is not None for parameter in space.dims)
    return _Layout(space, axes, finite, deciding)


def _axis(domain: Domain) -> Axis:
    edges = _edges(domain)
    if edges is None or (domain.ordered and np.diff(edges).max() < _NARROW):
        if domain.prior is None:
            return Axis(Kind.CONTINUOUS)
        middles = (np.arange(_BINS) + 0.5) / _BINS
        return Axis(Kind.CONTINUOUS, prior=_masses(domain, middles, np.full(_BINS, 1.0 / _BINS)))
    if isinstance(domain, Int):
        centers = np.array([domain.to_unit(value) for value in domain.values()])
    else:
        centers = (np.arange(len(edges) - 1) + 0.5) / (len(edges) - 1)
    prior = None if domain.prior is None else _masses(domain, centers, np.diff(edges))
    return Axis(Kind.CELLS if domain.ordered else Kind.CATEGORIES, edges, centers, prior)


def _edges(domain: Domain) -> Floats | None:
    """Bounds of the values' cells; None for a continuum, or for so many values that they make one."""
    count = domain.cardinality
    if count is None or count > _MOST_CELLS:
        return None
    if not (isinstance(domain, Int) and domain.log):
        return np.linspace(0.0, 1.0, count + 1)
    bounds = np.log(np.arange(domain.low, domain.high + 2) - 0.5)
    found: Floats = (bounds - bounds[0]) / (bounds[-1] - bounds[0])
    return found


def _masses(domain: Domain, centers: Floats, widths: Floats) -> Floats:
    found = np.exp([domain.log_prior(center) for center in centers.tolist()]) * widths
    masses: Floats = found / found.sum()
    return masses


def _start_row(ask: Ask) -> list[float]:
    """The middle, then points of a scrambled Sobol sequence, through the priors."""
    if ask.number == 0:
        return list(ask.space.center)
    points = _start_points(len(ask.space.dims), ask.rng.seed)
    row = points.point(ask.number).tolist()
    return [p.domain.draw(u) for p, u in zip(ask.space.dims, row, strict=True)]


@lru_cache(maxsize=8)
def _start_points(dims: int, seed: int) -> Sobol:
    rng = Rng(seed, 0)
    return sobol(dims, lambda j: rng.generator(f"tpe/start/{j}"))
