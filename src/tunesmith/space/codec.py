"""From params to unit rows, and from a few values to whole params."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.base import named
from tunesmith.space.condition import Member
from tunesmith.space.flatten import Parameter


def read_params(
    parameters: Sequence[Parameter], params: Mapping[str, Any]
) -> tuple[dict[str, Any], list[float]]:
    """The canonical params and their unit row, NaN where inactive.

    Raises:
        SpaceError: for missing, unknown, inactive or outside parameters, by name.
    """
    found: dict[str, Any] = {}
    row: list[float] = []
    unused = len(params)
    for parameter in parameters:
        name, domain = parameter.name, parameter.domain
        searched = parameter.column is not None
        if parameter.rules and not parameter.active(found):
            if searched:
                row.append(math.nan)
            continue
        if name in params:
            value = _cast(parameter, params[name])
            unused -= 1
        elif searched:
            raise SpaceError(f"parameter {name!r} is missing from {dict(params)!r}: give a value for it")
        else:
            value = domain.from_unit(0.5)
        found[name] = value
        if searched:
            row.append(domain.to_unit(value))
    if unused:
        raise _surplus(parameters, next(name for name in params if name not in found), found)
    return found, row


def complete(
    parameters: Sequence[Parameter], partial: Mapping[str, Any], base: Sequence[float]
) -> dict[str, Any]:
    """Params with the given values, the others from `base`, and the parents that the given ones need.

    Raises:
        SpaceError: for unknown or outside parameters, or ones that the others given make inactive.
    """
    implied = _implied(parameters, partial)
    found: dict[str, Any] = {}
    for parameter in parameters:
        if not parameter.active(found):
            continue
        name, column = parameter.name, parameter.column
        if name in partial:
            found[name] = _cast(parameter, partial[name])
            continue
        found[name] = parameter.domain.from_unit(0.5 if column is None else base[column])
        member = implied.get(name)
        if member is not None and not member.met(found):
            found[name] = member.values[0]
    for name in partial:
        if name not in found:
            raise _surplus(parameters, name, found)
    return found


def _implied(parameters: Sequence[Parameter], partial: Mapping[str, Any]) -> dict[str, Member]:
    """What parents that are not given must be, so that given parameters of one place only are active."""
    found: dict[str, Member] = {}
    names = [parameter.name for parameter in parameters]
    for parameter in reversed(parameters):
        name = parameter.name
        if names.count(name) == 1 and (name in partial or name in found):
            found.update(
                {member.name: member for member in parameter.members() if member.name not in partial}
            )
    return found


def _cast(parameter: Parameter, value: Any) -> Any:
    try:
        return parameter.domain.cast(value)
    except SpaceError as error:
        raise named(f"parameter {parameter.name!r}", error) from None


def _surplus(parameters: Sequence[Parameter], name: str, active: Mapping[str, Any]) -> SpaceError:
    names = list(dict.fromkeys(parameter.name for parameter in parameters))
    if name in names:
        return SpaceError(f"parameter {name!r} is inactive with {dict(active)!r}: leave it out")
    return SpaceError(f"{name!r} is no parameter of this space; there are {', '.join(map(repr, names))}")
