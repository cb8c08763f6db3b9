"""Racing by paired tests: folds, seeds or instances are steps, and all trials take the same ones in order.

Wilcoxon's signed-rank test against the best trial, as in Optuna's pruner and, with other tests, in F-Race
(Birattari et al. 2002, GECCO), with what makes it hold what it says: exact distributions of few pairs, and a
level that is spent over all looks (see `tunesmith.numeric.signed_ranks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.numeric.signed_ranks import worse
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.folds import own_value
from tunesmith.record.problem import Problem
from tunesmith.record.trial import COMPLETE, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._ends import at_its_end, whole
from tunesmith.schedule._order import Result

Floats = NDArray[np.float64]

_RIVALS = 4  # of several objectives, how many of the front a trial is held against


class Rival(NamedTuple):
    """A trial that ran to its end: what it came to, and its losses at each step by themselves."""

    result: Result
    values: Mapping[float, tuple[float, ...]]


class Race(NamedTuple):
    """`fold`: how many steps a fold takes where means over folds are reported, else None."""

    start: Start
    fold: int | None
    rivals: tuple[Rival, ...] = ()


@dataclass(frozen=True, slots=True)
class Wilcoxon(Scheduler[Race]):
    """Stops a trial that a paired test finds worse than the best one on the folds or instances it has seen.

    Choose it where a value is a mean over folds, seeds or instances, and each of them is a step: report the
    value of each one (`trial.report(score, step=instance)`), or of cross-validation with
    `ts.Fidelity("fold", 1, 10, fold=1)` the means that are reported anyway. Pairs cancel what makes an
    instance hard for everybody, so that far fewer are needed than to compare means. A trial whose mean over
    the common steps is at least as good is never stopped. With several objectives a trial is stopped when it
    is worse in each of them than one trial of the front; feasible trials are those to be beaten.

    Args:
        level: the chance, at most, that a trial that is as good as the best one is stopped by it.
        n_startup: steps that a trial takes in any case; below 4 no test can tell anything at level 0.1.

    Raises:
        SettingError: for settings out of range.
    """

    level: float = 0.1
    n_startup: int = 2

    objectives = None

    def __post_init__(self) -> None:
        if not 0.0 < _check.number("level", self.level) < 1.0:
            raise SettingError(f"level is a probability between 0 and 1, got {self.level!r}")
        _check.integer("n_startup", self.n_startup, 2)

    def init(self, problem: Problem) -> Race:
        return Race(whole(problem), None if problem.fidelity is None else problem.fidelity.fold)

    def tell(self, state: Race, trial: Trial) -> Race:
        if trial.state is not COMPLETE or not trial.reports or trial.losses is None:
            return state
        if any(loss != loss for loss in trial.losses):
            return state
        result = Result(trial.violation, trial.losses, trial.number, trial.step)
        if any(_beats(rival.result, result) for rival in state.rivals):
            return state
        left = tuple(rival for rival in state.rivals if not _beats(result, rival.result))
        if len(left) >= _RIVALS:
            return state
        return state._replace(rivals=(*left, Rival(result, _by_itself(trial, state.fold))))

    def decide(self, state: Race, trial: Trial) -> Decision:
        if not state.rivals or len(trial.reports) < self.n_startup or at_its_end(trial):
            return Decision.CONTINUE
        mine = _by_itself(trial, state.fold)
        if not mine or trial.step not in mine:
            return Decision.CONTINUE
        rivals = [rival for rival in state.rivals if rival.result.violation <= trial.violation]
        level = self.level / max(len(rivals), 1)
        beaten = any(_worse(mine, rival.values, level, trial.step, self.n_startup) for rival in rivals)
        return Decision.STOP if beaten else Decision.CONTINUE

    def plan(self, state: Race, number: int) -> Plan:  # noqa: ARG002
        return state.start


def _beats(one: Result, other: Result) -> bool:
    """Feasible before infeasible, those by violation; then by domination. Of equals the first stays."""
    if one.violation != other.violation:
        return one.violation < other.violation
    return all(mine <= its for mine, its in zip(one.losses, other.losses, strict=True))


def _by_itself(trial: Trial, fold: int | None) -> Mapping[float, tuple[float, ...]]:
    """The trial's losses at each step; of means over folds those of each fold that was run to its end."""
    means = {report.step: report.losses for report in trial.reports}
    if fold is None:
        return means
    ends = [step for step in means if step % fold == 0]
    found = {step: own_value(step, fold, means) for step in ends}
    return {step: losses for step, losses in found.items() if losses is not None}


def _worse(
    mine: Mapping[float, tuple[float, ...]],
    theirs: Mapping[float, tuple[float, ...]],
    level: float,
    step: float,
    least: int,
) -> bool:
    common = [at for at in mine if at in theirs]
    if len(common) < least or not common or common[-1] != step:
        return False
    ours = np.array([mine[at] for at in common])
    its = np.array([theirs[at] for at in common])
    with np.errstate(invalid="ignore"):
        gaps = np.where(np.isnan(ours), np.inf, ours) - np.where(np.isnan(its), np.inf, its)
        differences = np.nan_to_num(gaps, nan=0.0, posinf=np.inf, neginf=-np.inf)  # two infinite ones: alike
        means = differences.mean(axis=0)
    if not (means > 0.0).all():
        return False
    return all(worse(column, level, len(theirs)) for column in differences.T)
