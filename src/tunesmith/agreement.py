"""What is refused before the first trial: methods that cannot do it, and another study under one name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith import presets
from tunesmith.errors import SettingError, StudyError
from tunesmith.record.problem import Problem, StudySpec
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher
from tunesmith.space.grid import grid_size
from tunesmith.space.space import Space
from tunesmith.store._base import Store
from tunesmith.store.checkpoints import Checkpoints


def refuse(problem: Problem, searcher: Searcher[Any], scheduler: Scheduler[Any]) -> None:
    """Say before the first trial what the chosen methods cannot do."""
    able = searcher.handles
    name = presets.record(searcher)["name"]
    if problem.space is None and not able.define_by_run:
        raise SettingError(f"searcher {name!r} must know the space beforehand: declare it with space=")
    if able.objectives is not None and len(problem.objectives) > able.objectives:
        raise SettingError(
            f"searcher {name!r} takes {able.objectives} objective, got {len(problem.objectives)}"
        )
    most = scheduler.objectives
    if most is not None and len(problem.objectives) > most:
        raise SettingError(f"the scheduler takes {most} objective, got {len(problem.objectives)}")
    if scheduler.clones and not able.parents:
        raise SettingError(
            f"searcher {name!r} takes no notice of the trial whose checkpoint is continued: leave searcher= "
            "out for the one that goes with this scheduler, or give 'explore'"
        )
    space = problem.space
    if space is None:
        return
    if not able.constraints and space.constraints:
        raise SettingError(f"searcher {name!r} cannot keep constraints between parameters")
    if not able.conditions and any(p.rules for p in space.parameters):
        raise SettingError(f"searcher {name!r} cannot deal with conditional parameters")
    if not able.continuous and grid_size(space) is None:
        raise SettingError(f"searcher {name!r} needs parameters with finitely many values: give them a step")


@dataclass(frozen=True, slots=True)
class Same:
    """Whether what is asked for is what the study of this name was made for."""

    name: str
    store: Store
    spec: StudySpec

    def check(
        self,
        wanted: Problem,
        seed: int | None,
        searcher: str | Searcher[Any] | None,
        scheduler: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None,
        *,
        named: bool,
        objective: Any = None,
    ) -> None:
        """Raise StudyError at the first difference. What was left out is taken from the record."""
        mine = self.spec.problem
        if wanted.space is not None and wanted.space != mine.space:
            self._differs("space", told(mine.space), told(wanted.space))
        if named and wanted.objectives != mine.objectives:
            self._differs("objectives", _goals(mine), _goals(wanted))
        if wanted.fidelity is not None and wanted.fidelity != mine.fidelity:
            self._differs("fidelity", mine.fidelity, wanted.fidelity)
        if seed is not None and seed != self.spec.seed:
            self._differs("seed", self.spec.seed, seed)
        searcher, scheduler = presets.halves(searcher, scheduler, objective, mine.fidelity)
        if searcher is not None:
            self._method("searcher", searcher, self.spec.searcher, presets.record(presets.searcher(searcher)))
        if scheduler is not None:
            given = presets.record(presets.scheduler(scheduler, objective, mine.fidelity))
            self._method("scheduler", scheduler, self.spec.scheduler, given)

    def check_checkpoints(self, wanted: Checkpoints | None) -> None:
        """Raise StudyError when they are to be kept elsewhere, or otherwise."""
        mine = Checkpoints.recorded(self.spec.checkpoints)
        if wanted is not None and wanted.told != mine.told:
            self._differs("checkpoints", mine.told, wanted.told)

    def _method(self, what: str, asked: Any, mine: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        """A name asks for the method alone, with its settings from the record; an object asks for both."""
        if given["name"] != mine["name"] or (not isinstance(asked, str) and given != mine):
            self._differs(what, mine, given)

    def _differs(self, what: str, mine: Any, wanted: Any) -> None:
        raise StudyError(
            f"study {self.name!r} exists in {self.store} with another {what} ({mine}) than asked for now "
            f"({wanted}): choose another name=, or delete it first"
        )


def told(space: Space | None) -> str:
    """A space in a sentence."""
    return "defined by running" if space is None else ", ".join(
        f"{p.name}: {p.domain!r}" for p in space.parameters
    )  # fmt: skip


def _goals(problem: Problem) -> str:
    return ", ".join(f"{o.direction.value} {o.name}" for o in problem.objectives)
