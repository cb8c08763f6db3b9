"""What may stand where a space is expected: a Space, a mapping, or a typed dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.parse_domain import parse_domain
from tunesmith.space.space import Space, constrained
from tunesmith.space.typed import parse_typed

__all__ = ["parse_domain", "parse_space"]


def parse_space(thing: Any, constraints: Any = ()) -> Space:
    """The space meant by a Space, a mapping of names to parameters, or a dataclass with annotated fields.

    Args:
        thing: what the user gave.
        constraints: expressions such as "width >= depth", or functions of the params; added to a Space's own.

    Raises:
        SpaceError: for anything else, and for parameters that cannot be.
    """
    if isinstance(thing, Space):
        return constrained(thing, constraints)
    if isinstance(thing, Mapping):
        return Space.of(thing, constraints)
    if isinstance(thing, type) and dataclasses.is_dataclass(thing):
        domains, typed = parse_typed(thing)
        return dataclasses.replace(Space.of(domains, constraints), config_type=thing, config_tree=typed)
    raise SpaceError(
        "a space must be a mapping such as {'lr': ts.Float(1e-5, 1e-1, log=True)}, a dataclass with "
        f"annotated fields, or a Space, got {thing!r}"
    )
