"""What a budget is counted in, and the budgets at which trials are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunesmith import _check
from tunesmith.errors import SettingError

_GENERATIONS = 20
_MEASURED = "seconds", "kwh"
_SLACK = 1e-9  # of a budget, by which a product of floats may miss the end


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The budget axis of a trial: from `low` to `high`, rungs a factor `eta` apart.

    Give one whenever part of a training says something about the whole of it: steps, epochs, folds (whole
    numbers), a share of the data (a real number), the size of images. `ts.Fidelity("epoch", 1, 81)` counts
    what is reported; with `ts.Fidelity("fraction", 0.1, 1.0)` the objective reads `trial.budget`, trains on
    that share and returns its value, and is called again with more when it has earned that.

    Several at once: `fidelity=[ts.Fidelity("epoch", 1, 81), ts.Fidelity("image", 32, 128)]`. The first one is
    what schedulers count; the others grow with it, on a logarithmic scale, from their `low` to their `high`,
    and are read as `trial.fidelities["image"]`.

    Args:
        name: what is counted.
        low: the least budget that says anything.
        high: all of it. Both whole numbers, or else both real ones.
        eta: of those that have reached a rung, about one in `eta` goes on to the next.
        fold: of cross-validation, how many steps one fold takes (1 where each step is a fold). The value of a
            trial is then the mean over its folds so far, the one under way with what it has by now, and
            `trial.folds(splits)` goes on where a trial was paused.
        along: further fidelities that grow with this one.

    Raises:
        SettingError: for budgets that are not positive, not in order, or not finite, and for folds that do
            not fit.
    """

    name: str
    low: float
    high: float
    eta: int = 3
    fold: int | None = None
    along: tuple[Fidelity, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise SettingError(f"a fidelity has a name, such as 'epoch', got {self.name!r}")
        if self.name in _MEASURED:
            raise SettingError(
                f"{self.name!r} is what budgets measure of all trials together: name the fidelity by what "
                "one trial counts, such as 'epoch'"
            )
        low, high = (self._amount(word, getattr(self, word)) for word in ("low", "high"))
        if not (isinstance(low, int) and isinstance(high, int)):
            low, high = float(low), float(high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "along", tuple(self.along))
        _check.integer("eta", self.eta, 2)
        if low > high:
            raise SettingError(f"a fidelity runs from its smallest to its largest budget, got {low} > {high}")
        if self.fold is not None:
            self._check_folds(_check.integer("the steps of a fold", self.fold, 1))
        names = [self.name, *(other.name for other in self.along)]
        if len(set(names)) < len(names):
            raise SettingError(f"fidelities must have names of their own, got {names}")

    def _amount(self, word: str, value: Any) -> float:
        which = "smallest" if word == "low" else "largest"
        found = value if isinstance(value, int) else _check.number(f"the {which} budget of a fidelity", value)
        if isinstance(value, bool) or not found > 0:
            raise SettingError(f"the {which} budget of a fidelity must be more than 0, got {value!r}")
        return found

    def _check_folds(self, fold: int) -> None:
        if not self.whole or self.high % fold:
            raise SettingError(
                f"folds of {fold} steps do not add up to {self.high}: let high be their number times {fold}"
            )

    @property
    def whole(self) -> bool:
        """Whether budgets are whole numbers."""
        return isinstance(self.high, int)

    def rungs(self) -> list[float]:
        """low, low * eta, low * eta^2, … and high last."""
        return rung_budgets(self.low, self.high, self.eta)

    def at(self, budget: float | None) -> dict[str, float]:
        """What a trial may use at this budget, by name; None is all of it."""
        own = self.high if budget is None else budget
        share = 1.0
        if self.high > self.low:
            share = math.log(max(own, self.low) / self.low) / math.log(self.high / self.low)
        return {self.name: own} | {other.name: other._grown(share) for other in self.along}

    def _grown(self, share: float) -> float:
        if share >= 1.0:
            return self.high
        value = float(self.low * (self.high / self.low) ** share)
        return round(value) if self.whole else value


def joined(given: Fidelity | Sequence[Fidelity] | None) -> Fidelity | None:
    """Several fidelities as the first one with the others along. Raises SettingError for anything else."""
    if given is None or isinstance(given, Fidelity):
        return given
    several = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else ()
    if not several or not all(isinstance(one, Fidelity) for one in several):
        raise SettingError(f"fidelity must be such as ts.Fidelity('epoch', 1, 81), got {given!r}")
    first, *others = several
    return replace(first, along=(*first.along, *others))


def rung_budgets(low: float, high: float, eta: int) -> list[float]:
    """low, low * eta, low * eta^2, … and `high` last."""
    budgets = []
    budget = low
    while budget < high * (1.0 - _SLACK):
        budgets.append(budget)
        budget *= eta
    return [*budgets, high]


def bracket_budgets(low: float, high: float, eta: int) -> list[float]:
    """high, high / eta, high / eta^2, … as far as they are not below `low`, rising.

    Whole numbers stay whole: the nearest ones.
    """
    whole = isinstance(low, int) and isinstance(high, int)
    budgets = [high]
    power = eta
    while high / power >= low * (1.0 - _SLACK):
        budgets.append(max(low, round(high / power)) if whole else high / power)
        power *= eta
    return budgets[::-1]


def generation_length(fidelity: Fidelity) -> float:
    """Steps between two comparisons of a population: a 20th of all of them, of whole ones at least 1."""
    share = fidelity.high / _GENERATIONS
    return max(1, round(share)) if fidelity.whole else share
