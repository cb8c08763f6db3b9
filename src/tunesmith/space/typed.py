"""Typed spaces: a dataclass whose annotations say what may be searched."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain, named, with_when
from tunesmith.space.category import Categorical, Constant
from tunesmith.space.choice import branches_of
from tunesmith.space.parse_domain import parse_domain
from tunesmith.space.space import Space

_JOIN = "__"


@dataclass(frozen=True, slots=True)
class Typed:
    """How a dataclass is built from objects by name: its own fields, and dataclasses nested in it.

    A field `width` of a nested field `encoder` is the parameter `encoder__width`.
    """

    kind: type
    prefix: str
    fields: tuple[str, ...]
    nested: tuple[tuple[str, Typed], ...]

    def build(self, objects: Mapping[str, Any]) -> Any:
        """An instance; fields that are not in `objects` take their dataclass default."""
        found = {name: objects[self.prefix + name] for name in self.fields if self.prefix + name in objects}
        found.update({name: inner.build(objects) for name, inner in self.nested})
        return self.kind(**found)


def parse_typed(kind: type) -> tuple[dict[str, Domain], Typed]:
    """The parameters of a dataclass by name, and how to build it.

    Searched are fields annotated with `Annotated[type, domain]`, `Literal[...]`, bool or an Enum; a field
    that is a dataclass is searched within. A dataclass default becomes the domain's default; any other field
    is a constant of its default.

    Raises:
        SpaceError: for a field with neither domain nor default, or a conditional one without default.
    """
    return _parse(kind, "", kind.__name__)


def config_of(space: Space, params: Mapping[str, Any]) -> Any:
    """An instance of the space's dataclass at params: objects for labels, defaults for inactive fields.

    Raises:
        SpaceError: when the space was not read from a dataclass.
    """
    if space.config_tree is None:
        raise SpaceError("this space was not read from a dataclass, so it has no config: use params")
    return space.config_tree.build(space.objects(params))


def _parse(kind: type, prefix: str, where: str) -> tuple[dict[str, Domain], Typed]:
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise SpaceError(
            f"the annotations of {where} cannot be read ({error}): define the class in a module"
        ) from None
    domains: dict[str, Domain] = {}
    own: list[str] = []
    nested: list[tuple[str, Typed]] = []
    for item in dataclasses.fields(kind):
        if not item.init:
            continue
        hint, label = hints[item.name], f"field {item.name!r} of {where}"
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            inner, typed = _parse(hint, f"{prefix}{item.name}{_JOIN}", f"{where}.{item.name}")
            domains.update(_defaults(inner, typed, _default(item), label))
            nested.append((item.name, typed))
            continue
        own.append(item.name)
        try:
            domains[prefix + item.name] = _field(hint, _default(item))
        except SpaceError as error:
            raise named(label, error) from None
    renames = {name: prefix + name for name in own if prefix}
    for name in own if prefix else ():
        domain = domains[prefix + name]
        if domain.when is not None:
            domains[prefix + name] = with_when(domain, domain.when.renamed(renames))
    return domains, Typed(kind, prefix, tuple(own), tuple(nested))


def _default(item: dataclasses.Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _field(hint: Any, default: Any) -> Domain:
    domain = _domain(hint)
    if domain is None:
        if default is MISSING:
            raise SpaceError(
                "it has neither a domain nor a default: write Annotated[float, ts.Float(...)], or = value"
            )
        return Constant(default)
    if domain.when is not None and default is MISSING:
        raise SpaceError("it has a condition, so it needs a default for when it is inactive: write = value")
    return _with_default(domain, default)


def _with_default(domain: Domain, default: Any) -> Domain:
    if default is MISSING or not domain.has_column:
        return domain
    if domain.when is not None and not domain.contains(default):
        return domain
    return domain.with_default(default)


def _domain(hint: Any) -> Domain | None:
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        found = [parse_domain(extra) for extra in extras if _says_what_to_search(extra)]
        if any(branches_of(domain) for domain in found):
            raise SpaceError(
                "a Choice has parameters of its own, which no field holds: use a mapping space, or when="
            )
        return found[0] if found else _domain(inner)
    if get_origin(hint) is Literal:
        return Categorical(get_args(hint))
    if hint is bool:
        return Categorical([False, True])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Categorical(list(hint))
    return None


def _says_what_to_search(extra: Any) -> bool:
    """Domains, lists, ranges and SciPy distributions do; other annotations are somebody else's."""
    return isinstance(extra, Domain | list | range) or hasattr(extra, "rvs")


def _defaults(inner: Mapping[str, Domain], typed: Typed, value: Any, label: str) -> dict[str, Domain]:
    """The parameters of a nested dataclass, with the defaults of the instance that is the field's default."""
    found = dict(inner)
    if value is MISSING:
        return found
    if not isinstance(value, typed.kind):
        raise SpaceError(f"{label}: the default must be a {typed.kind.__name__}, got {value!r}")
    for name in typed.fields:
        key, given = typed.prefix + name, getattr(value, name)
        domain = found[key]
        try:
            found[key] = (
                _with_default(domain, given) if domain.has_column else Constant(given, when=domain.when)
            )
        except SpaceError as error:
            raise named(label, error) from None
    for name, deeper in typed.nested:
        found = _defaults(found, deeper, getattr(value, name), label)
    return found
