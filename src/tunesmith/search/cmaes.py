"""CMA-ES: a normal distribution over the numbers, one over the categories, both adapted to what did well.

Hansen (2016), arXiv 1604.00772 (the method, with active update); Hamano et al. (2022), arXiv 2205.13482
(margin for whole numbers); Hamano et al. (2024), arXiv 2405.09962 and 2504.07884 (categories); Nomura et al.
(2021), AAAI (warm start); Nomura et al. (2023), arXiv 2304.03473 (learning rates); Ros and Hansen (2008),
PPSN X (separable form).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.model.ranking import ranking_of
from tunesmith.numeric.categories import Categories
from tunesmith.numeric.cma import Evolution, default_size, rates, start, update, warm_start
from tunesmith.numeric.margin import with_margin
from tunesmith.numeric.pace import Pace, paced
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import PAUSED, SEARCHER, Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._mixed import Candidate, Mixed, chance, chosen, counted_before, mixed_of
from tunesmith.search._restarts import Plan, Restart, ended, window
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_SEPARABLE = 200  # dims from which on the separable form is used
_REACH, _WIDEST = 0.36, 0.2  # length of the first steps, and their deviation in few dimensions
_FEW_GENERATIONS = 50
_LEAST_SIZE = 6
_SHARE = 0.1  # gamma of warm starts: which share of trials is promising
_UNIFORM = 12.0**-0.5  # standard deviation of a number in [0, 1]
_DELAYED = 0.5  # a generation is at least this share of the trials that run
_PATIENCE = 10  # populations after which one is used that has too few trials with a loss


class _Run(NamedTuple):
    """The distributions of a generation, and what the run they belong to has come to."""

    evolution: Evolution | None  # None without numbers
    categories: Categories
    plan: Plan
    pace: Pace | None
    generation: int = 0
    bests: tuple[float, ...] = ()


class CMAState(NamedTuple):
    """What CMA-ES knows. `own`, `guests`: rows of the history that the next generation is made of."""

    history: History
    space: Space
    trials: int | None = None  # how many there will be, when that is known
    run: _Run | None = None  # None before the first proposal
    own: tuple[int, ...] = ()
    guests: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CMAESSearcher(Searcher[CMAState]):
    """Samples a normal distribution and moves, widens and turns it towards its better samples (CMA-ES).

    Choose it for numbers, from a few hundred trials on, above all when they interact; for objectives that
    take no longer than an ask of a model; and for many workers, for trials may come back in any order. It
    starts at the defaults or the middle. Whole numbers keep a margin, so that none is frozen, and categories
    follow their natural gradient (CatCMA with margin). Inactive parameters stay as drawn and do not move
    the mean. What is drawn outside of the range is tried on its edge. Failed trials rank last, infeasible
    ones by violation. Trials of others (enqueued, imported, of another searcher) seed mean and covariance
    when there are enough before it starts, and are injected into the population later. When a run has
    converged, the next one starts elsewhere.

    O(dims^2) an ask, whatever the number of trials; once in a population a decomposition, O(dims^3). From 200
    numbers on only their variances are adapted (O(dims)).

    Args:
        sigma: first standard deviation, as a share of the range; None is 0.36 / sqrt(dims), 0.2 at most.
        population: trials a generation; None is 4 + 3 log(dims), and two thirds of it in a study whose
            n_trials are fewer than 50 such generations.
        restarts: "ipop" (each population twice as large), "bipop" (small ones between) or None (never).
        warm_start: whether trials of others are learnt from.
        adapt_rates: whether learning rates follow the signal (LRA-CMA-ES), for noisy or
            many-peaked objectives and thousands of trials.
        separable: whether only variances are adapted; None from 200 numbers on.

    Raises:
        SettingError: for settings out of range.
    """

    handles = Handles(define_by_run=False)

    sigma: float | None = None
    population: int | None = None
    restarts: str | None = "bipop"
    warm_start: bool = True
    adapt_rates: bool = False
    separable: bool | None = None

    def __post_init__(self) -> None:
        if self.sigma is not None and not 0.0 < _check.number("sigma", self.sigma) <= 1.0:
            raise SettingError(f"sigma must be above 0 and at most 1, got {self.sigma!r}")
        if self.population is not None:
            _check.integer("population", self.population, 4)
        if self.restarts is not None and self.restarts not in list(Restart):
            raise SettingError(f"restarts must be 'ipop', 'bipop' or None, got {self.restarts!r}")
        for name, value in (("warm_start", self.warm_start), ("adapt_rates", self.adapt_rates)):
            if not isinstance(value, bool):
                raise SettingError(f"{name} must be True or False, got {value!r}")
        if self.separable is not None and not isinstance(self.separable, bool):
            raise SettingError(f"separable must be True, False or None, got {self.separable!r}")

    def init(self, problem: Problem) -> CMAState:
        if problem.space is None:
            raise SettingError("cmaes must know the space beforehand: declare it with space=")
        return CMAState(History.empty(problem), problem.space, problem.n_trials)

    def tell(self, state: CMAState, trial: Trial) -> CMAState:
        history = state.history.tell(trial)
        ours = _generation(trial) is not None
        run = state.run
        if run is None and ours:
            run = self._begun(history, mixed_of(state.space), state.trials)
        state = state._replace(history=history, run=run)
        if not (trial.state.finished or trial.state is PAUSED) or run is None:
            return state
        if counted_before(history) or not (ours or self.warm_start):
            return state
        row = history.n - 1
        if not ours:
            most = run.plan.size // 2
            return state._replace(guests=(*state.guests, row)[-most:])
        state = state._replace(own=(*state.own, row))
        running = history.created - history.n
        enough = max(run.plan.size, int(_DELAYED * running))
        return self._advanced(state, run) if len(state.own) >= enough else state

    def ask(self, state: CMAState, ask: Ask) -> Proposal:
        if not ask.space.dims:
            return Proposal([])
        mixed = mixed_of(ask.space)
        run = state.run or self._begun(state.history, mixed, state.trials)
        found = chosen(state.history, mixed, ask, self._drawn(run, mixed, ask))
        return Proposal(*found)

    def _drawn(self, run: _Run, mixed: Mixed, ask: Ask) -> Iterator[Candidate]:
        """Samples of the distributions, without end; the middle before the first of a study."""
        if ask.number == 0:
            yield Candidate(list(ask.space.center), None)
        rng = ask.rng.generator("cmaes")
        while True:
            latent = _sampled(run.evolution, rng)
            codes = run.categories.draw(rng.random(len(mixed.categories)))
            row = mixed.row(latent, codes)
            yield Candidate(row, {"cma": run.generation, "hidden": mixed.hidden(row, latent)})

    def _begun(self, history: History, mixed: Mixed, trials: int | None) -> _Run:
        """The first generation: around the middle, the best of few trials, or the best share of many."""
        dims = len(mixed.numbers)
        size = self.population or _size(dims + len(mixed.categories), trials)
        categories = _believed(mixed)
        plan = Plan(size, size)
        if not dims:
            return _Run(None, categories, plan, None)
        mean, scales = mixed.center[mixed.numbers], _scales(mixed)
        evolution = start(mean, self._sigma(dims), scales, self._separable(dims))
        order = _order(history, np.arange(history.n if self.warm_start else 0))
        if len(order):
            best = order[: max(1, int(np.ceil(_SHARE * len(order))))]
            points = mixed.latent(history.units(mixed.space)[best], [None] * len(best), mean)
            if len(best) > dims:
                evolution = warm_start(points, self._sigma(dims), self._separable(dims))
            else:
                evolution = start(points[0], self._sigma(dims), scales, self._separable(dims))
        return self._run(evolution, categories, plan, 0, mixed)

    def _run(
        self, evolution: Evolution, categories: Categories, plan: Plan, generation: int, mixed: Mixed
    ) -> _Run:
        evolution = with_margin(evolution, mixed.discrete, mixed.edges, 1.0 / (evolution.dims * plan.size))
        return _Run(evolution, categories, plan, Pace.of(evolution) if self.adapt_rates else None, generation)

    def _sigma(self, dims: int) -> float:
        return min(_REACH / math.sqrt(dims), _WIDEST) if self.sigma is None else self.sigma

    def _separable(self, dims: int) -> bool:
        return dims >= _SEPARABLE if self.separable is None else self.separable

    def _advanced(self, state: CMAState, run: _Run) -> CMAState:
        """The next generation, when enough of this one's trials have a loss."""
        history, size = state.history, len(state.own)
        own = np.array(state.own)
        failed = np.isnan(history.losses[own, 0])
        if np.count_nonzero(~failed) < size // 2 and len(own) < _PATIENCE * run.plan.size:
            return state
        pool = np.concatenate([own, np.array(state.guests, dtype=np.intp)])
        order = _order(history, pool)
        if not len(order):  # nothing is known: the same distribution again
            return state._replace(own=())
        ranked = np.concatenate([order, own[failed]])[:size]
        mixed = mixed_of(state.space)
        batch = _batch(history, mixed, run, ranked)
        return state._replace(run=self._evolved(run, mixed, batch), own=(), guests=())

    def _evolved(self, run: _Run, mixed: Mixed, batch: _Batch) -> _Run:
        plan, evolution, pace = run.plan.spent(len(batch.own)), run.evolution, run.pace
        dims = len(mixed.numbers)
        table = rates(max(dims, 1), len(batch.own), self._separable(dims))
        good = table.weights[: table.parents]
        categories = run.categories.update(batch.codes[: len(good)], good)
        bests = run.bests
        if evolution is not None:
            after = update(evolution, table, batch.latent, batch.own, batch.known)
            if pace is not None:
                after, pace = paced(evolution, after, pace)
            evolution = with_margin(_boxed(after), mixed.discrete, mixed.edges, 1.0 / (dims * plan.size))
            bests = (*bests, batch.best)[-window(evolution, plan.size) :]
        following = _Run(evolution, categories, plan, pace, run.generation + 1, bests)
        if evolution is None or not ended(evolution, plan.size, bests):
            return following
        if self.restarts is None:
            return run._replace(generation=run.generation + 1)  # converged: it goes on sampling as it is
        return self._restarted(following, mixed, chance(batch.latent, "restart"))

    def _restarted(self, run: _Run, mixed: Mixed, rng: np.random.Generator) -> _Run:
        """A new run, somewhere in the space as the priors have it."""
        plan = run.plan.next(Restart(self.restarts or ""), rng)
        dims = len(mixed.numbers)
        domains = [mixed.space.dims[d].domain for d in mixed.numbers]
        mean = np.array(
            [domain.draw(u) for domain, u in zip(domains, rng.random(dims).tolist(), strict=True)]
        )
        evolution = start(mean, self._sigma(dims) * plan.narrower, _scales(mixed), self._separable(dims))
        return self._run(evolution, _believed(mixed), plan, run.generation, mixed)


class _Batch(NamedTuple):
    """A generation's trials, the best first. `known`: coordinates that had a part in the loss, None: all."""

    latent: Floats
    codes: Indices
    own: Bools
    known: Bools | None
    best: float


def _batch(history: History, mixed: Mixed, run: _Run, ranked: Indices) -> _Batch:
    rows = history.units(mixed.space)[ranked]
    trials = [history.trial(row) for row in ranked.tolist()]
    hidden = [None if _generation(trial) is None else trial.memo["hidden"] for trial in trials]
    default = np.empty(0) if run.evolution is None else run.evolution.mean
    known = ~np.isnan(rows[:, mixed.numbers])
    return _Batch(
        mixed.latent(rows, hidden, default),
        mixed.codes(rows),
        np.array([_generation(trial) == run.generation for trial in trials]),
        None if known.all() else known,
        float(history.losses[ranked[0], 0]),
    )


def _size(dims: int, trials: int | None) -> int:
    """The default population, a smaller one when there will be few generations."""
    size = default_size(dims)
    if trials is None or trials >= _FEW_GENERATIONS * size:
        return size
    return min(size, max(_LEAST_SIZE, round(size * 2 / 3)))


def _generation(trial: Trial) -> int | None:
    """The generation that a trial was drawn from; None when it is not one of ours."""
    memo: Any = trial.memo
    if trial.source != SEARCHER or not isinstance(memo, dict):
        return None
    found: int | None = memo.get("cma")
    return found


def _order(history: History, rows: Indices) -> Indices:
    return ranking_of(history, 0).ordered(history, rows)


def _sampled(evolution: Evolution | None, rng: np.random.Generator) -> Floats:
    if evolution is None:
        return np.empty(0)
    found: Floats = evolution.at(rng.standard_normal((1, evolution.dims)))[0]
    return found


def _boxed(evolution: Evolution) -> Evolution:
    """With the mean in the range, and no coordinate wider than a uniform one: beyond lies nothing new."""
    widest = float((evolution.spread() * evolution.affine).max())
    mean = np.minimum(np.maximum(evolution.mean, 0.0), 1.0)
    return replace(evolution, mean=mean, step=evolution.step * min(1.0, _UNIFORM / widest))


def _scales(mixed: Mixed) -> Floats:
    """Relative spreads of the numbers: those of their priors, 1 without one."""
    axes = layout_of(mixed.space).frame.axes
    found = []
    for d in mixed.numbers:
        masses = axes[d].prior
        if masses is None:
            found.append(1.0)
            continue
        centers = axes[d].centers
        places = (np.arange(len(masses)) + 0.5) / len(masses) if centers is None else centers
        middle = float(masses @ places) / float(masses.sum())
        spread = float(masses @ (places - middle) ** 2) / float(masses.sum())
        found.append(max(spread**0.5 / _UNIFORM, 0.02))
    return np.array(found)


def _believed(mixed: Mixed) -> Categories:
    """The categories' chances before any trial: even, or those of their priors."""
    axes = layout_of(mixed.space).frame.axes
    chances = tuple(np.array(axes[d].masses()) for d in mixed.categories)
    return Categories.of(chances, len(mixed.categories) + len(mixed.discrete))
