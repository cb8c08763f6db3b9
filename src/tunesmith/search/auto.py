"""The searcher that chooses: which method answers is decided by facts about the study, trial by trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tunesmith.errors import SettingError
from tunesmith.model.layout import layout_of
from tunesmith.numeric.axis import Kind
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, HistorySearcher, Proposal, Rule, Searcher, label
from tunesmith.search.combine import Parts, as_seen_by, ask_for, ask_part, check_parts, settle


class AutoState(NamedTuple):
    """The problem, the history that models share, and the states of parts that are not made of it."""

    problem: Problem
    history: History
    others: tuple[Any, ...]  # None for parts that share the history, or never answer in such a study
    told: int = 0  # trials that ended with a loss


def _numeric(ask: Ask, state: AutoState) -> float:  # noqa: ARG001
    axes = layout_of(ask.space).frame.axes
    found = [
        axis.kind is not Kind.CATEGORIES
        for axis, parameter in zip(axes, ask.space.dims, strict=True)
        if parameter.domain.cardinality != 1
    ]
    return float(np.mean(found)) if found else 1.0


def _conditional(ask: Ask, state: AutoState) -> float:  # noqa: ARG001
    return float(np.mean([bool(p.rules) for p in ask.space.dims])) if ask.space.dims else 0.0


def _seen(ask: Ask, state: AutoState) -> float:  # noqa: ARG001
    """Trials with a loss, but at most as many as searchers have proposed: of drawn or failed ones a model
    knows less than of as many that it chose."""
    return min(state.history.proposed, state.told)


FACTS: Mapping[str, Callable[[Ask, AutoState], float]] = {
    "objectives": lambda ask, state: len(state.problem.objectives),  # noqa: ARG005
    "numeric": _numeric,  # share of parameters that are no categories
    "conditional": _conditional,  # share of parameters that have conditions
    "seen": _seen,  # trials of its own that told a loss
}


@dataclass(frozen=True, slots=True)
class AutoSearcher(Searcher[AutoState]):
    """Chooses the method by what the study is, and changes it as the study grows.

    Choose it by choosing nothing: it is the default. The rules are data, measured against the peers
    (docs/benchmarks.md); the first one whose facts hold decides, and `study.explain_search()` says which and
    why. All methods learn from all trials, whoever proposed them. An ask costs what the chosen one takes.

    Args:
        parts: the methods.
        rules: which part answers when; see `presets.AUTO`.

    Raises:
        SettingError: for rules about parts or facts that there are not.
    """

    handles = Handles(objectives=None)

    parts: Parts
    rules: tuple[Rule, ...]
    prepares: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = check_parts("parts", self.parts, 1)
        for part, facts, _ in self.rules:
            if not 0 <= part < len(parts):
                raise SettingError(f"a rule names part {part}, and there are {len(parts)}")
            for fact, _, _ in facts:
                if fact not in FACTS:
                    raise SettingError(f"a rule goes by {fact!r}: known are {', '.join(FACTS)}")
        settle(self, {"parts": parts, "prepares": any(part.prepares for part in parts)})

    def init(self, problem: Problem) -> AutoState:
        others = tuple(
            part.init(problem)
            if not isinstance(part, HistorySearcher) and _able(part, problem) and self._ever(arm, problem)
            else None
            for arm, part in enumerate(self.parts)
        )
        return AutoState(problem, History.empty(problem), others)

    def tell(self, state: AutoState, trial: Trial) -> AutoState:
        others = tuple(
            None if other is None else part.tell(other, as_seen_by(trial, arm))
            for arm, (part, other) in enumerate(zip(self.parts, state.others, strict=True))
        )
        told = trial.state.finished and trial.losses is not None and all(map(math.isfinite, trial.losses))
        return AutoState(state.problem, state.history.tell(trial), others, state.told + told)

    def ask(self, state: AutoState, ask: Ask) -> Proposal | None:
        arm, _ = self._choice(state, ask)
        return ask_part(self.parts, self._states(state), arm, ask)

    def prepare(self, state: AutoState, ask: Ask) -> None:
        arm, _ = self._choice(state, ask)
        part, inner = self.parts[arm], self._states(state)[arm]
        if part.prepares:
            part.prepare(inner, ask_for(arm, ask))
        else:
            part.ask(inner, ask_for(arm, ask))  # what is needed for the first time is there then

    def explain(self, state: AutoState, ask: Ask) -> str:
        arm, why = self._choice(state, ask)
        return f"{label(self.parts[arm])}, because {why}"

    def _choice(self, state: AutoState, ask: Ask) -> tuple[int, str]:
        """The part that answers, and why: that of the first rule whose facts hold."""
        for arm, facts, why in self.rules:
            if state.others[arm] is None and not isinstance(self.parts[arm], HistorySearcher):
                continue  # it cannot deal with such a study
            if all(_within(FACTS[fact](ask, state), low, high) for fact, low, high in facts):
                return arm, why
        return 0, "no rule says otherwise"

    def _ever(self, arm: int, problem: Problem) -> bool:
        """Whether the part may answer in such a study; what never will need not be told."""
        limits = [
            {fact: (low, high) for fact, low, high in facts} for part, facts, _ in self.rules if part == arm
        ]
        count = len(problem.objectives)
        return arm == 0 or any(_within(count, *found.get("objectives", (None, None))) for found in limits)

    def _states(self, state: AutoState) -> tuple[Any, ...]:
        return tuple(
            state.history if isinstance(part, HistorySearcher) else other
            for part, other in zip(self.parts, state.others, strict=True)
        )


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _able(part: Searcher[Any], problem: Problem) -> bool:
    """Whether the part can deal with such a study."""
    handles = part.handles
    if handles.objectives is not None and len(problem.objectives) > handles.objectives:
        return False
    space = problem.space
    if space is None:
        return handles.define_by_run
    if not handles.conditions and any(parameter.rules for parameter in space.parameters):
        return False
    return handles.constraints or not space.constraints
