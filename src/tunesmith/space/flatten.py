"""From the declared tree to flat parameters: keys, columns, rules of activity, and an order to read in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain
from tunesmith.space.choice import branches_of, leaf
from tunesmith.space.condition import Member, When
from tunesmith.space.expression import Expression
from tunesmith.space.label import Token

Rule = Member | Expression
Declared = tuple[tuple[str, Domain], ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a space: `name` is what users see in params, `key` is unique in the space.

    Attributes:
        domain: its domain (of a Choice: the categorical of its branches).
        column: its place in unit rows; None for a constant.
        parents: keys of the parameters that decide whether it is active.
        rules: what must hold of params for it to be active; empty means always.
    """

    key: str
    name: str
    domain: Domain
    column: int | None = None
    parents: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def active(self, params: Mapping[str, Any]) -> bool:
        """Whether it is active, given the canonical params before it."""
        return all(rule.met(params) for rule in self.rules)

    def members(self) -> list[Member]:
        """Its rules about single parents."""
        found: list[Member] = []
        for rule in self.rules:
            found += rule.parts()
        return found


@dataclass(frozen=True, slots=True)
class _Node:
    """A parameter in the tree: `path` holds (address of the choice, branch) from the root down."""

    address: str
    name: str
    domain: Domain
    path: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]


def flatten(declared: Declared) -> tuple[Parameter, ...]:
    """The parameters of a tree in an order where parents come first. Raises SpaceError for what cannot be."""
    nodes = list(_walk(declared, "", (), ()))
    by_name: dict[str, list[_Node]] = {}
    for node in nodes:
        by_name.setdefault(node.name, []).append(node)
    keys = {node.address: node.name if len(by_name[node.name]) == 1 else node.address for node in nodes}
    for taken in (Counter(node.address for node in nodes), Counter(keys.values())):
        for key, count in taken.most_common(1):
            if count > 1:
                raise SpaceError(f"two parameters have the key {key!r}: rename one of them")
    parents: dict[str, list[_Node]] = {}
    rules: dict[str, tuple[Rule, ...]] = {}
    for node in nodes:
        parents[node.address], rules[node.address] = _resolve(node, by_name)
    ordered = _order(nodes, parents)
    _check_names(ordered, parents, rules, by_name)
    found, column = [], 0
    for node in ordered:
        domain = leaf(node.domain)
        searched = domain.has_column
        above = tuple(dict.fromkeys(keys[parent.address] for parent in parents[node.address]))
        place = column if searched else None
        found.append(Parameter(keys[node.address], node.name, domain, place, above, rules[node.address]))
        column += searched
    return tuple(found)


def _walk(
    declared: Iterable[tuple[str, Domain]],
    prefix: str,
    path: tuple[tuple[str, str], ...],
    members: tuple[Member, ...],
) -> Iterable[_Node]:
    for name, domain in declared:
        address = prefix + name
        yield _Node(address, name, domain, path, members)
        for branch, inside in branches_of(domain).items():
            inner = (*members, Member(name, (branch,)))
            yield from _walk(inside.items(), f"{address}.{branch}.", (*path, (address, branch)), inner)


def _apart(one: _Node, other: _Node) -> bool:
    """Whether two nodes lie in different branches of one choice."""
    where = dict(one.path)
    return any(where.get(address, branch) != branch for address, branch in other.path)


def _resolve(node: _Node, by_name: Mapping[str, Sequence[_Node]]) -> tuple[list[_Node], tuple[Rule, ...]]:
    """The nodes that a node depends on, and its rules with values cast to those of its parents."""
    parents = [other for member in node.members for other in by_name[member.name] if not _apart(node, other)]
    when: When | None = node.domain.when
    if when is None:
        return parents, node.members
    for name in sorted(when.names):
        if name not in by_name:
            raise SpaceError(
                f"parameter {node.name!r}: when names {name!r}, which is no parameter of the space; "
                f"there are {', '.join(map(repr, by_name))}"
            )
        found = [other for other in by_name[name] if not _apart(node, other)]
        if not found:
            raise SpaceError(
                f"parameter {node.name!r}: when names {name!r}, which lies in another branch, so it would "
                "never be active: leave the condition out"
            )
        parents += found
    if isinstance(when, Expression):
        return parents, (*node.members, when)
    own = tuple(_cast(node, member, parents) for member in when.members)
    return parents, (*node.members, *own)


def _cast(node: _Node, member: Member, parents: Sequence[_Node]) -> Member:
    domains = [parent.domain for parent in parents if parent.name == member.name]
    values = []
    for value in member.values:
        fitting = [domain for domain in domains if domain.contains(value)]
        if not fitting:
            raise SpaceError(
                f"parameter {node.name!r}: when asks for {member.name}={value!r}, which it cannot be; "
                f"{member.name} is {domains[0]!r}"
            )
        values.append(fitting[0].cast(value))
    return Member(member.name, tuple(values))


def _order(nodes: Sequence[_Node], parents: Mapping[str, Sequence[_Node]]) -> list[_Node]:
    """Parents before children, otherwise as declared. Raises SpaceError for a cycle."""
    ordered: list[_Node] = []
    done: set[str] = set()
    waiting = list(nodes)
    while waiting:
        later = []
        for node in waiting:
            if all(parent.address in done for parent in parents[node.address]):
                ordered.append(node)
                done.add(node.address)
            else:
                later.append(node)
        if len(later) == len(waiting):
            names = ", ".join(repr(node.name) for node in later)
            raise SpaceError(f"the conditions of {names} depend on each other in a circle: break it")
        waiting = later
    return ordered


def _check_names(
    ordered: Sequence[_Node],
    parents: Mapping[str, Sequence[_Node]],
    rules: Mapping[str, Sequence[Rule]],
    by_name: Mapping[str, Sequence[_Node]],
) -> None:
    """Parameters of one name must never be active at once. Raises SpaceError."""
    needs: dict[str, dict[str, frozenset[Token]]] = {}
    for node in ordered:
        need: dict[str, frozenset[Token]] = {}
        for parent in parents[node.address]:
            alone = sum(other.name == parent.name for other in parents[node.address]) == 1
            for address, tokens in needs[parent.address].items() if alone else ():
                need[address] = need.get(address, tokens) & tokens
            for rule in rules[node.address]:
                if isinstance(rule, Member) and rule.name == parent.name and alone:
                    need[parent.address] = need.get(parent.address, rule.tokens) & rule.tokens
        needs[node.address] = need
    for name, same in by_name.items():
        for i, one in enumerate(same):
            for other in same[i + 1 :]:
                mine, theirs = needs[one.address], needs[other.address]
                if not any(
                    address in theirs and not tokens & theirs[address] for address, tokens in mine.items()
                ):
                    raise SpaceError(
                        f"two parameters are named {name!r} ({one.address} and {other.address}) and could be "
                        "active at once: rename one of them"
                    )
