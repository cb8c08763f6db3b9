"""Gaussian-process Bayesian optimisation of mixed and conditional spaces.

Ament et al. (2023), arXiv 2310.20708 (the logarithm of expected improvement); Hvarfner et al. (2024), arXiv
2402.02229 (lengthscales that grow with the dimension); Snoek, Larochelle and Adams (2012), NIPS 25 (pending
trials by samples, improvement per second); Gardner et al. (2014), ICML (constraints); Hvarfner et al. (2022),
ICLR (beliefs); Emmerich, Deutz and Klinkenberg (2011), CEC (two objectives); Knowles (2006), IEEE Trans.
Evol. Comput. 10 (more of them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.acquire import Effort, maximise
from tunesmith.model.surrogate import Manner
from tunesmith.record.history import History, pending_units
from tunesmith.record.problem import Problem
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal
from tunesmith.search._pool import pool_of, ranked_by_pool
from tunesmith.search._promise import Promise, Settings, promise
from tunesmith.search._start import start_row
from tunesmith.search._untried import tried_of, untried

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GPSearcher(HistorySearcher):
    """Models the objective by a Gaussian process, and proposes where the expected improvement is largest.

    Choose it when a trial costs more than some 20 ms: of all methods it needs the fewest trials, on numbers,
    categories and conditional parameters alike, with noise, and with several workers. It starts at the middle
    (after the defaults, if there are any), goes on evenly, and models from `n_startup` trials on.
    Lengthscales, noise, trend and the shape of the losses are learnt from the trials; pending trials count by
    samples of what they may return; failed ones teach where trials fail, outcome constraints where they are
    feasible; `ts.Prior` shapes where it looks at first. Of two objectives each has a process, and what is
    proposed has the largest expected improvement of their front's hypervolume; three or more are searched by
    scalarisations in many directions. A trial that was stopped counts with the loss that it may be expected
    to have come to, by what those that went on have gained since.

    An ask costs about 20 ms at 50 trials of 10 parameters, 30 ms at 200 and 120 ms at 1,000, with two
    objectives twice that; it is flat from 800 trials on, since of longer histories the best, the latest and
    an even sample are looked at; with two objectives the front is that of all, and at 16,000 trials an ask
    takes twice as long as at 1,000. From 20 trials on it is prepared while a trial runs, and takes half a
    millisecond when the result is there (one objective without outcome constraints); the last result moves
    means then, and lengthscales follow one trial later.

    Args:
        n_startup: trials observed before the model is used.
        candidates: points at which the acquisition is looked at, half of them near the best trials.
        ascents: how many of these are climbed from.
        fantasies: samples of what pending trials may return.
        per_second: whether improvement is divided by the time that a trial is expected to take.
        trend: whether there is a trend, linear in the parameters and their squares.
        shape: whether the losses' shape is learnt: how much of their tail to draw in.
        roughness: whether what looks like noise counts as roughness where nothing was tried; turn it off
            when the noise is large and known.
        trust_region: whether to look within a box around the best trial, which grows after successes and
            shrinks after failures (Eriksson et al. 2019, NeurIPS 32); one objective. For many parameters
            and a landscape that one model does not fit everywhere; what lies elsewhere is found later.

    Raises:
        SettingError: for settings out of range, and a trust region with several objectives.
    """

    handles = Handles(objectives=None)
    prepares = True

    n_startup: int = 5
    candidates: int = 512
    ascents: int = 8
    fantasies: int = 8
    per_second: bool = False
    trend: bool = True
    shape: bool = True
    roughness: bool = True
    trust_region: bool = False

    def __post_init__(self) -> None:
        _check.integer("n_startup", self.n_startup, 1)
        _check.integer("candidates", self.candidates, 2)
        _check.integer("ascents", self.ascents, 1)
        _check.integer("fantasies", self.fantasies, 1)
        for name in ("per_second", "trend", "shape", "roughness", "trust_region"):
            if not isinstance(value := getattr(self, name), bool):
                raise SettingError(f"{name} must be True or False, got {value!r}")

    def init(self, problem: Problem) -> History:
        if self.trust_region and len(problem.objectives) > 1:
            count = len(problem.objectives)
            raise SettingError(f"trust_region=True is for one objective, and there are {count}: leave it out")
        return HistorySearcher.init(self, problem)

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        pending = pending_units(ask.pending, space)
        ranked = iter([start_row(ask)]) if state.n < self.n_startup else self._ranked(state, ask, pending)
        return Proposal(untried(state, space, ask.rng, ranked, pending))

    def prepare(self, state: History, ask: Ask) -> None:
        oldest, *others = ask.pending or (None,)  # it is the likeliest to end first
        if oldest is None or pool_of(state, ask, oldest, others, self._settings) is None:
            self.ask(state, ask)  # what is needed for the first time is there then
        tried_of(state, ask.space)

    @property
    def _settings(self) -> Settings:
        half = self.candidates // 2
        effort = Effort(half, self.candidates - half, self.ascents)
        manner = Manner(self.shape, self.trend, self.roughness)
        trust_after = self.n_startup if self.trust_region else None
        return Settings(self.fantasies, self.per_second, effort, manner, trust_after)

    def _ranked(self, history: History, ask: Ask, pending: Floats) -> Iterator[list[float]]:
        """Candidates, the most promising first."""
        rows = ranked_by_pool(history, ask, self._settings)
        if rows is not None:
            yield from (np.nan_to_num(row, nan=0.5).tolist() for row in rows)
            return
        found: Promise | None = promise(history, ask, pending, self._settings)
        if found is None:
            yield start_row(ask)
            return
        effort = self._settings.effort
        rng = ask.rng.generator("gp/acquire")
        rows = maximise(found.view, found, found.anchors, found.lengths, rng, effort)
        yield from np.nan_to_num(rows, nan=0.5).tolist()
