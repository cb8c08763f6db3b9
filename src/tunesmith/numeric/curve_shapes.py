"""The families of learning curves as normalised shapes.

Power law, exponential, Janoschek, shifted power law (MMF), ilog and logarithm (Domhan, Springenberg and
Hutter 2015, IJCAI; Viering and Loog 2022, arXiv 2103.10948). A curve is y(t) = A + D phi(t) + E psi(t): phi
falls from 1 at the first step to 0 at the end, psi rises from 0 to 1. So whatever the family, A + E is the
value at the end, D is what is gained on the way and E what is lost again (overfitting). What is not linear,
the rate and the exponent, lies on a grid: a sum over it is exact, where Laplace's approximation around the
best fit of a few points is not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RATES = 6  # half-lives of exponentials, from half the first step to the whole of the curve
_POWERS = (0.15, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5)
_STRETCHES = (0.5, 2.0)  # of Janoschek's exponential; 1 is the plain one
_DELAYS = (0.02, 0.1, 0.4)  # of the curve's length, before a shifted power law (MMF, pow3 with t + d) sets in
_LOG2 = float(np.log(2.0))


class Shapes(NamedTuple):
    """All shapes at some steps."""

    phi: Floats  # (shapes, ...), as the steps
    psi: Floats  # (...)


def names() -> list[str]:
    """The family of each shape, in order."""
    found = ["power"] * len(_POWERS) + ["exponential"] * _RATES
    found += ["janoschek"] * (_RATES * len(_STRETCHES)) + ["shifted power"] * (len(_DELAYS) * 2)
    return [*found, "ilog", "logarithm"]


def log_weights() -> Floats:
    """Equal weights of the families, and of the shapes within each."""
    own = names()
    return np.array([-np.log(own.count(name) * len(set(own))) for name in own])


def shapes(t: Floats, first: Floats, end: Floats) -> Shapes:
    """The shapes at steps t, for curves from `first` to `end`, which broadcast against t."""
    start, stop, here = (_raw(np.broadcast_to(x, t.shape), first, end) for x in (first, end, t))
    gap = start - stop
    phi = (here - stop) / np.where(np.abs(gap) > 1e-12, gap, 1.0)
    return Shapes(phi, (t - first) / np.where(end > first, end - first, 1.0))


def _raw(t: Floats, first: Floats, end: Floats) -> Floats:
    u, x = t / first, t / end
    found = [u**-power for power in _POWERS]
    lives = [0.5 * first * (2.0 * end / first) ** (i / (_RATES - 1)) for i in range(_RATES)]
    found += [np.exp(-_LOG2 * (t - first) / life) for life in lives]
    for stretch in _STRETCHES:
        found += [np.exp(-_LOG2 * ((t / life) ** stretch - (first / life) ** stretch)) for life in lives]
    found += [(x + delay) ** -power for delay in _DELAYS for power in (1.0, 3.0)]
    found += [1.0 / np.log(u + 1.0), -np.log(u)]
    return np.stack(np.broadcast_arrays(*found))
