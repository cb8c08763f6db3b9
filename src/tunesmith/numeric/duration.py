"""How long something will take, from how long it took elsewhere: ridge regression of logarithms.

Durations are positive, and what changes them multiplies: twice the layers, twice the time. Squares beside the
coordinates let a middle category, or a middle value, be the slowest. How much the coordinates are trusted is
chosen by leave-one-out errors, which for ridge regression cost one decomposition (Allen 1974, Technometrics
16:1, PRESS); trusting them not at all, the geometric mean, is among the choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)  # times the number of observations
_MARGIN = np.log(3.0)  # beyond what was seen, nothing is predicted
_LEAST = 1e-9  # seconds: clocks may say that nothing has passed


@dataclass(frozen=True, slots=True)
class Durations:
    """A fitted model: seconds at a point. A value."""

    center: Floats  # of the coordinates
    mean: Floats  # of the features
    weights: Floats
    offset: float
    low: float
    high: float

    @classmethod
    def fitted(cls, points: Floats, seconds: Floats) -> Durations:
        """From `points` (n, d), NaN where a coordinate is unknown or inactive, and n durations; n >= 1."""
        logs = np.log(np.maximum(seconds, _LEAST))
        known = np.isfinite(points)
        counts = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, points, 0.0).sum(axis=0) / counts
        features = _features(points, center)
        mean = features.mean(axis=0)
        offset = float(logs.mean())
        weights = _ridge(features - mean, logs - offset)
        return cls(center, mean, weights, offset, float(logs.min() - _MARGIN), float(logs.max() + _MARGIN))

    def at(self, point: Floats) -> float:
        """Seconds to be expected there: the median."""
        features = _features(point[None, :], self.center)[0] - self.mean
        return float(np.exp(np.clip(self.offset + features @ self.weights, self.low, self.high)))


def _features(points: Floats, center: Floats) -> Floats:
    filled = np.where(np.isfinite(points), points, center) - center
    found: Floats = np.concatenate([filled, filled**2], axis=1)
    return found


def _ridge(features: Floats, logs: Floats) -> Floats:
    """Weights with the penalty that predicts best what was left out."""
    count, width = features.shape
    none = np.zeros(width)
    if count < 4 or not width:
        return none
    left, sizes, right = np.linalg.svd(features, full_matrices=False)
    squares, projected = sizes**2, left.T @ logs
    # Without weights, y_i is predicted by the mean of the others.
    best, chosen = float(((logs * count / (count - 1)) ** 2).sum()), none
    for penalty in _PENALTIES:
        shrink = squares / (squares + penalty * count * 1e-2)
        leverage = 1.0 / count + (left**2) @ shrink
        residuals = (logs - left @ (shrink * projected)) / np.maximum(1.0 - leverage, 1e-6)
        error = float((residuals**2).sum())
        if error < best:
            gains = np.divide(shrink, sizes, out=np.zeros_like(sizes), where=sizes > 1e-12)
            best, chosen = error, right.T @ (gains * projected)
    return chosen
