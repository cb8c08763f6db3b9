"""Gaussian processes over a history: what each is about, and hyperparameters as a function of log positions.

Hyperparameters are fitted at scheduled positions of the log only, each from the rows before it, so that any
process arrives at the same ones. Most fits start from the one before; every eighth starts anew, which bounds
how far back a fresh process has to go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.model.targets import targets
from tunesmith.model.view import view_of
from tunesmith.numeric import gp
from tunesmith.numeric.ehvi import tchebycheff
from tunesmith.numeric.embedding import Embedding
from tunesmith.numeric.pareto import fronts
from tunesmith.numeric.warp import POWERS, Reach, bilog, yeo_johnson
from tunesmith.record.history import History
from tunesmith.space.space import Space

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_ALWAYS = 20  # up to here every fit starts anew, and at every position
_EVERY = 100  # up to here there is one at every position
_GROWN = 20  # after that, whenever the history has grown by one part in so many
_AGAIN = 8
_GLANCE, _STEPS = 8, 30  # of the optimiser: to choose a transform, and to fit
_MOST_FITTED = 300
_FAR = 0.25
_DIRECTIONS = 16  # of scalarisations, taken in turn
_MOST = 800  # observations that a process is conditioned on


@dataclass(frozen=True)
class Quantity:
    """One thing that is modelled. `observed`: rows of a history, and the quantity there.

    `shapes`: powers of the Yeo-Johnson transform among which the likelihood chooses; none keeps signs and
    scales. `length`: of a process that is not fitted, a dimension, over the root of their number. `merit`: by
    which of very many observations some are kept, less being better; None: by their targets. `trend`: whether
    the process has one. `tail`: what was observed depends on one number more, beside the row: its values in
    [0, 1], of which the largest is where it is asked for.
    """

    name: Any  # a key: equal names are equal quantities
    observed: Callable[[History], tuple[Indices, Floats]]
    shapes: tuple[float, ...] = ()
    length: float | None = None
    merit: Callable[[History], Floats] | None = None
    trend: bool = True
    tail: Callable[[History], Floats] | None = None

    def shaped(self, values: Floats, power: float | None) -> tuple[Floats, float]:
        """Targets for a process, and the logarithm of the Jacobian."""
        return (values, 0.0) if power is None else yeo_johnson(values, power)


class Fit(NamedTuple):
    """The transform and the hyperparameters at a position."""

    power: float | None
    hyper: gp.Hyper


class Surrogate(NamedTuple):
    """A conditioned process, with the rows (n, dims) and targets that it has seen."""

    process: gp.Posterior
    units: Floats
    y: Floats
    rows: Indices  # of the history
    power: float | None  # of the transform of the targets


def lengths_of(part: Surrogate) -> Floats:
    """The lengths (dims,) over which a process changes, as fractions of the parameters' ranges."""
    own = part.process.embedding.dims - len(part.process.tail)
    found: Floats = np.exp(-0.5 * part.process.hyper.log_w[:own])
    return found


class Manner(NamedTuple):
    """How losses are modelled: what may be left out to see what it is worth."""

    shape: bool = True  # the power of a transform is chosen
    trend: bool = True
    roughness: bool = True  # what looks like noise shows anew some way off


ALL = Manner()


def loss(objective: int, manner: Manner = ALL) -> Quantity:
    """An objective, minimised."""

    def observed(history: History) -> tuple[Indices, Floats]:
        found = targets(history)
        losses = found.losses[:, objective]
        return found.rows, Reach.of(losses)(losses) if len(losses) else losses

    return Quantity(("loss", objective, manner), observed, shapes(manner), merit=_merit, trend=manner.trend)


def scalarised(weights: tuple[float, ...], manner: Manner = ALL) -> Quantity:
    """The augmented Tchebycheff norm of objectives scaled to [0, 1] (ParEGO: Knowles 2006, IEEE TEC 10)."""

    def observed(history: History) -> tuple[Indices, Floats]:
        found = targets(history)
        losses = np.stack([Reach.of(column)(column) for column in found.losses.T], axis=1)
        return found.rows, tchebycheff(losses, np.array(weights))

    return Quantity(("scalarised", weights, manner), observed, shapes(manner), trend=manner.trend)


def direction(rng: Rng, objectives: int) -> tuple[float, ...]:
    """The weights by which so many objectives are made one for the trial of this number, in turn."""
    drawn = rng._replace(number=rng.number % _DIRECTIONS).generator("gp/direction")
    return tuple(np.round(drawn.dirichlet(np.ones(objectives)), 6).tolist())


def shapes(manner: Manner) -> tuple[float, ...]:
    return POWERS if manner.shape else (1.0,)


def failure() -> Quantity:
    """1 where trials failed, -1 where they did not.

    What is likeliest of a step is a length that is short, and failures far from others would teach nothing.
    """

    def observed(history: History) -> tuple[Indices, Floats]:
        found = targets(history)
        values = np.ones(len(found.rows) + len(found.failed))
        values[: len(found.rows)] = -1.0
        return np.concatenate([found.rows, found.failed]), values

    return Quantity("failure", observed, length=_FAR)


def constraint(name: str) -> Quantity:
    """An outcome constraint, feasible when at most 0."""

    def observed(history: History) -> tuple[Indices, Floats]:
        found = targets(history).rows
        column = history.constraint(name)[found]
        known = ~np.isnan(column)
        return found[known], bilog(column[known]) if known.any() else column[known]

    return Quantity(("constraint", name), observed)


def duration() -> Quantity:
    """The logarithm of the seconds that trials took, to three digits."""

    def observed(history: History) -> tuple[Indices, Floats]:
        found = targets(history).rows
        return found, np.round(np.log(np.maximum(history.seconds[found], 1e-3)), 3).astype(np.float64)

    return Quantity("duration", observed)


def surrogate(history: History, space: Space, quantity: Quantity) -> Surrogate | None:
    """The process of a quantity at the end of the history; None while nothing was observed."""
    rows, values = quantity.observed(history)
    if not len(rows):
        return None
    fit = _fit(history, space, quantity, _position(history.n))
    y = quantity.shaped(values, fit.power)[0]
    kept = _kept(history, quantity, y, _MOST)
    units, rows, y = _units(history, space, quantity, rows)[kept], rows[kept], y[kept]
    embedding = _embedding(history, space, quantity)
    tail = None if quantity.tail is None else quantity.tail(history).max(keepdims=True)
    process = gp.Posterior(embedding, gp.Data(units, y), fit.hyper, tail)
    return Surrogate(process, units, y, rows, fit.power)


def _units(history: History, space: Space, quantity: Quantity, rows: Indices) -> Floats:
    units = history.units(space)[rows]
    if quantity.tail is None:
        return units
    return np.concatenate([units, quantity.tail(history)[:, None]], axis=1)


def _embedding(history: History, space: Space, quantity: Quantity) -> Embedding:
    found = view_of(history, space).embedding
    if quantity.tail is not None:
        found = found.longer(1)
    return found if quantity.trend else found.flat


def _position(n: int) -> int:
    """The last scheduled position up to n."""
    if n <= _EVERY:
        return n
    position = _EVERY
    while position + _step(position) <= n:
        position += _step(position)
    return position


def _step(position: int) -> int:
    return 1 if position < _EVERY else max(position // _GROWN, 1)


def _turn(position: int) -> int:
    """How many scheduled positions came before."""
    place, at = min(position, _EVERY), _EVERY
    while at < position:
        at += _step(at)
        place += 1
    return place


def _before(position: int) -> int:
    return position - 1 if position <= _EVERY else _position(position - 1)


def _fit(history: History, space: Space, quantity: Quantity, position: int) -> Fit:
    notes = history.scratch.setdefault("gp", {})
    key = (quantity.name, position, space)
    found: Fit | None = notes.get(key)
    if found is None:
        found = notes[key] = _fitted(history, space, quantity, position)
    return found


def _fitted(history: History, space: Space, quantity: Quantity, position: int) -> Fit:
    past = history.first(position)
    embedding = _embedding(past, space, quantity)
    if quantity.length is not None:
        far = np.full(embedding.dims, -2.0 * math.log(quantity.length * math.sqrt(embedding.dims)))
        return Fit(None, gp.prior(embedding)._replace(log_w=far))
    if not len(quantity.observed(past)[0]):
        return Fit(quantity.shapes[0] if quantity.shapes else None, gp.prior(embedding))
    anew = position <= _ALWAYS or _turn(position) % _AGAIN == 0
    last = None if anew else _fit(history, space, quantity, _before(position))
    if last is not None:
        return _refined(past, space, quantity, (last.power,), (last.hyper,), _STEPS)
    begin = gp.starts(embedding)
    first = _refined(past, space, quantity, quantity.shapes or (None,), begin[1:], _GLANCE)
    return _refined(past, space, quantity, (first.power,), (begin[0], first.hyper), _STEPS)


def _refined(
    past: History,
    space: Space,
    quantity: Quantity,
    powers: Sequence[float | None],
    begin: Sequence[gp.Hyper],
    steps: int,
) -> Fit:
    """The likeliest of the fits with these powers, from these hyperparameters."""
    rows, values = quantity.observed(past)
    embedding = _embedding(past, space, quantity)
    best, least = Fit(powers[0], begin[0]), math.inf
    for power in powers:
        y, jacobian = quantity.shaped(values, power)
        kept = _kept(past, quantity, y, _MOST_FITTED)
        data = gp.Data(_units(past, space, quantity, rows)[kept], y[kept])
        for one in begin:
            hyper, value = gp.fit(embedding, data, one, steps)
            value -= jacobian * len(kept) / len(y)
            if value < least:
                best, least = Fit(power, hyper), value
    return best


def _merit(history: History) -> Floats:
    """A loss, or the front that a row is in; the worst ones are not told apart."""
    losses = targets(history).losses
    if losses.shape[1] == 1:
        return losses[:, 0]
    found = np.full(len(losses), math.inf)
    for place, front in enumerate(fronts(losses, _MOST // 2)):
        found[front] = place
    return found


def _kept(history: History, quantity: Quantity, y: Floats, most: int) -> Indices:
    """Which observations are enough: half of them the best, a quarter the latest, the others evenly."""
    n = len(y)
    if n <= most:
        return np.arange(n)
    merit = quantity.merit(history) if quantity.merit else y
    chosen = np.zeros(n, dtype=np.bool_)
    chosen[np.argsort(merit, kind="stable")[: most // 2]] = True
    chosen[n - most // 4 :] = True
    left = np.flatnonzero(~chosen)
    missing = most - int(chosen.sum())
    chosen[left[((np.arange(missing) + 0.5) * (len(left) / missing)).astype(np.intp)]] = True
    return np.flatnonzero(chosen)
