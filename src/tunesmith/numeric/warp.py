"""Shapes of losses that a Gaussian process can live with: monotone, and recomputed for every fit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-300

POWERS = (1.0, 0.5, 0.0, -1.0)
"""Yeo-Johnson parameters: 1 leaves losses as they are, less draws the bad tail in."""


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
    """The transform that `yeo_johnson` makes of some losses, for others that are not counted."""

    power: float
    middle: float
    first: float  # standard deviation before
    mean: float
    second: float  # standard deviation behind

    @classmethod
    def of(cls, y: Floats, power: float) -> Bend:
        """That of y."""
        first, middle = max(float(y.std()), _TINY), float(np.median(y))
        found = _bent((y - middle) / first, power)[0]
        return cls(power, middle, first, float(found.mean()), max(float(found.std()), _TINY))

    def __call__(self, value: float) -> float:
        """Where it puts a loss."""
        found = _bent(np.array([(value - self.middle) / self.first]), self.power)[0]
        return (float(found[0]) - self.mean) / self.second


def bilog(c: Floats) -> Floats:
    """sign(c) log(1 + |c| / s) over its root mean square, s the root mean square of c: 0 stays where it is.

    Eriksson and Poloczek 2021, Scalable constrained Bayesian optimization, AISTATS.
    """
    scale = max(math.sqrt(float((c * c).mean())), _TINY)
    found = np.sign(c) * np.log1p(np.abs(c) / scale)
    spread: Floats = found / max(math.sqrt(float((found * found).mean())), _TINY)
    return spread
