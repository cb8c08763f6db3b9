"""How much each parameter decides whether a trial is among the best: PED-ANOVA.

Watanabe, Bansal and Hutter (IJCAI 2023, arXiv 2304.10255), with D^gamma' the best share gamma' of the trials
D. The variance of the marginal of the indicator "is in D^gamma'" over parameter d has the closed form

    v_d = gamma'^2 * E_{x ~ p_d(.|D)} [ (p_d(x|D^gamma') / p_d(x|D) - 1)^2 ],                    (1)

gamma'^2 times the Pearson divergence of two one-dimensional densities (section 3 of the paper, with the
whole study as its region, gamma = 1); importances are the v_d as shares of their sum. Densities are kernel
estimates on cells of the unit interval; both use one kernel K, of Scott's bandwidth for the best trials.

Added here: chance alone makes (1) positive, the more the fewer trials. Were D^gamma' any n' of the n trials,
drawn without replacement, then (1) would be, on average, when all trials weigh the same,

    gamma'^2 * (n - n') / (n' (n - 1)) * sum_c ( E_D[K(c, x)^2] - p(c)^2 ) / p(c),                (2)

which is taken off; and nothing is claimed as long as no parameter stands out by `_CLEAR` standard deviations.

A searcher that has found the good region makes most of its trials alike, good and bad ones. So at first a
trial weighs 1 / p_d(x|D) in all of the above, as if the parameter had been drawn evenly, and the best are
those that make up the share gamma' of the weights. When that shows nothing, for a few heavy trials are noisy,
all weigh the same. The best third is compared as well, and the clearer of both is taken. A conditional
parameter is judged by the trials in which it is active, and weighs as much as their share of all.

Trust it most in random trials. In 112 studies of TPE, 40 to 120 trials of six objectives with one decisive
parameter, that one led in 100, another in 4, and in 8 nothing was said; unweighted in 75, 10 and 27. Of pure
noise something is claimed in one of six studies of 100 trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tunesmith.record.history import unit_row
from tunesmith.record.trial import Trial, TrialState
from tunesmith.space.domain import Domain
from tunesmith.space.space import Space

Floats = NDArray[np.float64]

ENOUGH = 30
"""With fewer trials nothing is said."""

_TARGETS = (0.1, 0.35)  # gamma' of the paper, and a wider one; the clearer is taken
_LEAST = 8  # of the best trials: fewer make no density
_CELLS = 32
_CLEAR = 3.0  # standard deviations above chance at which a parameter stands out


def importances(trials: Sequence[Trial], space: Space, objective: int = 0) -> dict[str, float]:
    """Each parameter's share in what makes a trial one of the best, largest first; the shares sum to 1.

    Trials that failed teach nothing; one that a scheduler has stopped or paused ranks behind the complete
    ones, by how far it came. A parameter that was active in fewer than `ENOUGH` trials, or has one value
    only, is left out; with fewer trials in all the answer is empty. All shares are 0 when none can be told
    from chance. `objective`: the index of the one that says what is best. O(trials * parameters).
    """
    known = [trial for trial in trials if _teaches(trial, objective)]
    if len(known) < ENOUGH:
        return {}
    known.sort(key=lambda trial: _order(trial, objective))
    units = np.array([unit_row(space, trial.params) for trial in known], dtype=np.float64)
    columns = {p.name: (p.domain, units[:, i]) for i, p in enumerate(space.dims) if p.domain.cardinality != 1}
    judged = {name: (domain, units[~np.isnan(units)]) for name, (domain, units) in columns.items()}
    judged = {name: found for name, found in judged.items() if len(found[1]) >= ENOUGH}
    weights = {name: _weights(units, domain) for name, (domain, units) in judged.items()}
    even = {name: np.ones(len(found)) for name, found in weights.items()}
    shares = _clearest(judged, weights) or _clearest(judged, even) or dict.fromkeys(judged, 0.0)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _clearest(
    judged: Mapping[str, tuple[Domain, Floats]], weights: Mapping[str, Floats]
) -> dict[str, float] | None:
    """The shares at the target at which a parameter stands out most; None when none does."""
    shares = None
    clearest = _CLEAR
    for target in _TARGETS:
        found = {name: _variance(*judged[name], weights[name], target) for name in judged}
        most = max((deviations for _, deviations in found.values()), default=0.0)
        if most > clearest:
            clearest = most
            sizes = {name: max(0.0, v) * len(judged[name][1]) for name, (v, _) in found.items()}
            shares = {name: size / sum(sizes.values()) for name, size in sizes.items()}
    return shares


def _teaches(trial: Trial, objective: int) -> bool:
    seen = trial.state in (TrialState.COMPLETE, TrialState.STOPPED, TrialState.PAUSED)
    return seen and trial.losses is not None and math.isfinite(trial.losses[objective])


def _order(trial: Trial, objective: int) -> tuple[float, bool, float, float]:
    """Best first: a scheduler lets a trial go further because it was better."""
    whole = trial.state is TrialState.COMPLETE
    loss = trial.losses[objective] if trial.losses else math.inf
    return (trial.violation, not whole, 0 if whole else -trial.step, loss)


def _variance(domain: Domain, units: Floats, weights: Floats, target: float) -> tuple[float, float]:
    """v_d of (1) less what chance makes of it, (2), and that in standard deviations of chance.

    `units` of one parameter, those of the best trial first, and weights with mean 1; `target` is gamma'.
    """
    count = len(units)
    best = int(np.searchsorted(np.cumsum(weights), target * count - 1e-9)) + 1
    best = min(max(best, _LEAST), count - 1)
    cells, kernel = _smoother(units, domain, best)
    size = len(kernel)
    share = float(weights[:best].sum()) / count
    density = kernel @ np.bincount(cells, weights, size) / count
    above = kernel @ np.bincount(cells[:best], weights[:best], size) / (share * count)
    divergence = float(np.sum((above - density) ** 2 / density))
    # By chance, (above - density) / sqrt(density) has this covariance; the trace is the sum in (2), and a sum
    # of squares of normal variables has twice the squared Frobenius norm as its variance.
    squares = np.bincount(cells, weights**2, size) / count
    off = kernel - density[:, None]
    scatter = (off * squares) @ off.T / np.sqrt(np.outer(density, density))
    scatter *= (best / (share * count)) ** 2 * (count - best) / (best * (count - 1))
    excess = divergence - float(np.trace(scatter))
    spread = math.sqrt(2.0 * float(np.sum(scatter**2)))
    return share**2 * excess, excess / spread if spread > 0 else 0.0


def _weights(units: Floats, domain: Domain) -> Floats:
    """Of each trial, inverse to how often its value was tried; with mean 1."""
    cells, kernel = _smoother(units, domain, len(units))
    density = kernel @ np.bincount(cells, minlength=len(kernel))
    found: Floats = 1.0 / density[cells]
    found /= found.mean()
    return found


def _smoother(units: Floats, domain: Domain, best: int) -> tuple[NDArray[np.intp], Floats]:
    """The cell of each unit value, and the kernel K: column c is what a trial in cell c adds to each cell."""
    few = domain.cardinality is not None and domain.cardinality <= _CELLS
    if few:
        places, cells = np.unique(units, return_inverse=True)
    else:
        places = (np.arange(_CELLS) + 0.5) / _CELLS
        cells = np.minimum((units * _CELLS).astype(np.intp), _CELLS - 1)
    if not (domain.numeric or domain.ordered):
        return cells, np.eye(len(places))
    width = max(1.06 * float(units[:best].std()) * best**-0.2, 0.5 / _CELLS)  # Scott's rule
    kernel = np.exp(-0.5 * ((places[:, None] - places[None, :]) / width) ** 2) + 1e-9
    return cells, kernel / kernel.sum(axis=0)
