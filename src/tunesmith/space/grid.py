"""How many configurations a finite space has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tunesmith.space.flatten import Parameter
from tunesmith.space.space import Space

_MOST = 200_000


def grid_size(space: Space) -> int | None:
    """The number of active combinations, constraints aside.

    None when a parameter is continuous, or parents have too many values to enumerate.
    """
    if any(parameter.domain.cardinality is None for parameter in space.parameters):
        return None
    sizes = [_component(group) for group in _components(space.parameters)]
    return None if None in sizes else math.prod(size or 0 for size in sizes)


def _components(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """Groups between which there are no conditions, each in order."""
    root: dict[str, str] = {parameter.key: parameter.key for parameter in parameters}

    def find(key: str) -> str:
        while root[key] != key:
            key = root[key]
        return key

    for parameter in parameters:
        for parent in parameter.parents:
            root[find(parameter.key)] = find(parent)
    groups: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        groups.setdefault(find(parameter.key), []).append(parameter)
    return list(groups.values())


def _component(group: Sequence[Parameter]) -> int | None:
    """Assignments of the parents are enumerated; all others only multiply."""
    above = {key for parameter in group for key in parameter.parents}
    states: list[tuple[int, dict[str, Any]]] = [(1, {})]
    for parameter in group:
        count = parameter.domain.cardinality or 1
        many = parameter.key in above
        if many and count * len(states) > _MOST:
            return None
        after: list[tuple[int, dict[str, Any]]] = []
        for ways, params in states:
            if not parameter.active(params):
                after.append((ways, params))
            elif not many:
                after.append((ways * count, params))
            else:
                after.extend((ways, {**params, parameter.name: value}) for value in parameter.domain.values())
        states = after
    return sum(ways for ways, _ in states)
