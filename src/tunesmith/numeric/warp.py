"""Shapes of losses that a Gaussian process can live with: monotone, and recomputed for every fit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-300

_FAR = 10.0  # how far from the median losses count in full, over the distance of the best tenth
_UNIT, _UNITS = 5.0, 5.0  # beyond: the unit over that distance, and how many of them come at most
_FURTHER = 100.0  # the most that a constraint counts, over the median of its values

POWERS = (1.0, 0.5, 0.0, -1.0)
"""Yeo-Johnson parameters: 1 leaves losses as they are, less draws the bad tail in."""


class Reach(NamedTuple):
    """A limit beyond which losses count less and less: one that has diverged would set the scale of all.

    Up to `high` losses stay as they are; beyond, they grow with the logarithm of how far they are off in
    `units`, and at last approach a limit. So they keep their order, and most of what tells them apart: that
    nearly all losses are equal up to there may also mean that the search has converged.
    """

    high: float
    unit: float

    @classmethod
    def of(cls, y: Floats) -> Reach:
        """That of losses: from the median, so many times as far as the best tenth of them begins."""
        n, order = len(y), np.sort(y)
        middle = float(order[(n - 1) // 2])
        scale = middle - float(order[min((n + 9) // 10, n - 1)])
        if scale <= 0.0:
            scale = middle - float(order[0])
        if scale <= 0.0:  # half of them or more are the best one: the next one, else nothing
            scale = float(order[min(int(np.searchsorted(order, middle, side="right")), n - 1)]) - middle
        return cls(middle + _FAR * scale, _UNIT * scale)

    def __call__(self, y: Floats) -> Floats:
        """Losses within the limit."""
        logs = np.log1p(np.maximum(y - self.high, 0.0) / max(self.unit, _TINY))
        return np.where(y > self.high, self.high + self.unit * logs / (1.0 + logs / _UNITS), y)


def yeo_johnson(y: Floats, power: float) -> tuple[Floats, float]:
    """The transform (Yeo and Johnson 2000, Biometrika 87) of y in units of its standard deviation around its
    median, standardised; and the sum of log dz/dy, so that likelihoods of different powers compare."""
    first = max(float(y.std()), _TINY)
    x = (y - float(np.median(y))) / first
    found, up, down = _bent(x, power)
    second = max(float(found.std()), _TINY)
    jacobian = (power - 1.0) * float((up - down).sum()) - len(y) * (math.log(first) + math.log(second))
    return (found - found.mean()) / second, jacobian


def _bent(x: Floats, power: float) -> tuple[Floats, Floats, Floats]:
    """The transform, and log1p of what lies above and below 0."""
    up, down = np.log1p(np.maximum(x, 0.0)), np.log1p(np.maximum(-x, 0.0))
    return np.where(x >= 0.0, _box_cox(up, power), -_box_cox(down, 2.0 - power)), up, down


def _box_cox(log_x: Floats, power: float) -> Floats:
    """(x^p - 1) / p of log x; log x where p = 0."""
    found: Floats = log_x if power == 0.0 else np.expm1(power * log_x) / power
    return found


class Bend(NamedTuple):
    """What `Reach` and then `yeo_johnson` make of some losses, for others that are not counted."""

    reach: Reach
    power: float
    middle: float
    first: float  # standard deviation before
    mean: float
    second: float  # standard deviation behind

    @classmethod
    def of(cls, y: Floats, power: float) -> Bend:
        """That of y."""
        reach = Reach.of(y)
        y = reach(y)
        first, middle = max(float(y.std()), _TINY), float(np.median(y))
        found = _bent((y - middle) / first, power)[0]
        return cls(reach, power, middle, first, float(found.mean()), max(float(found.std()), _TINY))

    def __call__(self, value: float) -> float:
        """Where it puts a loss."""
        within = self.reach(np.array([value]))
        found = _bent((within - self.middle) / self.first, self.power)[0]
        return (float(found[0]) - self.mean) / self.second


def bilog(c: Floats) -> Floats:
    """sign(c) log(1 + |c| / s) over its root mean square, s the median of |c| > 0: 0 stays where it is.

    Infinite values, and those beyond 100 s, count as 100 s. Eriksson and Poloczek 2021, Scalable constrained
    Bayesian optimization, AISTATS.
    """
    sizes = np.abs(c)
    telling = sizes[(sizes > 0.0) & np.isfinite(sizes)]
    scale = float(np.median(telling)) if len(telling) else 1.0
    with np.errstate(over="ignore"):
        found = np.sign(c) * np.log1p(np.minimum(sizes / scale, _FURTHER))
    spread: Floats = found / max(math.sqrt(float((found * found).mean())), _TINY)
    return spread
