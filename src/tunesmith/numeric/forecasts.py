"""What is expected of a value that was not measured yet, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtr, stdtr

Floats = NDArray[np.float64]

_HALVINGS = 40  # of the bracket around a quantile
_WIDE = 12.0  # standard deviations about each part in which quantiles are sought first


class Forecast(NamedTuple):
    """Values of some curves at some steps, shape (curves, steps): their means and standard deviations.

    A forecast is a mixture of parts: normal distributions, or Student's where `freedom` is finite. Standard
    deviations count the noise of one measurement: they say where a report will be.

    Attributes:
        mean, sd: shape (curves, steps).
        weights: of the parts, shape (curves, parts); they add up to 1.
        centers, widths: of the parts, shape (curves, parts, steps).
        freedom: degrees of freedom, shape (curves,).
    """

    mean: Floats
    sd: Floats
    weights: Floats
    centers: Floats
    widths: Floats
    freedom: Floats

    @classmethod
    def single(cls, mean: Floats, sd: Floats, freedom: float = np.inf) -> Forecast:
        """Normal distributions; with finite `freedom` Student's, of which `sd` is then the width."""
        few = np.ones((len(mean), 1))
        return cls(mean, sd, few, mean[:, None], sd[:, None], np.full(len(mean), freedom))

    @classmethod
    def mixture(cls, weights: Floats, centers: Floats, widths: Floats, freedom: Floats) -> Forecast:
        """A mixture of Student's distributions."""
        mean = np.einsum("bk,bkm->bm", weights, centers)
        heavy = 1.0 + 2.0 / np.maximum(freedom - 2.0, 0.5)  # nu / (nu - 2); below 2.5 as if 2.5
        spread = heavy[:, None, None] * widths**2 + (centers - mean[:, None]) ** 2
        sd = np.sqrt(np.einsum("bk,bkm->bm", weights, spread))
        return cls(mean, sd, weights, centers, widths, freedom)

    def with_rows(self, rows: list[int], other: Forecast) -> Forecast:
        """This forecast with those of `other` for the curves `rows`; the rest keep their mean and sd."""
        count, parts = len(self.mean), other.weights.shape[1]
        weights = np.full((count, parts), 1.0 / parts)
        centers, widths = (np.repeat(z[:, None], parts, axis=1) for z in (self.mean, self.sd))
        whole = Forecast(self.mean.copy(), self.sd.copy(), weights, centers, widths, self.freedom.copy())
        for own, new in zip(whole, other, strict=True):
            own[rows] = new
        return whole

    def below(self, threshold: ArrayLike) -> Floats:
        """The probability that values are less than `threshold`, which broadcasts against (curves, steps)."""
        given = np.asarray(threshold, dtype=np.float64)
        limit = np.broadcast_to(given, np.broadcast_shapes(given.shape, self.mean.shape))
        z = (limit[:, None, :] - self.centers) / self.widths
        freedom = np.broadcast_to(self.freedom[:, None, None], z.shape)
        fine = np.isfinite(freedom)
        chance = np.where(fine, stdtr(np.where(fine, freedom, 1.0), z), ndtr(z))
        found: Floats = np.einsum("bk,bkm->bm", self.weights, chance)
        return found

    def densities(self, values: Floats) -> Floats:
        """Of the parts at `values` (curves, steps), not weighted: shape (curves, parts, steps)."""
        z = (values[:, None, :] - self.centers) / self.widths
        n = self.freedom[:, None, None]
        fine = np.isfinite(n)
        n = np.where(fine, n, 1.0)
        constant = gammaln(0.5 * n + 0.5) - gammaln(0.5 * n) - 0.5 * np.log(n * np.pi)
        student = constant - 0.5 * (n + 1.0) * np.log1p(z**2 / n)
        normal = -0.5 * (z**2 + np.log(2.0 * np.pi))
        found: Floats = np.exp(np.where(fine, student, normal)) / self.widths
        return found

    def quantile(self, share: float) -> Floats:
        """The values that a share of the distribution is below, shape (curves, steps)."""
        reach = _WIDE * self.widths
        low, high = (self.centers - reach).min(axis=1), (self.centers + reach).max(axis=1)
        for _ in range(4):  # heavy tails
            low = np.where(self.below(low) > share, low - 4.0 * (high - low), low)
            high = np.where(self.below(high) < share, high + 4.0 * (high - low), high)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            less = self.below(middle) < share
            low, high = np.where(less, middle, low), np.where(less, high, middle)
        middle_: Floats = 0.5 * (low + high)
        return middle_

    def interval(self, level: float = 0.8) -> tuple[Floats, Floats]:
        """Where values are with a probability of `level`, as much beside it below as above."""
        return self.quantile(0.5 - 0.5 * level), self.quantile(0.5 + 0.5 * level)


def positive(steps: Floats) -> Floats:
    """Rising steps; those up to 0 as half of the first one above it, for there are logarithms of them."""
    above = steps[steps > 0.0]
    least = 0.5 * float(above[0]) if len(above) else 1.0
    return np.maximum(steps, least) if len(above) < len(steps) else steps


def thinned(steps: Floats, most: int) -> NDArray[np.intp]:
    """At most so many indices into rising `steps`, evenly over their logarithms, both ends included."""
    if len(steps) <= most:
        return np.arange(len(steps))
    steps = positive(steps)
    goals = np.geomspace(steps[0], steps[-1], most)
    found = np.unique(np.searchsorted(steps, goals * (1.0 - 1e-9)).clip(0, len(steps) - 1))
    return found.astype(np.intp)
