"""What a hypergradient is, and what says that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import SettingError, TrialFailed
from tunesmith.record.evaluation import Evaluation


class NotConverged(TrialFailed):
    """A hypergradient that would be wrong: training or a solver has not converged. Fails the trial."""


@dataclass(frozen=True, slots=True)
class Hypergradient:
    """A validation loss, and its gradient by the hyperparameters.

    Attributes:
        value: the validation loss.
        gradient: by name, in the hyperparameters' own units; an array for each that is one.
        params: the weights, in the form in which they were given.
        iterations: products with the Hessian that the solver took, or steps that were unrolled.
        residual: of the linear system, relative to its right side; 0 for unrolled ones.
    """

    value: float
    gradient: Mapping[str, Any]
    params: Any
    iterations: int
    residual: float = 0.0

    @property
    def evaluation(self) -> Evaluation:
        """What an objective returns. Raises SettingError when a hyperparameter is an array."""
        for name, slope in self.gradient.items():
            if not isinstance(slope, float):
                raise SettingError(
                    f"the gradient by {name!r} is an array of shape {slope.shape}: give each of its numbers "
                    "a name of its own, as the parameters of a space have"
                )
        return Evaluation(self.value, self.gradient)
