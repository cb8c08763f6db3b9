"""Which configuration to deploy: the best by what is expected of it, not by the luckiest measurement.

The best of many noisy scores is better than what it stands for (Cawley and Talbot 2010, JMLR 11; the winner's
curse), so configurations are compared by posterior means: of a Gaussian process over all trials, or, while
there are few, of the means of repeated trials shrunk to each other (Efron and
Morris 1973, JASA 68).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunesmith._threads import one_thread
from tunesmith.numeric.smooth import distances, smooth
from tunesmith.record.history import unit_row
from tunesmith.record.trial import COMPLETE, Trial
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

_FEW = 8  # configurations: of fewer, neighbours tell nothing
_MOST = 300  # that are modelled; of more, the better half of these and an even sample of the others
_EVIDENCE = 2.0  # in favour of noise, in log likelihood; with less, what was measured is taken as it is
_NINETY = 1.6448536269514722  # half a 90 % interval, in standard deviations


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The configuration to deploy, and what to expect of it.

    Attributes:
        params: the configuration.
        value: what is expected of it, in the units of the objective.
        interval: where its true mean lies with a probability of 90 %, as far as the model holds.
        optimism: by how much the best score of the study looks better than what is expected of it.
        number: its best trial; evaluations: how many complete trials it has had.
        noise: the standard deviation of one measurement; 0 where none was found.
        reason: how it was chosen, in a sentence.
    """

    params: Mapping[str, Any]
    value: float
    interval: tuple[float, float]
    optimism: float
    number: int
    evaluations: int
    noise: float
    reason: str


class _Tried(NamedTuple):
    """The trials of one configuration; losses, less is better."""

    best: Trial
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(self.losses) / len(self.losses)


class _Belief(NamedTuple):
    """Of each configuration: the mean expected, its standard deviation; and the noise of a measurement."""

    mean: Floats
    sd: Floats
    noise: float
    reason: str
    middle: Floats | None = None  # of the intervals, where these are not about `mean`

    def interval(self, i: int) -> tuple[float, float]:
        mean, reach = float(self.mean[i]), _NINETY * float(self.sd[i])
        middle = mean if self.middle is None else float(self.middle[i])
        return min(mean, middle - reach), max(mean, middle + reach)


def recommend(trials: Iterable[Trial], space: Space, sign: float) -> Recommendation | None:
    """The configuration to deploy, by complete and feasible trials; None when there is none.

    `sign`: +1 when values are minimised, -1 when they are maximised. O(n^3) up to 300 configurations, and no
    more beyond.
    """
    tried = _configurations(trials)
    if not tried:
        return None
    means = np.array([one.mean for one in tried])
    with one_thread:
        belief = _believed(tried, means, space)
    if belief.noise > 0.0:
        chosen = int(np.lexsort((means, belief.mean))[0])
    else:
        chosen = int(np.argmin(means))
    luckiest = min(range(len(tried)), key=lambda i: (min(tried[i].losses), tried[i].best.number))
    optimism = max(0.0, float(belief.mean[luckiest]) - min(tried[luckiest].losses))
    mean = float(belief.mean[chosen])
    ends = sorted(sign * end for end in belief.interval(chosen))
    found = tried[chosen]
    return Recommendation(
        params=dict(found.best.params),
        value=sign * mean,
        interval=(ends[0], ends[1]),
        optimism=optimism,
        number=found.best.number,
        evaluations=len(found.losses),
        noise=belief.noise,
        reason=belief.reason,
    )


def _configurations(trials: Iterable[Trial]) -> list[_Tried]:
    """Complete, feasible, finite trials, those of equal parameters together, in order of number."""
    found: dict[Any, list[Trial]] = {}
    for trial in trials:
        fine = trial.state is COMPLETE and trial.losses is not None and trial.violation == 0.0
        if fine and math.isfinite((trial.losses or (math.nan,))[0]):
            key = tuple(sorted((name, type(value).__name__, value) for name, value in trial.params.items()))
            found.setdefault(key, []).append(trial)
    return [
        _Tried(
            min(same, key=lambda trial: (trial.losses or (), trial.number)),
            tuple(trial.losses[0] for trial in same if trial.losses),
        )
        for same in found.values()
    ]


def _believed(tried: list[_Tried], means: Floats, space: Space) -> _Belief:
    freedom = sum(len(one.losses) - 1 for one in tried)
    pooled = math.fsum((loss - one.mean) ** 2 for one in tried for loss in one.losses)
    measured = _Belief(means, np.zeros(len(tried)), 0.0, "the best measured value: no noise was found")
    if freedom and pooled == 0.0:
        return measured._replace(reason="the best measured value: repeated trials came out equal")
    if len(tried) >= _FEW:
        belief, evidence = _modelled(tried, means, space, pooled, freedom)
        if freedom or evidence > _EVIDENCE:
            return belief
        return measured._replace(sd=belief.sd, middle=belief.mean)  # there may be some all the same
    if freedom and len(tried) > 1:
        return _shrunk(tried, means, pooled / freedom)
    if freedom:
        sd = math.sqrt(pooled / freedom)
        return _Belief(means, np.array([sd / math.sqrt(freedom + 1)]), sd, "the only configuration tried")
    spread = float(means.std(ddof=1)) if len(means) > 1 else math.inf  # all of it may be noise
    reason = "the best measured value: too few trials to tell noise"
    return measured._replace(sd=np.full(len(means), spread), reason=reason)


def _shrunk(tried: list[_Tried], means: Floats, variance: float) -> _Belief:
    """Means drawn together by how much of their spread is noise: empirical Bayes, with a normal prior."""
    counts = np.array([len(one.losses) for one in tried], dtype=np.float64)
    errors = variance / counts
    spread = max(float(np.var(means, ddof=1)) - float(errors.mean()), 0.0)  # of the true means
    kept = spread / (spread + errors)
    middle = float(np.average(means, weights=1.0 / (spread + errors)))
    mean = middle + kept * (means - middle)
    reason = (
        "the best mean of repeated trials, shrunk to the mean of all by how much of their spread is noise"
    )
    # The error of the middle counts where nothing else is kept.
    sd = np.sqrt(kept * errors + (1.0 - kept) ** 2 / np.sum(1.0 / (spread + errors)))
    return _Belief(mean, sd, math.sqrt(variance), reason)


def _modelled(
    tried: list[_Tried], means: Floats, space: Space, pooled: float, freedom: int
) -> tuple[_Belief, float]:
    """By a Gaussian process over the configurations; those not modelled are taken as they are, at the end."""
    rows = _chosen(means)
    points = np.array([unit_row(space, tried[row].best.params) for row in rows.tolist()])
    points = points.reshape(len(rows), len(space.dims))
    categories = np.array([not p.domain.ordered for p in space.dims], dtype=np.bool_)
    counts = np.array([len(tried[row].losses) for row in rows.tolist()], dtype=np.float64)
    values = means[rows]
    # A few very bad values would be all that the scale goes by: beyond this they say "bad" and no more.
    low, middle, high = np.quantile(values, [0.0, 0.5, 0.75])
    capped = np.minimum(values, max(middle + 2.0 * (middle - low), high))
    found = smooth(distances(points, categories), capped, counts, pooled, freedom)
    mean, sd = np.full(len(means), np.inf), np.full(len(means), np.inf)
    mean[rows], sd[rows] = found.mean, found.sd
    reason = "the best posterior mean of a Gaussian process over all trials, which finds them noisy"
    return _Belief(mean, sd, found.noise, reason), found.evidence


def _chosen(means: Floats) -> NDArray[np.intp]:
    order = np.argsort(means, kind="stable")
    if len(order) <= _MOST:
        return np.sort(order)
    half = _MOST // 2
    even = np.linspace(half, len(order) - 1, _MOST - half).round().astype(np.intp)
    return np.sort(np.concatenate([order[:half], order[even]]))
