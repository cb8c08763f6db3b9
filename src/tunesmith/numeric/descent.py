"""Descending along gradients inside the unit box, one evaluation at a time: each state is a value.

A descent answers with the point to be evaluated next (`ahead`), is told what was found there (`advance`), and
says by None that it has converged. Whoever evaluates may take any time, fail, or evaluate another point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pairs = tuple[tuple[Floats, Floats], ...]

_ARMIJO = 1e-4
_MEMORY = 10  # pairs of steps and changes of the gradient
_GROWTH = 3.0  # of the radius after a full step, and its share left after a failure
_LONGEST = 0.5  # step, as a share of the box
_SHORTEST = 1e-6
_STALLS = 5  # steps in a row that bring next to nothing
_NOTHING = 1e-5  # of what the descent has brought so far
_PATIENCE = 15  # steps of Adam without a better loss


@dataclass(frozen=True, slots=True, eq=False)
class QuasiNewton:
    """A projected limited-memory BFGS descent whose steps are kept within a radius.

    Choose it for losses that come without much noise. Every gradient teaches curvature, that of a refused
    step too, which is why a refused step is followed by a shorter and better one.

    Nocedal and Wright (2006), Numerical Optimization, algorithms 7.4 (two loops) and 4.1 (radius); Bertsekas
    (1982), SIAM J. Control Optim. 20 (variables at their bounds).
    """

    point: Floats
    loss: float
    gradient: Floats  # 0 where it is not known
    radius: float
    first: float  # loss
    pairs: Pairs = ()
    stalled: int = 0

    @staticmethod
    def begin(point: Floats, loss: float, gradient: Floats, radius: float) -> QuasiNewton:
        """The descent from an evaluated point; `radius`: length of its first step in any direction."""
        return QuasiNewton(point, loss, gradient, radius, loss)

    def ahead(self) -> Floats | None:
        """The point to be evaluated next; None when the descent has converged."""
        if self.stalled >= _STALLS or self.radius < _SHORTEST:
            return None
        free = _free(self.point, self.gradient)
        step = _step(self.gradient, free, self.pairs)
        longest = np.abs(step).max(initial=0.0)
        if not longest > 0.0:
            return None
        if longest > self.radius or not self.pairs:
            step *= self.radius / longest
        found: Floats = np.clip(self.point + step, 0.0, 1.0)
        return found if np.abs(found - self.point).max() > _SHORTEST else None

    def advance(self, point: Floats, loss: float, gradient: Floats | None) -> QuasiNewton:
        """The descent after a point was evaluated; without gradient it cannot go on from there."""
        step = point - self.point
        length = float(np.abs(step).max(initial=0.0))
        if gradient is None or not np.isfinite(loss):
            shorter = min(self.radius, length or self.radius) / _GROWTH
            return replace(self, radius=shorter, stalled=self.stalled + 1)
        pairs = _learnt(self.pairs, step, gradient - self.gradient)
        promised = min(_dot(self.gradient, step), 0.0)
        gain = self.loss - loss
        if gain < -_ARMIJO * promised or gain <= 0.0:
            shorter = length * _interpolated(promised, -gain)
            return replace(self, radius=min(self.radius, shorter), pairs=pairs, stalled=self.stalled + 1)
        little = gain <= _NOTHING * max(self.first - loss, 0.0)
        radius = min(_GROWTH * self.radius, _LONGEST) if length > 0.9 * self.radius else self.radius
        stalled = self.stalled + 1 if little else 0
        return QuasiNewton(point, loss, gradient, radius, max(self.first, self.loss), pairs, stalled)


def _free(point: Floats, gradient: Floats) -> NDArray[np.bool_]:
    """Which coordinates a step downhill does not push out of the box."""
    blocked = ((point <= 0.0) & (gradient > 0.0)) | ((point >= 1.0) & (gradient < 0.0))
    found: NDArray[np.bool_] = ~blocked & (gradient != 0.0)
    return found


def _step(gradient: Floats, free: NDArray[np.bool_], pairs: Pairs) -> Floats:
    """Minus the inverse Hessian, as the pairs have it, times the gradient, in the free coordinates."""
    found = np.zeros(len(gradient))
    slope = gradient[free]
    known = [(s[free], y[free]) for s, y in pairs]
    known = [(s, y) for s, y in known if _dot(s, y) > 1e-10 * _dot(y, y)]
    direction = -slope
    shares = []
    for s, y in reversed(known):
        share = _dot(s, direction) / _dot(s, y)
        direction = direction - share * y
        shares.append(share)
    if known:
        s, y = known[-1]
        direction = direction * (_dot(s, y) / _dot(y, y))
    for (s, y), share in zip(known, reversed(shares), strict=True):
        direction = direction + s * (share - _dot(y, direction) / _dot(s, y))
    steep = math.sqrt(_dot(direction, direction) * _dot(slope, slope))
    found[free] = direction if _dot(direction, slope) < -1e-8 * steep else -slope
    return found


def _dot(left: Floats, right: Floats) -> float:
    """The product, rounded once: the same on every machine, as sums by BLAS are not."""
    return math.fsum((left * right).tolist())


def _learnt(pairs: Pairs, step: Floats, change: Floats) -> Pairs:
    """The pairs with one more, when it tells of positive curvature."""
    if _dot(step, change) <= 1e-10 * math.sqrt(_dot(step, step) * _dot(change, change)):
        return pairs
    return (*pairs, (step, change))[-_MEMORY:]


def _interpolated(slope: float, rise: float) -> float:
    """Where the parabola through a loss, its slope along a step, and the rise at its end has its minimum."""
    bent = rise - slope
    share = -0.5 * slope / bent if bent > 0.0 else 0.5
    return min(max(share, 0.1), 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Adam:
    """A descent by Adam, projected into the box, whose rate falls as 1 / sqrt(1 + t / 10).

    Choose it for gradients with noise: it takes no step back, and averages. Kingma and Ba (2015), ICLR.
    """

    point: Floats
    loss: float  # the least so far, found at `best`
    best: Floats
    rate: float
    mean: Floats
    square: Floats
    steps: int = 1
    since: int = 0  # steps without a better loss

    @staticmethod
    def begin(point: Floats, loss: float, gradient: Floats, radius: float) -> Adam:
        """The descent from an evaluated point; `radius`: length of its first step in any direction."""
        return Adam(point, loss, point, radius, 0.1 * gradient, 0.01 * gradient**2)

    def ahead(self) -> Floats | None:
        """The point to be evaluated next; None when nothing better has come for long."""
        if self.since >= _PATIENCE:
            return None
        mean = self.mean / (1.0 - 0.9**self.steps)
        spread = np.sqrt(self.square / (1.0 - 0.99**self.steps))
        rate = self.rate / np.sqrt(1.0 + self.steps / 10.0)
        step = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0.0)
        found: Floats = np.clip(self.point - rate * step, 0.0, 1.0)
        return found if np.abs(found - self.point).max(initial=0.0) > _SHORTEST else None

    def advance(self, point: Floats, loss: float, gradient: Floats | None) -> Adam:
        """The descent after a point was evaluated; without gradient it tries again with a shorter step."""
        if gradient is None or not np.isfinite(loss):
            return replace(self, rate=0.5 * self.rate, since=self.since + 1)
        better = loss < self.loss
        return Adam(
            point,
            loss if better else self.loss,
            point if better else self.best,
            self.rate,
            0.9 * self.mean + 0.1 * gradient,
            0.99 * self.square + 0.01 * gradient**2,
            self.steps + 1,
            0 if better else self.since + 1,
        )
