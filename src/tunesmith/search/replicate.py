"""Noise: promising configurations are tried again, by another searcher's side.

Chen, Lin, Yücesan and Chick (2000), Simulation budget allocation for further enhancing the efficiency of
ordinal optimization, Discrete Event Dynamic Systems 10, theorem 1 (OCBA): repeats go where they tell most
about which configuration is best. Given one at a time to the most starving one (Chen and Lee 2010, section
4.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.history import History, unit_row
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher, label
from tunesmith.search._repeats import AGAIN, Leader, standing
from tunesmith.search.combine import ask_for, ask_part, check_parts, settle, tell_all
from tunesmith.space.space import Space

_AFTER = 8  # configurations; before that nothing is promising
_EQUAL = 2  # equal repeats, and none that differs: there is no noise
_DOUBT = 1.28  # standard errors within which another may be better: a chance of 10 %
_SHARE, _LAST_SHARE = 0.25, 0.5  # of trials that repeat one; the second in the last fifth of the budget


class ReplicateState(NamedTuple):
    """The searcher's state inside, all observations, and the budget."""

    inner: Any
    history: History
    n_trials: int | None


@dataclass(frozen=True, slots=True)
class ReplicatingSearcher(Searcher[ReplicateState]):
    """Tries promising configurations again where results are noisy, and leaves the rest to another searcher.

    Choose it for noisy objectives (random seeds, small validation sets): `ts.tune(..., replicates="auto")`
    makes one. Rank by `study.recommend()` then, which takes equal configurations together. Two repeats that
    come out equal, and none that differs, say that there is no noise; then nothing is repeated any more. To
    the searcher inside a repeat is like a trial that a user has enqueued. An ask costs what that of the
    searcher inside costs; choosing what to repeat costs as much after 100,000 trials as after 100.

    Args:
        searcher: what proposes new configurations.
        replicates: "auto": one trial in four (in the last fifth of the budget, one in two) may repeat one of
            the five leaders while it is in doubt which of them is best, by optimal computing budget
            allocation. A number: the best one by its mean is tried again until it was tried so often.

    Raises:
        SettingError: for another word, or a number below 2.
    """

    searcher: Searcher[Any]
    replicates: int | str = "auto"
    handles: Handles = field(init=False, repr=False, compare=False)
    ends: bool = field(init=False, repr=False, compare=False)
    prepares: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        (searcher,) = check_parts("searcher", self.searcher, 1)
        if isinstance(self.replicates, str):
            if self.replicates != "auto":
                raise SettingError(f"replicates must be 'auto' or a whole number, got {self.replicates!r}")
        else:
            _check.integer("replicates", self.replicates, 2)
        handles = replace(searcher.handles, objectives=1)
        settled = {
            "searcher": searcher,
            "handles": handles,
            "ends": searcher.ends,
            "prepares": searcher.prepares,
        }
        settle(self, settled)

    def init(self, problem: Problem) -> ReplicateState:
        return ReplicateState(self.searcher.init(problem), History.empty(problem), problem.n_trials)

    def tell(self, state: ReplicateState, trial: Trial) -> ReplicateState:
        (inner,) = tell_all((self.searcher,), (state.inner,), trial)
        return state._replace(inner=inner, history=state.history.tell(trial))

    def ask(self, state: ReplicateState, ask: Ask) -> Proposal | None:
        again = None if ask.parent is not None else self._again(state, ask)
        if again is not None:
            return again
        return ask_part((self.searcher,), (state.inner,), 0, ask)

    def prepare(self, state: ReplicateState, ask: Ask) -> None:
        self.searcher.prepare(state.inner, ask_for(0, ask))

    def explain(self, state: ReplicateState, ask: Ask) -> str:
        told = self.searcher.explain(state.inner, ask_for(0, ask))
        _, _, freedom, pooled, _ = standing(state.history, ask.pending)
        if freedom >= _EQUAL and pooled == 0.0:
            why = "repeats came out equal, so there is no noise"
        elif pooled:
            why = f"repeats differ by a standard deviation of {math.sqrt(pooled / freedom):.3g}"
        else:
            why = "it is not known yet whether there is noise"
        return f"{label(self.searcher)}, with promising configurations tried again ({why}): {told}"

    def _again(self, state: ReplicateState, ask: Ask) -> Proposal | None:
        """A leader once more, where that tells more than a new configuration."""
        leaders, known, freedom, pooled, spent = standing(state.history, ask.pending)
        if known < _AFTER or (freedom >= _EQUAL and pooled == 0.0):
            return None
        best = leaders[0]
        if freedom < _EQUAL:
            chosen = best if best.begun <= _EQUAL else None
        elif isinstance(self.replicates, str):
            allowed = spent < _allowance(state, ask.number)
            chosen = _starving(leaders, math.sqrt(pooled / freedom)) if allowed else None
        else:
            chosen = best if best.begun < self.replicates else None
        return None if chosen is None else _proposal(ask.space, state.history.trial(chosen.row))


def _allowance(state: ReplicateState, number: int) -> float:
    """How many of the first so many trials may repeat one."""
    last = 0.0 if state.n_trials is None else max(number - 0.8 * state.n_trials, 0.0)
    return _SHARE * (number - last) + _LAST_SHARE * last


def _starving(leaders: Sequence[Leader], noise: float) -> Leader | None:
    """The leader that OCBA gives most beyond what it has had; None when there is no doubt who is best.

    Of the others i, N_i is proportional to (noise / delta_i)^2, and of the best one, N_b = sqrt(sum N_i^2).
    """
    best, *others = leaders
    gaps = [max(one.mean - best.mean, 1e-3 * noise) for one in others]
    doubtful = any(
        gap < _DOUBT * noise * math.sqrt(1.0 / one.results + 1.0 / best.results)
        for gap, one in zip(gaps, others, strict=True)
    )
    if not doubtful:
        return None
    wanted = [(noise / gap) ** 2 for gap in gaps]
    wanted = [math.sqrt(math.fsum(w * w for w in wanted)), *wanted]
    total, had = math.fsum(wanted), sum(one.begun for one in leaders) + 1
    missing = [had * w / total - one.begun for w, one in zip(wanted, leaders, strict=True)]
    return leaders[missing.index(max(missing))]


def _proposal(space: Space, trial: Trial) -> Proposal | None:
    """The same configuration; None where the space has changed since."""
    row = [0.5 if u != u else u for u in unit_row(space, trial.params)]
    params = space.decode(row)
    known = {p.name: p.domain for p in space.parameters if p.active(params)}
    if not all(name in known and known[name].contains(value) for name, value in trial.params.items()):
        return None
    whole = {**params, **trial.params}
    if not space.feasible(whole) or any(
        p.rules for p in space.parameters if p.name in whole.keys() - trial.params
    ):
        return None
    return Proposal(row, {"arm": AGAIN, "of": trial.number}, dict(trial.params))
