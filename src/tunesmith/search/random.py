"""Random search: the baseline that every other method must beat."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Count, Handles, Proposal, Searcher


@dataclass(frozen=True, slots=True)
class RandomSearcher(Searcher[Count]):
    """Independent draws from the priors, constraints kept.

    Choose it as a baseline, for many workers at once, and where nothing is known of the objective; `qmc`
    covers the space more evenly at the same price. Bergstra and Bengio (2012), JMLR 13. O(dims) an ask.
    """

    handles = Handles(objectives=None)

    def init(self, problem: Problem) -> Count:  # noqa: ARG002
        return Count()

    def tell(self, state: Count, trial: Trial) -> Count:
        return state.tell(trial)

    def ask(self, state: Count, ask: Ask) -> Proposal:  # noqa: ARG002
        return Proposal(ask.space.draw(ask.rng))
