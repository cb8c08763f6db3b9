"""Quasi-random search: random search without gaps and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from tunesmith._rng import Rng
from tunesmith.errors import SettingError
from tunesmith.numeric.qmc import SOBOL_BLOCK, Halton, Sobol, halton, sobol
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher

_ATTEMPTS = 1000
_INSIDE = 2.0**-33


class Sequence(StrEnum):
    """Which low-discrepancy sequence."""

    SOBOL = "sobol"
    HALTON = "halton"


@dataclass(frozen=True, slots=True)
class QMCSearcher(Searcher[int]):
    """Points of a (scrambled) low-discrepancy sequence, mapped through the priors.

    Choose it instead of random search, above all when a few parameters matter: every projection is covered
    evenly. Powers of two are the best numbers of trials for Sobol. The state is the next index, which trials
    carry as a memo; infeasible points are skipped. O(dims log index) an ask.

    Args:
        sequence: Sobol' (Joe and Kuo 2008), padded beyond 128 dimensions; or Halton, for few dimensions only.
        scramble: whether points are randomised by the study's seed (Matoušek 1998; Owen 2017). Without it the
            first point is the corner of all lower bounds, and Sobol ends at 128 dimensions.

    Raises:
        SettingError: for an unknown sequence.
    """

    handles = Handles(objectives=None)
    algebra = False

    sequence: Sequence = Sequence.SOBOL
    scramble: bool = True

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "sequence", Sequence(self.sequence))
        except ValueError:
            allowed = " or ".join(repr(known.value) for known in Sequence)
            raise SettingError(f"sequence must be {allowed}, got {self.sequence!r}") from None

    def init(self, problem: Problem) -> int:
        space = problem.space
        self._check(len(space.dims) if space is not None else 0)
        return 0

    def tell(self, state: int, trial: Trial) -> int:
        return next_index(state, trial)

    def ask(self, state: int, ask: Ask) -> Proposal:
        space = ask.space
        self._check(len(space.dims))
        seed = ask.rng.seed if self.scramble else None
        points = _points(self.sequence, len(space.dims), seed)
        domains = [parameter.domain for parameter in space.dims]
        for index in range(state, state + _ATTEMPTS):
            row = [
                domain.draw(min(max(u, _INSIDE), 1.0 - _INSIDE))  # a prior's tails are infinite at 0 and 1
                for domain, u in zip(domains, points.point(index).tolist(), strict=True)
            ]
            if not space.constraints or space.feasible(space.decode(row)):
                return Proposal(row, {"index": index})
        # Feasible points are rarer than one in a thousand: their even spread is lost in any case.
        return Proposal(space.draw(ask.rng), {"index": state + _ATTEMPTS - 1})

    def _check(self, dims: int) -> None:
        if self.sequence is Sequence.SOBOL and not self.scramble and dims > SOBOL_BLOCK:
            raise SettingError(
                f"plain sobol has {SOBOL_BLOCK} dimensions at most, not {dims}: set scramble=True"
            )


def next_index(state: int, trial: Trial) -> int:
    """One past the highest index that a trial's memo carries; trials of other sources carry none."""
    memo = trial.memo
    if not isinstance(memo, dict) or "index" not in memo:
        return state
    return max(state, int(memo["index"]) + 1)


@lru_cache(maxsize=8)
def _points(sequence: Sequence, dims: int, seed: int | None) -> Sobol | Halton:
    make = sobol if sequence is Sequence.SOBOL else halton
    if seed is None:
        return make(dims)
    rng = Rng(seed, 0)
    return make(dims, lambda j: rng.generator(f"qmc/{j}"))
