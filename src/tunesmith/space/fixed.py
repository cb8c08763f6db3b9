"""What is left of a space's parameters when some of them have their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.base import named
from tunesmith.space.category import Constant
from tunesmith.space.flatten import Parameter


def rest(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """The parameters, those with a value as constants, those that can no more exist left out.

    Raises SpaceError for a value that no parameter of its name can have.
    """
    found: list[Parameter] = []
    for parameter in parameters:
        if not _possible(parameter, found):
            continue
        name, domain = parameter.name, parameter.domain
        if name not in values:
            found.append(parameter)
        elif domain.contains(values[name]):
            constant = Constant(domain.cast(values[name]), when=domain.when)
            found.append(replace(parameter, domain=constant, column=None))
    for name, value in values.items():
        if not any(parameter.name == name for parameter in found):
            raise _refusal(name, value, [p for p in parameters if p.name == name])
    return _renumbered(found)


def _refusal(name: str, value: Any, same: Sequence[Parameter]) -> SpaceError:
    try:
        for parameter in same:
            parameter.domain.cast(value)
    except SpaceError as error:
        return named(f"{name!r} cannot be fixed", error)
    return SpaceError(f"{name!r} cannot be fixed: with the other fixed values it does not exist")


def _possible(parameter: Parameter, above: Sequence[Parameter]) -> bool:
    """Whether it can be active beside those before it."""
    return all(
        any(_can_meet(other, member.tokens) for other in above if other.name == member.name)
        for member in parameter.members()
    )


def _can_meet(parameter: Parameter, tokens: frozenset[Any]) -> bool:
    domain = parameter.domain
    return domain.has_column or (domain.start().__class__, domain.start()) in tokens


def _renumbered(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    found, column = [], 0
    for parameter in parameters:
        searched = parameter.domain.has_column
        found.append(replace(parameter, column=column if searched else None))
        column += searched
    return tuple(found)
