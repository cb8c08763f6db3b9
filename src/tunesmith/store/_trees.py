"""Trees of values as JSON text beside arrays, and back: dicts, lists, numbers, text, arrays, tensors.

What JSON has is written as it is; anything else as an object that says under "$" what it is. Arrays lie
beside the text, by number; one that occurs twice is kept once, and comes back as one. Only what is listed
here can be made by reading: no name in the text is ever looked up as code.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import CheckpointLost, SettingError

MARK = "$"
_KINDS = "biufcmMSUV"  # of dtypes that NumPy can write without pickle
_LONG = 2**63


class Unknown(SettingError):
    """A value that no format but pickle can hold; `what` says which, and where."""


class Writer:
    """Takes a tree apart; `arrays` fills up."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._known: dict[Hashable, int] = {}
        self._held: list[Any] = []  # so that no identity is given twice

    def text(self, value: Any) -> str:
        """The tree as JSON. Raises Unknown for what cannot be written."""
        try:
            return json.dumps(self.node(value, ""), allow_nan=False, separators=(",", ":"))
        except RecursionError:
            raise Unknown("it is nested too deeply, or contains itself") from None

    def node(self, value: Any, where: str) -> Any:
        """One value as what `json` writes; `where` it is, for messages."""
        kind = type(value)
        write = _WRITERS.get(kind)
        if write is not None:
            return write(self, value, where)
        if isinstance(value, np.generic):
            return {MARK: "scalar", "a": self.array(np.asarray(value), where)}
        if kind.__module__.partition(".")[0] == "torch":
            from tunesmith.store import _tensors

            return _tensors.node(self, value, where)
        raise Unknown(f"a {kind.__module__}.{kind.__qualname__}{where and ' at ' + where}")

    def array(self, array: NDArray[Any], where: str, key: Hashable = None) -> int:
        """The number under which the array is kept; `key`: what else has the same key is the same."""
        if key is None or key not in self._known:
            dtype = array.dtype
            if dtype.hasobject or dtype.kind not in _KINDS or dtype.isbuiltin == 2:
                raise Unknown(f"an array of {dtype}{where and ' at ' + where}")
            self.arrays.append(array)
            if key is None:
                return len(self.arrays) - 1
            self._known[key] = len(self.arrays) - 1
        return self._known[key]

    def hold(self, value: Any) -> None:
        """Keep the value until all is written: its address is its name so long."""
        self._held.append(value)

    def pairs(self, value: Mapping[Any, Any], where: str) -> list[list[Any]]:
        """A mapping whose keys may be anything."""
        return [
            [self.node(key, f"a key of {where or 'it'}"), self.node(item, f"{where}[{key!r}]")]
            for key, item in value.items()
        ]


def _as_is(_: Writer, value: Any, where: str) -> Any:  # noqa: ARG001
    return value


def _int(_: Writer, value: int, where: str) -> Any:  # noqa: ARG001
    return value if -_LONG <= value < _LONG else {MARK: "int", "v": hex(value)}


def _float(_: Writer, value: float, where: str) -> Any:  # noqa: ARG001
    return value if math.isfinite(value) else {MARK: "float", "v": repr(value)}


def _complex(writer: Writer, value: complex, where: str) -> Any:
    return {MARK: "complex", "v": [_float(writer, part, where) for part in (value.real, value.imag)]}


def _list(writer: Writer, value: Sequence[Any], where: str) -> Any:
    return [writer.node(item, f"{where}[{index}]") for index, item in enumerate(value)]


def _tuple(writer: Writer, value: Sequence[Any], where: str) -> Any:
    return {MARK: "tuple", "v": _list(writer, value, where)}


def _set(writer: Writer, value: Any, where: str) -> Any:
    return {MARK: type(value).__name__, "v": _list(writer, sorted(value, key=repr), where)}


def _bytes(writer: Writer, value: bytes, where: str) -> Any:
    return {MARK: type(value).__name__, "a": writer.array(np.frombuffer(value, np.uint8), where)}


def _dict(writer: Writer, value: dict[Any, Any], where: str) -> Any:
    if MARK not in value and set(map(type, value)) <= {str}:
        return {key: writer.node(item, f"{where}[{key!r}]") for key, item in value.items()}
    return {MARK: "dict", "v": writer.pairs(value, where)}


def _counter(writer: Writer, value: Counter[Any], where: str) -> Any:
    return {MARK: "Counter", "v": writer.pairs(value, where)}


def _ordered(writer: Writer, value: OrderedDict[Any, Any], where: str) -> Any:
    node = {MARK: "OrderedDict", "v": writer.pairs(value, where)}
    metadata = getattr(value, "_metadata", None)  # the versions of modules, in a state_dict
    return node if metadata is None else {**node, "m": writer.node(metadata, f"{where}._metadata")}


def _array(writer: Writer, value: NDArray[Any], where: str) -> Any:
    writer.hold(value)
    return {MARK: "array", "a": writer.array(value, where, ("array", id(value)))}


_WRITERS: Mapping[type, Callable[[Writer, Any, str], Any]] = {
    type(None): _as_is,
    bool: _as_is,
    str: _as_is,
    int: _int,
    float: _float,
    complex: _complex,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    bytes: _bytes,
    bytearray: _bytes,
    dict: _dict,
    Counter: _counter,
    OrderedDict: _ordered,
    np.ndarray: _array,
}


class Reader:
    """Puts a tree together again; `array` gives the array of a number."""

    def __init__(self, array: Callable[[int], NDArray[Any]]) -> None:
        self._array = array
        self._arrays: dict[int, NDArray[Any]] = {}
        self._tensors: dict[str, Any] = {}

    def value(self, text: str) -> Any:
        """What `Writer.text` was given. Raises CheckpointLost for a text that it has not written."""
        try:
            return self.node(json.loads(text))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise CheckpointLost(f"it is no tree of values: {type(error).__name__}: {error}") from error

    def node(self, node: Any) -> Any:
        """One value."""
        if type(node) is list:
            return [self.node(item) for item in node]
        if type(node) is not dict:
            return node
        if MARK not in node:
            return {key: self.node(item) for key, item in node.items()}
        kind: str = node[MARK]
        read = _READERS.get(kind)
        if read is not None:
            return read(self, node)
        from tunesmith.store import _tensors

        if kind == "tensor":
            return self._tensor(node, _tensors.tensor)
        return _tensors.READERS[kind](node["v"])

    def array(self, index: int) -> NDArray[Any]:
        """The array of this number; the same one whenever it is asked for."""
        if index not in self._arrays:
            self._arrays[index] = self._array(index)
        return self._arrays[index]

    def _tensor(self, node: dict[str, Any], make: Callable[[dict[str, Any], NDArray[Any]], Any]) -> Any:
        key = json.dumps(node)
        if key not in self._tensors:
            self._tensors[key] = make(node, self.array(node["a"]))
        return self._tensors[key]

    def pairs(self, node: dict[str, Any]) -> list[tuple[Any, Any]]:
        """The items of a mapping."""
        return [(self.node(key), self.node(item)) for key, item in node["v"]]


def _read_ordered(reader: Reader, node: dict[str, Any]) -> OrderedDict[Any, Any]:
    found: OrderedDict[Any, Any] = OrderedDict(reader.pairs(node))
    if "m" in node:
        found._metadata = reader.node(node["m"])  # type: ignore[attr-defined]
    return found


def _read_counter(reader: Reader, node: dict[str, Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    dict.update(found, reader.pairs(node))
    return found


def _read_complex(reader: Reader, node: dict[str, Any]) -> complex:
    real, imaginary = map(reader.node, node["v"])
    return complex(real, imaginary)


_READERS: Mapping[str, Callable[[Reader, dict[str, Any]], Any]] = {
    "int": lambda _, node: int(node["v"], 16),
    "float": lambda _, node: float(node["v"]),
    "complex": _read_complex,
    "tuple": lambda reader, node: tuple(map(reader.node, node["v"])),
    "set": lambda reader, node: set(map(reader.node, node["v"])),
    "frozenset": lambda reader, node: frozenset(map(reader.node, node["v"])),
    "bytes": lambda reader, node: reader.array(node["a"]).tobytes(),
    "bytearray": lambda reader, node: bytearray(reader.array(node["a"]).tobytes()),
    "dict": lambda reader, node: dict(reader.pairs(node)),
    "Counter": _read_counter,
    "OrderedDict": _read_ordered,
    "array": lambda reader, node: reader.array(node["a"]),
    "scalar": lambda reader, node: reader.array(node["a"])[()],
}
