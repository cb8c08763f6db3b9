"""Learning rates of a covariance matrix adaptation that follow the ratio of signal to noise.

Nomura, Akimoto and Ono (2023), CMA-ES with learning rate adaptation: can CMA-ES with default population size
solve multimodal and noisy problems?, GECCO, arXiv 2304.03473.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.cma import Evolution, decomposed

Floats = NDArray[np.float64]

_ALPHA = 1.4
_GAMMA = 0.1
_BETA_MEAN = 0.1
_BETA_COV = 0.03


@dataclass(frozen=True, slots=True)
class _Rate:
    """A learning rate, and moving averages of the steps in local coordinates and of their squared lengths."""

    steps: Floats
    beta: float
    squares: float = 0.0
    rate: float = 1.0

    def after(self, step: Floats) -> _Rate:
        """Larger when the averaged step stands out from its noise, smaller otherwise."""
        keep = 1.0 - self.beta
        steps = keep * self.steps + self.beta * step
        squares = keep * self.squares + self.beta * float(step @ step)
        signal = float(steps @ steps)
        noise = max(squares - signal, 1e-300)
        ratio = (signal - self.beta / (2.0 - self.beta) * squares) / noise
        towards = min(max(ratio / (_ALPHA * self.rate) - 1.0, -1.0), 1.0)
        rate = self.rate * math.exp(min(_GAMMA * self.rate, self.beta) * towards)
        return _Rate(steps, self.beta, squares, min(max(rate, 1e-6), 1.0))


@dataclass(frozen=True, slots=True)
class Pace:
    """The learning rates of mean and covariance. A value."""

    mean: _Rate
    cov: _Rate

    @classmethod
    def of(cls, evolution: Evolution) -> Pace:
        """Full speed."""
        zeros = np.zeros_like
        return cls(_Rate(zeros(evolution.mean), _BETA_MEAN), _Rate(zeros(evolution.cov).ravel(), _BETA_COV))


def paced(old: Evolution, new: Evolution, pace: Pace) -> tuple[Evolution, Pace]:
    """How far to go from the old evolution to the new one, and the learning rates after that."""
    shift = new.mean - old.mean
    whole_old, whole_new = old.step**2 * old.cov, new.step**2 * new.cov
    change = whole_new - whole_old
    mean = pace.mean.after(old.whiten(shift / (old.step * old.affine)))
    cov = pace.cov.after(_local(old, change).ravel() / math.sqrt(2.0))
    moved = decomposed(
        replace(new, mean=old.mean + mean.rate * shift, cov=whole_old + cov.rate * change, step=1.0)
    )
    step = float(np.exp(np.log(moved.axes).mean()))  # the root of the determinant
    corrected = step * pace.mean.rate / mean.rate  # the best step grows as the rate of the mean shrinks
    found = replace(moved, step=corrected, cov=moved.cov / step**2, axes=moved.axes / step)
    return found, Pace(mean, cov)


def _local(old: Evolution, change: Floats) -> Floats:
    """Sigma^(-1/2) change Sigma^(-1/2)."""
    if old.basis is None:
        found: Floats = change / (old.step**2 * old.cov)
        return found
    root = (old.basis / (old.step * old.axes)) @ old.basis.T
    turned: Floats = root @ change @ root
    return turned
