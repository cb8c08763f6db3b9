"""Stopping by extrapolated learning curves (Domhan, Springenberg and Hutter 2015, IJCAI).

Section 3.3 of the paper: a trial is stopped when the probability that it ends better than the best one so far
is below a threshold, 0.05. Here the forecasts are those of `numeric.curves`, which start from the
curves of the study's other trials, and decisions come at steps that are spaced evenly on a logarithmic scale.
With several objectives a trial is stopped when a member of the Pareto front will dominate it with a
probability above 1 - 0.05; with one objective that is the same rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tunesmith import _check
from tunesmith._threads import one_thread
from tunesmith.errors import SettingError
from tunesmith.numeric.curves import CurvePrior, forecast, learned
from tunesmith.numeric.forecasts import Forecast, thinned
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.problem import Problem
from tunesmith.record.trial import COMPLETE, ENDS, FAILED, Report, Trial
from tunesmith.schedule._base import Scheduler

Points = tuple[tuple[float, ...], ...]
"""Of each report, the step and the losses."""

_MOST_POINTS = 40  # of a curve that are remembered
_MOST_CURVES = 8  # the latest complete ones, and as many of the latest stopped ones
_GROWTH = 1.5  # by which finished curves become more before they are studied again
_SPACING = 1.4  # between steps at which is decided
_LEAST_REPORTS = 4
_GRACE = 0.1  # of the whole


class _State(NamedTuple):
    end: float | None  # of a full curve, where it is known beforehand
    longest: float = 0.0  # step of a complete trial
    front: tuple[tuple[float, ...], ...] = ()  # losses at the end of the best feasible trials
    completed: int = 0
    finished: int = 0  # these, and those that were stopped
    complete: tuple[Points, ...] = ()  # the latest
    stopped: tuple[Points, ...] = ()
    studied: int = 0  # how many were finished when `known` was taken
    known: tuple[Points, ...] = ()  # what forecasts start from


@dataclass(frozen=True, slots=True)
class CurveStop(Scheduler[_State]):
    """Stops a trial when its learning curve, extrapolated, will hardly become the best.

    Choose it when curves are smooth, trials are few and long, and each is worth a model: it judges a trial by
    where it is heading, so that one that starts slowly and falls for long is kept, where ranking at a common
    step would stop it. It costs milliseconds a decision. Several objectives: a trial is stopped when one of
    the Pareto front will probably dominate it. Domhan et al. 2015, IJCAI.

    Args:
        chance: of becoming better than the best so far, below which a trial is stopped.
        grace: the step before which nothing is stopped; None: a tenth of the whole.
        startup: how many trials are run to their end first.
        high: the step of a full curve; None takes it from the study's fidelity, or from the trials that have
            run to their end.

    Raises SettingError for a chance that is not between 0 and 0.5, and for numbers that are not positive.
    """

    chance: float = 0.05
    grace: float | None = None
    startup: int = 4
    high: float | None = None

    objectives = None

    def __post_init__(self) -> None:
        if not 0.0 < _check.number("curve's chance", self.chance) < 0.5:
            raise SettingError(
                f"curve's chance must be between 0 and 0.5, got {self.chance!r}: 0.05 is usual"
            )
        _check.integer("curve's startup", self.startup, 1)
        for name, value in (("grace", self.grace), ("high", self.high)):
            if value is not None and _check.number(f"curve's {name}", value) <= 0:
                raise SettingError(f"curve's {name} must be a step more than 0, got {value!r}")

    def init(self, problem: Problem) -> _State:
        return _State(self.high or (problem.fidelity.high if problem.fidelity else None))

    def tell(self, state: _State, trial: Trial) -> _State:
        if trial.state not in ENDS or trial.state is FAILED or not trial.reports:
            return state
        points = _thinned(trial.reports)
        if not points:
            return state
        if trial.state is COMPLETE:
            last = trial.reports[-1]
            if trial.violation == 0.0 and all(map(math.isfinite, last.losses)):
                state = state._replace(front=_with(state.front, last.losses))
            latest = (*state.complete, points)[-_MOST_CURVES:]
            state = state._replace(
                complete=latest, completed=state.completed + 1, longest=max(state.longest, last.step)
            )
        else:
            state = state._replace(stopped=(*state.stopped, points)[-_MOST_CURVES:])
        finished = state.finished + 1
        if finished >= _GROWTH * state.studied:
            known = (*state.complete, *state.stopped)
            return state._replace(finished=finished, studied=finished, known=known)
        return state._replace(finished=finished)

    def decide(self, state: _State, trial: Trial) -> Decision:
        end = state.end or state.longest
        if state.completed < self.startup or not state.front or trial.step >= end:
            return Decision.CONTINUE
        if not _is_time(trial.reports, self.grace or _GRACE * end):
            return Decision.CONTINUE
        if not all(map(math.isfinite, trial.reports[-1].losses)):
            return Decision.STOP
        points = _thinned(trial.reports)
        if len(points) < _LEAST_REPORTS:
            return Decision.CONTINUE
        chance = _chance(points, state.known, end, state.front)
        return Decision.STOP if chance < self.chance else Decision.CONTINUE

    def plan(self, state: _State, number: int) -> Plan:  # noqa: ARG002
        return Start(state.end)


def _is_time(reports: tuple[Report, ...], grace: float) -> bool:
    """Whether the last report passed one of the steps grace, grace * 1.4, grace * 1.4^2, …"""
    step = reports[-1].step
    if step < grace or len(reports) < _LEAST_REPORTS:
        return False
    before = reports[-2].step
    if before < grace or len(reports) == _LEAST_REPORTS:
        return True
    last, now = (math.floor(math.log(s / grace) / math.log(_SPACING) + 1e-9) for s in (before, step))
    return now > last


def _thinned(reports: tuple[Report, ...]) -> Points:
    """Steps and losses, rising, finite, at most so many."""
    if len(reports) > _MOST_POINTS:
        rows = thinned(np.array([max(r.step, 0.0) for r in reports]), _MOST_POINTS)
        reports = tuple(reports[row] for row in rows.tolist())
    found = [(r.step, *r.losses) for r in reports if all(map(math.isfinite, r.losses))]
    return tuple(sorted(found))


def _with(front: tuple[tuple[float, ...], ...], losses: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """The front with one more, less those that are dominated."""
    if any(all(a <= b for a, b in zip(other, losses, strict=True)) for other in front):
        return front
    kept = (o for o in front if not all(a <= b for a, b in zip(losses, o, strict=True)))
    return (*kept, losses)


def _chance(
    points: Points, known: tuple[Points, ...], end: float, front: tuple[tuple[float, ...], ...]
) -> float:
    """An upper bound of the probability that nothing of the front will dominate the trial; exact for one."""
    worse = np.ones(len(front))
    for index, limits in enumerate(zip(*front, strict=True), start=1):
        found = _expected(points, known, end, index)
        worse *= 1.0 - found.below(np.array([limits]))[0]
    return 1.0 - float(worse.max())


@lru_cache(maxsize=512)
def _expected(points: Points, known: tuple[Points, ...], end: float, index: int) -> Forecast:
    curve = ([p[0] for p in points], [p[index] for p in points])
    with one_thread:
        return forecast([curve], np.array([end]), _learned(known, end, index))


@lru_cache(maxsize=64)
def _learned(known: tuple[Points, ...], end: float, index: int) -> CurvePrior | None:
    """What the study's curves have in common; a function of its arguments, kept because it takes a while."""
    return learned([([p[0] for p in points], [p[index] for p in points]) for points in known], end)
