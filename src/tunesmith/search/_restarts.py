"""When a run of CMA-ES has ended, and how large the next one is.

Auger and Hansen (2005), A restart CMA evolution strategy with increasing population size, CEC (IPOP);
Hansen (2009), Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed, GECCO (BIPOP, criteria).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from tunesmith.numeric.cma import Evolution

_LEAST_SPREAD = 1e-11  # of every coordinate, in units of the range
_MOST_CONDITION = 1e7  # ratio of axes
_FLAT = 1e-12  # of the losses, relative to their size


class Restart(StrEnum):
    """How populations grow from run to run."""

    IPOP = "ipop"
    BIPOP = "bipop"


@dataclass(frozen=True, slots=True)
class Plan:
    """The population of this run, and what was spent. A value.

    Args:
        size: the population of this run; `base` of the first one.
        narrower: what the first step of this run is multiplied by.
        doublings: how often the population was doubled.
        small: whether this run is one of the small ones between (BIPOP).
        large_spent, small_spent: trials of runs of each kind since the first one.
    """

    size: int
    base: int
    narrower: float = 1.0
    doublings: int = 0
    small: bool = False
    large_spent: int = 0
    small_spent: int = 0

    def spent(self, trials: int) -> Plan:
        """So many trials later."""
        if not self.doublings:
            return self  # the first run counts for neither
        if self.small:
            return replace(self, small_spent=self.small_spent + trials)
        return replace(self, large_spent=self.large_spent + trials)

    def next(self, how: Restart, rng: np.random.Generator) -> Plan:
        """The plan of the next run: twice as large, or a small one while those have had less."""
        if how is Restart.BIPOP and self.doublings and self.small_spent < self.large_spent:
            ratio = 0.5 * 2.0**self.doublings
            size = int(self.base * ratio ** (float(rng.random()) ** 2))
            narrower = 10.0 ** (-2.0 * float(rng.random()))
            return replace(self, size=max(size, self.base), narrower=narrower, small=True)
        doublings = self.doublings + 1
        return replace(self, size=self.base * 2**doublings, narrower=1.0, doublings=doublings, small=False)


def window(evolution: Evolution, size: int) -> int:
    """Over how many generations the best loss is watched."""
    return 10 + math.ceil(30 * evolution.dims / size)


def ended(evolution: Evolution, size: int, bests: tuple[float, ...]) -> bool:
    """Whether a run has converged, is flat, or has become too ill-conditioned to go on."""
    spread = evolution.spread() * evolution.affine
    if float(spread.max()) < _LEAST_SPREAD:
        return True
    if float(evolution.axes.max()) > _MOST_CONDITION * float(evolution.axes.min()):
        return True
    if evolution.updates > 100 + 50 * (evolution.dims + 3) ** 2 / math.sqrt(size):
        return True
    if len(bests) < window(evolution, size):
        return False
    return max(bests) - min(bests) <= _FLAT * max(abs(min(bests)), 1e-300)
