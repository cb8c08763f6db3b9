"""Tree-structured Parzen estimator: propose where good trials are dense and bad ones are not.

Watanabe (2023), Tree-structured Parzen estimator: understanding its algorithm components and their roles,
arXiv 2304.11127 (the settings); Bergstra et al. (2011), NIPS 24 (the method); Watanabe and Hutter (2023),
c-TPE, IJCAI (outcome constraints); Ozaki et al. (2022), JAIR 73 (several objectives); Hvarfner et al. (2022),
piBO, ICLR (beliefs fade as trials come in).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.layout import Layout, inferred, layout_of
from tunesmith.numeric.parzen import Frame, Mixture, fit
from tunesmith.record.history import History, pending_units
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._split import split
from tunesmith.search._start import start_row
from tunesmith.search._untried import untried

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_ALONE = 3  # candidates of a parameter by itself: of more, the best in every column at once lies in the tails
_MOST_DIMS = 8.0  # that count for bandwidths: in more, few matter
_BELIEF = 10.0  # weight of the priors' logarithm, over the number of trials


@dataclass(frozen=True, slots=True)
class TPESearcher(HistorySearcher):
    """Models the best share of trials and all others as mixtures l and g of kernels, and proposes the
    candidate from l with the largest l / g.

    Choose it for conditional and categorical spaces, many trials, many workers, noisy or failing objectives;
    for few trials of an expensive objective on numbers `gp` needs fewer. It starts at the middle (after the
    defaults, if there are any) and goes on evenly. Parameters that exist together are modelled together, and
    a trial says nothing of parameters it did not have; in a define-by-run study that is inferred from the
    trials. Pending trials count as bad, so that workers spread out; failed and infeasible ones do too, and
    constraints are learnt (c-TPE). Trials that a scheduler stopped or paused are compared with others at the
    last step that both have reached. What was tried is not proposed again while anything else is left.

    O(min(n, max_bad) * dims * candidates) an ask, and flat from max_bad trials on: of further ones only the
    leaders, the latest and an even sample are looked at. Several objectives cost about twice as much.

    Args:
        n_startup: trials observed before the model is used; until then points of a scrambled Sobol sequence.
        gamma: share of trials called good; `max_good`: how many at most.
        candidates, candidates_per_dim: how many points of l are compared (3 when not multivariate).
        floor: least bandwidth, as a share of the range; raise it for noisy objectives.
        rate: least bandwidth is also rate * n^(-1 / dims) after n trials, the side of a cube that is one
            trial's share of the space; dims is 8 at most.
        max_bad: how many bad trials are modelled.
        multivariate: whether parameters are modelled jointly; False chooses each one by itself, which suits
            parameters that do not interact.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(objectives=None)

    n_startup: int = 8
    gamma: float = 0.15
    max_good: int = 25
    candidates: int = 24
    candidates_per_dim: int = 2
    floor: float = 0.03
    rate: float = 0.25
    max_bad: int = 256
    multivariate: bool = True

    def __post_init__(self) -> None:
        _check.integer("n_startup", self.n_startup, 1)
        _check.integer("max_good", self.max_good, 1)
        _check.integer("candidates", self.candidates, 1)
        _check.integer("candidates_per_dim", self.candidates_per_dim, 0)
        _check.integer("max_bad", self.max_bad, 8)
        for name, value in (("gamma", self.gamma), ("floor", self.floor), ("rate", self.rate)):
            if not 0.0 < _check.number(name, value) < 1.0:
                raise SettingError(f"{name} must lie between 0 and 1, got {value!r}")
        if not isinstance(self.multivariate, bool):
            raise SettingError(f"multivariate must be True or False, got {self.multivariate!r}")

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        pending = pending_units(ask.pending, space)
        ranked = iter([start_row(ask)]) if state.n < self.n_startup else self._ranked(state, ask, pending)
        return Proposal(untried(state, space, ask.rng, ranked, pending))

    def _ranked(self, history: History, ask: Ask, pending: Floats) -> Iterator[list[float]]:
        """Candidates, the most promising first."""
        evidence = _evidence(history, ask, pending, self)
        if evidence is None:
            return
        layout = layout_of(ask.space)
        rng = ask.rng.generator("tpe")
        if self.multivariate:
            points = _jointly(layout, evidence, rng, self)
        else:
            points = _one_by_one(layout, evidence, rng)
        yield from map(np.ndarray.tolist, points)


class _Evidence(NamedTuple):
    """What a model is made of: pairs of observations and weights, and the share of the first of each two."""

    good: tuple[Floats, Floats]
    bad: tuple[Floats, Floats]
    share: float
    kept: tuple[Floats, Floats] | None  # feasible ones, when there are both
    broken: tuple[Floats, Floats] | None
    feasible: float
    trials: int
    least: float  # bandwidth

    def column(self, d: int) -> _Evidence:
        """The evidence about one column, from those that have it."""
        pairs = (self.good, self.bad, self.kept, self.broken)
        good, bad, kept, broken = (None if pair is None else _known(*pair, d) for pair in pairs)
        empty = np.empty((0, 1)), np.empty(0)
        return _Evidence(
            good or empty, bad or empty, self.share, kept, broken, self.feasible, self.trials, self.least
        )


def _known(points: Floats, weights: Floats, d: int) -> tuple[Floats, Floats]:
    rows = ~np.isnan(points[:, d])
    return points[rows, d : d + 1], weights[rows]


def _evidence(history: History, ask: Ask, pending: Floats, settings: TPESearcher) -> _Evidence | None:
    """None while every trial has failed."""
    found = split(history, settings.gamma, settings.max_good, settings.max_bad)
    if not len(found.good):
        return None
    units = history.units(ask.space)
    good = units[found.good], found.weights
    bad = np.concatenate([units[found.bad], pending]), np.append(found.bad_weights, np.ones(len(pending)))
    kept = broken = None
    if 0.0 < found.feasible < 1.0:
        rows = np.concatenate([found.good, found.bad])
        weights = np.append(np.ones(len(found.good)), found.bad_weights)
        meets = history.violations[rows] <= 0.0
        kept = units[rows[meets]], weights[meets]
        broken = units[rows[~meets]], weights[~meets]
    dims = np.count_nonzero(~np.isnan(good[0])) / len(good[0])  # that a trial has
    least = max(settings.floor, settings.rate * history.n ** (-1.0 / min(max(dims, 1.0), _MOST_DIMS)))
    return _Evidence(good, bad, found.share, kept, broken, found.feasible, history.n, least)


class _Model(NamedTuple):
    """The mixtures of an evidence."""

    good: Mixture
    bad: Mixture
    kept: Mixture | None
    broken: Mixture | None

    @classmethod
    def of(cls, frame: Frame, evidence: _Evidence) -> _Model:
        def made(pair: tuple[Floats, Floats]) -> Mixture:
            return fit(frame, *pair, 1.0, evidence.least)

        kept, broken = evidence.kept, evidence.broken
        return cls(
            made(evidence.good),
            made(evidence.bad),
            None if kept is None else made(kept),
            None if broken is None else made(broken),
        )


def _scores(model: _Model, evidence: _Evidence, features: Floats) -> Floats:
    """log l - log g; with infeasible trials the logarithm of c-TPE's acquisition.

    That is the product of 1 / (gamma + (1 - gamma) g / l) over the objective and feasibility.
    """
    score = model.good.log_density(features) - model.bad.log_density(features)
    if model.kept is None or model.broken is None:
        return score
    ratio = model.kept.log_density(features) - model.broken.log_density(features)
    return _relative(score, evidence.share) + _relative(ratio, evidence.feasible)


def _relative(log_ratio: Floats, share: float) -> Floats:
    """-log(gamma + (1 - gamma) g / l), with gamma the share of l."""
    inside = min(max(share, 1e-12), 1.0 - 1e-12)
    found: Floats = -np.logaddexp(math.log(inside), math.log(1.0 - inside) - log_ratio)
    return found


def _jointly(layout: Layout, evidence: _Evidence, rng: np.random.Generator, settings: TPESearcher) -> Floats:
    """Candidates of all parameters at once, the most promising first."""
    frame = layout.frame
    model = _Model.of(frame, evidence)
    count = settings.candidates + settings.candidates_per_dim * len(frame.axes)
    points, kernels = model.good.sample(rng, count)
    active = layout.active(points)
    if active is None:
        active = _undeclared(frame, evidence, points, kernels)
    features = frame.features(points, active)
    score = _scores(model, evidence, features)
    if frame.beliefs is not None:
        score += _BELIEF / evidence.trials * (features @ frame.beliefs)
    ranked: Floats = points[np.argsort(-score, kind="stable")]
    return ranked


def _undeclared(frame: Frame, evidence: _Evidence, points: Floats, kernels: Indices) -> Bools | None:
    """Which columns candidates have that no condition tells of; None when all trials had all."""
    good, bad = evidence.good[0], evidence.bad[0]
    known = ~np.isnan(good)
    if known.all() and not np.isnan(bad).any():
        return None
    begun = np.append(known, np.ones((1, known.shape[1]), dtype=np.bool_), axis=0)[kernels]
    return inferred(frame, np.concatenate([good, bad]), points, begun)


def _one_by_one(layout: Layout, evidence: _Evidence, rng: np.random.Generator) -> Floats:
    """Candidates of each parameter by itself, put side by side, the most promising first."""
    columns = []
    for d, axis in enumerate(layout.frame.axes):
        frame, own = Frame((axis,)), evidence.column(d)
        model = _Model.of(frame, own)
        points, _ = model.good.sample(rng, _ALONE)
        features = frame.features(points)
        score = _scores(model, own, features)
        if frame.beliefs is not None:
            score += _BELIEF / evidence.trials * (features @ frame.beliefs)
        columns.append(points[np.argsort(-score, kind="stable"), 0])
    return np.stack(columns, axis=1)
