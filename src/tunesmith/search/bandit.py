"""Several searchers in one study, and the trials to those that pay.

Fialho, Da Costa, Schoenauer and Sebag (2010), Analyzing bandit-based adaptive operator selection mechanisms,
Ann. Math. Artif. Intell. 60 (credit by ranks within a window, so that no scale of the objective matters);
Agrawal and Goyal (2012), COLT (Thompson sampling for rewards in [0, 1]); Raj and Kalyani (2017), Taming
non-stationary bandits, arXiv 1707.09727 (old rewards fade).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.problem import Problem
from tunesmith.record.trial import COMPLETE, FAILED, Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher, label
from tunesmith.search.combine import (
    Parts,
    States,
    arm_of,
    ask_for,
    ask_part,
    check_parts,
    joint_handles,
    settle,
    tell_all,
)


class Result(NamedTuple):
    """What a trial came to, to be compared with others."""

    violation: float
    depth: float  # how far it was measured; complete trials are farthest
    losses: tuple[float, ...]

    @classmethod
    def of(cls, trial: Trial) -> Result | None:
        """None for a trial that failed."""
        if trial.state is FAILED or trial.losses is None or any(loss != loss for loss in trial.losses):
            return None
        depth = float("inf") if trial.state is COMPLETE else float(trial.step)
        return cls(trial.violation, depth, trial.losses)

    def matches(self, other: Result) -> bool:
        """Whether it is as good as the other or better, in every objective."""
        if self.violation != other.violation:
            return self.violation < other.violation
        if self.depth != other.depth:
            return self.depth > other.depth
        return all(mine <= its for mine, its in zip(self.losses, other.losses, strict=True))


class BanditState(NamedTuple):
    """The parts' states, the latest results, and each part's faded sums of rewards and of what it missed."""

    parts: States
    window: tuple[Result, ...]
    gains: tuple[float, ...]
    misses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BanditSearcher(Searcher[BanditState]):
    """Several searchers side by side in one study: trials go to those whose proposals have paid.

    Choose it when it is not known which method suits the objective; `ts.combine("tpe", "qmc")` makes one. A
    trial's reward is 1 for a new best, falls with its rank among the latest results, and is 0 outside the
    best share `top` of them, for ties and for failures; it depends on ranks alone. Each ask draws the part
    from the Beta posteriors of their mean rewards (Thompson sampling). Every part learns from all trials. An
    ask costs what that of the part chosen costs, a tell what those of all cost, and O(memory).

    Args:
        arms: the searchers.
        floor: the least share of trials of each arm, whatever it has brought; a number, or one an arm.
        top: share of the latest results; a trial that is not among them earns nothing.
        memory: how many results a trial is compared with, and after how many old rewards have faded to 1/e.

    Raises:
        SettingError: for fewer than two arms, or floors that add up to more than 1.
    """

    arms: Parts
    floor: float | tuple[float, ...] = 0.1
    top: float = 0.25
    memory: int = 50
    handles: Handles = field(init=False, repr=False, compare=False)
    ends: bool = field(init=False, repr=False, compare=False)
    prepares: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        arms = check_parts("arms", self.arms, 2)
        if not 0.0 < _check.number("top", self.top) <= 1.0:
            raise SettingError(f"top must lie above 0 and be 1 at most, got {self.top!r}")
        _check.integer("memory", self.memory, 2)
        floor = tuple(self.floor) if isinstance(self.floor, Iterable) else self.floor
        settings = {
            "arms": arms,
            "floor": floor,
            "handles": joint_handles(arms),
            "ends": all(arm.ends for arm in arms),
            "prepares": any(arm.prepares for arm in arms),
        }
        settle(self, settings)
        floors = self._floors()
        if len(floors) != len(arms) or min(floors) < 0.0 or sum(floors) > 1.0 + 1e-9:
            raise SettingError(
                f"floor must be a share that all {len(arms)} arms can have, or one for each, got {floor!r}"
            )

    def init(self, problem: Problem) -> BanditState:
        nothing = (0.0,) * len(self.arms)
        return BanditState(tuple(arm.init(problem) for arm in self.arms), (), nothing, nothing)

    def tell(self, state: BanditState, trial: Trial) -> BanditState:
        parts = tell_all(self.arms, state.parts, trial)
        if not trial.state.finished:
            return state._replace(parts=parts)
        result = Result.of(trial)
        window, gains, misses = state.window, state.gains, state.misses
        arm = arm_of(trial)
        if arm is not None and window:
            reward = self._reward(window, result)
            fade = 1.0 - 1.0 / self.memory
            gains = _faded(gains, fade, arm, reward)
            misses = _faded(misses, fade, arm, 1.0 - reward)
        if result is not None:
            window = (*window[-self.memory + 1 :], result)
        return BanditState(parts, window, gains, misses)

    def ask(self, state: BanditState, ask: Ask) -> Proposal | None:
        for arm in self._order(state, ask):
            found = ask_part(self.arms, state.parts, arm, ask)
            if found is not None:
                return found
        return None

    def prepare(self, state: BanditState, ask: Ask) -> None:
        for place, arm in enumerate(self.arms):
            if arm.prepares:
                arm.prepare(state.parts[place], ask_for(place, ask))

    def explain(self, state: BanditState, ask: Ask) -> str:  # noqa: ARG002
        names = [label(arm) for arm in self.arms]
        if not any(state.gains) and not any(state.misses):
            return f"{' and '.join(names)} in turns, until it shows which of them pays"
        means = [
            (gain + 1.0) / (gain + miss + 2.0) for gain, miss in zip(state.gains, state.misses, strict=True)
        ]
        ranked = sorted(zip(means, names, strict=True), reverse=True)
        told = ", ".join(f"{name} {mean:.2f}" for mean, name in ranked)
        return f"{' and '.join(names)} side by side, by what their trials earn (reward of late: {told})"

    def _floors(self) -> Sequence[float]:
        if isinstance(self.floor, tuple):
            return [_check.number("floor", share) for share in self.floor]
        return [_check.number("floor", self.floor)] * len(self.arms)

    def _reward(self, window: Sequence[Result], result: Result | None) -> float:
        """1 for a new best, 0 from the quantile `top` of the window on, linear in ranks between."""
        if result is None:
            return 0.0
        ahead = sum(other.matches(result) for other in window)
        return max(0.0, 1.0 - ahead / (self.top * len(window)))

    def _order(self, state: BanditState, ask: Ask) -> list[int]:
        """The arms, the one to be asked first; those after it are for when it has nothing left."""
        generator = ask.rng.generator("bandit")
        chance = float(generator.random())
        draws = [
            float(generator.beta(1.0 + gain, 1.0 + miss))
            for gain, miss in zip(state.gains, state.misses, strict=True)
        ]
        order = sorted(range(len(self.arms)), key=lambda arm: -draws[arm])
        for arm, share in enumerate(self._floors()):
            chance -= share
            if chance < 0.0:
                order.remove(arm)
                return [arm, *order]
        return order


def _faded(sums: Sequence[float], fade: float, arm: int, added: float) -> tuple[float, ...]:
    return tuple(fade * value + (added if place == arm else 0.0) for place, value in enumerate(sums))
