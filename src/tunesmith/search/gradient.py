"""Multi-start descent along the gradients that objectives return beside their values.

Nocedal and Wright (2006), Numerical Optimization; Kingma and Ba (2015), Adam, ICLR; Rinnooy Kan and Timmer
(1987), Math. Programming 39 (starts near a descent's point are not descended from); Wu et al. (2017), NIPS
(the model, see `numeric.gp_gradients`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.numeric.descent import Adam, QuasiNewton
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.trial import COMPLETE, Source, Trial
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._start import start_row
from tunesmith.search._untried import untried
from tunesmith.space.base import Domain
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_METHODS = {"lbfgs": QuasiNewton, "adam": Adam}
_COMPLETE = STATES.index(COMPLETE)
_MOST = 64  # descents that are remembered
_NEAR = 0.03  # of a better descent: the same valley
_WITHOUT = 8  # complete trials, none of which has told a gradient
_SHORTER = (1.0, 0.5, 0.2, 0.05)  # shares of a step, when constraints forbid it
_TWICE = 0.3  # chance that a hop changes one more parameter
_JUMP = 0.2  # standard deviation of a hop of an ordered parameter, as a share of its range
_DRAWS = 16
_MODELLED = 0.3  # share of trials that a model chooses while descents go on
_LOOKED_AT = 512  # observations that a model may choose from
_STEEPEST = 1e70  # so that products of slopes are finite


@dataclass(frozen=True, slots=True)
class GradientSearcher(HistorySearcher):
    """Descends along the gradients that the objective returns (`ts.Evaluation`), from several starts.

    Choose it when the objective knows its slope by the continuous parameters (`ts.gradients` computes it for
    training runs): with many of them it needs a fraction of the trials of any method that sees values alone.
    A trial is one step: the first ones are starts (the defaults, or the middle, then a scrambled Sobol
    sequence), then the best descent goes on until it has converged, then the next best; with more workers,
    several go on at once. Trials from elsewhere that have a gradient are starts too. Where a better descent
    is near, one is given up. The parameters without gradient (whole numbers, categories, conditions) stay as
    they are during a descent; `explore` is the share of trials that change some of them at the best points
    found, and descend from there when it pays. A trial that fails, is infeasible, stopped or without gradient
    is a step that was too long. When the first 8 complete trials have all had no gradient, asking is an
    error.

    O(dims) an ask, however many trials there were, and O(dims) for each trial told; 64 descents at most are
    remembered. With a model the asks that use it take up to some tenths of a second: its linear system has
    600 rows at most, values and slopes together, and it is left out where fewer than 8 points fill them.

    Args:
        method: "lbfgs", quasi-Newton steps, or "adam" for gradients with much noise.
        starts: points tried before the first descent.
        radius: length of a descent's first step in each direction, as a share of the (logarithmic) range.
        explore: share of trials that change parameters without gradient, when there are any.
        model: whether a Gaussian process of values and slopes chooses a third of the points, and all starts
            after the first, by expected improvement. For losses with many minima and expensive trials.

    Raises:
        SettingError: for settings out of range.
        ObjectiveError: from `ask`, when the objective returns no gradients.
    """

    handles = Handles(gradients=True)

    method: str = "lbfgs"
    starts: int = 1
    radius: float = 0.1
    explore: float = 0.34
    model: bool = False

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise SettingError(f"method must be one of {', '.join(map(repr, _METHODS))}, got {self.method!r}")
        _check.integer("starts", self.starts, 1)
        if not 0.0 < _check.number("radius", self.radius) <= 0.5:
            raise SettingError(f"radius must lie above 0 and be 0.5 at most, got {self.radius!r}")
        if not 0.0 <= _check.number("explore", self.explore) < 1.0:
            raise SettingError(f"explore must be at least 0 and below 1, got {self.explore!r}")
        if not isinstance(self.model, bool):
            raise SettingError(f"model must be True or False, got {self.model!r}")

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        lanes = lanes_of(state, space, self.method, self.radius)
        if lanes.complete >= _WITHOUT and not lanes.told and any(_continuous(space)):
            raise ObjectiveError(
                f"the first {lanes.complete} complete trials had no gradient, and searcher 'gradient' goes "
                "by nothing else: return ts.Evaluation(value, gradient={...}), or choose another searcher"
            )
        pending = pending_units(ask.pending, space)
        made: dict[int, tuple[list[float], int]] = {}  # by identity: what is chosen says whose step it is

        def ranked() -> Iterator[list[float]]:
            for row, lane in _candidates(state, lanes, ask, self):
                made[id(row)] = row, lane
                yield row

        row = untried(state, space, ask.rng, ranked(), pending)
        lane = made[id(row)][1] if id(row) in made else ask.number
        return Proposal(row, {"lane": lane})


@dataclass(frozen=True, slots=True)
class Lane:
    """A descent, and the whole row that it is a part of."""

    row: Floats  # as the history has it: NaN where inactive
    sloped: NDArray[np.bool_]  # which parameters it moves
    descent: QuasiNewton | Adam

    @property
    def loss(self) -> float:
        """The best loss it has seen."""
        return self.descent.loss


@dataclass(frozen=True, slots=True)
class Lanes:
    """All descents of a study by the number of the trial that began each: a fold of its history."""

    read: int = 0
    complete: int = 0  # trials of this study that ended with a value
    told: bool = False  # whether any had a gradient
    begun: int = 0  # by trials that the searcher proposed as starts
    open: Mapping[int, Lane] = field(default_factory=dict)

    def tell(self, trial: Trial, row: Floats, loss: float, slopes: Floats, kind: Any, radius: float) -> Lanes:
        """With one more observation; `loss` is infinite for what is no result."""
        lanes = dict(self.open)
        sloped = np.isfinite(slopes)
        slopes = np.clip(slopes, -_STEEPEST, _STEEPEST)
        known = bool(sloped.any())
        number = lane_of(trial)
        lane = lanes.get(number)
        if lane is not None and number != trial.number:
            point = np.where(np.isnan(row), lane.descent.point, row)
            gradient = np.where(sloped, slopes, 0.0) if known else None
            at = lane.descent.advance(point, loss, gradient)
            lanes[number] = replace(lane, descent=at)
        elif known and math.isfinite(loss):
            gradient = np.where(sloped, slopes, 0.0)
            point = np.where(np.isnan(row), 0.5, row)
            lanes[trial.number] = Lane(row, sloped, kind.begin(point, loss, gradient, radius))
        return Lanes(
            self.read + 1,
            self.complete + (trial.state is COMPLETE and trial.source is not Source.IMPORT),
            self.told or known,
            self.begun + (trial.source is Source.SEARCHER and number == trial.number),
            _best(lanes),
        )


def lane_of(trial: Trial) -> int:
    """The number of the trial that began the descent which this one is a step of; its own for a start."""
    mine = trial.source is Source.SEARCHER and type(trial.memo) is dict
    found: int = trial.memo.get("lane", trial.number) if mine else trial.number
    return found


def lanes_of(history: History, space: Space, method: str, radius: float) -> Lanes:
    """The descents of a study; what was folded before is kept with the log, and may be forgotten."""
    key = ("gradient", method, radius)
    lanes: Lanes
    known, lanes = history.scratch.get(key, (None, Lanes()))
    if (known is not space and known != space) or lanes.read > history.n:
        lanes = Lanes()
    if lanes.read < history.n:
        rows, slopes = history.units(space), history.gradients(space)
        losses = _losses(history)
        for place in range(lanes.read, history.n):
            trial = history.trial(place)
            lanes = lanes.tell(
                trial, rows[place], float(losses[place]), slopes[place], _METHODS[method], radius
            )
        history.scratch[key] = space, lanes
    return lanes


def _losses(history: History) -> Floats:
    """The losses of feasible, complete trials; infinite for the others."""
    counts = (history.states == _COMPLETE) & (history.violations <= 0.0) & np.isfinite(history.losses[:, 0])
    found: Floats = np.where(counts, history.losses[:, 0], math.inf)
    return found


def _best(lanes: dict[int, Lane]) -> dict[int, Lane]:
    if len(lanes) <= _MOST:
        return lanes
    worst = max(lanes, key=lambda number: (lanes[number].loss, number))
    return {number: lane for number, lane in lanes.items() if number != worst}


def _continuous(space: Space) -> Iterator[bool]:
    return (parameter.domain.cardinality is None for parameter in space.dims)


def _candidates(
    history: History, lanes: Lanes, ask: Ask, settings: GradientSearcher
) -> Iterator[tuple[list[float], int]]:
    """Rows to be tried, the most promising first, each with the descent that it is a step of."""
    proposed = [trial for trial in ask.pending if trial.source is Source.SEARCHER]
    waiting = [lane_of(trial) for trial in proposed]
    begun = lanes.begun + sum(lane_of(trial) == trial.number for trial in proposed)
    ranked = sorted(lanes.open.items(), key=lambda item: (item[1].loss, item[0]))
    hops = _hops(ranked, ask)
    if begun < settings.starts:
        yield start_row(ask), ask.number
    elif hops and ask.rng.uniform("explore") < settings.explore:
        yield from ((row, ask.number) for row in hops)
    modelled = _modelled(history, ranked[0][1], ask) if settings.model and ranked else iter(())
    early = ask.rng.uniform("model") < _MODELLED
    if early:
        yield from modelled
    for place, (number, lane) in enumerate(ranked):
        if number in waiting or _absorbed(lane, [other for _, other in ranked[:place]]):
            continue
        ahead = lane.descent.ahead()
        if ahead is not None:
            base = np.where(np.isnan(lane.row), 0.5, lane.row)
            start = np.where(lane.sloped, lane.descent.point, base)
            for share in _SHORTER:
                row = start + share * (np.where(lane.sloped, ahead, base) - start)
                yield np.clip(row, 0.0, 1.0).tolist(), number
    yield from ((row, ask.number) for row in hops)
    if not early:
        yield from modelled
    yield start_row(ask), ask.number


def _modelled(history: History, best: Lane, ask: Ask) -> Iterator[tuple[list[float], int]]:
    """A start where a Gaussian process that knows the slopes expects improvement."""
    from tunesmith.search._slopes import promising

    first = max(history.n - _LOOKED_AT, 0)
    losses = _losses(history)[first:]
    rows, slopes = history.units(ask.space)[first:], history.gradients(ask.space)[first:]
    pending = pending_units(ask.pending, ask.space)
    found = promising(rows, losses, slopes, pending, best.row, best.sloped, ask.rng)
    if found is not None:
        yield np.where(np.isnan(found), 0.5, found).tolist(), ask.number


def _absorbed(lane: Lane, better: list[Lane]) -> bool:
    """Whether a better descent, with the same other parameters, has come to the same place."""
    point, fixed = lane.descent.point, lane.row[~lane.sloped]
    for other in better:
        if np.array_equal(lane.sloped, other.sloped) and np.array_equal(
            fixed, other.row[~other.sloped], equal_nan=True
        ):
            away = np.abs(point - other.descent.point)[lane.sloped]
            if away.max(initial=0.0) < _NEAR:
                return True
    return False


def _hops(ranked: list[tuple[int, Lane]], ask: Ask) -> list[list[float]]:
    """Good points with one or two of the parameters changed that no gradient moves; the first are best."""
    space = ask.space
    rng = ask.rng.generator("hop")
    fallback = np.array(start_row(ask))
    found = []
    for _ in range(_DRAWS if ranked else 0):
        place = min(int(rng.geometric(0.4)) - 1, len(ranked) - 1)
        lane = ranked[place][1]
        row = np.where(lane.sloped, lane.descent.point, lane.row)
        others = np.flatnonzero(~lane.sloped & ~np.isnan(lane.row))
        if not len(others):
            continue
        row = np.where(np.isnan(row), fallback, row)
        for d in rng.permutation(others)[: 1 + (rng.random() < _TWICE)].tolist():
            row[d] = _moved(space.dims[d].domain, float(row[d]), rng)
        found.append(row.tolist())
    return found


def _moved(domain: Domain, u: float, rng: np.random.Generator) -> float:
    """Another value: any other category, or one nearby of what has an order."""
    count = domain.cardinality
    if not domain.ordered and count is not None:
        cell = min(int(u * count), count - 1)
        cell = (cell + 1 + int(rng.integers(max(count - 1, 1)))) % count
        return (cell + 0.5) / count
    least = 0.0 if count is None else 1.0 / count
    moved = u + float(rng.choice((-1.0, 1.0))) * max(abs(rng.normal(0.0, _JUMP)), least)
    moved = -moved if moved < 0.0 else 2.0 - moved if moved > 1.0 else moved
    return min(max(moved, 0.0), 1.0)
