"""Population based bandits (Parker-Holder, Nguyen and Roberts 2020, NeurIPS 33, arXiv 2002.02518).

The data are intervals of training: (t, loss before, parameters) -> how much the loss fell. The model is the
time-varying process of `numeric.drift`; what is proposed for a clone maximises an upper confidence bound at
its parent's time and loss (eq. 5 and 6), the deviations given those that train now as well (algorithm 2).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.fidelity import generation_length
from tunesmith.record.history import unit_row
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._moves import filled
from tunesmith.search._start import start_row
from tunesmith.search._untried import feasible
from tunesmith.search.explore import perturbed
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_LEAST = 4  # intervals before the model is asked
_MOST = 200  # that it sees: the latest
_EVEN, _NEAR, _ROUNDS = 512, 256, 3
_C1, _C2 = 0.2, 0.4  # of the bound's width, as published


class _Link(NamedTuple):
    """Trials told, newest first; a list that older states share."""

    trial: Trial
    before: _Link | None


class _State(NamedTuple):
    interval: float
    told: _Link | None = None


class _Data(NamedTuple):
    """Intervals of training: times (n,) in intervals, rows (n, dims + objectives), falls (n,)."""

    times: Floats
    rows: Floats
    falls: Floats


@dataclass(frozen=True, slots=True)
class PB2Searcher(Searcher[_State]):
    """Proposes for a clone what is expected to make the loss fall most in the next interval.

    Choose it for population based training with few members (4 to 8), by `scheduler="pb2"`: perturbations by
    chance need many. Numbers are chosen by a Gaussian process of the improvement between two reports, whose
    past fades; categories are perturbed as PBT does. Without a parent, and until four intervals were seen,
    it spreads trials evenly, or perturbs as PBT does. Of several objectives the mean improvement counts, each
    in its own units. An ask costs some 100 ms with 200 intervals, and no more after that.

    Args:
        interval: steps of an interval; None: a 20th of the fidelity's `high`, as PBT has it.
        n_startup: how many trials without parent are spread evenly.
        resample: the chance of a category to be drawn anew.

    Raises:
        SettingError: for settings out of range, and without a fidelity.
    """

    handles = Handles(objectives=None, parents=True)

    interval: float | None = None
    n_startup: int = 8
    resample: float = 0.25

    def __post_init__(self) -> None:
        if self.interval is not None and _check.number("interval", self.interval) <= 0:
            raise SettingError(f"interval must be more than 0 steps, got {self.interval!r}")
        _check.integer("n_startup", self.n_startup, 1)
        if not 0.0 <= _check.number("resample", self.resample) <= 1.0:
            raise SettingError(f"resample must lie between 0 and 1, got {self.resample!r}")

    def init(self, problem: Problem) -> _State:
        if self.interval is not None:
            return _State(self.interval)
        fidelity = problem.fidelity
        return _State(1.0 if fidelity is None else generation_length(fidelity))

    def tell(self, state: _State, trial: Trial) -> _State:
        return state._replace(told=_Link(trial, state.told)) if trial.reports else state

    def ask(self, state: _State, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        if ask.parent is None:
            row = start_row(ask) if ask.number < self.n_startup else space.draw(ask.rng)
            return Proposal(next(feasible(space, [row, *_drawn(ask)]), row))
        generator = ask.rng.generator("pb2")
        parent = filled(unit_row(space, ask.parent.params), space.draw(ask.rng))
        ranked = self._ranked(state, ask, np.array(parent), generator)
        return Proposal(next(feasible(space, ranked), parent))

    def _ranked(
        self, state: _State, ask: Ask, parent: Floats, generator: np.random.Generator
    ) -> Iterator[list[float]]:
        """Rows, the most promising first; categories as PBT has them."""
        domains = [parameter.domain for parameter in ask.space.dims]
        children = perturbed(domains, parent.tolist(), generator, self.resample, 0.2)
        numbers = np.array([domain.ordered for domain in domains])
        trials = _newest(state.told, (*ask.pending, ask.parent) if ask.parent else ask.pending)
        data = _intervals(trials, ask.space, state.interval, numbers)
        if len(data.falls) < _LEAST or not numbers.any() or ask.parent is None:
            yield from children
            return
        rows = _promising(data, ask, state.interval, trials, numbers, parent, generator)
        for row, child in zip(rows, children, strict=False):
            yield np.where(numbers, row, np.array(child)).tolist()


def _drawn(ask: Ask) -> list[list[float]]:
    return [ask.space.draw(ask.rng._replace(seed=ask.rng.seed + 1 + k)) for k in range(16)]


def _newest(link: _Link | None, pending: tuple[Trial, ...]) -> Mapping[int, Trial]:
    """Trials by number, each as it was told last."""
    found = {trial.number: trial for trial in pending}
    while link is not None:
        found.setdefault(link.trial.number, link.trial)
        link = link.before
    return dict(sorted(found.items()))


def _marks(trial: Trial, interval: float) -> list[tuple[int, Floats]]:
    """The losses at the ends of intervals, by how many there were."""
    found: dict[int, Floats] = {}
    for report in trial.reports:
        losses = np.array(report.losses)
        if np.isfinite(losses).all():
            found.setdefault(int(report.step / interval + 1e-9), losses)
    return sorted((k, losses) for k, losses in found.items() if k >= 1)


def _intervals(trials: Mapping[int, Trial], space: Space, interval: float, numbers: Floats) -> _Data:
    """What is known of intervals, the latest of them; those of a clone begin where its parent's ended."""
    times, befores, units, falls = [], [], [], []
    for trial in trials.values():
        marks = _marks(trial, interval)
        parent = trials.get(trial.parent) if trial.parent is not None else None
        if parent is not None and marks:
            marks = [mark for mark in _marks(parent, interval) if mark[0] < marks[0][0]][-1:] + marks
        row = np.nan_to_num(np.array(unit_row(space, trial.params)), nan=0.5)[numbers]
        for (k, before), (later, after) in itertools.pairwise(marks):
            times.append(k)
            befores.append(before)
            units.append(row)
            falls.append((before - after) / (later - k))
    if not times:
        return _Data(np.empty(0), np.empty((0, 0)), np.empty(0))
    order = np.argsort(times, kind="stable")[-_MOST:]
    each = np.array(falls)[order]
    spread = each.std(axis=0)
    standard = ((each - each.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).mean(axis=1)
    scale = float(standard.std()) or 1.0
    rows = np.concatenate([np.array(units)[order], np.array(befores)[order]], axis=1)
    return _Data(np.array(times, dtype=np.float64)[order], rows, standard / scale)


def _promising(
    data: _Data,
    ask: Ask,
    interval: float,
    trials: Mapping[int, Trial],
    numbers: Floats,
    parent: Floats,
    generator: np.random.Generator,
) -> list[Floats]:
    """Rows of the space by the upper confidence bound, the best first."""
    from tunesmith.numeric.drift import Drift, fit

    count, dims = int(numbers.sum()), len(parent)
    low, high = data.rows[:, count:].min(axis=0), data.rows[:, count:].max(axis=0)

    def placed(units: Floats, losses: Floats) -> Floats:
        scaled = (losses - low) / np.where(high > low, high - low, 1.0)
        return np.concatenate([units, np.clip(scaled, -0.5, 1.5)], axis=1)

    z = placed(data.rows[:, :count], data.rows[:, count:])
    hyper = fit(z, data.times, data.falls)
    known = Drift(z, data.times, hyper, data.falls)
    now, loss = _where(ask.parent, trials, interval, data, count)
    others = [np.nan_to_num(np.array(unit_row(ask.space, t.params)), nan=0.5)[numbers] for t in ask.pending]
    with_pending = known
    if others:
        waiting = placed(np.array(others), np.repeat(loss[None], len(others), axis=0))
        all_times = np.concatenate([data.times, np.full(len(others), now)])
        with_pending = Drift(np.concatenate([z, waiting]), all_times, hyper)
    width = math.sqrt(_C1 + max(0.0, math.log(_C2 * len(z))))

    def bound(rows: Floats) -> Floats:
        at = placed(rows[:, numbers], np.repeat(loss[None], len(rows), axis=0))
        times = np.full(len(rows), now)
        found: Floats = known.mean(at, times) + width * with_pending.sd(at, times)
        return found

    rows = np.concatenate([parent[None], generator.random((_EVEN, dims))])
    values = bound(rows)
    for turn in range(_ROUNDS):
        best = rows[np.argsort(-values, kind="stable")[:8]]
        near = np.repeat(best, _NEAR // 8, axis=0)
        near = np.clip(near + generator.normal(size=near.shape) * 0.1 / 3.0**turn, 0.0, 1.0)
        rows, values = np.concatenate([rows, near]), np.concatenate([values, bound(near)])
    return list(rows[np.argsort(-values, kind="stable")[:64]])


def _where(
    parent: Trial | None, trials: Mapping[int, Trial], interval: float, data: _Data, count: int
) -> tuple[float, Floats]:
    """The time and the losses that the clone starts from."""
    marks = _marks(trials[parent.number], interval) if parent is not None else []
    if marks:
        return float(marks[-1][0]), marks[-1][1]
    return float(data.times.max()), np.median(data.rows[:, count:], axis=0)
