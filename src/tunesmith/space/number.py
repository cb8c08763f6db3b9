"""Float and Int: numbers between two bounds, linear, logarithmic or on a grid."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from math import exp, log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain, check_prior, check_range, real, whole
from tunesmith.space.condition import parse_when
from tunesmith.space.label import native
from tunesmith.space.prior import Prior

_MOST_CELLS = 2**50
_MOST_LOG = 2**40
_FIRST, _LAST = math.ulp(0.0), 1.0 - 2.0**-53  # the unit values next to the edges, which stand for the bounds


@dataclass(frozen=True, slots=True)
class _Grid:
    """The values (first + k * stride) / scale for k < count: each float is the nearest there is."""

    first: int
    stride: int
    scale: int
    count: int

    @staticmethod
    def of(low: float, high: float, step: float) -> _Grid:
        """The grid whose decimals are those the user wrote."""
        start, stop, stride = (Fraction(repr(number)) for number in (low, high, step))
        scale = math.lcm(start.denominator, stride.denominator)
        count = (stop - start) // stride + 1
        return _Grid(int(start * scale), int(stride * scale), scale, count)

    def value(self, k: int) -> float:
        return (self.first + k * self.stride) / self.scale

    def index(self, value: float) -> int:
        """The nearest point's number, clamped."""
        k = round((value - self.first / self.scale) / (self.stride / self.scale))
        return min(max(k, 0), self.count - 1)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Float(Domain):
    """A real number from `low` to `high`, both included.

    Choose `log=True` for scales (learning rates, regularisation), `step` for a grid: low, low + step, …

    Args:
        low, high: finite bounds; equal bounds fix the value.
        log: uniform in the logarithm; needs low > 0.
        step: distance of grid points; excludes log. When high is off the grid, the last point is below it.
        default: what you use now; it is tried first.
        prior: where you believe the best value to be.
        when: the condition under which the parameter exists, {"optimizer": "sgd"} or "width > 64".

    Raises:
        SpaceError: for bounds, step, default or prior that cannot be.
    """

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None
    default: float | None = None
    prior: Prior | None = None
    when: Any = None
    numeric: bool = field(init=False, default=True)
    ordered: bool = field(init=False, default=True)
    cardinality: int | None = field(init=False, default=None)
    center: float = field(init=False, default=0.5)
    start_unit: float = field(init=False, default=0.5)
    _origin: float = field(init=False, default=0.0)
    _span: float = field(init=False, default=0.0)
    _grid: _Grid | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        low, high = real("Float", "low", self.low), real("Float", "high", self.high)
        step = None if self.step is None else real("Float", "step", self.step)
        check_range("Float", low, high, self.log, step)
        origin, span = (log(low), log(high) - log(low)) if self.log else (low, high - low)
        if not math.isfinite(span):
            raise SpaceError(
                f"Float: the range from {low!r} to {high!r} is wider than a float can hold: narrow it"
            )
        grid = None if step is None else _Grid.of(low, high, step)
        if grid is not None and grid.count > _MOST_CELLS:
            raise SpaceError(f"Float: step={step!r} makes more than 2**50 values: leave step out")
        count = grid.count if grid is not None else 1 if low == high else None
        self._settle(low=low, high=high, step=step, _origin=origin, _span=span, _grid=grid, cardinality=count)
        _settle_beliefs(self)

    def from_unit(self, u: float) -> float:
        """The number at a unit value; exactly `low` at 0 and `high` at 1."""
        if self._grid is not None:
            return self._grid.value(max(0, min(int(u * self._grid.count), self._grid.count - 1)))
        if 0.0 < u < 1.0:
            value = exp(self._origin + u * self._span) if self.log else self._origin + u * self._span
            return self.low if value < self.low else self.high if value > self.high else value
        if u != u:
            raise SpaceError("a unit value must be a number from 0 to 1, got NaN")
        return self.low if u <= 0.0 else self.high

    def _from_units(self, units: NDArray[np.float64]) -> Sequence[float]:
        """`from_unit` of each of many, bit for bit."""
        if self._grid is not None or not np.all((units > 0.0) & (units < 1.0)):
            return Domain._from_units(self, units)
        values = self._origin + units * self._span
        if self.log:  # NumPy's exp is not everywhere that of `from_unit`
            values = np.fromiter(map(exp, values.tolist()), np.float64, len(units))
        return array("d", np.clip(values, self.low, self.high).tobytes())

    def to_unit(self, value: float) -> float:
        """The unit value of a number; one that `from_unit` has given comes back bit for bit."""
        grid = self._grid
        if grid is not None:
            return (grid.index(value) + 0.5) / grid.count
        if value <= self.low:
            return 0.0 if self.low < self.high else 0.5
        if value >= self.high:
            return 1.0
        if self._span <= 0.0:
            return 0.5
        u = ((log(value) if self.log else value) - self._origin) / self._span
        u = _FIRST if u <= 0.0 else _LAST if u >= 1.0 else u
        back = self.from_unit(u)
        return u if back == value else self._nearby(value, u, back)

    def _slope(self, value: float) -> float:
        """d value / d unit value at a number; a slope by the number times this is one by the unit value."""
        if self.cardinality is not None:
            return math.nan
        return self._span * value if self.log else self._span

    def _nearby(self, value: float, u: float, back: float) -> float:
        """Undo rounding errors: the unit value whose number is `value`, else the last one before it."""
        resolution = max(math.ulp(log(value)), 1.2e-16) if self.log else math.ulp(value)
        step = max(math.ulp(u), 0.5 * resolution / self._span)
        up = back < value
        for _ in range(64):
            moved = u + step if up else u - step
            back = self.from_unit(moved)
            if back == value:
                return min(max(moved, 0.0), 1.0)
            if (back < value) is not up:
                break
            u = moved
        return min(max(u, 0.0), 1.0)

    def cast(self, value: Any) -> float:
        """The value as a float. Raises SpaceError when it is outside, or off the grid."""
        number = value if value.__class__ is float else _number(self, value)
        if not self.low <= number <= self.high:
            raise SpaceError(
                f"{value!r} is outside {self!r}: give a number from {self.low!r} to {self.high!r}"
            )
        grid = self._grid
        if grid is None:
            return number
        k = grid.index(number)
        nearest = grid.value(k)
        if abs(nearest - number) * grid.scale > 1e-9 * grid.stride:
            raise SpaceError(f"{value!r} is not on the grid of {self!r}: the nearest value is {nearest!r}")
        return nearest

    def _reach(self) -> tuple[Any, ...]:
        """First and last value, logarithm and step."""
        return float, self.low, self.from_unit(1.0), self.log, self.step

    def _given_default(self) -> tuple[Any] | None:
        return None if self.default is None else (self.default,)

    def as_json(self) -> dict[str, Any]:
        """The domain as plain JSON."""
        return {"type": "float", **_number_json(self)}

    def _identity(self) -> tuple[Any, ...]:
        return _number_identity(self)

    def _with(self, **settings: Any) -> Self:
        return type(self)(**{**_number_settings(self), **settings})

    def __repr__(self) -> str:
        return _number_repr("Float", self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Int(Domain):
    """A whole number from `low` to `high`, both included.

    Choose `log=True` for sizes over magnitudes (width 16 to 1024), `step` for a grid: low, low + step, …

    Args:
        low, high: whole bounds; equal bounds fix the value.
        log: uniform in the logarithm; needs low > 0.
        step: whole distance of grid points, 1 when left out; excludes log.
        default, prior, when: as for `Float`.

    Raises:
        SpaceError: for bounds, step, default or prior that cannot be.
    """

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int | None = None
    default: int | None = None
    prior: Prior | None = None
    when: Any = None
    numeric: bool = field(init=False, default=True)
    ordered: bool = field(init=False, default=True)
    cardinality: int = field(init=False, default=1)
    center: float = field(init=False, default=0.5)
    start_unit: float = field(init=False, default=0.5)
    _origin: float = field(init=False, default=0.0)
    _span: float = field(init=False, default=0.0)
    _stride: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        low, high = whole("Int", "low", self.low), whole("Int", "high", self.high)
        step = None if self.step is None else whole("Int", "step", self.step)
        check_range("Int", low, high, self.log, step)
        stride = step or 1
        count = (high - low) // stride + 1
        if count > _MOST_CELLS or (self.log and high > _MOST_LOG):
            raise SpaceError(
                f"Int: the range from {low} to {high} has too many values to tell apart (2**50 at most, and "
                "high <= 2**40 with log=True): use Float, or a coarser step"
            )
        if self.log:
            origin = log(low - 0.5)
            self._settle(_origin=origin, _span=log(high + 0.5) - origin)
        self._settle(low=low, high=high, step=step, cardinality=count, _stride=stride)
        _settle_beliefs(self)

    def from_unit(self, u: float) -> int:
        """The whole number whose cell holds the unit value."""
        if self.log:
            value = round(exp(self._origin + min(max(u, 0.0), 1.0) * self._span))
            return min(max(value, self.low), self.high)
        k = int(u * self.cardinality)
        return self.low + self._stride * (
            k if 0 <= k < self.cardinality else 0 if k < 0 else self.cardinality - 1
        )

    def to_unit(self, value: int) -> float:
        """The middle of the number's cell (with log: its logarithm's place)."""
        if self.log:
            return min(max((log(value) - self._origin) / self._span, 0.0), 1.0)
        return ((value - self.low) // self._stride + 0.5) / self.cardinality

    def cast(self, value: Any) -> int:
        """The value as an int; 3.0 is 3. Raises SpaceError when outside, a fraction, or off the grid."""
        number = value if value.__class__ is int else _whole_number(self, value)
        if not self.low <= number <= self.high:
            raise SpaceError(
                f"{value!r} is outside {self!r}: give a whole number from {self.low} to {self.high}"
            )
        if self._stride != 1 and (number - self.low) % self._stride:
            nearest = self.from_unit(self.to_unit(number))
            raise SpaceError(
                f"{value!r} is not on the grid of {self!r}: the nearest value below is {nearest}"
            )
        return number

    def values(self) -> Iterator[int]:
        """All values in order."""
        return iter(range(self.low, self.high + 1, self._stride))

    def _reach(self) -> tuple[Any, ...]:
        """First and last value, logarithm and step."""
        return int, self.low, self.from_unit(1.0), self.log, self._stride

    def _given_default(self) -> tuple[Any] | None:
        return None if self.default is None else (self.default,)

    def as_json(self) -> dict[str, Any]:
        """The domain as plain JSON."""
        return {"type": "int", **_number_json(self)}

    def _identity(self) -> tuple[Any, ...]:
        return _number_identity(self)

    def _with(self, **settings: Any) -> Self:
        return type(self)(**{**_number_settings(self), **settings})

    def __repr__(self) -> str:
        return _number_repr("Int", self)


def _settle_beliefs(domain: Float | Int) -> None:
    """Default, prior and condition, cast and checked, and the unit values they stand for."""
    kind = type(domain).__name__
    prior = check_prior(kind, domain.prior)
    center = 0.5
    try:
        if prior is not None:
            prior = Prior(domain.cast(prior.value), prior.confidence)
            center = domain.to_unit(prior.value)
        default = None if domain.default is None else domain.cast(domain.default)
    except SpaceError as error:
        raise SpaceError(f"{kind}: the default or prior cannot be: {error}") from None
    start = center if default is None else domain.to_unit(default)  # type: ignore[arg-type]
    domain._settle(
        prior=prior, center=center, default=default, start_unit=start, when=parse_when(domain.when)
    )


def _number(domain: Domain, value: Any) -> Any:
    value = native(value)
    if isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__"):
        raise SpaceError(f"{value!r} ({type(value).__name__}) is not a number, as {domain!r} needs")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{value!r} ({type(value).__name__}) is not a number, as {domain!r} needs") from None


def _whole_number(domain: Domain, value: Any) -> Any:
    value = native(value)
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return value.__index__()
    number = _number(domain, value)
    if not math.isfinite(number) or number != int(number):
        raise SpaceError(f"{value!r} is not a whole number, as {domain!r} needs")
    return int(number)


def _number_settings(domain: Float | Int) -> dict[str, Any]:
    names = ("low", "high", "log", "step", "default", "prior", "when")
    return {name: getattr(domain, name) for name in names}


def _number_identity(domain: Float | Int) -> tuple[Any, ...]:
    return tuple(_number_settings(domain).values())


def _number_json(domain: Float | Int) -> dict[str, Any]:
    found: dict[str, Any] = {"low": domain.low, "high": domain.high}
    found.update({"log": True} if domain.log else {})
    found.update({} if domain.step is None else {"step": domain.step})
    found.update({} if domain.default is None else {"default": domain.default})
    return {**found, **domain._optional_json()}


def _number_repr(kind: str, domain: Float | Int) -> str:
    found = _number_json(domain)
    extras = "".join(f", {name}={found[name]!r}" for name in ("log", "step", "default") if name in found)
    return f"{kind}({domain.low!r}, {domain.high!r}{extras})"
