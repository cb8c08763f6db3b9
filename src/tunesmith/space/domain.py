"""The kinds of domain in one place, and reading them back from JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.base import Domain
from tunesmith.space.category import UNSET, Categorical, Constant
from tunesmith.space.choice import Choice
from tunesmith.space.number import Float, Int
from tunesmith.space.prior import Prior

__all__ = ["UNSET", "Categorical", "Choice", "Constant", "Domain", "Float", "Int", "domain_from_json"]


def domain_from_json(data: Mapping[str, Any]) -> Domain:
    """The domain that `as_json` wrote. Raises SpaceError for an unknown type."""
    settings = {key: value for key, value in data.items() if key not in ("type", "name")}
    if "prior" in settings:
        settings["prior"] = Prior(**settings["prior"])
    read = _READERS.get(data.get("type", ""))
    if read is None:
        raise SpaceError(
            f"a parameter of type {data.get('type')!r} is not known to this Tunesmith: known are "
            f"{', '.join(_READERS)}; upgrade Tunesmith if a newer one wrote it"
        )
    try:
        return read(settings)
    except (TypeError, KeyError) as error:
        raise SpaceError(f"a parameter read from JSON is damaged ({error}): {dict(data)!r}") from None


def _choice(settings: dict[str, Any]) -> Domain:
    branches = {
        branch["label"]: {inner["name"]: domain_from_json(inner) for inner in branch["parameters"]}
        for branch in settings.pop("branches")
    }
    return Choice(branches, **settings)


_READERS: dict[str, Callable[[dict[str, Any]], Domain]] = {
    "float": lambda settings: Float(**settings),
    "int": lambda settings: Int(**settings),
    "categorical": lambda settings: Categorical(settings.pop("choices"), **settings),
    "constant": lambda settings: Constant(**settings),
    "choice": _choice,
}
