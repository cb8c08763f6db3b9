"""BOHB's searcher: kernel densities of good and bad trials at the largest budget that tells enough.

Falkner, Klein and Hutter (2018), BOHB: robust and efficient hyperparameter optimization at scale, ICML,
section 4 (equations by its numbers). Its other half is Hyperband; `searcher="bohb"` gives both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.layout import inferred, layout_of
from tunesmith.model.ranking import ranking_of
from tunesmith.numeric.parzen import Mixture, fit
from tunesmith.record.history import History, pending_units
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._at_budget import AtBudgets, check_chosen
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._untried import untried

Floats = NDArray[np.float64]

_REFERENCE = 1.06  # of the normal reference rule


@dataclass(frozen=True, slots=True)
class BOHBSearcher(Searcher[AtBudgets]):
    """Proposes where good trials are dense and bad ones are not, at the largest budget that tells enough.

    Choose it as it is published, beside Hyperband: `searcher="bohb"` joins both, and needs a fidelity. A part
    of the proposals is random, so that a misleading small budget does no lasting harm. Workers do not know of
    each other's pending trials, but for not trying the same again. Failed trials count as the worst,
    infeasible ones go by violation, several objectives are ranked by front.

    O(trials at that budget * dims) an ask.

    Args:
        random: share of proposals drawn from the priors.
        gamma: share of trials called good (q in the paper).
        candidates: how many points of the good density are compared.
        factor: by how much its kernels are widened to draw them.
        floor: least bandwidth, as a share of the range.
        n_startup: trials that must have reached a budget before it is modelled; None is the number of
            parameters and three more.

    Raises:
        SettingError: for settings out of range, and without a fidelity.
    """

    handles = Handles(objectives=None, fidelity=True)

    random: float = 1 / 3
    gamma: float = 0.15
    candidates: int = 64
    factor: float = 3.0
    floor: float = 1e-3
    n_startup: int | None = None

    def __post_init__(self) -> None:
        _check.integer("candidates", self.candidates, 1)
        check_chosen(self.random, self.n_startup)
        for name in ("gamma", "floor"):
            if not 0.0 < _check.number(name, getattr(self, name)) < 1.0:
                raise SettingError(f"{name} must lie between 0 and 1, got {getattr(self, name)!r}")
        if not _check.number("factor", self.factor) > 0.0:
            raise SettingError(f"factor must be more than 0, got {self.factor!r}")

    def init(self, problem: Problem) -> AtBudgets:
        return AtBudgets.of(problem, "bohb")

    def tell(self, state: AtBudgets, trial: Trial) -> AtBudgets:
        return state.tell(trial)

    def ask(self, state: AtBudgets, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        history = state.chosen(ask, "bohb", self.random, self.n_startup)
        drawn = iter([space.draw(ask.rng)])
        ranked = drawn if history is None else self._ranked(history, ask)
        return Proposal(untried(state.whole, space, ask.rng, ranked, pending_units(ask.pending, space)))

    def _ranked(self, history: History, ask: Ask) -> Iterator[list[float]]:
        """Candidates, those with the largest l(x) / g(x) first (eqs. 2 and 3)."""
        units = history.units(ask.space)
        order = ranking_of(history, 0).ordered(history, np.arange(history.n)).tolist()
        failed = np.flatnonzero(np.isnan(history.losses).any(axis=1)).tolist()
        rows = np.array([*order, *failed], dtype=np.intp)
        least = len(ask.space.dims) + 1
        good = max(least, math.floor(self.gamma * len(rows)))  # eq. 4
        bad = max(least, len(rows) - good)
        best, worst = units[rows[:good]], units[rows[-bad:]]
        layout = layout_of(ask.space)
        frame = layout.frame

        def density(points: Floats, widths: Floats, floor: float) -> Mixture:
            return fit(frame, points, np.ones(len(points)), 0.0, floor, widths)

        narrow = _widths(best[:, frame.numbers], self.floor)
        wide = density(best, self.factor * narrow, self.floor)
        points, kernels = wide.sample(ask.rng.generator("bohb"), self.candidates)
        active = layout.active(points)
        if active is None and np.isnan(units).any():
            begun = np.append(~np.isnan(best), np.ones((1, best.shape[1]), dtype=np.bool_), axis=0)[kernels]
            active = inferred(frame, units, points, begun)
        features = frame.features(points, active)
        others = density(worst, _widths(worst[:, frame.numbers], self.floor), self.floor)
        score = density(best, narrow, self.floor).log_density(features) - others.log_density(features)
        yield from points[np.argsort(-score, kind="stable")].tolist()


def _widths(points: Floats, floor: float) -> Floats:
    """One bandwidth a column, (1, columns), by the normal reference rule of what is known there."""
    known = ~np.isnan(points)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, points, 0.0).sum(axis=0) / counts
    spread = np.sqrt(np.where(known, np.square(points - mean), 0.0).sum(axis=0) / counts)
    found: Floats = _REFERENCE * spread * counts ** (-1.0 / (4.0 + points.shape[1]))
    return np.maximum(found, floor)[None, :]
