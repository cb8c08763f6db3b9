"""The parameters of a sweep file as domains: each distribution of theirs, or a sentence on why not.

Ours are bounded, so a normal distribution is a range of 3.09 standard deviations to each side (its 0.1 and
99.9 per cent quantiles) with a prior at its middle. `q` is a step where the range is linear; where it is
logarithmic, the values are multiples of q, spread evenly over the logarithm.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith import _check
from tunesmith.errors import SettingError, SpaceError
from tunesmith.space import Categorical, Constant, Domain, Float, Int, Prior, parse_domain

_SIGMAS = 3.090232306167813  # the standard normal's 99.9 per cent quantile
_POINTS = 64  # of a quantised logarithmic range

_Given = Mapping[str, Any]


def parameters(given: Any, prefix: str = "") -> dict[str, Domain]:
    """The parameters by name; those nested in others are named `outer.inner`. Raises SpaceError."""
    if not isinstance(given, Mapping) or not given:
        raise SpaceError(f"{prefix or 'parameters'} must map names to what may be tried, got {given!r}")
    found: dict[str, Domain] = {}
    for name, body in given.items():
        place = f"{prefix}{name}"
        if isinstance(body, Mapping) and "parameters" in body:
            if body.keys() != {"parameters"}:
                raise SpaceError(f"parameters.{place}: nested parameters stand alone, got {', '.join(body)}")
            found |= parameters(body["parameters"], f"{place}.")
            continue
        try:
            found[place] = _domain(body)
        except (SpaceError, SettingError) as error:
            raise SpaceError(f"parameters.{place}: {error}") from None
    return found


def _domain(body: Any) -> Domain:
    if not isinstance(body, Mapping):
        raise SpaceError(f"must be a mapping such as {{min: 0.0, max: 1.0}}, got {body!r}")
    kind = body.get("distribution") or _kind(body)
    build = _BUILD.get(kind)
    if build is None:
        raise SpaceError(f"the distribution {kind!r} is not there: choose one of {', '.join(_BUILD)}")
    makes, keys = build
    for key in body:
        if key not in (*keys, "distribution"):
            raise SpaceError(f"{kind} does not take {key!r}: it takes {', '.join(keys)}")
    missing = [key for key in keys if key not in body and key not in _OPTIONAL]
    if missing:
        raise SpaceError(f"{kind} needs {missing[0]!r}")
    return makes(body)


_OPTIONAL = {"q": 1, "mu": 0, "sigma": 1}


def _kind(body: _Given) -> str:
    """The distribution that a parameter without one has."""
    if "values" in body:
        return "categorical"
    if "value" in body:
        return "constant"
    if "min" in body and "max" in body:
        whole = type(body["min"]) is int and type(body["max"]) is int
        return "int_uniform" if whole else "uniform"
    raise SpaceError(f"say value, values, or min and max, got {dict(body)!r}")


def _of(body: _Given, key: str) -> float:
    given = body.get(key, _OPTIONAL.get(key))
    if isinstance(given, str):  # YAML takes 1e-5 for text
        with contextlib.suppress(ValueError):
            given = float(given)
    return _check.number(key, given)


def _uniform(body: _Given) -> Domain:
    return Float(_of(body, "min"), _of(body, "max"))


def _integers(body: _Given) -> Domain:
    return Int(body["min"], body["max"])


def _stepped(body: _Given) -> Domain:
    return _on_grid(_of(body, "min"), _of(body, "max"), _of(body, "q"))


def _on_grid(low: float, high: float, q: float, prior: float | None = None) -> Domain:
    """The multiples of q that values between low and high are rounded to."""
    if q <= 0:
        raise SpaceError(f"q must be positive, got {q}")
    first, last = round(low / q), round(high / q)
    belief = None if prior is None else round(prior / q)
    if q == int(q):
        step = int(q)
        return Int(
            first * step, last * step, step=step, prior=None if belief is None else Prior(belief * step)
        )
    return Float(first * q, last * q, step=q, prior=None if belief is None else Prior(belief * q))


def _logarithmic(low: float, high: float) -> Domain:
    return Float(low, high, log=True)


def _on_log_grid(low: float, high: float, q: float) -> Domain:
    if q <= 0 or low <= 0 or low > high:
        raise SpaceError(f"needs 0 < lowest <= highest and q > 0, got {low:g}, {high:g}, q={q:g}")
    if q == 1 and low >= 0.5:
        return Int(max(1, round(low)), max(1, round(high)), log=True)
    ratio = (high / low) ** (1 / (_POINTS - 1))
    found = sorted({round(low * ratio**k / q) * q for k in range(_POINTS)})
    return Categorical([int(x) if x == int(x) else x for x in found], ordered=True)


def _normal(body: _Given) -> Domain:
    mu, sigma = _of(body, "mu"), _of(body, "sigma")
    return Float(mu - _SIGMAS * sigma, mu + _SIGMAS * sigma, prior=Prior(mu))


def _stepped_normal(body: _Given) -> Domain:
    mu, sigma = _of(body, "mu"), _of(body, "sigma")
    return _on_grid(mu - _SIGMAS * sigma, mu + _SIGMAS * sigma, _of(body, "q"), mu)


def _log_normal(body: _Given) -> Domain:
    mu, sigma = _of(body, "mu"), _of(body, "sigma")
    low, high = math.exp(mu - _SIGMAS * sigma), math.exp(mu + _SIGMAS * sigma)
    return Float(low, high, log=True, prior=Prior(math.exp(mu)))


def _stepped_log_normal(body: _Given) -> Domain:
    mu, sigma = _of(body, "mu"), _of(body, "sigma")
    low, high = math.exp(mu - _SIGMAS * sigma), math.exp(mu + _SIGMAS * sigma)
    return _on_log_grid(low, high, _of(body, "q"))


def _powers(body: _Given) -> tuple[float, float]:
    """e to the power of min and max, which is what log_uniform is given."""
    return math.exp(_of(body, "min")), math.exp(_of(body, "max"))


def _inverse(body: _Given) -> Domain:
    low, high = _powers(body)
    return _logarithmic(1 / high, 1 / low)


def _values(body: _Given) -> tuple[float, float]:
    return _of(body, "min"), _of(body, "max")


def _categories(body: _Given) -> Domain:
    return parse_domain(body["values"])


_RANGE = ("min", "max")
_STEPS = ("min", "max", "q")
_BELL = ("mu", "sigma")
_BUILD: Mapping[str, tuple[Callable[[_Given], Domain], tuple[str, ...]]] = {
    "constant": (lambda body: Constant(body["value"]), ("value",)),
    "categorical": (_categories, ("values",)),
    "int_uniform": (_integers, _RANGE),
    "uniform": (_uniform, _RANGE),
    "q_uniform": (_stepped, _STEPS),
    "log_uniform": (lambda body: _logarithmic(*_powers(body)), _RANGE),
    "log_uniform_values": (lambda body: _logarithmic(*_values(body)), _RANGE),
    "q_log_uniform": (lambda body: _on_log_grid(*_powers(body), _of(body, "q")), _STEPS),
    "q_log_uniform_values": (lambda body: _on_log_grid(*_values(body), _of(body, "q")), _STEPS),
    "inv_log_uniform": (_inverse, _RANGE),
    "inv_log_uniform_values": (lambda body: _logarithmic(*_values(body)), _RANGE),
    "normal": (_normal, _BELL),
    "q_normal": (_stepped_normal, (*_BELL, "q")),
    "log_normal": (_log_normal, _BELL),
    "q_log_normal": (_stepped_log_normal, (*_BELL, "q")),
}
