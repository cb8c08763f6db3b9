"""Records as strict JSON for other programs: NaN and infinities are null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import click

from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Trial, TrialState
from tunesmith.store._base import StudyInfo


def emit(value: Any) -> None:
    """Print `value` as indented strict JSON."""
    click.echo(json.dumps(strict(value), indent=2, ensure_ascii=False, allow_nan=False))


def strict(value: Any) -> Any:
    """`value` with what JSON lacks replaced by null, or by text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else str(value)


def trial_record(trial: Trial, names: tuple[str, ...]) -> dict[str, Any]:
    """A trial, whole."""
    found = trial.values or (None,) * len(names)
    return {
        "number": trial.number,
        "state": trial.state.value,
        "value": found[0],
        "values": dict(zip(names, found, strict=True)),
        "params": dict(trial.params),
        "constraints": dict(trial.constraints),
        "user_attrs": dict(trial.user_attrs),
        "reports": [
            {"step": r.step, "values": dict(zip(names, r.values, strict=True))} for r in trial.reports
        ],
        "budget": trial.budget,
        "attempt": trial.attempt,
        "parent": trial.parent,
        "source": trial.source.value,
        "started": trial.started,
        "finished": trial.finished,
        "duration": trial.duration,
        "error": trial.error,
    }


def info_record(info: StudyInfo) -> dict[str, Any]:
    """A study as a listing shows it."""
    problem = info.spec.problem
    return {
        "name": info.spec.name,
        "objectives": {o.name: o.direction.value for o in problem.objectives},
        "trials": dict(info.counts),
        "searcher": info.spec.searcher.get("name"),
        "scheduler": info.spec.scheduler.get("name"),
        "created": info.spec.created,
        "updated": info.updated,
    }


def study_record(study: Any, ledger: Ledger) -> dict[str, Any]:
    """A study with its settings, counts and best trial."""
    spec = study.spec
    names = tuple(objective.name for objective in spec.problem.objectives)
    return {
        "name": spec.name,
        "objectives": {o.name: o.direction.value for o in spec.problem.objectives},
        "n_trials": ledger.n_trials,
        "trials": {state.value: ledger.states[state] for state in TrialState},
        "best": None if ledger.best is None or len(names) > 1 else trial_record(ledger.best, names),
        "searcher": dict(spec.searcher),
        "search": study.explain_search(),
        "scheduler": dict(spec.scheduler),
        "seed": spec.seed,
        "space": ledger.space.as_json(),
        "user_attrs": dict(ledger.notes),
        "created": spec.created,
    }
