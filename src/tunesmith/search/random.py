"""Random search: the baseline that every other method must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.space.batch import draw_rows


@dataclass(frozen=True, slots=True)
class RandomSearcher(Searcher[None]):
    """Independent draws from the priors, constraints kept.

    Choose it as a baseline, for many workers at once, and where nothing is known of the objective; `qmc`
    covers the space more evenly at the same price. Bergstra and Bengio (2012), JMLR 13. O(dims) an ask.
    """

    handles = Handles(objectives=None)
    learns = False

    def init(self, problem: Problem) -> None:  # noqa: ARG002
        return None

    def tell(self, state: None, trial: Trial) -> None:  # noqa: ARG002
        return None

    def ask(self, state: None, ask: Ask) -> Proposal:  # noqa: ARG002
        return Proposal(ask.space.draw(ask.rng))

    def ask_batch(self, state: None, ask: Ask, count: int) -> NDArray[np.float64] | None:  # noqa: ARG002
        return draw_rows(ask.space, ask.rng, count)
