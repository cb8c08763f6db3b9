"""Searchers made of searchers: one after another, and with parameters held fixed.

Each part is told of every trial, whoever proposed it; which part did travels with the trial's memo. A part
sees its own memo alone: to it, the others' trials are like ones that a user has enqueued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from tunesmith import _check
from tunesmith.errors import SettingError, SpaceError
from tunesmith.record.problem import Problem
from tunesmith.record.trial import PAUSED, QUEUE, SEARCHER, Trial
from tunesmith.search._base import Ask, Handles, Proposal, Searcher, label
from tunesmith.space.label import label_of, native
from tunesmith.space.space import Space, fix

Parts = tuple[Searcher[Any], ...]
States = tuple[Any, ...]


def arm_of(trial: Trial) -> int | None:
    """Which part has proposed the trial; None when none did."""
    memo = trial.memo
    return memo.get("arm") if trial.source is SEARCHER and isinstance(memo, dict) else None


def as_seen_by(trial: Trial, arm: int) -> Trial:
    """The trial as this part sees it: with its own memo, or as somebody else's."""
    if arm_of(trial) == arm:
        return trial._replace(memo=trial.memo.get("memo"))
    return _strange(trial)


def _strange(trial: Trial) -> Trial:
    return trial._replace(memo=None, source=QUEUE) if trial.source is SEARCHER else trial


def tell_all(parts: Parts, states: States, trial: Trial) -> States:
    """The states of all parts after this trial."""
    mine, strange = arm_of(trial), _strange(trial)
    return tuple(
        state if not part.learns else part.tell(state, as_seen_by(trial, arm) if arm == mine else strange)
        for arm, (part, state) in enumerate(zip(parts, states, strict=True))
    )


def ask_for(arm: int, ask: Ask) -> Ask:
    """The question as it is put to this part."""
    return ask._replace(
        pending=tuple(as_seen_by(trial, arm) for trial in ask.pending),
        parent=None if ask.parent is None else as_seen_by(ask.parent, arm),
    )


def ask_part(parts: Parts, states: States, arm: int, ask: Ask) -> Proposal | None:
    """What this part proposes, marked as its own."""
    found = parts[arm].ask(states[arm], ask_for(arm, ask))
    if found is None:
        return None
    memo: dict[str, Any] = {"arm": arm}
    if found.memo is not None:
        memo["memo"] = found.memo
    return found._replace(memo=memo)


def joint_handles(parts: Sequence[Searcher[Any]]) -> Handles:
    """What all parts can deal with."""
    most = [part.handles.objectives for part in parts if part.handles.objectives is not None]
    return Handles(
        define_by_run=all(part.handles.define_by_run for part in parts),
        conditions=all(part.handles.conditions for part in parts),
        constraints=all(part.handles.constraints for part in parts),
        continuous=all(part.handles.continuous for part in parts),
        objectives=min(most, default=None),
        outcome_constraints=all(part.handles.outcome_constraints for part in parts),
        fidelity=any(part.handles.fidelity for part in parts),
        gradients=any(part.handles.gradients for part in parts),
        parents=any(part.handles.parents for part in parts),
    )


def check_parts(name: str, given: Any, least: int) -> Parts:
    """A tuple of at least so many searchers. Raises SettingError."""
    parts = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    for part in parts:
        if not isinstance(part, Searcher):
            raise SettingError(
                f"{name} must be searchers such as ts.TPESearcher(), got {part!r}: ts.combine takes names too"
            )
    if len(parts) < least:
        raise SettingError(f"{name} must be {least} searchers or more, got {len(parts)}")
    return parts


def settle(searcher: Searcher[Any], settings: Mapping[str, Any]) -> None:
    """Fill fields of a frozen searcher while it is being built."""
    for name, value in settings.items():
        object.__setattr__(searcher, name, value)


@dataclass(frozen=True, slots=True)
class ChainSearcher(Searcher[States]):
    """One searcher after another: warm-up, then the main method, told of all trials from the first on.

    Choose it to start a model on an even design, or to hand over to another method late in a long study;
    `ts.combine("qmc", then="tpe", after=20)` makes one. A stage that has nothing left (a finished grid) hands
    over at once. An ask costs what that of the present stage costs, a tell what those of all cost together.

    Args:
        stages: searchers, in the order in which they propose.
        until: for each stage but the last, the number of trials in the study at which the next one takes
            over, however they came about; None when it proposes until it has nothing left.

    Raises:
        SettingError: for fewer than two stages, numbers that do not grow, or a stage without an end.
    """

    stages: Parts
    until: tuple[int | None, ...]
    handles: Handles = field(init=False, repr=False, compare=False)
    ends: bool = field(init=False, repr=False, compare=False)
    learns: bool = field(init=False, repr=False, compare=False)
    prepares: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stages = check_parts("stages", self.stages, 2)
        until = tuple(self.until)
        if len(until) != len(stages) - 1:
            raise SettingError(
                f"until must say for {len(stages) - 1} of {len(stages)} stages when they end, got {until!r}"
            )
        before = 0
        for stage, end in zip(stages, until, strict=False):
            if end is not None:
                before = _check.integer("the number of trials at which a stage ends", end, before + 1)
            elif not stage.ends:
                raise SettingError(f"{label(stage)} never ends by itself: say after how many trials it shall")
        settled: dict[str, Any] = {
            "stages": stages,
            "until": until,
            "handles": joint_handles(stages),
            "ends": stages[-1].ends,
            "learns": any(stage.learns for stage in stages),
            "prepares": any(stage.prepares for stage in stages),
        }
        settle(self, settled)

    def init(self, problem: Problem) -> States:
        return tuple(stage.init(problem) for stage in self.stages)

    def tell(self, state: States, trial: Trial) -> States:
        return tell_all(self.stages, state, trial)

    def ask(self, state: States, ask: Ask) -> Proposal | None:
        for stage in range(self._stage(ask.number), len(self.stages)):
            found = ask_part(self.stages, state, stage, ask)
            if found is not None:
                return found
        return None

    def prepare(self, state: States, ask: Ask) -> None:
        stage = self._stage(ask.number)
        if self.stages[stage].prepares:
            self.stages[stage].prepare(state[stage], ask_for(stage, ask))

    def explain(self, state: States, ask: Ask) -> str:
        names = [label(stage) for stage in self.stages]
        steps = [
            f"{name} until {'it has nothing left' if end is None else f'{end} trials'}"
            for name, end in zip(names, self.until, strict=False)
        ]
        stage = self._stage(ask.number)
        told = self.stages[stage].explain(state[stage], ask_for(stage, ask))
        return f"{', then '.join([*steps, names[-1]])}; now {told}"

    def _stage(self, number: int) -> int:
        ended = (stage for stage, end in enumerate(self.until) if end is None or number < end)
        return next(ended, len(self.until))


@dataclass(frozen=True, slots=True)
class FixedSearcher(Searcher[Any]):
    """Holds some parameters at given values and searches the rest with another searcher.

    Choose it to go on with a study's space when a part of the answer is known; `ts.combine("tpe",
    fixed={"optimizer": "adam"})` makes one. The searcher inside sees the rest of the space alone, and learns
    only from trials that have the fixed values. Costs what the searcher inside costs.

    Args:
        searcher: what searches the rest.
        fixed: values by name. In a define-by-run study a name counts from when the objective asks for it.

    Raises:
        SettingError: without values; later for a declared space that does not have them.
    """

    searcher: Searcher[Any]
    fixed: tuple[tuple[str, Any], ...]
    handles: Handles = field(init=False, repr=False, compare=False)
    ends: bool = field(init=False, repr=False, compare=False)
    learns: bool = field(init=False, repr=False, compare=False)
    prepares: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        (searcher,) = check_parts("searcher", self.searcher, 1)
        given = self.fixed.items() if isinstance(self.fixed, Mapping) else self.fixed
        try:
            fixed = tuple((str(name), label_of(native(value))) for name, value in given)
        except (TypeError, ValueError):
            raise SettingError(f"fixed must map names of parameters to values, got {self.fixed!r}") from None
        if not fixed:
            raise SettingError("fixed must name at least one parameter")
        settled: dict[str, Any] = {
            "searcher": searcher,
            "fixed": fixed,
            "handles": searcher.handles,
            "ends": searcher.ends,
            "learns": searcher.learns,
            "prepares": searcher.prepares,
        }
        settle(self, settled)

    def init(self, problem: Problem) -> Any:
        if problem.space is None:
            return self.searcher.init(problem)
        try:
            space = fix(problem.space, dict(self.fixed))
        except SpaceError as error:
            raise SettingError(str(error)) from None
        return self.searcher.init(replace(problem, space=space))

    def tell(self, state: Any, trial: Trial) -> Any:
        if (trial.state.finished or trial.state is PAUSED) and not self._fits(trial):
            return state  # it says nothing of the rest; to the searcher inside it never ends
        return self.searcher.tell(state, trial)

    def ask(self, state: Any, ask: Ask) -> Proposal | None:
        inside = self._inside(ask)
        found = self.searcher.ask(state, inside)
        if found is None:
            return None
        held = {p.name: p.domain.start() for p in inside.space.parameters if p.column is None}
        row = _outer_row(ask.space, inside.space, found.unit)
        return Proposal(row, found.memo, {**held, **(found.exact or {})})

    def prepare(self, state: Any, ask: Ask) -> None:
        self.searcher.prepare(state, self._inside(ask))

    def explain(self, state: Any, ask: Ask) -> str:
        held = ", ".join(f"{name}={value!r}" for name, value in self.fixed)
        return f"{held} held fixed, the rest by {self.searcher.explain(state, self._inside(ask))}"

    def _fits(self, trial: Trial) -> bool:
        return all(name not in trial.params or _same(trial.params[name], value) for name, value in self.fixed)

    def _inside(self, ask: Ask) -> Ask:
        pending = tuple(trial for trial in ask.pending if self._fits(trial))
        return ask._replace(space=_inner_space(ask.space, self.fixed), pending=pending)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


@lru_cache(maxsize=16)
def _inner_space(space: Space, fixed: tuple[tuple[str, Any], ...]) -> Space:
    return fix(space, {name: value for name, value in fixed if name in space.names})


def _outer_row(outer: Space, inner: Space, row: Sequence[float]) -> list[float]:
    """The row of the whole space; what the inner one does not have is inactive, or fixed."""
    columns = {parameter.key: parameter.column for parameter in inner.parameters}
    held = {p.key: p.domain.start() for p in inner.parameters if p.column is None}
    found = []
    for parameter in outer.dims:
        column = columns.get(parameter.key)
        if column is not None:
            found.append(row[column])
        else:
            key = parameter.key
            found.append(parameter.domain.to_unit(held[key]) if key in held else 0.5)
    return found
