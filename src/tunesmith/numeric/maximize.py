"""Ascent from many points at once: a projected L-BFGS whose rows are independent problems.

Each row has its own memory, step and set of active bounds, so that it goes where it would go alone
(summing the problems into one would couple them: arXiv 2511.13625); one call evaluates all rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Function = Callable[[Floats], tuple[Floats, Floats]]

_MEMORY = 6
_ARMIJO = 1e-4
_HALVINGS = 8


def ascend(
    function: Function, rows: Floats, free: Bools, scale: Floats, steps: int = 25, tolerance: float = 1e-3
) -> tuple[Floats, Floats]:
    """Rows (m, d) in the unit cube after at most `steps` steps, and their values.

    `function`: rows to values (m,) and gradients (m, d). `free`: which entries may move. `scale` (d,):
    typical lengths; the ascent works in rows / scale.
    """
    x = np.nan_to_num(rows) / scale
    top = 1.0 / scale
    values, gradient = _call(function, rows, x, free, scale)
    pairs: list[tuple[Floats, Floats, Floats]] = []
    active = np.ones(len(x), dtype=np.bool_)
    for _ in range(steps):
        blocked = ~free | ((x <= 0.0) & (gradient < 0.0)) | ((x >= top) & (gradient > 0.0))
        slope = np.where(blocked, 0.0, gradient)
        active &= np.abs(slope).max(axis=1, initial=0.0) > tolerance
        if not active.any():
            break
        direction = np.where(blocked, 0.0, _two_loops(slope, pairs))
        wrong = np.einsum("ij,ij->i", direction, slope) <= 0.0
        direction[wrong] = slope[wrong]
        x, values, gradient, moved, pair = _search(
            function, rows, (x, values, gradient), direction, (free, scale, top, active), not pairs
        )
        active &= moved
        pairs = [*pairs[-_MEMORY + 1 :], pair]
    found: Floats = np.where(free, x * scale, rows)
    return found, values


def _call(function: Function, rows: Floats, x: Floats, free: Bools, scale: Floats) -> tuple[Floats, Floats]:
    values, gradient = function(np.where(free, x * scale, rows))
    slopes: Floats = gradient * scale
    return values, slopes


def _two_loops(slope: Floats, pairs: list[tuple[Floats, Floats, Floats]]) -> Floats:
    """The two-loop recursion (Nocedal and Wright 2006, algorithm 7.4), a row each; rho = 0 skips a pair."""
    found: Floats = slope.copy()
    if not pairs:
        found /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
        return found
    weights = []
    for s, y, rho in reversed(pairs):
        a = rho * np.einsum("ij,ij->i", s, found)
        weights.append(a)
        found -= a[:, None] * y
    s, y, rho = pairs[-1]
    square = np.einsum("ij,ij->i", y, y)
    gamma = np.where(rho > 0.0, 1.0 / np.maximum(rho * square, 1e-300), 1.0)
    found *= gamma[:, None]
    for (s, y, rho), a in zip(pairs, reversed(weights), strict=True):
        b = rho * np.einsum("ij,ij->i", y, found)
        found += (a - b)[:, None] * s
    return found


def _search(
    function: Function,
    rows: Floats,
    at: tuple[Floats, Floats, Floats],
    direction: Floats,
    limits: tuple[Bools, Floats, Floats, Bools],
    first: bool,
) -> tuple[Floats, Floats, Floats, Bools, tuple[Floats, Floats, Floats]]:
    """Backtracking along the projected path, a step size a row; and the new pair of each."""
    x, values, gradient = at
    free, scale, top, active = limits
    size = np.where(active, 1.0, 0.0)
    new_x, new_values, new_gradient = x.copy(), values.copy(), gradient.copy()
    open_rows = active.copy()
    for _ in range(_HALVINGS):
        which = np.flatnonzero(open_rows)
        if not len(which):
            break
        trial = np.clip(x[which] + size[which, None] * direction[which], 0.0, top)
        found, slope = _call(function, rows[which], trial, free[which], scale)
        gain = np.einsum("ij,ij->i", gradient[which], trial - x[which])
        good = found >= values[which] + _ARMIJO * gain
        good &= np.isfinite(found)
        done = which[good]
        new_x[done], new_values[done], new_gradient[done] = trial[good], found[good], slope[good]
        open_rows[done] = False
        size[which[~good]] *= 0.25 if first else 0.4
    moved = active & ~open_rows
    s = new_x - x
    y = gradient - new_gradient  # of the function that is minimised
    product = np.einsum("ij,ij->i", s, y)
    enough = product > 1e-10 * np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
    rho = np.where(enough & (product > 0.0), 1.0 / np.where(product > 0.0, product, 1.0), 0.0)
    progress = (np.abs(s).max(axis=1, initial=0.0) > 1e-7) & (new_values - values > 1e-6)
    return new_x, new_values, new_gradient, moved & progress, (s, y, rho)
