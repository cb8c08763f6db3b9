"""Weights and hyperparameters as lists of tensors, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from tunesmith import _optional
from tunesmith.errors import SettingError

Loss = Callable[..., Any]


def torch_module() -> ModuleType:
    """PyTorch. Raises MissingExtra."""
    return _optional.require("torch", "torch", "ts.gradients")


def leaves(params: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    """The tensors of weights (one, or a sequence or mapping of them), and how to put them together again."""
    torch = torch_module()
    if isinstance(params, torch.Tensor):
        return [params], lambda parts: parts[0]
    if isinstance(params, Mapping):
        names, found = list(params), list(params.values())
        _check(torch, found)
        return found, lambda parts: dict(zip(names, parts, strict=True))
    if not isinstance(params, Sequence) or isinstance(params, str):
        raise SettingError(
            f"params must be a tensor, or a list or dict of tensors, got {params!r:.80}: of a module, give "
            "dict(model.named_parameters())"
        )
    found = list(params)
    _check(torch, found)
    return found, list


def _check(torch: ModuleType, found: Sequence[Any]) -> None:
    wrong = [value for value in found if not isinstance(value, torch.Tensor)]
    if wrong or not found:
        raise SettingError(f"params must hold tensors, got {wrong[0] if wrong else 'none'!r:.80}")


def fresh(parts: Sequence[Any]) -> list[Any]:
    """The same numbers as new leaves of a graph."""
    return [part.detach().clone().requires_grad_(True) for part in parts]


def hyperparameters(hyper: Mapping[str, Any], like: Any) -> tuple[dict[str, Any], list[str]]:
    """What the losses get (floats as scalar tensors), and the names of what to differentiate by."""
    torch = torch_module()
    found, names = dict(hyper), []
    for name, value in hyper.items():
        if isinstance(value, float):
            found[name] = torch.tensor(value, dtype=like.dtype, device=like.device, requires_grad=True)
        elif isinstance(value, torch.Tensor) and value.is_floating_point():
            found[name] = value.detach().clone().requires_grad_(True)
        else:
            continue
        names.append(name)
    if not names:
        raise SettingError(
            f"there is nothing to differentiate by: no hyperparameter is a float or a tensor of floats, got "
            f"{dict(hyper)!r:.80}"
        )
    return found, names


def scalar(loss: Any, name: str) -> Any:
    """A loss as it must be: one number with a graph behind it. Raises SettingError."""
    if getattr(loss, "shape", None) is None or loss.numel() != 1:
        raise SettingError(f"{name} must return a tensor of one number, got {loss!r:.80}")
    return loss.reshape(())


def slopes(value: Any, by: Sequence[Any], graph: bool = False, keep: bool = False) -> list[Any]:
    """The gradients of a scalar; zeros for what does not enter."""
    torch = torch_module()
    if not value.requires_grad:
        return [torch.zeros_like(part) for part in by]
    found = torch.autograd.grad(value, by, create_graph=graph, retain_graph=graph or keep, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, by, strict=True)]


def flat(parts: Sequence[Any]) -> Any:
    """All numbers as one vector."""
    return torch_module().cat([part.reshape(-1) for part in parts])


def numbers(names: Sequence[str], found: Sequence[Any]) -> dict[str, Any]:
    """Gradients by name: floats, and arrays for hyperparameters that are arrays."""
    plain = [slope.detach().cpu() for slope in found]
    return {n: float(s) if s.dim() == 0 else s.numpy() for n, s in zip(names, plain, strict=True)}


def check_entering(names: Sequence[str], entered: Sequence[bool]) -> None:
    """Raise SettingError for a hyperparameter that no loss depends on."""
    idle = [name for name, does in zip(names, entered, strict=True) if not does]
    if idle:
        raise SettingError(
            f"neither loss depends on {', '.join(map(repr, idle))}: leave it out of hyper, or see that the "
            "losses use the tensors they are given and not numbers of your own"
        )
