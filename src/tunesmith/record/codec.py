"""Records as JSON and back, versioned: the form in which stores and exports hold them.

Floats travel by `repr`, so they come back bit for bit; NaN and infinities, which JSON lacks, as
`{"$float": "nan"}`. Nothing is ever unpickled or evaluated.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tunesmith.errors import SettingError, StoreTooNew
from tunesmith.record.event import EVENTS, Event
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.problem import Direction, Objective, Problem, StudySpec
from tunesmith.record.trial import Source, TrialState
from tunesmith.space.domain import Domain, domain_from_json
from tunesmith.space.space import Space

VERSION = 1

_KINDS = {kind.__name__: kind for kind in EVENTS}
_REQUIRED = object()
_FIELDS = {
    kind: tuple((name, kind._field_defaults.get(name, _REQUIRED)) for name in kind._fields) for kind in EVENTS
}
_FLOAT = "$float"
_MARK = f'"{_FLOAT}":'


def dumps(value: Any) -> str:
    """Strict, compact JSON of `value`. Raises SettingError for what JSON cannot hold."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"), default=_listed)
    except ValueError:
        return json.dumps(_strict(value), allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise SettingError(f"only JSON values can be stored (text, numbers, lists, dicts): {error}") from None
    if _MARK in text:
        _refuse_mark((_FLOAT,))
    return text


def loads(text: str) -> Any:
    """What `dumps` was given."""
    return json.loads(text, object_hook=_float_back) if _MARK in text else json.loads(text)


def _listed(value: Any) -> list[Any]:
    """A column of a batch as a list."""
    if isinstance(value, array):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: repr(value)}
    if isinstance(value, Mapping):
        _refuse_mark(value)
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, array)):
        return [_strict(item) for item in value]
    return value


def _refuse_mark(keys: Iterable[Any]) -> None:
    if _FLOAT in keys:
        raise SettingError(f"{_FLOAT!r} is not to be had as a key: it marks numbers that JSON lacks")


def _float_back(found: dict[str, Any]) -> Any:
    return float(found[_FLOAT]) if found.keys() == {_FLOAT} else found


def encode_event(event: Event) -> str:
    """The event's fields as JSON text, without its kind and without those at their defaults."""
    body: dict[str, Any] = {}
    for name, default in _FIELDS[type(event)]:
        value = getattr(event, name)
        if name == "domains":
            value = {key: domain.as_json() for key, domain in value.items()}
        if value != default:
            body[name] = value
    return dumps(body)


def decode_event(kind: str, text: str) -> Event:
    """The event whose kind and JSON text are given. Raises StoreTooNew for a kind not known here."""
    return _event(kind, loads(text))


def decode_events(rows: Sequence[tuple[str, str]]) -> list[Event]:
    """`decode_event` of many, parsed as one text."""
    bodies = loads(f"[{','.join([text for _, text in rows])}]")
    return [_event(kind, body) for (kind, _), body in zip(rows, bodies, strict=True)]


def _event(kind: str, body: dict[str, Any]) -> Event:
    if kind not in _KINDS:
        raise StoreTooNew(
            f"the log holds an event of kind {kind!r}, which this Tunesmith does not know: update it"
        )
    revived(body)
    if "size" in body:
        _columns(body)
    event: Event = _KINDS[kind](**body)
    return event


def _columns(body: dict[str, Any]) -> None:
    """The fields of a batch, its columns as they were."""
    if "params" in body:
        body["params"] = {name: _column(values) for name, values in body["params"].items()}
    if "values" in body:
        body["values"] = tuple(map(_column, body["values"]))


def _column(values: list[Any]) -> Any:
    return array("d", values) if set(map(type, values)) == {float} else values


def revived(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event or a message, given their types back, in place: tuples, states, domains."""
    if body.get("values") is not None:
        body["values"] = tuple(body["values"])
    if "source" in body:
        body["source"] = Source(body["source"])
    if "state" in body:
        body["state"] = TrialState(body["state"])
    if "domains" in body:
        domains: dict[str, Domain] = {name: domain_from_json(d) for name, d in body["domains"].items()}
        body["domains"] = domains
    return body


def same(left: Event, right: Event) -> bool:
    """Whether two events say the same, whenever they were written: what makes a repeated append a success."""
    if type(left) is not type(right):
        return False
    return encode_event(left._replace(at=0.0)) == encode_event(right._replace(at=0.0))


def encode_spec(spec: StudySpec) -> str:
    """A study's record as JSON text."""
    problem = spec.problem
    return dumps(
        {
            "version": VERSION,
            "name": spec.name,
            "seed": spec.seed,
            "created": spec.created,
            "searcher": dict(spec.searcher),
            "scheduler": dict(spec.scheduler),
            "objectives": {o.name: o.direction.value for o in problem.objectives},
            "space": problem.space.as_json() if problem.space is not None else None,
            "fidelity": None if problem.fidelity is None else _fidelity_json(problem.fidelity),
            "n_trials": problem.n_trials,
            **({"checkpoints": dict(spec.checkpoints)} if spec.checkpoints else {}),
        }
    )


def decode_spec(text: str) -> StudySpec:
    """The study's record. Raises StoreTooNew when a newer Tunesmith wrote it."""
    body = loads(text)
    if body["version"] > VERSION:
        raise StoreTooNew(
            f"study {body.get('name')!r} was written in format {body['version']}, and this Tunesmith reads "
            f"up to {VERSION}: update Tunesmith; the study is untouched"
        )
    space = body["space"]
    fidelity = body["fidelity"]
    return StudySpec(
        name=body["name"],
        seed=body["seed"],
        created=body["created"],
        searcher=body["searcher"],
        scheduler=body["scheduler"],
        checkpoints=body.get("checkpoints", {}),
        problem=Problem(
            objectives=tuple(Objective(name, Direction(way)) for name, way in body["objectives"].items()),
            space=None if space is None else Space.from_json(space),
            fidelity=None if fidelity is None else _fidelity_from(fidelity),
            n_trials=body["n_trials"],
        ),
    )


def _fidelity_json(fidelity: Fidelity) -> dict[str, Any]:
    found = {name: getattr(fidelity, name) for name in ("name", "low", "high", "eta")}
    if fidelity.fold is not None:
        found["fold"] = fidelity.fold
    if fidelity.along:
        found["along"] = [_fidelity_json(other) for other in fidelity.along]
    return found


def _fidelity_from(body: Mapping[str, Any]) -> Fidelity:
    along = tuple(_fidelity_from(other) for other in body.get("along", ()))
    return Fidelity(**{**body, "along": along})
