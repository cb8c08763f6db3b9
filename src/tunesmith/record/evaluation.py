"""What an objective returns that knows its slope."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import ObjectiveError
from tunesmith.space.domain import Domain


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A measured value together with its gradient by some of the continuous parameters.

    Return it from an objective, or hand it to `study.tell`, when derivatives are at hand (`ts.gradients`
    computes them for training runs): `ts.Evaluation(loss, gradient={"lr": 0.31, "l2": -2.0})`. The searcher
    `gradient` descends along them; others look at the value alone. The gradient is that of the value as it is
    returned, whichever the direction, by each parameter in its own units (`d loss / d lr`, also where the
    space is logarithmic); parameters left out have no known slope. It counts at the end of a trial, not in
    reports, and with one objective only. A number in it that is not finite fails the trial, as NaN does.

    Args:
        value: what would be returned without a gradient: a number, or a mapping that holds further metrics.
        gradient: one number for each continuous, active parameter whose slope is known.
    """

    value: Any
    gradient: Mapping[str, Any] | None = None


def checked_gradient(
    gradient: Any, domains: Mapping[str, Domain], objectives: int
) -> Mapping[str, float] | None:
    """The gradient as floats, None for an empty one. Raises ObjectiveError for one that cannot be."""
    if gradient is None:
        return None
    if objectives != 1:
        raise ObjectiveError(
            f"a gradient belongs to one objective, and this study has {objectives}: return the values alone"
        )
    if not isinstance(gradient, Mapping):
        raise ObjectiveError(f"a gradient must be a mapping such as {{'lr': 0.1}}, got {gradient!r:.80}")
    return {name: _slope(name, value, domains) for name, value in gradient.items()} or None


def steep(gradient: Mapping[str, float] | None) -> str | None:
    """What makes the gradient unfit to be told: a number that is not finite."""
    for name, slope in (gradient or {}).items():
        if not math.isfinite(slope):
            return f"the objective returned {slope} as its gradient by {name!r}: leave out what is not known"
    return None


def _slope(name: Any, value: Any, domains: Mapping[str, Domain]) -> float:
    domain = domains.get(name)
    if domain is None:
        known = ", ".join(map(repr, domains)) or "none"
        raise ObjectiveError(
            f"the gradient names {name!r}, which is no active parameter of this trial; there are: {known}"
        )
    if domain.cardinality is not None:
        raise ObjectiveError(
            f"the gradient names {name!r}, which is not continuous ({domain!r}): leave it out, or declare it "
            "as Float without a step"
        )
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise ObjectiveError(
            f"the gradient by {name!r} must be a number, got {value!r:.80} ({type(value).__name__})"
        ) from None
