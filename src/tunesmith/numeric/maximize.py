"""Ascent from many points at once: a projected L-BFGS whose rows are independent problems.

Each row has its own memory, step and set of active bounds, so that it goes where it would go alone
(summing the problems into one would couple them: arXiv 2511.13625). One call evaluates all rows; a row whose
step was too long tries a shorter one while the others go on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
Function = Callable[[Floats], tuple[Floats, Floats]]

_MEMORY = 6
_ARMIJO = 1e-4
_SHORTER = 0.4  # by which a step is cut that did not help; the first one, whose length is a guess, by more
_FIRST_SHORTER = 0.25
_SHORTEST = 0.4**8


class _Memory:
    """The last pairs of each row (m, pairs, d), the latest last; rho = 0 where there is none."""

    def __init__(self, rows: int, dims: int) -> None:
        self.s = np.zeros((rows, _MEMORY, dims))
        self.y = np.zeros((rows, _MEMORY, dims))
        self.rho = np.zeros((rows, _MEMORY))
        self.gamma = np.zeros(rows)  # the scale of the inverse Hessian; 0 where no pair is known

    def add(self, rows: Indices, s: Floats, y: Floats) -> None:
        """Keep the pairs in which the curvature is that of a maximum."""
        product = np.einsum("ij,ij->i", s, y)
        square = np.einsum("ij,ij->i", y, y)
        sound = product > 1e-10 * np.sqrt(np.einsum("ij,ij->i", s, s) * square)
        at, s, y, product, square = rows[sound], s[sound], y[sound], product[sound], square[sound]
        self.s[at, :-1], self.y[at, :-1], self.rho[at, :-1] = self.s[at, 1:], self.y[at, 1:], self.rho[at, 1:]
        self.s[at, -1], self.y[at, -1], self.rho[at, -1] = s, y, 1.0 / product
        self.gamma[at] = product / square

    def direction(self, rows: Indices, slope: Floats) -> Floats:
        """The two-loop recursion (Nocedal and Wright 2006, algorithm 7.4), a row each."""
        s, y, rho, gamma = self.s[rows], self.y[rows], self.rho[rows], self.gamma[rows]
        found = slope.copy()
        weights = np.zeros(rho.shape)
        for k in range(_MEMORY - 1, -1, -1):
            weights[:, k] = rho[:, k] * np.einsum("ij,ij->i", s[:, k], found)
            found -= weights[:, k, None] * y[:, k]
        length = np.sqrt(np.einsum("ij,ij->i", slope, slope))
        found *= np.where(gamma > 0.0, gamma, 1.0 / np.maximum(length, 1e-12))[:, None]
        for k in range(_MEMORY):
            b = rho[:, k] * np.einsum("ij,ij->i", y[:, k], found)
            found += (weights[:, k] - b)[:, None] * s[:, k]
        return found


def ascend(
    function: Function,
    rows: Floats,
    free: Bools,
    scale: Floats,
    steps: int = 25,
    tolerance: float = 1e-3,
    limits: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Rows (m, d) after at most `steps` calls of the function, and their values.

    `function`: rows to values (m,) and gradients (m, d). `free`: which entries may move. `scale` (d,):
    typical lengths; the ascent works in rows / scale. `limits`: the least and the largest values (d,), those
    of the unit cube unless given; a row that starts outside is drawn in by its first step.
    """
    low, high = limits or (np.zeros(len(scale)), np.ones(len(scale)))
    x, bottom, top = np.nan_to_num(rows) / scale, low / scale, high / scale
    values, gradient = _call(function, rows, x, free, scale)
    memory, size = _Memory(*x.shape), np.ones(len(x))
    which = np.arange(len(x))
    for _ in range(steps):
        here, rise = x[which], gradient[which]
        blocked = ~free[which] | ((here <= bottom) & (rise < 0.0)) | ((here >= top) & (rise > 0.0))
        slope = np.where(blocked, 0.0, rise)
        steep = np.abs(slope).max(axis=1, initial=0.0) > tolerance
        which, here, rise, slope = which[steep], here[steep], rise[steep], slope[steep]
        if not len(which):
            break
        direction = np.where(blocked[steep], 0.0, memory.direction(which, slope))
        wrong = np.einsum("ij,ij->i", direction, slope) <= 0.0
        direction[wrong] = slope[wrong] / np.linalg.norm(slope[wrong], axis=1, keepdims=True)
        there = np.clip(here + size[which, None] * direction, bottom, top)
        found, new = _call(function, rows[which], there, free[which], scale)
        good = found >= values[which] + _ARMIJO * np.einsum("ij,ij->i", rise, there - here)
        good &= np.isfinite(found)
        gained = good & (found - values[which] > 1e-6) & (np.abs(there - here).max(axis=1) > 1e-7)
        done = which[good]
        first = memory.gamma[which] == 0.0
        memory.add(done, there[good] - here[good], rise[good] - new[good])
        x[done], values[done], gradient[done], size[done] = there[good], found[good], new[good], 1.0
        size[which[~good]] *= np.where(first[~good], _FIRST_SHORTER, _SHORTER)
        which = which[gained | (~good & (size[which] > _SHORTEST))]
    moved: Floats = np.where(free, x * scale, rows)
    return moved, values


def _call(function: Function, rows: Floats, x: Floats, free: Bools, scale: Floats) -> tuple[Floats, Floats]:
    values, gradient = function(np.where(free, x * scale, rows))
    slopes: Floats = gradient * scale
    return values, slopes
