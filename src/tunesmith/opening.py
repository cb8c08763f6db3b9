"""Studies made, or found under their name: what every function that gives a study goes through."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunesmith import _check, presets
from tunesmith.agreement import Same, refuse
from tunesmith.errors import SettingError, StudyError
from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.run import ENDLESS
from tunesmith.kernel.study import Study
from tunesmith.kernel.trial import TrialHandle
from tunesmith.kernel.vectorized import check_arrays
from tunesmith.record.fidelity import Fidelity, joined
from tunesmith.record.problem import Problem, StudySpec, parse_objectives
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher
from tunesmith.space.parse import parse_space
from tunesmith.space.space import Space
from tunesmith.store._base import Store, StudyInfo
from tunesmith.store.checkpoints import Checkpoints, label

Objective = Callable[[TrialHandle], Any]
Storage = str | os.PathLike[str] | Store | None


def open_study(
    space: Any,
    *,
    direction: str | None,
    objectives: Mapping[str, str] | None,
    searcher: str | Searcher[Any] | None,
    scheduler: str | Scheduler[Any] | Sequence[str | Scheduler[Any]] | None,
    objective: Objective | None,
    fidelity: Fidelity | Sequence[Fidelity] | None,
    constraints: Sequence[Any],
    n_trials: int | None,
    name: str | None,
    storage: Storage,
    seed: int | None,
    checkpoints: Checkpoints | str | os.PathLike[str] | None,
    resume: bool,
    arrays: bool = False,
    endless: bool = False,
) -> Study:
    """The study that these arguments describe: a new one, or the one of this name when it is the same."""
    wanted = Problem(
        objectives=parse_objectives(direction, objectives),
        space=_space(space, constraints),
        fidelity=joined(fidelity),
        n_trials=None if n_trials is None else _check.integer("n_trials", n_trials, 1),
    )
    if name is None and storage is not None:
        raise SettingError("a study in a store needs a name: give name=, by which it can be resumed")
    store = presets.store("memory:" if name is None else storage)
    keeping = Checkpoints.of(checkpoints)

    def existing() -> Study | None:
        info = None if name is None else find(store, name)
        if info is None:
            return None
        if not resume:
            raise StudyError(
                f"a study named {name!r} exists in {store}: say load_if_exists=True, or choose another name"
            )
        same = Same(info.spec.name, store, info.spec)
        named = bool(direction or objectives)
        same.check(wanted, seed, searcher, scheduler, named=named, objective=objective)
        same.check_checkpoints(keeping)
        if wanted.space is not None:  # it may hold Python objects, which no store keeps
            info = replace(
                info, spec=replace(info.spec, problem=replace(info.spec.problem, space=wanted.space))
            )
        return load(store, info)

    found = existing()
    if found is not None:
        return found
    searcher, scheduler = presets.halves(searcher, scheduler, objective, wanted.fidelity)
    scheduling = presets.scheduler(scheduler, objective, wanted.fidelity)
    chosen = presets.searcher(presets.partner(scheduling) if searcher is None else searcher)
    refuse(wanted, chosen, scheduling)
    if endless and not (chosen.ends or scheduling.ends):
        raise SettingError(ENDLESS)
    if arrays:
        check_arrays(wanted.space, scheduling.learns)
    called = name or f"study-{uuid.uuid4().hex[:8]}"
    spec = StudySpec(
        name=called,
        problem=wanted,
        seed=int.from_bytes(os.urandom(4), "big") if seed is None else _check.integer("seed", seed, 0),
        searcher=presets.record(chosen),
        scheduler=presets.record(scheduling),
        checkpoints={} if keeping is None else keeping.record(called),
        created=time.time(),
    )
    chosen.init(wanted)
    scheduling.init(wanted)  # both complain before the study exists
    label(spec)
    study: int | None = None
    with contextlib.suppress(StudyError):  # another process was faster: then the study is there
        study = store.create(spec)
    if study is not None:
        return Study(Cursor(store, study, spec, chosen, scheduling))
    found = existing()
    if found is None:
        raise StudyError(f"study {spec.name!r} was made and deleted by others at the same moment: try again")
    return found


def _space(space: Any, constraints: Sequence[Any]) -> Space | None:
    if space is None:
        if constraints:
            raise SettingError(
                "constraints need a declared space: give space=, or check them in the objective"
            )
        return None
    return parse_space(space, constraints)


def find(store: Store, name: str) -> StudyInfo | None:
    if not isinstance(name, str) or not name:
        raise SettingError(f"a study's name must be text, got {name!r}")
    return next((info for info in store.list() if info.spec.name == name), None)


def load(store: Store, info: StudyInfo) -> Study:
    spec = info.spec
    return Study(
        Cursor(
            store, info.id, spec, presets.searcher_from(spec.searcher), presets.scheduler_from(spec.scheduler)
        )
    )
