"""Hypergradients by the implicit function theorem.

Bengio (2000), Neural Computation 12; Pedregosa (2016), ICML (conjugate gradient, inexact solutions);
Lorraine, Vicol and Duvenaud (2020), AISTATS (Neumann series). At weights w* that minimise the training
loss T,
d V / d h = dV/dh - (d²T / dh dw) (d²T / dw²)^-1 dV/dw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.gradients.result import Hypergradient, NotConverged
from tunesmith.gradients.tensors import (
    Loss,
    check_entering,
    flat,
    fresh,
    hyperparameters,
    leaves,
    numbers,
    scalar,
    slopes,
    torch_module,
)

Product = Callable[[Any], Any]
_POWER = 20  # iterations for the largest eigenvalue
_MARGIN = 1.1  # over the estimate of it


def implicit(
    train_loss: Loss,
    val_loss: Loss,
    params: Any,
    hyper: Mapping[str, Any],
    *,
    solver: str = "cg",
    tolerance: float = 1e-6,
    most: int = 1000,
    damping: float = 0.0,
    stationary: float = 1e-3,
) -> Hypergradient:
    """The gradient of the validation loss at weights that minimise the training loss.

    Choose it when training runs to convergence (logistic regression, kernels, the last layer of a network):
    it costs some products with the Hessian, two training gradients each, however long training took. In
    float64 it agrees with finite differences to many digits; the weights' own error adds to it.

    Args:
        train_loss, val_loss: functions of (params, hyper) to a scalar tensor; `hyper` has its floats as
            scalar tensors, and all else as it was given.
        params: the trained weights: a tensor, or a list or dict of tensors.
        hyper: hyperparameters by name, such as `trial.params`; the gradient is by floats and float tensors.
        solver: "cg", conjugate gradient, for losses that are convex at the weights; or "neumann", a series
            that needs more products and gets by with curvature that is almost flat.
        tolerance: the relative residual of the linear system at which the solver is done.
        most: products with the Hessian at most.
        damping: added to the Hessian; more than 0 makes a flat direction solvable, and the gradient
            approximate.
        stationary: how long the training gradient at the weights may be, relative to the validation
            gradient.

    Raises:
        NotConverged: when the weights are not trained to the end, the solver does not reach the tolerance, or
            the Hessian is not positive definite. It fails the trial.
        SettingError: for arguments that cannot be; MissingExtra without PyTorch.
    """
    if solver not in _SOLVERS:
        raise SettingError(f"solver must be one of {', '.join(map(repr, _SOLVERS))}, got {solver!r}")
    for name, number in (("tolerance", tolerance), ("stationary", stationary)):
        if not _check.number(name, number) > 0.0:
            raise SettingError(f"{name} must be above 0, got {number!r}")
    if _check.number("damping", damping) < 0.0:
        raise SettingError(f"damping must not be negative, got {damping!r}")
    _check.integer("most", most, 1)
    given, put = leaves(params)
    weights = fresh(given)
    tensors, names = hyperparameters(hyper, weights[0])
    by = [tensors[name] for name in names]
    value = scalar(val_loss(put(weights), tensors), "val_loss")
    both = slopes(value, [*weights, *by])
    right, direct = flat(both[: len(weights)]), both[len(weights) :]
    inner = slopes(scalar(train_loss(put(weights), tensors), "train_loss"), weights, graph=True)
    slope = flat(inner)
    _check_trained(slope, right, stationary)

    def product(vector: Any) -> Any:
        """The Hessian of the training loss times a vector."""
        return flat(_transposed(slope, weights, vector)) + damping * vector

    solved = _SOLVERS[solver](product, right, tolerance, most)
    mixed = _transposed(slope, by, solved.vector)
    check_entering(
        names, [bool((d != 0).any() or (m != 0).any()) for d, m in zip(direct, mixed, strict=True)]
    )
    return Hypergradient(
        float(value.detach()),
        numbers(names, [d - m for d, m in zip(direct, mixed, strict=True)]),
        put([part.detach() for part in given]),
        solved.products,
        solved.residual,
    )


class _Solved(NamedTuple):
    vector: Any
    products: int
    residual: float


def _transposed(slope: Any, by: list[Any], vector: Any) -> list[Any]:
    """vector' d slope / d by."""
    return slopes(slope @ vector, by, keep=True)


def _check_trained(slope: Any, right: Any, stationary: float) -> None:
    length, reference = float(slope.detach().norm()), float(right.norm())
    if not math.isfinite(length + reference):
        raise NotConverged("the losses have no finite gradient at these weights")
    if length > stationary * max(reference, 1e-12):
        raise NotConverged(
            f"the training gradient is {length:.3g} long at these weights, {stationary:g} of the validation "
            f"gradient's {reference:.3g} at most: train on, use unrolled(), or raise stationary="
        )


def _conjugate(product: Product, right: Any, tolerance: float, most: int) -> _Solved:
    """Conjugate gradient (Hestenes and Stiefel, 1952)."""
    torch = torch_module()
    found, residual = torch.zeros_like(right), right.clone()
    direction, length = residual.clone(), residual @ residual
    goal = tolerance**2 * float(length)
    for done in range(most + 1):
        if float(length) <= goal:
            return _Solved(found, done, _relative(residual, right))
        if done == most:
            break
        bent = product(direction)
        curvature = direction @ bent
        if not float(curvature) > 0.0:
            raise NotConverged(
                f"the training loss is not convex at these weights (curvature {float(curvature):.3g} along "
                "a direction): train on, add damping=, or use unrolled()"
            )
        step = length / curvature
        found, residual = found + step * direction, residual - step * bent
        before, length = length, residual @ residual
        direction = residual + length / before * direction
    raise _short("conjugate gradient", _relative(residual, right), tolerance, most)


def _neumann(product: Product, right: Any, tolerance: float, most: int) -> _Solved:
    """H^-1 v = a sum_k (I - a H)^k v, with a below 1 over the largest eigenvalue (by power iteration)."""
    torch = torch_module()
    if not float(right.norm()) > 0.0:
        return _Solved(torch.zeros_like(right), 0, 0.0)
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(right.shape, generator=generator, dtype=torch.float64).to(right)
    largest = 0.0
    for _ in range(min(_POWER, most)):
        probe = product(probe / probe.norm())
        largest = float(probe.norm())
    if not largest > 0.0:
        raise NotConverged("the training loss is flat at these weights: add damping=, or use unrolled()")
    rate = 1.0 / (_MARGIN * largest)
    term, found = right.clone(), torch.zeros_like(right)
    for done in range(_POWER, most):
        found = found + rate * term
        term = term - rate * product(term)  # this is also the residual: right - H found
        left = _relative(term, right)
        if left <= tolerance:
            return _Solved(found, done + 1, left)
        if not left < 1e6:
            raise NotConverged(
                "the Neumann series diverges: the training loss is not convex at these weights; train on, "
                "add damping=, or use unrolled()"
            )
    raise _short("the Neumann series", _relative(term, right), tolerance, most)


def _relative(residual: Any, right: Any) -> float:
    reference = float(right.norm())
    return float(residual.norm()) / reference if reference > 0.0 else 0.0


def _short(what: str, residual: float, tolerance: float, most: int) -> NotConverged:
    return NotConverged(
        f"{what} has a relative residual of {residual:.3g} after {most} products, {tolerance:g} was asked "
        "for: raise most= or tolerance=, add damping=, or scale the features"
    )


_SOLVERS: Mapping[str, Callable[[Product, Any, float, int], _Solved]] = {
    "cg": _conjugate,
    "neumann": _neumann,
}
