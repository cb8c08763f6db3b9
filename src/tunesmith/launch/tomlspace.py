"""The space in a table: `lr = {log = [1e-5, 1e-1]}`, `act = ["relu", "gelu"]`, `width = "int(16, 256)"`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.launch import grammar
from tunesmith.space import (
    Categorical,
    Choice,
    Constant,
    Domain,
    Float,
    Int,
    Prior,
    domain_from_json,
    parse_domain,
)

_SETTINGS = ("default", "prior", "confidence", "when")


def read(table: Any, place: str = "space") -> dict[str, Domain]:
    """The parameters of a table by name. Raises SpaceError that begins with the parameter's place."""
    if not isinstance(table, Mapping):
        raise SpaceError(f"{place} must be a table of parameters, got {table!r}")
    found = {}
    for name, value in table.items():
        try:
            found[name] = _domain(value, f"{place}.{name}")
        except SpaceError as error:
            at = "" if str(error).startswith(f"{place}.") else f"{place}.{name}: "
            raise SpaceError(f"{at}{error}") from None
    return found


def _domain(value: Any, place: str) -> Domain:
    if isinstance(value, Mapping):
        return _table(value, place)
    if isinstance(value, str) and grammar.is_call(value):
        return grammar.domain_of(value)
    return parse_domain(value)


def _table(given: Mapping[str, Any], place: str) -> Domain:
    if "type" in given:  # as `domain.as_json` writes it
        return domain_from_json(given)
    kinds = [key for key in _KINDS if key in given and not isinstance(given[key], bool)]
    if len(kinds) != 1:
        raise SpaceError(
            f"say by one of {', '.join(_KINDS)} what it is, as in {{int = [1, 8]}}, got {dict(given)!r}"
        )
    kind = kinds[0]
    build, more = _KINDS[kind]
    settings = {key: value for key, value in given.items() if key != kind}
    for key in settings:
        if key not in (*_SETTINGS, *more):
            raise SpaceError(f"{kind} does not take {key!r}: it takes {', '.join((*more, *_SETTINGS))}")
    return build(given[kind], _believed(settings), place)


def _believed(settings: dict[str, Any]) -> dict[str, Any]:
    prior = settings.pop("prior", None)
    confidence = settings.pop("confidence", "medium")
    if isinstance(prior, Mapping):
        if "value" not in prior or prior.keys() - {"value", "confidence"}:
            raise SpaceError(f"prior takes value and confidence, got {dict(prior)!r}")
        prior, confidence = prior["value"], prior.get("confidence", confidence)
    if prior is not None:
        settings["prior"] = Prior(prior, confidence)
    return settings


def _bounds(kind: str, given: Any) -> tuple[Any, Any]:
    if not isinstance(given, list) or len(given) != 2:
        raise SpaceError(f"{kind} takes [lowest, highest], got {given!r}")
    return given[0], given[1]


def _float(given: Any, settings: dict[str, Any], _: str) -> Domain:
    return Float(*_bounds("float", given), **settings)


def _int(given: Any, settings: dict[str, Any], _: str) -> Domain:
    return Int(*_bounds("int", given), **settings)


def _log(given: Any, settings: dict[str, Any], _: str) -> Domain:
    return Float(*_bounds("log", given), log=True, **settings)


def _choice(given: Any, settings: dict[str, Any], place: str) -> Domain:
    """A list of values, or a table of branches with parameters of their own."""
    if isinstance(given, Mapping):
        branches = {label: read(inside, f"{place}.choice.{label}") for label, inside in given.items()}
        return Choice(branches, **settings)
    if not isinstance(given, list):
        raise SpaceError(f"choice takes a list of values, or a table of branches, got {given!r}")
    return Categorical(given, **settings)


def _ordered(given: Any, settings: dict[str, Any], _: str) -> Domain:
    if not isinstance(given, list):
        raise SpaceError(f"ordered takes a list of values, got {given!r}")
    return Categorical(given, ordered=True, **settings)


def _constant(given: Any, settings: dict[str, Any], _: str) -> Domain:
    if settings.keys() - {"when"}:
        raise SpaceError("constant takes a value and when, and nothing else")
    return Constant(given, **settings)


_Build = Callable[[Any, dict[str, Any], str], Domain]
_KINDS: Mapping[str, tuple[_Build, tuple[str, ...]]] = {
    "float": (_float, ("log", "step")),
    "int": (_int, ("log", "step")),
    "log": (_log, ()),
    "choice": (_choice, ("ordered",)),
    "ordered": (_ordered, ()),
    "constant": (_constant, ()),
}
