"""Wilcoxon's signed-rank test of pairs, one-sided, and the same test looked at again and again.

Wilcoxon (1945), Biometrics Bulletin 1; Pratt (1959), JASA 54 (zeros). d_i = mine - theirs, ranks r_i of
|d_i|, T = sum of r_i where d_i > 0. Under the null hypothesis each sign is a fair coin, whatever the |d_i|:
so the distribution of T, and of several T on growing samples together, is counted out over sign patterns, all
of them up to `EXACT` pairs, a fixed sample of them beyond.

Looking after every pair and stopping at the first small p would err far more often than one look. Level is
spent as pairs come in by Pocock's function, a(t) = level * ln(1 + (e - 1) t) (Lan and DeMets 1983, Biometrika
70, section 3), t the share of the planned pairs: at each look only so many sign patterns may be rejected, of
those not rejected before, as that leaves.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EXACT = 10  # pairs, up to which all sign patterns are looked at
_SAMPLE = 4096  # patterns beyond
_SPARSER = 1.2  # looks beyond are so much farther apart


def p_value(differences: Floats) -> float:
    """The chance of a T as large as this one or larger, if neither tends to be larger.

    `differences`: (n,), not NaN. Pairs without a difference take their ranks with them (Pratt); to split
    those ranks between both sides comes to the same, as the sign patterns of the others decide.
    """
    weights, own = _weights(differences)
    if not weights.any():
        return 1.0
    if len(differences) <= EXACT:
        totals = _signs(len(differences)) @ weights
        return float(np.mean(totals >= own - 1e-9))
    mean, spread = 0.5 * float(weights.sum()), 0.5 * math.sqrt(float(weights @ weights))
    return 0.5 * math.erfc((own - mean) / (spread * math.sqrt(2.0)))


def worse(differences: Floats, level: float, planned: int) -> bool:
    """Whether mine is larger than theirs, by a test at `level` in all that was looked at after each pair.

    After many pairs it is looked at less often: false between two looks.

    Args:
        differences: (n,), in the order in which they came.
        planned: how many pairs there will be in all.
    """
    n = len(differences)
    whole = looks(n)
    if not whole or whole[-1] != n or p_value(differences) > level:
        return False
    signs = _signs(n)
    alive = np.ones(len(signs), dtype=np.bool_)
    for k in whole:
        allowed = spent(level, k / max(planned, n)) * len(signs) - np.count_nonzero(~alive)
        weights, own = _weights(differences[:k])
        totals = signs[:, :k] @ weights
        bar = _bar(totals[alive], int(allowed + 1e-9))
        if own >= bar - 1e-9:
            return True
        alive &= totals < bar - 1e-9
    return False


def looks(n: int) -> list[int]:
    """After how many pairs one looks, up to n: after each, then ever more rarely, and at n if it is one."""
    found, at = [], 2
    while at <= n:
        found.append(at)
        at = at + 1 if at < EXACT else math.ceil(at * _SPARSER)
    return found


def spent(level: float, share: float) -> float:
    """How much of the level may be used up when this share of the pairs has come."""
    return level * math.log1p((math.e - 1.0) * min(share, 1.0))


def _bar(totals: Floats, allowed: int) -> float:
    """The least bar that at most `allowed` of these reach."""
    if allowed <= 0:
        return math.inf
    if allowed >= len(totals):
        return -math.inf
    ranked = np.sort(totals)[::-1]
    first_out = ranked[allowed]
    above = ranked[ranked > first_out + 1e-9]
    return float(above[-1]) if len(above) else math.inf


def _weights(differences: Floats) -> tuple[Floats, float]:
    """The ranks that a sign decides about, (n,), and T of these differences."""
    ranks = _ranks(np.abs(differences))
    weights = np.where(differences == 0.0, 0.0, ranks)
    return weights, float(weights[differences > 0.0].sum())


def _ranks(sizes: Floats) -> Floats:
    """Ranks from 1, equal sizes sharing their mean."""
    _, which, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - 0.5 * (counts - 1))[which]
    return found


@lru_cache(maxsize=32)
def _signs(n: int) -> Floats:
    """Sign patterns as rows of 0 and 1: all of them, or a sample that is always the same."""
    if n <= EXACT:
        return ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
    half = Rng(0, n).generator("signed ranks").integers(0, 2, (_SAMPLE // 2, n)).astype(np.float64)
    return np.concatenate([half, 1.0 - half])
