"""Differential evolution and particle swarms on vectors in the unit cube: arrays in, arrays out.

Storn and Price (1997), Differential evolution, Journal of Global Optimization 11; Tanabe and Fukunaga (2013),
Success-history based parameter adaptation for differential evolution, CEC (SHADE; equations by its numbers);
Clerc and Kennedy (2002), The particle swarm: explosion, stability and convergence, IEEE TEVC 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SPREAD = 0.1  # of drawn factors around those that succeeded
_GREEDIEST, _LEAST_GREEDY = 2, 0.2  # how many, and which share of a population may be "the best"

INERTIA, ATTRACTION = 0.729, 1.494  # of particles: constriction


class Drawn(NamedTuple):
    """The scale of differences and the rate of crossover of one trial."""

    scale: float
    cross: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What scales and rates have succeeded; the oldest place is overwritten next. A value."""

    scales: tuple[float, ...]
    crosses: tuple[float, ...]
    place: int = 0

    @classmethod
    def of(cls, size: int) -> Memory:
        """Undecided."""
        return cls((0.5,) * size, (0.5,) * size)

    def draw(self, rng: np.random.Generator) -> Drawn:
        """eqs. 1 and 2: Cauchy around a remembered scale, normal around a remembered rate."""
        place = int(rng.integers(len(self.scales)))
        cross = min(max(self.crosses[place] + _SPREAD * float(rng.standard_normal()), 0.0), 1.0)
        scale = 0.0
        while scale <= 0.0:
            scale = self.scales[place] + _SPREAD * math.tan(math.pi * (float(rng.random()) - 0.5))
        return Drawn(min(scale, 1.0), cross)

    def after(self, successes: tuple[Drawn, ...], gains: tuple[float, ...]) -> Memory:
        """With the mean of what succeeded, weighted by gain, at the next place: eqs. 7 to 10."""
        if not successes:
            return self
        weights = np.array(gains)
        total = float(weights.sum())
        weights = weights / total if 0.0 < total < math.inf else np.full(len(gains), 1.0 / len(gains))
        scales, crosses = np.array(successes).T
        scale = float(weights @ scales**2) / float(weights @ scales)  # the weighted Lehmer mean
        cross = float(weights @ crosses)
        at = self.place
        return Memory(
            (*self.scales[:at], scale, *self.scales[at + 1 :]),
            (*self.crosses[:at], cross, *self.crosses[at + 1 :]),
            (at + 1) % len(self.scales),
        )


def mutant(
    target: int, ranked: Floats, archive: Floats, drawn: Drawn, nominal: Bools, rng: np.random.Generator
) -> Floats:
    """A trial vector by current-to-pbest/1 with archive and binomial crossover (SHADE, eq. 6).

    Args:
        target: the row of `ranked` (m, dims; the best first, m >= 3) that it may replace.
        archive: (k, dims), vectors that were replaced.
        nominal: columns that are categories: they are taken over, as their differences mean nothing.
    """
    count = len(ranked)
    most = max(_GREEDIEST, int(count * rng.uniform(min(_GREEDIEST / count, _LEAST_GREEDY), _LEAST_GREEDY)))
    best = ranked[int(rng.integers(min(most, count)))]
    others = [i for i in range(count) if i != target]
    first = others.pop(int(rng.integers(len(others))))
    place = int(rng.integers(len(others) + len(archive)))
    second = ranked[others[place]] if place < len(others) else archive[place - len(others)]
    x, one = ranked[target], ranked[first]
    found = x + drawn.scale * (best - x) + drawn.scale * (one - second)
    return _crossed(x, found, best, one, drawn, nominal, rng)


def classic(target: int, ranked: Floats, drawn: Drawn, nominal: Bools, rng: np.random.Generator) -> Floats:
    """A trial vector by rand/1 with binomial crossover, of m >= 4 rows."""
    others = [i for i in range(len(ranked)) if i != target]
    base, one, second = (ranked[others[i]] for i in rng.permutation(len(others))[:3].tolist())
    return _crossed(ranked[target], base + drawn.scale * (one - second), base, one, drawn, nominal, rng)


def _crossed(
    x: Floats,
    found: Floats,
    base: Floats,
    one: Floats,
    drawn: Drawn,
    nominal: Bools,
    rng: np.random.Generator,
) -> Floats:
    """Binomial crossover with the target; outside of the cube halfway from the target to the bound."""
    found = np.where(found < 0.0, 0.5 * x, np.where(found > 1.0, 0.5 * (1.0 + x), found))
    if nominal.any():
        found = np.where(nominal, np.where(rng.random(len(x)) < drawn.scale, base, one), found)
    taken = rng.random(len(x)) < drawn.cross
    taken[int(rng.integers(len(x)))] = True
    trial: Floats = np.where(taken, found, x)
    return trial


def flown(
    position: Floats, velocity: Floats, own: Floats, leader: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Position and velocity of a particle a step later; at a bound it is reflected.

    Args:
        own, leader: the best positions of the particle and of its neighbours.
    """
    pulls = rng.random((2, len(position)))
    moved = ATTRACTION * (pulls[0] * (own - position) + pulls[1] * (leader - position))
    velocity = INERTIA * velocity + moved
    velocity = np.minimum(np.maximum(velocity, -0.5), 0.5)
    there = position + velocity
    out = (there < 0.0) | (there > 1.0)
    there = np.where(there < 0.0, -there, np.where(there > 1.0, 2.0 - there, there))
    return there, np.where(out, -0.5 * velocity, velocity)
