"""Losses as labels of a regression: monotone, free of scale, and made anew for every fit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


def standardised(losses: Floats) -> Floats:
    """Mean 0 and standard deviation 1; zeros when all are equal."""
    spread = float(losses.std())
    found: Floats = (losses - losses.mean()) / spread if spread > 1e-300 else np.zeros(len(losses))
    return found


def half_ranked(losses: Floats) -> Floats:
    """What is worse than the median becomes normal scores; the good half keeps its distances.

    The scores have the spread of the good half. Song et al. (2024), The Vizier Gaussian process bandit
    algorithm, arXiv 2408.11527, on output warping.
    """
    top = float(np.abs(losses).max())
    scaled = losses / top if top > 0.0 else losses  # squares do not overflow
    median = float(np.median(scaled))
    good = scaled <= median
    spread = math.sqrt(float(((scaled[good] - median) ** 2).mean()))
    if spread <= 0.0:
        return normal_scores(losses)
    return np.where(good, scaled, median + spread * np.maximum(normal_scores(losses), 0.0))


def normal_scores(losses: Floats) -> Floats:
    """Normal quantiles of the ranks; equal losses share the middle of theirs."""
    _, place, count = np.unique(losses, return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - 0.5 * count
    found: Floats = ndtri(ranks[place] / len(losses))
    return found
