"""Prior: a belief about where the best value of one parameter lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tunesmith.errors import SpaceError

_UNIFORM = 0.1
_ROOT_TWO = math.sqrt(2.0)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


class Confidence(StrEnum):
    """How strongly a prior is believed."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_SPREAD = {Confidence.LOW: 0.25, Confidence.MEDIUM: 0.12, Confidence.HIGH: 0.05}
_WEIGHT = {Confidence.LOW: 0.25, Confidence.MEDIUM: 0.5, Confidence.HIGH: 0.75}


@dataclass(frozen=True, slots=True)
class Prior:
    """The best value is believed to lie near `value`; a tenth of the mass stays uniform, so it may be wrong.

    Choose it when you know a good value and want early trials there; `default=` merely tries it once.

    On numbers: a normal of standard deviation 0.25, 0.12 or 0.05 of the range (low, medium, high confidence;
    in the logarithm when the parameter is logarithmic), truncated to the range. On categories: 0.25, 0.5 or
    0.75 of the mass goes to `value`, the rest is shared by all.

    Args:
        value: the value believed in; it must lie in the parameter's domain.
        confidence: "low", "medium" or "high", or a `Confidence`.

    Raises:
        SpaceError: for an unknown confidence.
    """

    value: Any
    confidence: Confidence = Confidence.MEDIUM
    spread: float = field(init=False, repr=False, compare=False)
    weight: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            confidence = Confidence(self.confidence)
        except ValueError:
            raise SpaceError(
                f"Prior: confidence must be 'low', 'medium' or 'high', got {self.confidence!r}"
            ) from None
        object.__setattr__(self, "confidence", confidence)
        object.__setattr__(self, "spread", _SPREAD[confidence])
        object.__setattr__(self, "weight", _WEIGHT[confidence])

    def inverse_cdf(self, u: float, center_unit: float, cells: int | None = None) -> float:
        """The unit value below which a share `u` of the belief lies; `cells`: of so many categories."""
        if cells is not None:
            return self._inverse_cells(u, center_unit, cells)
        low, high, x = 0.0, 1.0, center_unit
        spread, scale = self.spread, self.spread * _ROOT_TWO
        bottom = math.erf(-center_unit / scale)
        mass = (1.0 - _UNIFORM) / (math.erf((1.0 - center_unit) / scale) - bottom)
        slope = 2.0 * mass / (spread * _ROOT_TWO_PI)
        for _ in range(80):
            z = (x - center_unit) / spread
            error = _UNIFORM * x + mass * (math.erf(z / _ROOT_TWO) - bottom) - u
            if error > 0.0:
                high = x
            else:
                low = x
            step = error / (_UNIFORM + slope * math.exp(-0.5 * z * z))
            if abs(step) < 1e-15 or high - low < 1e-16:
                break
            x = x - step if low < x - step < high else 0.5 * (low + high)
        return min(max(x, 0.0), 1.0)

    def log_density(self, unit: float, center_unit: float, cells: int | None = None) -> float:
        """The logarithm of the belief's density at a unit value; the uniform belief has 0 everywhere."""
        if cells is not None:
            same = min(int(unit * cells), cells - 1) == min(int(center_unit * cells), cells - 1)
            return math.log(1.0 - self.weight + (self.weight * cells if same else 0.0))
        scale = self.spread * _ROOT_TWO
        inside = 0.5 * (math.erf((1.0 - center_unit) / scale) + math.erf(center_unit / scale))
        z = (unit - center_unit) / self.spread
        bell = math.exp(-0.5 * z * z) / (self.spread * _ROOT_TWO_PI * inside)
        return math.log(_UNIFORM + (1.0 - _UNIFORM) * bell)

    def _inverse_cells(self, u: float, center_unit: float, cells: int) -> float:
        start = min(int(center_unit * cells), cells - 1) / cells
        thin = 1.0 - self.weight
        below, inside = start * thin, thin / cells + self.weight
        if u < below:
            return u / thin
        if u < below + inside:
            return start + (u - below) / inside / cells
        return min(start + 1.0 / cells + (u - below - inside) / thin, 1.0)

    def as_json(self) -> dict[str, Any]:
        """The prior as plain JSON."""
        return {"value": self.value, "confidence": self.confidence.value}
