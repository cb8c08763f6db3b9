"""Hypergradients through the steps of training, backwards or forwards.

Maclaurin, Duvenaud and Adams (2015), ICML (reverse); Franceschi et al. (2017), ICML (both, and their prices).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.gradients.result import Hypergradient, NotConverged
from tunesmith.gradients.tensors import (
    Loss,
    check_entering,
    fresh,
    hyperparameters,
    leaves,
    numbers,
    scalar,
    slopes,
    torch_module,
)

Tensors = Sequence[Any]


class Optimizer(Protocol):
    """A rule of training that can be differentiated: out of place, by hyperparameters where it has any."""

    def begin(self, weights: Tensors) -> tuple[Any, ...]:
        """What it remembers before the first step: tensors."""

    def step(
        self, weights: Tensors, slopes: Tensors, memory: tuple[Any, ...], hyper: Mapping[str, Any]
    ) -> tuple[list[Any], tuple[Any, ...]]:
        """Weights and memory after a step."""


@dataclass(frozen=True, slots=True)
class SGD:
    """Gradient descent with momentum, w <- w - rate v with v <- momentum v + slope.

    Args:
        rate, momentum: numbers, or names of hyperparameters.
    """

    rate: float | str = "lr"
    momentum: float | str = 0.0

    def begin(self, weights: Tensors) -> tuple[Any, ...]:
        """One velocity a weight."""
        torch = torch_module()
        return tuple(torch.zeros_like(weight) for weight in weights)

    def step(
        self, weights: Tensors, slopes: Tensors, memory: tuple[Any, ...], hyper: Mapping[str, Any]
    ) -> tuple[list[Any], tuple[Any, ...]]:
        """Weights and velocities after a step."""
        rate, momentum = _looked_up(self.rate, hyper), _looked_up(self.momentum, hyper)
        speeds = tuple(momentum * v + g for v, g in zip(memory, slopes, strict=True))
        return [w - rate * v for w, v in zip(weights, speeds, strict=True)], speeds


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam (Kingma and Ba, 2015), with epsilon inside of the root, where it can be differentiated.

    Args:
        rate, beta1, beta2: numbers, or names of hyperparameters.
        epsilon: added to the second moment.
    """

    rate: float | str = "lr"
    beta1: float | str = 0.9
    beta2: float | str = 0.999
    epsilon: float = 1e-12

    def begin(self, weights: Tensors) -> tuple[Any, ...]:
        """Both moments of each weight, and what has decayed of them."""
        torch = torch_module()
        ones = (torch.ones_like(weights[0].reshape(-1)[0]),) * 2
        return (*(torch.zeros_like(weight) for _ in range(2) for weight in weights), *ones)

    def step(
        self, weights: Tensors, slopes: Tensors, memory: tuple[Any, ...], hyper: Mapping[str, Any]
    ) -> tuple[list[Any], tuple[Any, ...]]:
        """Weights and moments after a step."""
        rate, one, two = (_looked_up(part, hyper) for part in (self.rate, self.beta1, self.beta2))
        n = len(weights)
        first = [one * m + (1.0 - one) * g for m, g in zip(memory[:n], slopes, strict=True)]
        second = [two * v + (1.0 - two) * g * g for v, g in zip(memory[n : 2 * n], slopes, strict=True)]
        left_one, left_two = one * memory[-2], two * memory[-1]
        found = [
            w - rate * (m / (1.0 - left_one)) / (v / (1.0 - left_two) + self.epsilon).sqrt()
            for w, m, v in zip(weights, first, second, strict=True)
        ]
        return found, (*first, *second, left_one, left_two)


def _looked_up(setting: float | str, hyper: Mapping[str, Any]) -> Any:
    if not isinstance(setting, str):
        return setting
    if setting not in hyper:
        raise SettingError(
            f"the optimizer takes {setting!r} from the hyperparameters, which are "
            f"{', '.join(map(repr, hyper))}: give it under that name, or a number"
        )
    return hyper[setting]


def unrolled(
    train_loss: Loss,
    val_loss: Loss,
    params: Any,
    hyper: Mapping[str, Any],
    *,
    steps: int | Iterable[Any],
    optimizer: Optimizer | None = None,
    mode: str = "reverse",
) -> Hypergradient:
    """Train from `params` on, and differentiate the validation loss at the end through all the steps.

    Choose it for hyperparameters of the training itself (rates, momentum, early weights), and where training
    ends before it has converged. "reverse" costs about three trainings and remembers every step; "forward"
    costs about two for each number in `hyper`, and remembers one.

    Args:
        train_loss: a function of (params, hyper), or of (params, hyper, batch) when `steps` is an iterable.
        val_loss: a function of (params, hyper).
        params: the weights to begin with: a tensor, or a list or dict of tensors.
        hyper: hyperparameters by name, such as `trial.params`; the gradient is by floats and float tensors.
        steps: how many, or what each step's `train_loss` gets as its third argument.
        optimizer: `SGD()` (the default, with its rate from hyper["lr"]), `Adam()`, or one of your own.
        mode: "reverse" or "forward".

    Raises:
        NotConverged: when training diverges: the loss is not finite. It fails the trial.
        SettingError: for arguments that cannot be; MissingExtra without PyTorch.
    """
    if mode not in _MODES:
        raise SettingError(f"mode must be one of {', '.join(map(repr, _MODES))}, got {mode!r}")
    if isinstance(steps, int):
        _check.integer("steps", steps, 1)
    batches: list[tuple[Any, ...]] = [()] * steps if isinstance(steps, int) else [(b,) for b in steps]
    given, put = leaves(params)
    tensors, names = hyperparameters(hyper, given[0])

    def stepped(state: list[Any], batch: tuple[Any, ...], at: Mapping[str, Any], graph: bool) -> list[Any]:
        """Weights and memory, one list, after a step."""
        weights, memory = state[: len(given)], tuple(state[len(given) :])
        loss = scalar(train_loss(put(weights), at, *batch), "train_loss")
        ahead, kept = rule.step(weights, slopes(loss, weights, graph=graph), memory, at)
        return [*ahead, *kept]

    def ended(state: list[Any], at: Mapping[str, Any]) -> Any:
        return scalar(val_loss(put(state[: len(given)]), at), "val_loss")

    rule = SGD() if optimizer is None else optimizer
    start = [part.detach().clone() for part in given]
    state = [*start, *rule.begin(start)]
    value, found, state = _MODES[mode](stepped, ended, state, batches, tensors, names, len(given))
    if not bool(value.isfinite()) or not all(bool(part.isfinite().all()) for part in found):
        raise NotConverged(
            f"training has diverged: after {len(batches)} steps the validation loss is "
            f"{float(value.detach()):.3g}, or its gradient is not finite: use a smaller rate, or fewer steps"
        )
    weights = put([part.detach() for part in state[: len(given)]])
    return Hypergradient(float(value.detach()), numbers(names, found), weights, len(batches))


def _reverse(
    stepped: Any, ended: Any, state: list[Any], batches: Any, tensors: Any, names: list[str], count: int
) -> Any:
    torch = torch_module()
    state = [*fresh(state[:count]), *state[count:]]
    for batch in batches:
        state = stepped(state, batch, tensors, True)
    value = ended(state, tensors)
    by = [tensors[name] for name in names]
    found = torch.autograd.grad(value, by, allow_unused=True)
    check_entering(names, [slope is not None for slope in found])
    return value, list(found), state


def _forward(
    stepped: Any, ended: Any, state: list[Any], batches: Any, tensors: Any, names: list[str], count: int
) -> Any:
    """A pass for each number: values carry their derivative by it along (dual numbers)."""
    torch = torch_module()
    with warnings.catch_warnings():  # what PyTorch loads for the first dual number speaks of its own future
        warnings.simplefilter("ignore", DeprecationWarning)
        with torch.autograd.forward_ad.dual_level():
            torch.autograd.forward_ad.make_dual(torch.zeros(1), torch.zeros(1))
    plain = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in tensors.items()}
    value, found, last = None, [], state
    for name in names:
        slope = torch.zeros_like(plain[name])
        for place in range(slope.numel()):
            tangent = torch.zeros_like(slope)
            tangent.view(-1)[place] = 1.0
            value, slope.view(-1)[place], last = _along(
                stepped, ended, state, batches, plain, name, tangent, count
            )
        found.append(slope)
    return value, found, last


def _along(
    stepped: Any, ended: Any, state: list[Any], batches: Any, plain: Any, name: str, tangent: Any, count: int
) -> tuple[Any, Any, list[Any]]:
    """The validation loss, its derivative along a tangent of one hyperparameter, and the last state."""
    torch = torch_module()
    dual = torch.autograd.forward_ad
    tangents = [torch.zeros_like(part) for part in state]
    with dual.dual_level():
        at = {**plain, name: dual.make_dual(plain[name], tangent)}
        for batch in batches:
            weights = [part.detach().requires_grad_(place < count) for place, part in enumerate(state)]
            joined = [dual.make_dual(part, t) for part, t in zip(weights, tangents, strict=True)]
            apart = [dual.unpack_dual(part) for part in stepped(joined, batch, at, False)]
            state = [part.primal.detach() for part in apart]
            tangents = [
                torch.zeros_like(p) if part.tangent is None else part.tangent.detach()
                for part, p in zip(apart, state, strict=True)
            ]
        joined = [dual.make_dual(part, t) for part, t in zip(state, tangents, strict=True)]
        value = dual.unpack_dual(ended(joined, at))
        derivative = 0.0 if value.tangent is None else value.tangent.detach()
        return value.primal.detach(), derivative, state


_MODES = {"reverse": _reverse, "forward": _forward}
