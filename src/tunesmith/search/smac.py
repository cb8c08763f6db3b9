"""SMAC's searcher over budgets: a random forest of the trials at the largest budget that tells enough.

Lindauer et al. (2022), SMAC3: a versatile Bayesian optimization package for hyperparameter optimization, JMLR
23 (its multi-fidelity facade). Its other half is Hyperband; `searcher="smac"` gives both.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith import _check
from tunesmith.record.history import pending_units
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._at_budget import AtBudgets, check_chosen
from tunesmith.search._base import Ask, Handles, Proposal, Searcher
from tunesmith.search._untried import untried
from tunesmith.search.forest import ForestSearcher


@dataclass(frozen=True, slots=True)
class SMACSearcher(Searcher[AtBudgets]):
    """Proposes by a random forest of the trials at the largest budget that enough of them have reached.

    Choose it as it is published, beside Hyperband: `searcher="smac"` joins both, and needs a fidelity. The
    configuration with the largest logarithm of expected improvement is proposed, and between those random
    ones. What a trial came to at another budget is not looked at. Failed trials count as the worst,
    infeasible ones teach where it is feasible, several objectives are weighed anew for each proposal, as in
    `forest`.

    An ask costs what one of `forest` costs.

    Args:
        random: share of proposals drawn from the priors.
        n_startup: trials that must have reached a budget before it is modelled; None is the number of
            parameters and three more.
        trees: how many.

    Raises:
        SettingError: for settings out of range, and without a fidelity.
    """

    handles = Handles(objectives=None, fidelity=True)

    random: float = 0.2
    n_startup: int | None = None
    trees: int = 30

    def __post_init__(self) -> None:
        _check.integer("trees", self.trees, 1)
        check_chosen(self.random, self.n_startup)

    def init(self, problem: Problem) -> AtBudgets:
        return AtBudgets.of(problem, "smac")

    def tell(self, state: AtBudgets, trial: Trial) -> AtBudgets:
        return state.tell(trial)

    def ask(self, state: AtBudgets, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([])
        pending = pending_units(ask.pending, space)
        history = state.chosen(ask, "smac", self.random, self.n_startup)
        if history is None:
            ranked = iter([space.draw(ask.rng)])
        else:
            ranked = ForestSearcher(trees=self.trees).ranked(history, ask, pending)
        return Proposal(untried(state.whole, space, ask.rng, ranked, pending))
