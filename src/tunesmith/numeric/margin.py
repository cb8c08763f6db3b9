"""Margins: a normal distribution over cells never becomes too narrow to leave the cell of its mean.

Hamano, Saito, Nomura and Shirakawa (2022), CMA-ES with margin, GECCO, arXiv 2205.13482.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tunesmith.numeric.cma import Evolution

Floats = NDArray[np.float64]
_NORMAL = NormalDist()


def with_margin(evolution: Evolution, columns: list[int], edges: list[Floats], least: float) -> Evolution:
    """The evolution with mean and `affine` such that each neighbour of the mean's cell keeps its chance.

    Args:
        columns: the discrete coordinates, and `edges` (values + 1,) the bounds of their cells. The outer
            cells reach to infinity.
        least: alpha, the chance to leave the mean's cell that is kept.
    """
    if not columns:
        return evolution
    mean, affine = evolution.mean.copy(), evolution.affine.copy()
    spread = evolution.spread()
    for column, bounds in zip(columns, edges, strict=True):
        mean[column], affine[column] = _corrected(
            float(mean[column]), float(affine[column]), float(spread[column]), bounds, least
        )
    return replace(evolution, mean=mean, affine=affine)


def _corrected(mean: float, affine: float, spread: float, edges: Floats, least: float) -> tuple[float, float]:
    """Section 4.2 of the paper; `quantile(p)` is the root of the chi-squared quantile at 1 - 2 p."""
    cell = min(max(int(np.searchsorted(edges, mean, side="right")) - 1, 0), len(edges) - 2)
    if cell in (0, len(edges) - 2):  # an outer cell, which has but one neighbour
        border = float(edges[1] if cell == 0 else edges[-2])
        reach = _quantile(least) * spread * affine
        away = mean - border
        if abs(away) > reach:
            mean = border + (reach if away > 0.0 else -reach)
        return mean, affine
    low, high = float(edges[cell]), float(edges[cell + 1])
    below = _NORMAL.cdf((low - mean) / (spread * affine))
    above = _NORMAL.cdf((mean - high) / (spread * affine))
    half = 0.5 * least
    if below >= half and above >= half:
        return mean, affine
    inside = 1.0 - below - above
    lower, upper = max(below, half), max(above, half)
    rest = (1.0 - lower - upper - inside) / max(lower + upper + inside - 3.0 * half, 1e-12)
    lower, upper = lower + rest * (lower - half), upper + rest * (upper - half)
    down, up = _quantile(lower), _quantile(upper)
    return (low * up + high * down) / (down + up), (high - low) / (spread * (down + up))


@lru_cache(maxsize=1024)
def _quantile(tail: float) -> float:
    """How many standard deviations away lies what has the chance `tail` beyond it."""
    return -_NORMAL.inv_cdf(min(max(tail, 1e-12), 0.4999))
