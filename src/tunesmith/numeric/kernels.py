"""The Matern-5/2 kernel of a weighted squared distance, by matrix products alone.

q(x, x') = sum_c w_c (x_c - x'_c)^2 over the columns of an embedding, r = sqrt(5 q),
M = (1 + r + r^2 / 3) exp(-r) (Rasmussen and Williams 2006, eq. 4.17), dM/dq = -(5/6) (1 + r) exp(-r).
The derivative is finite at 0, so that nothing has to be done about points that coincide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def squared_distances(left: Floats, right: Floats) -> Floats:
    """Shape (m, n): |l_a - r_b|^2 of rows already scaled by sqrt(w)."""
    q: Floats = left @ (-2.0 * right.T)
    q += np.einsum("ij,ij->i", left, left)[:, None]
    q += np.einsum("ij,ij->i", right, right)
    np.maximum(q, 0.0, out=q)
    return q


def matern(q: Floats) -> tuple[Floats, Floats]:
    """M(q) and dM/dq."""
    r = np.sqrt(5.0 * q)
    decay = np.exp(-r)
    slope = (1.0 + r) * decay
    value = slope + (5.0 / 3.0) * q * decay
    slope *= -5.0 / 6.0
    return value, slope


def matern_value(q: Floats) -> Floats:
    """M(q) alone."""
    r = np.sqrt(5.0 * q)
    value: Floats = (1.0 + r + (5.0 / 3.0) * q) * np.exp(-r)
    return value
