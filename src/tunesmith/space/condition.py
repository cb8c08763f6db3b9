"""Conditions (`when=`): under which values of other parameters a parameter exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.expression import Expression
from tunesmith.space.label import Label, Token, label_of, token

_SEVERAL = (list, tuple, set, frozenset, range)


@dataclass(frozen=True, slots=True)
class Member:
    """The requirement that parameter `name` is active with one of `values`."""

    name: str
    values: tuple[Any, ...] = field(compare=False)
    tokens: frozenset[Token] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", frozenset(token(label_of(value)) for value in self.values))

    def met(self, params: Mapping[str, Any]) -> bool:
        """Whether it holds at canonical params."""
        value = params.get(self.name, self)
        return (value.__class__, value) in self.tokens

    def parts(self) -> tuple[Member, ...]:
        """Itself."""
        return (self,)

    def __str__(self) -> str:
        """The requirement, readable."""
        shown = [repr(value) for value in self.values]
        return f"{self.name} = {shown[0]}" if len(shown) == 1 else f"{self.name} in {{{', '.join(shown)}}}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A conjunction of requirements, as given by a mapping {parent: value or list of values}."""

    members: tuple[Member, ...]

    @property
    def names(self) -> frozenset[str]:
        """The parents' names."""
        return frozenset(member.name for member in self.members)

    def met(self, params: Mapping[str, Any]) -> bool:
        """Whether all requirements hold at canonical params."""
        return all(member.met(params) for member in self.members)

    def renamed(self, names: Mapping[str, str]) -> Condition:
        """The same condition on parents of other names."""
        return Condition(tuple(Member(names.get(m.name, m.name), m.values) for m in self.members))

    def as_json(self) -> dict[str, list[Label]]:
        """{parent: [labels]}."""
        return {member.name: [label_of(value) for value in member.values] for member in self.members}


When = Condition | Expression


def parse_when(when: Any) -> When | None:
    """The `when=` of a parameter: None, a mapping, text, or one parsed before. Raises SpaceError."""
    if when is None or isinstance(when, (Condition, Expression)):
        return when
    if isinstance(when, str):
        return Expression.parse(when)
    if not isinstance(when, Mapping) or not when:
        raise SpaceError(
            "when must be a mapping such as {'optimizer': 'sgd'} or text such as 'width > 64', "
            f"got {when!r}"
        )
    return Condition(tuple(sorted(map(_member, when.items()), key=lambda member: member.name)))


def _member(item: tuple[Any, Any]) -> Member:
    name, value = item
    if not isinstance(name, str):
        raise SpaceError(f"when: a parent is named by text, got {name!r}")
    values: Iterable[Any] = value if isinstance(value, _SEVERAL) else (value,)
    found = tuple(sorted(values, key=repr) if isinstance(values, (set, frozenset)) else values)
    if not found:
        raise SpaceError(f"when: no value of {name!r} is given, so the parameter would never be active")
    return Member(name, found)
