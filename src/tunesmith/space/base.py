"""Domain: what one parameter may be, and its map to and from the unit interval."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceError
from tunesmith.space.condition import parse_when
from tunesmith.space.label import label_of, native
from tunesmith.space.prior import Prior

_D = TypeVar("_D", bound="Domain")


class Domain(ABC):
    """What one parameter may be. Values map to [0, 1] by `to_unit` and back by `from_unit`.

    Attributes:
        cardinality: the number of values, None when continuous.
        center: the prior's value in [0, 1], else the middle (of a categorical: the first choice).
        start_unit: the default in [0, 1], else `center`.
        numeric: whether values are numbers; ordered: whether neighbours in [0, 1] are alike.
        has_column: whether it is searched; a constant is not.
    """

    __slots__ = ()

    when: Any
    prior: Prior | None
    cardinality: int | None
    center: float
    start_unit: float
    numeric: bool
    ordered: bool
    has_column: ClassVar[bool] = True

    @abstractmethod
    def to_unit(self, value: Any) -> float:
        """The unit value of a canonical value."""

    @abstractmethod
    def from_unit(self, u: float) -> Any:
        """The value at a unit value; outside [0, 1] it is that of the nearer edge."""

    def _from_units(self, units: NDArray[np.float64]) -> Sequence[Any]:
        """`from_unit` of each of many, bit for bit."""
        return list(map(self.from_unit, units.tolist()))

    @abstractmethod
    def cast(self, value: Any) -> Any:
        """The canonical Python value (a label, for categories). Raises SpaceError when outside."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """The domain as plain JSON; `domain_from_json` is its inverse."""

    @abstractmethod
    def _given_default(self) -> tuple[Any] | None:
        """The default, boxed because None may be one; None without default."""

    @abstractmethod
    def _identity(self) -> tuple[Any, ...]:
        """What equality and hash go by."""

    @abstractmethod
    def _with(self, **settings: Any) -> Self:
        """A copy, built anew with some settings changed."""

    @abstractmethod
    def _reach(self) -> tuple[Any, ...]:
        """The values and their scale, whatever is believed of them: equal for domains of the same range."""

    def contains(self, value: Any) -> bool:
        """Whether `cast` would accept the value."""
        try:
            self.cast(value)
        except SpaceError:
            return False
        return True

    def draw(self, u: float) -> float:
        """The unit value at the prior's quantile `u`; `u` itself without a prior."""
        return u if self.prior is None else self.prior.inverse_cdf(u, self.center, self._cells)

    def log_prior(self, unit: float) -> float:
        """The logarithm of the prior's density at a unit value; 0 without a prior."""
        return 0.0 if self.prior is None else self.prior.log_density(unit, self.center, self._cells)

    @property
    def _cells(self) -> int | None:
        return None if self.ordered else self.cardinality

    def _slope(self, value: Any) -> float:  # noqa: ARG002
        """d value / d unit value at a value."""
        return math.nan

    def object(self, label: Any) -> Any:
        """The Python object behind a label; for numbers the value itself."""
        return label

    def start(self) -> Any:
        """The default, else the prior's value, else the value at `start_unit`; as given, not rounded."""
        given = self._given_default()
        if given is not None:
            return given[0]
        return self.from_unit(self.start_unit) if self.prior is None else self.prior.value

    @property
    def has_default(self) -> bool:
        """Whether a default was given."""
        return self._given_default() is not None

    def values(self) -> Iterator[Any]:
        """All values in order. Raises SpaceError for a continuous domain."""
        count = self.cardinality
        if count is None:
            raise SpaceError(f"{self!r} is continuous, so its values cannot be listed: give it a step")
        return (self.from_unit((k + 0.5) / count) for k in range(count))

    def with_default(self, value: Any) -> Self:
        """The same domain with another default. Raises SpaceError when it is outside."""
        return self._with(default=value)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._identity()))

    def _settle(self, **slots: Any) -> None:
        """Fill slots of a frozen instance while it is being built."""
        for name, value in slots.items():
            object.__setattr__(self, name, value)

    def _optional_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.prior is not None:
            found["prior"] = self.prior.as_json()
        if self.when is not None:
            found["when"] = self.when.as_json()
        return found


def same_range(one: Domain, other: Domain) -> bool:
    """Whether both may be the same, on the same scale, whatever their defaults, priors and conditions."""
    return one._reach() == other._reach()


def slope(domain: Domain, value: Any) -> float:
    """d value / d unit value at a value; NaN where the domain is not continuous."""
    return domain._slope(value)


def with_when(domain: _D, when: Any) -> _D:
    """The same domain under another condition."""
    changed = copy.copy(domain)
    changed._settle(when=parse_when(when))
    return changed


def real(kind: str, name: str, value: Any) -> float:
    """A bound or step as a finite float. Raises SpaceError."""
    value = native(value)
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__"):
        raise SpaceError(f"{kind}: {name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{kind}: {name} must be a number, got {value!r} ({type(value).__name__})") from None
    if not math.isfinite(result):
        raise SpaceError(f"{kind}: {name} must be finite, got {value!r}")
    return result


def whole(kind: str, name: str, value: Any) -> int:
    """A bound or step as an int. Raises SpaceError."""
    value = native(value)
    if type(value) is int:
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        result = real(kind, name, value)
        if result != int(result):
            raise SpaceError(f"{kind}: {name} must be a whole number, got {value!r}; use Float for fractions")
        return int(result)
    return int(value.__index__())


def check_range(kind: str, low: float, high: float, log: bool, step: float | None) -> None:
    """The checks that Float and Int share. Raises SpaceError."""
    if low > high:
        raise SpaceError(f"{kind}: low must not exceed high, got low={low!r}, high={high!r}: swap them")
    if not isinstance(log, bool):
        raise SpaceError(f"{kind}: log must be True or False, got {log!r}")
    if log and low <= 0:
        raise SpaceError(f"{kind}: log=True needs low > 0, got low={low!r}: raise low, or leave log out")
    if step is not None and log:
        raise SpaceError(f"{kind}: step={step!r} and log=True exclude each other: leave one of them out")
    if step is not None and step <= 0:
        raise SpaceError(f"{kind}: step must be positive, got {step!r}")


def check_prior(kind: str, prior: Any) -> Prior | None:
    """A prior or None. Raises SpaceError."""
    if prior is None or isinstance(prior, Prior):
        return prior
    raise SpaceError(f"{kind}: prior must be a Prior, got {prior!r}: write prior=Prior({prior!r})")


def named(what: str, error: SpaceError) -> SpaceError:
    """The same error, saying where it arose."""
    return SpaceError(f"{what}: {error}")


def label_text(value: Any) -> str:
    """A value for a message, short."""
    try:
        return repr(label_of(value))[:80]
    except SpaceError:
        return repr(value)[:80]
