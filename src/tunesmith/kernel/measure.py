"""What an objective returned, reported or yielded, turned into values; or a sentence on what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tunesmith.errors import ObjectiveError
from tunesmith.record.evaluation import Evaluation


class Measured(NamedTuple):
    """Values in the order of the objectives, and what else was measured; the gradient as it was given."""

    values: tuple[float, ...]
    metrics: dict[str, float]
    gradient: Any = None


_NO_METRICS: dict[str, float] = {}


def measured(result: Any, names: Sequence[str]) -> Measured:
    """`result` as values for the objectives `names`.

    One objective takes a number, or a mapping that holds it; several take a mapping, or a sequence in their
    order; an Evaluation holds one of these. Further numbers of a mapping are kept as metrics. Raises
    ObjectiveError for anything else.
    """
    if type(result) is float and len(names) == 1:
        return Measured((result,), _NO_METRICS)
    if isinstance(result, Evaluation):
        return measured(result.value, names)._replace(gradient=result.gradient)
    if isinstance(result, Mapping):
        missing = [name for name in names if name not in result]
        if missing:
            raise ObjectiveError(
                f"the objective must measure {_listed(names)}, got only {_listed(result)}: "
                f"{missing[0]!r} is missing"
            )
        values = tuple(_number(result[name], name) for name in names)
        return Measured(values, {k: _number(v, k) for k, v in result.items() if k not in names})
    if len(names) == 1:
        return Measured((_number(result, names[0]),), _NO_METRICS)
    if isinstance(result, Sequence) and not isinstance(result, (str, bytes)) and len(result) == len(names):
        return Measured(tuple(_number(v, n) for v, n in zip(result, names, strict=True)), _NO_METRICS)
    raise ObjectiveError(
        f"the objective must return {len(names)} values ({_listed(names)}) as a dict or a tuple, "
        f"got {_shown(result)}"
    )


def flaw(values: tuple[float, ...], names: Sequence[str]) -> str | None:
    """What makes these values unfit to be told: NaN."""
    if len(values) == 1 and values[0] == values[0]:
        return None
    for value, name in zip(values, names, strict=True):
        if value != value:
            return f"the objective returned nan for {name!r}"
    return None


def _number(value: Any, name: Any) -> float:
    if isinstance(value, (str, bytes, bool)) or value is None:
        raise ObjectiveError(f"the objective must return a number for {name!r}, got {_shown(value)}")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ObjectiveError(
            f"the objective must return a number for {name!r}, got {_shown(value)}"
        ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


def _listed(names: Any) -> str:
    return ", ".join(repr(name) for name in names)
