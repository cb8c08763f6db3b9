"""Independent distributions over categories that follow the natural gradient, none of which dies out.

Hamano et al. (2024), CatCMA: stochastic optimization for mixed-category problems, GECCO, arXiv 2405.09962,
and with margin, arXiv 2504.07884; the learning rate is that of Akimoto et al. (2019), Adaptive stochastic
natural gradient method, ICML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_THRESHOLD = 1.5  # alpha of the signal-to-noise ratio


@dataclass(frozen=True, slots=True)
class Categories:
    """Probabilities of each column's categories, and the state of their common learning rate. A value."""

    chances: tuple[Floats, ...]
    floors: tuple[float, ...]
    signal: Floats
    gamma: float = 0.0
    slower: float = 1.0  # Delta: the rate is 1 / Delta

    @classmethod
    def of(cls, chances: tuple[Floats, ...], columns: int) -> Categories:
        """Starting at these chances; `columns` is the number of all discrete coordinates."""
        most = 1.0 - 0.73 ** (1.0 / max(columns, 1))  # margin of CatCMA
        floors = tuple(min(most / max(len(q) - 1, 1), 0.5 / len(q)) for q in chances)
        floored = tuple(_floored(q / q.sum(), floor) for q, floor in zip(chances, floors, strict=True))
        return cls(floored, floors, np.zeros(sum(len(q) - 1 for q in chances)))

    def draw(self, uniforms: Floats) -> list[int]:
        """A category of each column at uniform numbers (columns,)."""
        return [
            min(int(np.searchsorted(np.cumsum(q), u, side="right")), len(q) - 1)
            for q, u in zip(self.chances, uniforms.tolist(), strict=True)
        ]

    def update(self, codes: Indices, weights: Floats) -> Categories:
        """After the best few samples: `codes` (m, columns), -1 where one had no value; `weights` (m,)."""
        steps = []
        for column, q in enumerate(self.chances):
            there = codes[:, column] >= 0
            step = np.bincount(codes[there, column], weights[there], minlength=len(q))
            steps.append(step - weights[there].sum() * q)  # natural gradient
        if not steps:
            return self
        scaled = np.concatenate([_fisher(q, step) for q, step in zip(self.chances, steps, strict=True)])
        length = math.sqrt(float(scaled @ scaled))
        if length < 1e-12:
            return self
        rate = 1.0 / self.slower
        factor = rate / (length + rate)
        moved = tuple(
            _floored(q + factor * step, floor)
            for q, step, floor in zip(self.chances, steps, self.floors, strict=True)
        )
        beta = min(rate / math.sqrt(max(len(scaled), 1)), 1.0)
        signal = (1.0 - beta) * self.signal + math.sqrt(beta * (2.0 - beta)) * scaled / length
        gamma = (1.0 - beta) ** 2 * self.gamma + beta * (2.0 - beta)
        change = beta * (gamma - float(signal @ signal) / _THRESHOLD)
        slower = max(self.slower * math.exp(change), 1.0)
        return Categories(moved, self.floors, signal, gamma, slower)


def _fisher(q: Floats, step: Floats) -> Floats:
    """The step in coordinates where the Fisher information is the identity."""
    head, last = q[:-1], q[-1]
    found: Floats = step[:-1] / np.sqrt(head) + np.sqrt(head) * (step[:-1].sum() / (last + math.sqrt(last)))
    return found


def _floored(q: Floats, floor: float) -> Floats:
    """The distribution with no chance below the floor; the others pay for it in proportion."""
    q = np.maximum(q, floor)
    above = q.sum() - floor * len(q)
    if above > 0.0:
        q = q - (q.sum() - 1.0) * (q - floor) / above
    found: Floats = q / q.sum()
    return found
