"""Reinforcement learning: a policy chooses the parameters one after another, and is trained on the results.

Zoph and Le (2017), Neural architecture search with reinforcement learning, ICLR (the idea); Schulman et al.
(2017), arXiv 1707.06347 (clipped steps); see `numeric.controller` for the mathematics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.numeric.axis import Axis, Kind
from tunesmith.numeric.controller import Heads, advantages, chosen, evaluated, improved, untrained
from tunesmith.record.history import STATES, History, pending_units
from tunesmith.record.trial import COMPLETE, FAILED, SEARCHER, Trial
from tunesmith.search._base import Ask, HistorySearcher, Proposal
from tunesmith.search._start import start_row
from tunesmith.search._untried import untried
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_COMPLETE, _FAILED = STATES.index(COMPLETE), STATES.index(FAILED)
_MOST_CELLS = 8  # of ordered values; more are chosen as numbers
_SPREAD = 0.3  # of a number without prior, at first
_KEPT = 8  # earlier policies, for results that come late
_DRAWS = 16  # proposals that are looked at for one that was not tried
_LOOSER = 0.05  # share of parameters more, a draw, that are drawn anew after two that were tried
_FEWEST = 8  # results that are learnt from


@dataclass(frozen=True, slots=True)
class PolicySearcher(HistorySearcher):
    """Reinforcement learning: a policy chooses parameter after parameter and is trained on the results by
    clipped natural policy gradients.

    Choose it for many cheap trials on large spaces of categories (architectures, compiler flags, schedules),
    many workers, and to go on from the trials of earlier studies: imported ones train it before it proposes
    anything. For few or expensive trials on numbers the models (`gp`, `tpe`) need fewer. Categories, and
    ordered parameters of up to 8 values, are drawn from softmaxes, all others from truncated normals; each
    depends on what was chosen before it, and what is inactive is neither chosen nor blamed. A result is worth
    what its rank among the latest `window` ones is worth; failed trials rank last, infeasible ones before
    them, and those that a scheduler has stopped by how far they came. Results that come late, and other
    people's trials, are weighed by how likely they are now (clipped importance weights, as in PPO).

    O(dims) an ask and O(window * weights) every `every` trials, however many there were; from 250,000
    weights on the parameters are chosen independently.

    Args:
        rate: length of a natural-gradient step.
        window: so many of the latest results are learnt from, `every` so many results, in `epochs` steps.
        clip: how much more likely a step may make a result than it was when it was chosen, as a share.
        entropy: bonus for policies that remain undecided.
        coupling: how strongly a choice sees the choices before it; 0: parameters are independent.

    Raises:
        SettingError: for settings out of range.
    """

    rate: float = 1.0
    window: int = 32
    every: int = 8
    epochs: int = 4
    clip: float = 0.3
    entropy: float = 0.01
    coupling: float = 0.3

    def __post_init__(self) -> None:
        _check.integer("window", self.window, _FEWEST)
        _check.integer("every", self.every, 1)
        _check.integer("epochs", self.epochs, 1)
        for name, low, high in (("rate", 0.0, 10.0), ("clip", 0.0, 10.0)):
            value = getattr(self, name)
            if not low < _check.number(name, value) <= high:
                raise SettingError(f"{name} must lie above {low:g} and be {high:g} at most, got {value!r}")
        for name in ("entropy", "coupling"):
            value = getattr(self, name)
            if not 0.0 <= _check.number(name, value) <= 1.0:
                raise SettingError(f"{name} must lie between 0 and 1, got {value!r}")

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        trained = trained_on(state, space, self)
        pending = pending_units(ask.pending, space)
        rows = self._rows(trained, ask)
        return Proposal(untried(state, space, ask.rng, rows, pending), {"policy": trained.version})

    def _rows(self, trained: Trained, ask: Ask) -> Iterator[list[float]]:
        if ask.number == 0 and not trained.read:
            yield start_row(ask)
        actor = actor_of(ask.space, self.coupling)
        rng = ask.rng.generator("policy")
        for draw in range(_DRAWS):
            quantiles, coins = rng.random((2, len(ask.space.dims)))
            yield actor.act(trained.weights[-1], quantiles.tolist(), (coins < _LOOSER * (draw - 1)).tolist())


class Actor:
    """What a space means to a policy: a pure function of it."""

    def __init__(self, space: Space, coupling: float) -> None:
        self.space = space
        self.axes = layout_of(space).frame.axes
        self.heads = Heads(tuple(map(_size, self.axes)), coupling)
        domains = [parameter.domain for parameter in space.dims]
        numbers = [domains[d] for d in self.heads.numbers.tolist()]
        self.untrained = untrained(
            self.heads,
            [self.axes[d].masses() for d in self.heads.cells.tolist()],
            [domain.center for domain in numbers],
            [_SPREAD if domain.prior is None else domain.prior.spread for domain in numbers],
        )

    def actions(self, rows: Floats) -> Floats:
        """Unit rows as cells and numbers, NaN where there is nothing."""
        found = rows.copy()
        for d in self.heads.cells.tolist():
            found[:, d] = np.where(np.isnan(rows[:, d]), np.nan, self.axes[d].cells(rows[:, d]))
        return found

    def act(self, weights: Floats, quantiles: list[float], free: list[bool]) -> list[float]:
        """A unit row drawn from the policy: only what is active is chosen, and seen by later choices.

        `free`: which parameters are drawn as before training.
        """
        row = list(self.space.center)
        seen = np.zeros(len(self.heads.mask))
        seen[-1] = 1.0
        found: dict[str, Any] = {}
        for parameter in self.space.parameters:
            d = parameter.column
            if parameter.rules and not parameter.active(found):
                continue
            if d is not None:
                by = self.untrained if free[d] else weights
                action = chosen(self.heads, d, by, seen, quantiles[d])
                centers, size = self.axes[d].centers, self.heads.sizes[d]
                row[d] = float(centers[int(action)]) if size and centers is not None else action
                if len(seen) > 1:
                    first, coupling = self.heads.inputs[d], self.heads.coupling
                    seen[first + int(action) if size else first] = (
                        coupling if size else coupling * (2.0 * action - 1.0)
                    )
            found[parameter.name] = parameter.domain.from_unit(0.5 if d is None else row[d])
        return row


def _size(axis: Axis) -> int:
    if axis.edges is None:
        return 0
    count = len(axis.edges) - 1
    return count if axis.kind is Kind.CATEGORIES or count <= _MOST_CELLS else 0


@lru_cache(maxsize=16)
def actor_of(space: Space, coupling: float) -> Actor:
    """The actor of a space, remembered."""
    return Actor(space, coupling)


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy after so many observations: a fold of the history. `weights`: of the latest versions.

    `window` holds the latest results: their actions, under which probabilities each was chosen, and the keys
    by which they rank, smaller is better.
    """

    read: int
    version: int
    weights: tuple[Floats, ...]
    window: tuple[tuple[Floats, Floats, tuple[float, ...]], ...] = ()

    def tell(
        self, actor: Actor, trial: Trial, row: Floats, key: tuple[float, ...], by: PolicySearcher
    ) -> Trained:
        """With one more observation; every so many, a better policy."""
        actions = actor.actions(row[None, :])
        memo = trial.memo if trial.source is SEARCHER and type(trial.memo) is dict else {}
        # What this policy did not choose counts as chosen by the policy of this moment.
        late = min(max(self.version - int(memo.get("policy", self.version)), 0), len(self.weights) - 1)
        past = self.weights[-1 - late]
        log_probs = evaluated(actor.heads, past, actor.heads.features(actions), actions).log_probs
        window = (*self.window, (actions[0], log_probs[0], key))[-by.window :]
        read = self.read + 1
        if read % by.every or len(window) < _FEWEST:
            return Trained(read, self.version, self.weights, window)
        keys = np.array([key for _, _, key in window])
        weights = improved(
            actor.heads,
            self.weights[-1],
            np.stack([actions for actions, _, _ in window]),
            np.stack([log_probs for _, log_probs, _ in window]),
            advantages(keys),
            rate=by.rate,
            clip=by.clip,
            entropy=by.entropy,
            epochs=by.epochs,
        )
        return Trained(read, self.version + 1, (*self.weights, weights)[-_KEPT:], window)


def trained_on(history: History, space: Space, settings: PolicySearcher) -> Trained:
    """The policy that a history makes; what was folded before is kept with the log, and may be forgotten."""
    actor = actor_of(space, settings.coupling)
    key = ("policy", settings)
    trained: Trained | None
    known, trained = history.scratch.get(key, (None, None))
    if trained is None or (known is not space and known != space) or trained.read > history.n:
        trained = Trained(0, 0, (actor.untrained,))
    if trained.read < history.n:
        start = trained.read
        rows, keys = history.units(space)[start:], _keys(history, start)
        for place, (row, rank) in enumerate(zip(rows, keys.tolist(), strict=True), start):
            trained = trained.tell(actor, history.trial(place), row, tuple(rank), settings)
        history.scratch[key] = space, trained
    return trained


def _keys(history: History, start: int) -> Floats:
    """What rows rank by, the first thing that differs: failed, violation, how far they came, loss."""
    states, losses = history.states[start:], history.losses[start:, 0]
    failed = (states == _FAILED) | ~np.isfinite(losses)
    short = np.where(states == _COMPLETE, -np.inf, -history.steps[start:].astype(np.float64))
    columns = [
        failed.astype(np.float64),
        np.where(failed, 0.0, history.violations[start:]),
        np.where(failed, 0.0, short),
        np.where(failed, 0.0, losses),
    ]
    return np.stack(columns, axis=1)
