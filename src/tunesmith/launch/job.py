"""A run of the command line, as a value: what it runs, how, and what of it goes on record to be resumed."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import shlex
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.errors import StudyError
from tunesmith.kernel.stop import StopRule, TargetValue
from tunesmith.kernel.view import OWN
from tunesmith.launch.program import Program
from tunesmith.record.fidelity import Fidelity
from tunesmith.space import Space

NOTE = f"{OWN}run"
"""The key under which a study notes how it was started."""

VERSION = 1
_PROGRAM = ("words", "env", "cwd", "steps", "regexes", "final", "tensorboard", "timeout", "grace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a command line, a study.toml or a sweep file asks for.

    Either `program` or `objective` ("train.py:objective") says what is run. `space` and `constraints` are
    those declared outside of the objective's file; `space_name` names the one in it.
    """

    name: str
    program: Program | None = None
    objective: str | None = None
    space: Space | None = None
    space_name: str | None = None
    constraints: tuple[str, ...] = ()
    goals: Mapping[str, str] = field(default_factory=dict)
    direction: str | None = None
    fidelity: Fidelity | None = None
    searcher: Any = None
    replicates: int | str | None = None
    scheduler: Any = None
    trials: int | None = None
    timeout: float | str | None = None
    budget: Mapping[str, float | str] | None = None
    trial_timeout: float | str | None = None
    retries: int = 0
    workers: int = 1
    seed: int | None = None
    target: float | None = None
    storage: str | None = None
    folder: str = field(default_factory=os.getcwd)

    @property
    def rule(self) -> StopRule | None:
        """The value at which the search has reached its end."""
        return None if self.target is None else TargetValue(self.target)

    def record(self) -> dict[str, Any]:
        """What goes on record: JSON, without what the study's own record holds."""
        found: dict[str, Any] = {"version": VERSION, "folder": self.folder, "by": fingerprint()}
        for name in ("objective", "space_name", "timeout", "trial_timeout", "retries", "workers", "target"):
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        if self.budget is not None:
            found["budget"] = dict(self.budget)
        if self.objective is not None and self.constraints:
            found["constraints"] = list(self.constraints)
        if self.program is not None:
            program = self.program
            found["program"] = {name: _plain(getattr(program, name)) for name in _PROGRAM}
        return found


def is_recorded(study: Any) -> bool:
    """Whether the study says how it was started, so that `tunesmith resume` goes on with it."""
    return isinstance(study.cursor.fold.ledger.notes.get(NOTE), Mapping)


def recorded(study: Any) -> Job:
    """The job that a study's note tells of. Raises StudyError when there is none."""
    note = study.cursor.fold.ledger.notes.get(NOTE)
    if not isinstance(note, Mapping):
        raise StudyError(
            f"study {study.name!r} does not say how it was started, as it was not by `tunesmith run`: "
            "start it again as you did"
        )
    if note.get("version", 0) > VERSION:
        raise StudyError(f"study {study.name!r} was started by a newer Tunesmith: update this one")
    problem = study.spec.problem
    goals = {o.name: o.direction.value for o in problem.objectives}
    program = None
    if "program" in note:
        kept: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v
            for key, v in note["program"].items()
            if key in _PROGRAM
        }
        names = (
            () if problem.space is None else tuple(dict.fromkeys(p.name for p in problem.space.parameters))
        )
        program = Program(goals=goals, study=study.name, names=names, **kept)
    return Job(
        name=study.name,
        program=program,
        objective=note.get("objective"),
        space_name=note.get("space_name"),
        constraints=tuple(note.get("constraints", ())),
        timeout=note.get("timeout"),
        budget=note.get("budget"),
        trial_timeout=note.get("trial_timeout"),
        retries=note.get("retries", 0),
        workers=note.get("workers", 1),
        target=note.get("target"),
        trials=study.cursor.fold.ledger.n_trials,
        folder=note.get("folder", "."),
    )


def shown(job: Job) -> str:
    """What a job runs, in a line."""
    what = job.objective if job.program is None else shlex.join(job.program.words)
    where = job.folder if job.program is None else job.program.cwd
    here = Path(where).absolute() == Path.cwd()
    return f"{what}" if here else f"{what}   (in {where})"


def is_ours(study: Any) -> bool:
    """Whether the note was written by this user on this machine."""
    note = study.cursor.fold.ledger.notes.get(NOTE)
    return isinstance(note, Mapping) and note.get("by") == fingerprint()


def fingerprint() -> str:
    """This user on this machine, so that a study from elsewhere is known as such."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid()) if hasattr(os, "getuid") else ""
    node = uuid.getnode()
    random = node >> 40 & 1  # where no network device has an address, every process makes one up
    told = f"{user}\n{platform.node()}\n{0 if random else node}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
