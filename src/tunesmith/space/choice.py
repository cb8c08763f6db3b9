"""Choice: one branch of several, each with parameters of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain, named, with_when
from tunesmith.space.category import UNSET, Categorical
from tunesmith.space.label import Label
from tunesmith.space.parse_domain import parse_domain
from tunesmith.space.prior import Prior


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Choice(Domain):
    """One branch of several; a branch's parameters exist only with it. Branches may hold further Choices.

    Choose it for models, optimizers or steps that have settings of their own. In params it is its own name
    with the branch as value, and the branch's parameters beside it: {"model": "svm", "C": 1.0}.

    Args:
        branches: {"svm": {"C": ts.Float(...)}, "ridge": {}}: a mapping of parameters, possibly empty, each.
        default: the branch you use now.
        prior: the branch you believe to be best.
        when: the condition under which the choice itself exists.

    Raises:
        SpaceError: for no branches, a branch that is no mapping, or a default that is no branch.
    """

    branches: Mapping[str, Mapping[str, Any]]
    _: KW_ONLY
    default: Any = None
    prior: Prior | None = None
    when: Any = None
    numeric: bool = field(init=False, default=False)
    ordered: bool = field(init=False, default=False)
    cardinality: int = field(init=False, default=0)
    center: float = field(init=False, default=0.5)
    start_unit: float = field(init=False, default=0.5)
    selector: Categorical = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.branches, Mapping) or not self.branches:
            raise SpaceError(
                f"Choice: branches must be a mapping {{branch: {{parameters}}}}, got {self.branches!r}; "
                "for plain values write Categorical([...])"
            )
        branches = {label: _branch(label, inside) for label, inside in self.branches.items()}
        default = UNSET if self.default is None else self.default
        try:
            selector = Categorical(list(branches), default=default, prior=self.prior, when=self.when)
        except SpaceError as error:
            raise named("Choice", error) from None
        self._settle(branches=branches, selector=selector, prior=selector.prior, when=selector.when)
        self._settle(cardinality=len(branches), center=selector.center, start_unit=selector.start_unit)

    def to_unit(self, value: Any) -> float:
        """The middle of a branch's cell."""
        return self.selector.to_unit(value)

    def from_unit(self, u: float) -> Label:
        """The branch whose cell holds the unit value."""
        return self.selector.from_unit(u)

    def cast(self, value: Any) -> Label:
        """The branch. Raises SpaceError when there is none of this name."""
        return self.selector.cast(value)

    def _reach(self) -> tuple[Any, ...]:
        """The branches, in whatever order."""
        return self.selector._reach()

    def _given_default(self) -> tuple[Any] | None:
        return None if self.default is None else (self.default,)

    def as_json(self) -> dict[str, Any]:
        """The choice with its whole tree as JSON; lists, for any store keeps their order."""
        branches = [
            {"label": label, "parameters": [{"name": n, **inner.as_json()} for n, inner in inside.items()]}
            for label, inside in self.branches.items()
        ]
        found: dict[str, Any] = {"type": "choice", "branches": branches}
        found.update({} if self.default is None else {"default": self.default})
        return {**found, **self._optional_json()}

    def _identity(self) -> tuple[Any, ...]:
        tree = tuple((label, tuple(inside.items())) for label, inside in self.branches.items())
        return tree, self.default, self.prior, self.when

    def _with(self, **settings: Any) -> Self:
        old = {"default": self.default, "prior": self.prior, "when": self.when}
        return type(self)(self.branches, **{**old, **settings})

    def __repr__(self) -> str:
        return f"Choice({dict(self.branches)!r})"


def branches_of(domain: Domain) -> Mapping[str, Mapping[str, Domain]]:
    """The branches of a choice with their parameters; nothing for all other domains."""
    return domain.branches if isinstance(domain, Choice) else {}


def leaf(domain: Domain) -> Domain:
    """The domain without branches: of a choice, the categorical of its branches."""
    return with_when(domain.selector, domain.when) if isinstance(domain, Choice) else domain


def _branch(label: Any, inside: Any) -> dict[str, Domain]:
    if not isinstance(label, str) or not label:
        raise SpaceError(f"Choice: a branch is named by text, got {label!r}")
    if not isinstance(inside, Mapping):
        raise SpaceError(
            f"Choice: branch {label!r} must be a mapping of parameters, got {inside!r}: write {{}} for none"
        )
    found = {}
    for name, value in inside.items():
        try:
            found[name] = parse_domain(value)
        except SpaceError as error:
            raise named(f"parameter {name!r} of branch {label!r}", error) from None
    return found
