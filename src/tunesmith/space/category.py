"""Categorical, Constant and Choice: values by name, one value, and branches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Self

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain, check_prior, label_text
from tunesmith.space.condition import parse_when
from tunesmith.space.label import Label, Token, label_of, native, token
from tunesmith.space.prior import Prior


class _Unset:
    """The default of a categorical that has none; None may be a choice."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSET"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Categorical(Domain):
    """One of some choices, which are named by labels in logs, params and JSON.

    Choose it for kinds (optimizers, kernels, flags); `ordered=True` when neighbours are alike (batch sizes).
    None, bools, ints, floats and strings are their own labels; classes and functions go by their name,
    tuples by their repr; anything else is named by you: Categorical({"small": Model(1), "big": Model(9)}).

    Args:
        choices: a list of values, or a mapping of labels to objects.
        ordered: whether the order of the choices means something.
        default: what you use now; it is tried first.
        prior: which choice you believe to be best.
        when: the condition under which the parameter exists.

    Raises:
        SpaceError: for no or duplicate choices, objects that cannot be named, a default that is no choice.
    """

    choices: tuple[Label, ...]
    _: KW_ONLY
    ordered: bool = False
    default: Any = UNSET
    prior: Prior | None = None
    when: Any = None
    numeric: bool = field(init=False, default=False)
    cardinality: int = field(init=False, default=0)
    center: float = field(init=False, default=0.5)
    start_unit: float = field(init=False, default=0.5)
    _objects: tuple[Any, ...] = field(init=False, default=())
    _index: dict[Token, int] = field(init=False, default_factory=dict)

    def __init__(
        self,
        choices: Iterable[Any] | Mapping[str, Any] | _Pairs,
        *,
        ordered: bool = False,
        default: Any = UNSET,
        prior: Prior | None = None,
        when: Any = None,
    ) -> None:
        labels, objects = _labelled(choices)
        index = {token(label): position for position, label in enumerate(labels)}
        if len(index) < len(labels):
            twice = next(label for position, label in enumerate(labels) if index[token(label)] != position)
            raise SpaceError(f"Categorical: the choice {twice!r} occurs twice: leave one out")
        if not isinstance(ordered, bool):
            raise SpaceError(f"Categorical: ordered must be True or False, got {ordered!r}")
        count = len(labels)
        self._settle(choices=labels, ordered=ordered, numeric=False, cardinality=count, _objects=objects)
        self._settle(_index=index, default=UNSET, prior=None, when=parse_when(when))
        self._settle_beliefs(default, check_prior("Categorical", prior))

    def _settle_beliefs(self, default: Any, prior: Prior | None) -> None:
        center = 0.5 / self.cardinality
        try:
            if prior is not None:
                prior = Prior(self.cast(prior.value), prior.confidence)
                center = self.to_unit(prior.value)
            default = default if default is UNSET else self.cast(default)
        except SpaceError as error:
            raise SpaceError(f"Categorical: the default or prior cannot be: {error}") from None
        start = center if default is UNSET else self.to_unit(default)
        self._settle(default=default, prior=prior, center=center, start_unit=start)

    def from_unit(self, u: float) -> Label:
        """The label whose cell holds the unit value."""
        k = int(u * self.cardinality)
        return self.choices[k if 0 <= k < self.cardinality else 0 if k < 0 else -1]

    def to_unit(self, value: Any) -> float:
        """The middle of a label's cell."""
        return (self._index[(value.__class__, value)] + 0.5) / self.cardinality

    def cast(self, value: Any) -> Label:
        """The label of a label or object. Raises SpaceError when it is none of the choices."""
        value = native(value)
        if value.__hash__ is not None:
            try:
                found = self._index.get((value.__class__, value))
            except TypeError:
                found = None
            if found is not None:
                return self.choices[found]
        for label, thing in zip(self.choices, self._objects, strict=True):
            if thing is value or (type(thing) is type(value) and _same(thing, value)):
                return label
        return self._by_name(value)

    def _by_name(self, value: Any) -> Label:
        if type(value) in (int, float):
            equal = [label for label in self.choices if type(label) in (int, float) and label == value]
            if len(equal) == 1:
                return equal[0]
        try:
            label = label_of(value)
            if token(label) in self._index:
                return label
        except SpaceError:
            pass
        shown = ", ".join(map(repr, self.choices[:12])) + (", …" if self.cardinality > 12 else "")
        raise SpaceError(f"{label_text(value)} is not among the choices: {shown}")

    def object(self, label: Any) -> Any:
        """The Python object behind a label; the label itself when it was plain, or when read from JSON."""
        return self._objects[self._index[token(self.cast(label))]]

    def _reach(self) -> tuple[Any, ...]:
        """The labels, in whatever order."""
        return str, frozenset(self._index)

    def _given_default(self) -> tuple[Any] | None:
        return None if self.default is UNSET else (self.default,)

    def as_json(self) -> dict[str, Any]:
        """The domain as plain JSON: labels, not objects."""
        found: dict[str, Any] = {"type": "categorical", "choices": list(self.choices)}
        found.update({"ordered": True} if self.ordered else {})
        found.update({"default": self.default} if self.has_default else {})
        return {**found, **self._optional_json()}

    def _identity(self) -> tuple[Any, ...]:
        prior = None if self.prior is None else (token(self.prior.value), self.prior.confidence)
        return tuple(map(token, self.choices)), self.ordered, token(self.default), prior, self.when

    def _with(self, **settings: Any) -> Self:
        old = {"ordered": self.ordered, "default": self.default, "prior": self.prior, "when": self.when}
        return type(self)(_Pairs(self.choices, self._objects), **{**old, **settings})

    def __repr__(self) -> str:
        extras = ", ordered=True" if self.ordered else ""
        extras += f", default={self.default!r}" if self.has_default else ""
        return f"Categorical({list(self.choices)!r}{extras})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Domain):
    """One fixed value: it is in params, and costs the search nothing.

    Choose it to record a setting with every trial; any plain value in a space means the same.

    Args:
        value: any value; what is not plain is stored by its label, as in `Categorical`.
        when: the condition under which the parameter exists.

    Raises:
        SpaceError: for an object that cannot be named.
    """

    value: Any
    _: KW_ONLY
    when: Any = None
    has_column: ClassVar[bool] = False
    prior: Prior | None = field(init=False, default=None)
    numeric: bool = field(init=False, default=False)
    ordered: bool = field(init=False, default=False)
    cardinality: int = field(init=False, default=1)
    center: float = field(init=False, default=0.5)
    start_unit: float = field(init=False, default=0.5)
    _object: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        thing = native(self.value)
        self._settle(value=label_of(thing), _object=thing, when=parse_when(self.when))

    def from_unit(self, _: float) -> Any:
        """The value."""
        return self.value

    def to_unit(self, _: Any) -> float:
        """One half."""
        return 0.5

    def cast(self, value: Any) -> Any:
        """The value. Raises SpaceError for any other."""
        value = native(value)
        if value is self._object or token(label_of(value)) == token(self.value):
            return self.value
        raise SpaceError(f"{label_text(value)} is not the constant {self.value!r}: leave it out")

    def object(self, _: Any) -> Any:
        """The Python object behind the value."""
        return self._object

    def _reach(self) -> tuple[Any, ...]:
        """The value."""
        return object, token(self.value)

    def _given_default(self) -> tuple[Any] | None:
        return None

    def as_json(self) -> dict[str, Any]:
        """The domain as plain JSON."""
        return {"type": "constant", "value": self.value, **self._optional_json()}

    def _identity(self) -> tuple[Any, ...]:
        return token(self.value), self.when

    def _with(self, **settings: Any) -> Self:
        return type(self)(**{"value": self._object, "when": self.when, **settings})

    def __repr__(self) -> str:
        return f"Constant({self.value!r})"


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Labels that need not be text, with their objects."""

    labels: tuple[Label, ...]
    objects: tuple[Any, ...]


def _labelled(choices: Any) -> tuple[tuple[Label, ...], tuple[Any, ...]]:
    if isinstance(choices, _Pairs):
        return choices.labels, choices.objects
    if isinstance(choices, (str, bytes)) or not isinstance(choices, Iterable):
        raise SpaceError(
            f"Categorical: choices must be a list, got {choices!r}: write Categorical([{choices!r}, …])"
        )
    if isinstance(choices, Mapping):
        wrong = [label for label in choices if not isinstance(label, str)]
        if wrong:
            raise SpaceError(f"Categorical: the labels of a mapping must be text, got {wrong[0]!r}")
        labels: tuple[Label, ...] = tuple(choices)
        objects = tuple(choices.values())
    else:
        objects = tuple(native(choice) for choice in choices)
        labels = tuple(map(label_of, objects))
    if not labels:
        raise SpaceError("Categorical: choices is empty: give at least one choice")
    return labels, objects


def _same(thing: Any, value: Any) -> bool:
    try:
        return bool(thing == value)
    except (TypeError, ValueError):
        return False
