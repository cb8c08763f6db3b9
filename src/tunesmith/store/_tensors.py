"""Tensors of PyTorch as NumPy arrays with a note of what they were, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith import _optional
from tunesmith.errors import CheckpointLost
from tunesmith.store._trees import MARK, Unknown, Writer


def torch_module() -> Any:
    """PyTorch. Raises MissingExtra."""
    return _optional.require("torch", "torch", "a checkpoint that holds tensors")


def node(writer: Writer, value: Any, where: str) -> Any:
    """A tensor, size, dtype or device. Raises Unknown for anything else of PyTorch's."""
    torch = torch_module()
    kind = type(value)
    if kind is torch.Size:
        return {MARK: "torch.Size", "v": list(value)}
    if kind in (torch.dtype, torch.device):
        return {MARK: f"torch.{kind.__name__}", "v": str(value).removeprefix("torch.")}
    if kind not in (torch.Tensor, torch.nn.Parameter):
        raise Unknown(f"a {kind.__module__}.{kind.__qualname__}{where and ' at ' + where}")
    if not plain(value):
        raise Unknown(f"a tensor that is sparse, quantized or on 'meta'{where and ' at ' + where}")
    writer.hold(value)
    found = {
        MARK: "tensor",
        "a": writer.array(as_array(value), where, _key(value)),
        "dtype": str(value.dtype).removeprefix("torch."),
        "shape": list(value.shape),
    }
    if value.device.type != "cpu":
        found["device"] = str(value.device)
    if value.requires_grad:
        found["grad"] = True
    if kind is torch.nn.Parameter:
        found["parameter"] = True
    return found


def plain(value: Any) -> bool:
    """Whether the tensor is an array of numbers, somewhere in memory."""
    return not (
        value.is_sparse or value.is_quantized or value.is_meta or str(value.layout) != "torch.strided"
    )


def _key(value: Any) -> Any:
    """Tensors that share their memory, as tied weights do, are kept once."""
    if not value.numel() or value.is_conj() or value.is_neg():
        return None
    return (value.data_ptr(), value.dtype, tuple(value.shape), value.stride(), str(value.device))


def as_array(value: Any) -> NDArray[Any]:
    """The tensor's numbers; their bytes, where NumPy has none of this kind (bfloat16)."""
    flat = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
    try:
        found: NDArray[Any] = flat.numpy()
    except TypeError:
        found = flat.reshape(-1).view(torch_module().uint8).numpy()
    return found


def on_cpu(array: NDArray[Any], dtype: Any, shape: Any) -> Any:
    """The tensor that `as_array` was given, on the CPU."""
    found = torch_module().from_numpy(np.require(array, requirements=["C", "W"]))
    return (found if found.dtype == dtype else found.reshape(-1).view(dtype)).reshape(shape)


def tensor(node: dict[str, Any], array: NDArray[Any]) -> Any:
    """The tensor of a node, on the device it was on, or the nearest one that is here."""
    torch = torch_module()
    found = on_cpu(array, _dtype(node["dtype"]), node["shape"])
    if "device" in node:
        found = found.to(_nearest(torch, node["device"]))
    if node.get("parameter"):
        return torch.nn.Parameter(found, requires_grad=bool(node.get("grad")))
    return found.requires_grad_() if node.get("grad") else found


def _nearest(torch: Any, name: str) -> Any:
    """The device of this name; another one of its type where it is not here, or else the CPU."""
    wanted = _device(name)
    module: Any = getattr(torch, wanted.type, None)
    if not getattr(module, "is_available", bool)():
        return torch.device("cpu")
    return wanted if (wanted.index or 0) < module.device_count() else torch.device(wanted.type)


def _dtype(name: str) -> Any:
    found = getattr(torch_module(), name, None)
    if type(found).__name__ != "dtype":
        raise CheckpointLost(f"there is no dtype torch.{name} here")
    return found


def _device(name: str) -> Any:
    try:
        return torch_module().device(name)
    except RuntimeError as error:
        raise CheckpointLost(f"there is no device {name!r} here: {error}") from None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "torch.Size": lambda found: torch_module().Size(found),
    "torch.dtype": _dtype,
    "torch.device": _device,
}
