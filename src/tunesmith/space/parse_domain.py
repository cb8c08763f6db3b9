"""What may stand where a parameter is expected: domains, lists, SciPy distributions, plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain, named
from tunesmith.space.category import Categorical, Constant
from tunesmith.space.label import native
from tunesmith.space.number import Float, Int
from tunesmith.space.prior import Prior

_TAIL = 0.001


def parse_domain(value: Any) -> Domain:
    """The domain meant by a value: itself, categories of a list, a distribution's range, else a constant.

    Raises:
        SpaceError: for what cannot be a parameter; the message says what to write instead.
    """
    if isinstance(value, Domain):
        return value
    for fits, build in _SOURCES:
        if fits(value):
            return build(value)
    return Constant(value)


def declare(parameters: Mapping[Any, Any]) -> tuple[tuple[str, Domain], ...]:
    """Named parameters, each parsed. Raises SpaceError, naming the parameter."""
    found = []
    for name, value in parameters.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"a parameter is named by text, got {name!r}")
        try:
            found.append((name, parse_domain(value)))
        except SpaceError as error:
            raise named(f"parameter {name!r}", error) from None
    return tuple(found)


def _is_distribution(value: Any) -> bool:
    samples = hasattr(value, "rvs") or (hasattr(value, "icdf") and hasattr(value, "sample"))
    return samples and not isinstance(value, type)


def _categories(values: Iterable[Any]) -> Categorical:
    found = [native(value) for value in values]
    numbers = all(type(value) in (int, float) for value in found)
    rising = numbers and len(found) > 1 and all(a < b for a, b in pairwise(found))
    return Categorical(found, ordered=rising)


def _tuple(values: tuple[Any, ...]) -> Categorical:
    """Other tools write a range as (low, high): two numbers are not taken for two choices."""
    if len(values) == 2 and all(type(native(value)) in (int, float) for value in values):
        low, high = values
        kind = "Int" if type(native(low)) is int and type(native(high)) is int else "Float"
        raise SpaceError(
            f"({low!r}, {high!r}) may be a range or two choices: write ts.{kind}({low!r}, {high!r}), or "
            f"[{low!r}, {high!r}] for the two"
        )
    return _categories(values)


def _set(values: Iterable[Any]) -> Categorical:
    found = list(values)
    numbers = all(type(native(value)) in (int, float) for value in found)
    return _categories(sorted(found) if numbers else sorted(found, key=repr))


def _array(values: np.ndarray[Any, Any]) -> Categorical:
    if values.ndim != 1:
        raise SpaceError(f"an array of categories must have one dimension, got shape {values.shape}")
    return _categories(values.tolist())


def _mapping(value: Mapping[str, Any]) -> Domain:
    raise SpaceError(
        f"a plain mapping is not a parameter, got {value!r}: write ts.Choice({{branch: {{parameters}}}}) for "
        "branches with parameters of their own, or ts.Categorical({label: object}) for named objects"
    )


def _distribution(value: Any) -> Domain:
    family = getattr(value, "dist", None)
    name = getattr(family, "name", None)
    if not isinstance(name, str) or not hasattr(value, "ppf"):
        raise _unmapped(value)
    given = _settings(value)
    exact = _EXACT.get(name)
    found = None if exact is None else exact(given)
    if found is not None:
        return found
    if family is not None and hasattr(family, "xk"):
        return _listed(family.xk, family.pk, given)
    return _discrete(value) if hasattr(family, "pmf") else _continuous(value, name, given)


def _unmapped(value: Any) -> SpaceError:
    return SpaceError(
        f"{value!r} cannot be a parameter: of SciPy's distributions, frozen ones of one number are taken, "
        "such as stats.loguniform(1e-5, 1e-1) or stats.randint(1, 9); otherwise write ts.Float(low, high), "
        "ts.Int(low, high) or ts.Categorical([...])"
    )


def _settings(value: Any) -> dict[str, float]:
    """A frozen distribution's shapes, loc and scale by name."""
    shapes = [shape.strip() for shape in (value.dist.shapes or "").split(",") if shape.strip()]
    given = {"loc": 0.0, "scale": 1.0}
    given.update(zip([*shapes, "loc", "scale"], value.args, strict=False))
    given.update(value.kwds)
    if any(np.ndim(number) for number in given.values()):
        raise _unmapped(value)
    return {key: native(number) for key, number in given.items()}


def _uniform(given: Mapping[str, float]) -> Domain:
    return Float(given["loc"], given["loc"] + given["scale"])


def _loguniform(given: Mapping[str, float]) -> Domain | None:
    if given["loc"] != 0:
        return None
    return Float(given["a"] * given["scale"], given["b"] * given["scale"], log=True)


def _randint(given: Mapping[str, float]) -> Domain:
    return Int(int(given["low"] + given["loc"]), int(given["high"] + given["loc"] - 1))


def _bernoulli(given: Mapping[str, float]) -> Domain:
    return Categorical([int(given["loc"]), int(given["loc"] + 1)])


def _quantiles(value: Any) -> tuple[float, float, float]:
    try:
        low, middle, high = (float(value.ppf(share)) for share in (_TAIL, 0.5, 1.0 - _TAIL))
    except (TypeError, ValueError, AttributeError):  # settings that are arrays, say
        raise _unmapped(value) from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SpaceError(
            f"the distribution {value.dist.name!r} has no finite quantiles: write ts.Float(low, high)"
        )
    return low, middle, high


def _continuous(value: Any, name: str, given: Mapping[str, float]) -> Domain:
    low, middle, high = _quantiles(value)
    return Float(low, high, log=name == "lognorm" and given["loc"] == 0 and low > 0, prior=Prior(middle))


def _discrete(value: Any) -> Domain:
    low, middle, high = _quantiles(value)
    return Int(low, high, prior=Prior(middle))  # type: ignore[arg-type]


def _listed(values: Any, shares: Any, given: Mapping[str, float]) -> Domain:
    """Of `stats.rv_discrete(values=...)`: its values, and the likeliest one as the prior."""
    listed = [float(value) + given["loc"] for value in np.ravel(values)]
    found = _categories(map(int, listed) if all(map(float.is_integer, listed)) else listed)
    shares = np.ravel(shares)
    if np.ptp(shares) == 0:
        return found
    return Categorical(found.choices, ordered=found.ordered, prior=Prior(found.choices[np.argmax(shares)]))


_EXACT: dict[str, Callable[[Mapping[str, float]], Domain | None]] = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "reciprocal": _loguniform,
    "randint": _randint,
    "bernoulli": _bernoulli,
}
_SOURCES: tuple[tuple[Callable[[Any], bool], Callable[[Any], Domain]], ...] = (
    (lambda value: isinstance(value, tuple), _tuple),
    (lambda value: isinstance(value, (list, range)), _categories),
    (lambda value: isinstance(value, (set, frozenset)), _set),
    (lambda value: isinstance(value, np.ndarray) and value.ndim > 0, _array),
    (lambda value: isinstance(value, Mapping), _mapping),
    (_is_distribution, _distribution),
)
