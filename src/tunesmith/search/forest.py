"""Random forest: propose where trees grown from the trials expect the largest improvement.

Hutter, Hoos and Leyton-Brown (2011), Sequential model-based optimization for general algorithm configuration,
LION 5, and Lindauer et al. (2022), SMAC3, JMLR 23 (the method); Geurts, Ernst and Wehenkel (2006), Extremely
randomized trees, Machine Learning 63 (the trees); Ament et al. (2023), arXiv 2310.20708 (log EI); Knowles
(2006), ParEGO, IEEE TEVC 10 (several objectives); Hvarfner et al. (2022), piBO, ICLR (beliefs).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith._rng import Rng
from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.numeric.acquisition import log_ei
from tunesmith.numeric.ehvi import tchebycheff
from tunesmith.numeric.exchange import Exchange
from tunesmith.numeric.forest import Forest, Values, grow, values
from tunesmith.numeric.labels import standardised
from tunesmith.record.history import History, pending_units
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._coding import Coding
from tunesmith.search._evidence import Evidence, chosen, evidence_of
from tunesmith.search._start import start_row
from tunesmith.search._untried import feasible, untried

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_NOISE = 1e-3  # least variance of a prediction, of labels of variance 1
_BELIEF = 10.0  # weight of the priors' logarithm, over the number of trials
_LEAST_FEASIBLE = 1e-3  # no place is held to be surely infeasible
_EVERY = 32  # the trees are grown anew when the log is longer by its 32nd part, and
_AT_LEAST_EVERY = 8  # after so many observations
_DONORS = 5  # best trials that lend a value to a row that lacks one
_RANKED = 128  # proposals that are kept, in case that the first were tried
_DEPTH_OF_DOUBT = 8  # neighbours looked at for one that keeps the constraints


@dataclass(frozen=True, slots=True)
class ForestSearcher(HistorySearcher):
    """Predicts losses by random trees, and proposes the configuration with the largest expected improvement.

    Choose it for many categories and conditions (pipelines, architectures), for losses that jump, and for
    hundreds to thousands of trials; smooth functions of a few numbers take `gp` fewer trials. It starts at
    the middle (after the defaults, if there are any) and goes on evenly. Trees split categories as sets, and
    branches at once, so that parameters that a trial did not have cost nothing; the trees' spread tells what
    is not known. The improvement is looked for by local search from the best trials and from random points.
    Failed trials count as the worst one, infeasible ones teach where it is feasible, pending ones are
    believed to come out as predicted; several objectives are weighed anew for each proposal (ParEGO). Trials
    that a scheduler stopped or paused are ranked with others at the last step that both have reached. What
    was tried is not proposed again while anything else is left.

    O(min(n, max_trials) * dims * trees) an ask, and flat from max_trials trials on: of further ones only the
    leaders, the latest and an even sample are looked at.

    Args:
        n_startup: trials observed before the model is used; until then points of a scrambled Sobol sequence.
        trees: how many; more are smoother.
        min_leaf: trials in a leaf, at least; raise it for noisy objectives.
        interleave: share of proposals that are random draws from the priors.
        starts: from how many of the best trials, and of random points, a local search begins.
        rounds: of the local search, at most.
        neighbours: points looked at around each one in a round.
        max_trials: how many trials are modelled.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(objectives=None)

    n_startup: int = 8
    trees: int = 30
    min_leaf: int = 1
    interleave: float = 0.0
    starts: int = 6
    rounds: int = 8
    neighbours: int = 32
    max_trials: int = 512

    def __post_init__(self) -> None:
        for name in ("n_startup", "trees", "min_leaf", "starts", "rounds", "neighbours"):
            _check.integer(name, getattr(self, name), 1)
        _check.integer("max_trials", self.max_trials, 16)
        if not 0.0 <= _check.number("interleave", self.interleave) < 1.0:
            raise SettingError(f"interleave must be at least 0 and less than 1, got {self.interleave!r}")

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        pending = pending_units(ask.pending, space)
        if state.n < self.n_startup:
            ranked = iter([start_row(ask)])
        elif ask.rng.uniform("interleave") < self.interleave:
            ranked = iter([space.draw(ask.rng)])
        else:
            ranked = self.ranked(state, ask, pending)
        return Proposal(untried(state, space, ask.rng, ranked, pending))

    def ranked(self, history: History, ask: Ask, pending: Floats) -> Iterator[list[float]]:
        """Candidates, the most promising first."""
        model = _model(history, ask, pending, self)
        if model is not None:
            yield from map(np.ndarray.tolist, _Hunt(model, ask, self).ranked())


class _Grown(NamedTuple):
    """Trees of the log up to a position, and the rows that they were grown from."""

    forest: Forest
    rows: Indices


class _Model(NamedTuple):
    """What is expected of points: the trees, and what the trials say at their leaves."""

    coding: Coding
    forest: Forest
    losses: Values
    broken: Values | None  # share of infeasible trials, when there are both
    best: float
    order: Indices  # rows of coding.seen, best first
    belief: float

    def score(self, points: Floats) -> Floats:
        """log EI, and the logarithm of the probability of being feasible, and the priors'."""
        active = self.coding.active(points)
        leaves = self.forest.leaves(self.coding.encode(points, active))
        mean, variance = self.losses.predict(leaves)
        found = log_ei(mean, np.sqrt(variance + _NOISE), self.best)[0]
        if self.broken is not None:
            found += np.log(np.maximum(1.0 - self.broken.predict(leaves)[0], _LEAST_FEASIBLE))
        frame = self.coding.layout.frame
        if frame.beliefs is not None:
            found += self.belief * (frame.features(points, active) @ frame.beliefs)
        return found


def _model(history: History, ask: Ask, pending: Floats, settings: ForestSearcher) -> _Model | None:
    """None while every trial has failed."""
    position = _position(history.n)
    grown = _grown(history, position, ask, settings)
    rows = np.concatenate([grown.rows, np.arange(position, history.n)])
    evidence = evidence_of(history, rows)
    if evidence is None:
        return None
    labels = _weighed(evidence.labels, ask.rng)
    seen = history.units(ask.space)[evidence.rows]
    coding = Coding(layout_of(ask.space), seen)
    own = grown.forest.leaves(coding.encode(seen))
    usable = np.flatnonzero(~evidence.broken)
    losses, broken = values(grown.forest, own, labels), None
    if len(usable) < len(labels):
        broken = values(grown.forest, own, evidence.broken.astype(np.float64))
    if len(pending):  # the kriging believer (Ginsbourger et al. 2010), of trees
        there = grown.forest.leaves(coding.encode(pending))
        lies, _ = losses.predict(there)
        losses = values(grown.forest, np.concatenate([own, there]), np.append(labels, lies))
    best = float(losses.predict(own[usable])[0].min())
    order = usable[np.argsort(labels[usable], kind="stable")]
    return _Model(coding, grown.forest, losses, broken, best, order, _BELIEF / history.n)


def _position(n: int) -> int:
    """The position of the log up to which trees are grown that serve after n observations."""
    every = min(1 << max(n // _EVERY, 1).bit_length() - 1, _AT_LEAST_EVERY)
    return n - n % every


def _grown(history: History, position: int, ask: Ask, settings: ForestSearcher) -> _Grown:
    """The trees at a position: a function of the log's first rows, so that they can be remembered."""
    key = ("forest", settings)
    kept = history.scratch.get(key)
    if kept is not None and kept[0] == position and kept[1] == ask.space:
        found: _Grown = kept[2]
        return found
    past = history.first(position)
    rows = chosen(past, settings.max_trials)
    evidence = evidence_of(past, rows) or Evidence(
        rows, np.zeros((len(rows), 1)), np.zeros(len(rows), dtype=np.bool_)
    )
    labels = evidence.labels
    if evidence.broken.any():
        labels = np.column_stack([labels, evidence.broken / evidence.broken.std()])
    seen = history.units(ask.space)[evidence.rows]
    coding = Coding(layout_of(ask.space), seen)
    rng = Rng(ask.rng.seed, position).generator("forest")
    points = coding.encode(seen)
    forest = grow(points, labels, coding.sizes, rng, settings.trees, settings.min_leaf)
    grown = _Grown(forest, rows)
    history.scratch[key] = (position, ask.space, grown)
    return grown


def _weighed(labels: Floats, rng: Rng) -> Floats:
    """One label a row: of several objectives, warped, the Tchebycheff distance with random weights."""
    if labels.shape[1] == 1:
        return labels[:, 0]
    weights = rng.generator("weights").dirichlet(np.ones(labels.shape[1]))
    return standardised(tchebycheff(labels, weights))


class _Hunt:
    """A local search for the largest score, from the best trials and from the best of random points.

    All searches move at once, each to its best neighbour, also on a plateau; where none finds a better one
    twice, it ends (Hutter et al. 2011, section 4.3).
    """

    def __init__(self, model: _Model, ask: Ask, settings: ForestSearcher) -> None:
        self.model, self.settings, self.space = model, settings, ask.space
        self.rng = ask.rng.generator("forest")
        self.frame = model.coding.layout.frame
        self.exchange = Exchange(self.frame.axes)
        self.points: list[Floats] = []
        self.scores: list[Floats] = []

    def ranked(self) -> Floats:
        """What was looked at, the most promising first, and each once."""
        self._climb()
        points, scores = np.concatenate(self.points), np.concatenate(self.scores)
        top = np.argsort(-scores, kind="stable")[: 8 * _RANKED]
        points = points[top]
        coded = self.model.coding.encode(points, self.model.coding.active(points))
        _, first = np.unique(coded, axis=0, return_index=True)
        found: Floats = points[np.sort(first)[:_RANKED]]
        return found

    def _climb(self) -> None:
        current, height = self._begin()
        quiet = 0
        for _ in range(self.settings.rounds):
            active = self.model.coding.active(current)
            around = self.exchange.neighbours(current, active, self.settings.neighbours, self.rng)
            score = self._look(around).reshape(len(current), -1)
            pick = self._pick(around, score, height)
            top = score[np.arange(len(current)), pick]
            moved = around[np.arange(len(current)) * score.shape[1] + pick]
            quiet = 0 if (top > height).any() else quiet + 1
            if quiet == 2:
                break
            current = np.where((top >= height)[:, None], moved, current)
            height = np.maximum(top, height)

    def _begin(self) -> tuple[Floats, Floats]:
        """Where searches begin, and the scores there."""
        starts, dims = self.settings.starts, len(self.frame.axes)
        drawn = self.frame.draw(self.rng.random((2 * starts * self.settings.neighbours, dims)))
        score = self._look(drawn)
        order = np.argsort(-score, kind="stable")[: _RANKED if self.space.constraints else starts]
        best = np.array([*islice(feasible(self.space, drawn[order].tolist()), starts)]).reshape(-1, dims)
        near = self._completed(self.model.coding.seen[self.model.order[:starts]])
        begin = np.concatenate([near, best])
        return begin, self.model.score(begin)

    def _look(self, points: Floats) -> Floats:
        score = self.model.score(points)
        self.points.append(points)
        self.scores.append(score)
        return score

    def _pick(self, around: Floats, score: Floats, height: Floats) -> Indices:
        """The best neighbour of each; one that keeps the constraints, among the better ones."""
        best: Indices = score.argmax(axis=1)
        if not self.space.constraints:
            return best
        for i, row in enumerate(score):
            better = (
                j for j in np.argsort(-row, kind="stable")[:_DEPTH_OF_DOUBT].tolist() if row[j] >= height[i]
            )
            kept = (j for j in better if self._keeps(around[i * len(row) + j].tolist()))
            found = next(kept, None)
            if found is None:
                score[i, best[i]] = -math.inf
            else:
                best[i] = found
        return best

    def _keeps(self, row: list[float]) -> bool:
        return self.space.feasible(self.space.decode(row))

    def _completed(self, rows: Floats) -> Floats:
        """The rows with a value in every column: what one lacks is lent by one of the best that has it."""
        found = rows.copy()
        best = self.model.coding.seen[self.model.order]
        for d in np.flatnonzero(np.isnan(found).any(axis=0)).tolist():
            lacks = np.flatnonzero(np.isnan(found[:, d]))
            lent = best[~np.isnan(best[:, d]), d][:_DONORS]
            u = self.rng.random(len(lacks))
            found[lacks, d] = (
                lent[(u * len(lent)).astype(np.intp)] if len(lent) else self.frame.axes[d].draw(u)
            )
        return found
