"""What an unfinished trial will come to, by its learning curve and by those of other trials."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith._threads import one_thread
from tunesmith.record.trial import COMPLETE, PAUSED, STOPPED, Trial

LEVEL = 0.9  # of the intervals
_MOST_CURVES = 16  # complete ones, and as many stopped and paused ones, from which a forecast starts


@dataclass(frozen=True, slots=True)
class CurveForecast:
    """What is expected of a trial at some steps, in the units and with the sign of its reports.

    Attributes:
        number: the trial. steps: where.
        mean: what is expected there; at a step that was reported, what was measured.
        low, high: between these a report lies with a probability of 90 %, as far as the model holds. Where
            the study has no value below 0, none is expected; where all are between 0 and 1, none above 1.
    """

    number: int
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def full_length(trials: Iterable[Trial]) -> float | None:
    """The last step of the longest complete trial; None when none has reported."""
    return max((t.step for t in trials if t.state is COMPLETE and t.step > 0), default=None)


def foresee(
    trial: Trial,
    others: Iterable[Trial],
    at: Sequence[float],
    *,
    end: float,
    objective: int = 0,
    sign: float = 1,
) -> CurveForecast | None:
    """The forecast of a trial's reports at the steps `at`; None when it has reported nothing finite.

    `others`: trials of the study, of which the latest complete, stopped and paused ones say what curves
    are like here. `end`: the step of a full curve. `sign`: losses times sign are values.
    """
    from tunesmith.numeric.curves import forecast, learned

    own = _curve(trial, objective)
    if not own[0]:
        return None
    known = [_curve(other, objective) for other in _telling(others, trial.number)]
    with one_thread:
        found = forecast([own], np.array(at, dtype=np.float64), learned(known, end))
        low, high = found.interval(LEVEL)
    said = dict(zip(*own, strict=True))
    limits = _limits([sign * loss for _, losses in (own, *known) for loss in losses], sign)
    rows = zip(at, *(np.clip(z[0], *limits).tolist() for z in (low, found.mean, high)), strict=True)
    told = [(said[step],) * 3 if step in said else tuple(row) for step, *row in rows]
    first, mean, last = (tuple(sign * row[i] for row in told) for i in range(3))
    low_, high_ = (first, last) if sign > 0 else (last, first)
    return CurveForecast(trial.number, tuple(at), mean, low_, high_)


def _limits(values: list[float], sign: float) -> tuple[float, float]:
    """Between which losses lie, where values were never below 0, or always between 0 and 1, as shares are."""
    least = 0.0 if min(values) >= 0.0 else -math.inf
    most = 1.0 if min(values) >= 0.0 and max(values) <= 1.0 else math.inf
    return (least, most) if sign > 0 else (-most, -least)


def _curve(trial: Trial, objective: int) -> tuple[list[float], list[float]]:
    """Steps and losses, rising, the finite ones."""
    found = {r.step: r.losses[objective] for r in trial.reports if math.isfinite(r.losses[objective])}
    steps = sorted(found)
    return steps, [found[step] for step in steps]


def _telling(trials: Iterable[Trial], number: int) -> list[Trial]:
    kept = [t for t in trials if t.reports and t.number != number]
    complete = [t for t in kept if t.state is COMPLETE][-_MOST_CURVES:]
    return complete + [t for t in kept if t.state is STOPPED or t.state is PAUSED][-_MOST_CURVES:]
