"""How an object becomes one file of a checkpoint, and comes back: by kind, and never by pickle unasked.

| kind | what it holds |
| --- | --- |
| bytes | bytes as they are |
| json | plain data: dicts, lists, numbers, text (`_trees`) |
| npz | a tree with arrays or tensors: NumPy's archive, the tree's JSON as one of its arrays |
| safetensors | a flat dict of tensors, where that library is installed |
| pickle | anything, with the user's consent at both ends |
"""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith import _optional
from tunesmith.errors import CheckpointLost, SettingError
from tunesmith.store import _pickled, _tensors
from tunesmith.store._trees import Reader, Unknown, Writer

Write = Callable[[Path], None]
_TREE = "tree"
_NOTE = "tunesmith"  # one key: with several, the library writes them in any order


def written(data: Any, pickle: bool) -> tuple[str, Write]:
    """The kind of file that holds `data`, and what writes it. Raises SettingError where none does."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        content = bytes(data)
        return "bytes", lambda path: _put(path, content)
    writer = Writer()
    try:
        text = writer.text(data)
    except Unknown as unknown:
        if not pickle:
            raise SettingError(
                f"a checkpoint cannot hold {unknown} without pickle: give bytes, the path of a file or "
                "folder, or dicts and lists of numbers, text, arrays and tensors; or say pickle=True here "
                "and in load_checkpoint, which runs whatever code the store holds then"
            ) from None
        return "pickle", lambda path: _pickled.save(data, path)
    if _are_tensors(data, writer) and importlib.util.find_spec("safetensors") is not None:
        return "safetensors", lambda path: _save_tensors(data, text, writer.arrays, path)
    if not writer.arrays:
        return "json", lambda path: _put(path, text.encode())
    tree = np.frombuffer(text.encode(), np.uint8)
    arrays: dict[str, Any] = {str(index): array for index, array in enumerate(writer.arrays)}
    return "npz", lambda path: _save_arrays(path, {_TREE: tree, **arrays})


def read(kind: str, path: Path, pickle: bool) -> Any:
    """What `written` was given. Raises CheckpointLost for a file that is not of this kind."""
    if kind == "pickle" and not pickle:
        raise SettingError(
            "this checkpoint is a pickle, and reading it runs whatever code it holds: say "
            "load_checkpoint(pickle=True) if you trust all who can write to the store"
        )
    return _READERS[kind](path)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _load_arrays(path: Path) -> Any:
    try:
        with np.load(path, allow_pickle=False) as found:
            text = found[_TREE].tobytes().decode()
            return Reader(lambda index: found[str(index)]).value(text)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise CheckpointLost(f"it is no archive of arrays: {error}") from error


def _are_tensors(data: Any, writer: Writer) -> bool:
    """Whether it is a flat dict of tensors, none of them twice: what safetensors holds."""
    if type(data) not in (dict, OrderedDict) or not data or _NOTE in data:
        return False
    kinds = {(type(item).__module__, type(item).__name__) for item in data.values()}
    named = all(type(name) is str for name in data)
    if not named or kinds != {("torch", "Tensor")} or len(writer.arrays) != len(data):
        return False
    return not any(item.is_complex() for item in data.values())


def _save_tensors(data: Mapping[str, Any], text: str, arrays: Sequence[Any], path: Path) -> None:
    """The tensors by name, and beside them the tree without its numbers, which says what they were."""
    library = _optional.require("safetensors.torch", "torch", "a checkpoint of tensors")
    note = json.dumps({"tree": text, "names": list(data)})
    tensors = {
        name: _tensors.on_cpu(array, data[name].dtype, data[name].shape)
        for name, array in zip(data, arrays, strict=True)
    }
    library.save_file(tensors, path, {_NOTE: note})


def _load_tensors(path: Path) -> Any:
    library = _optional.require("safetensors", "torch", "this checkpoint, which is of the kind safetensors,")
    with library.safe_open(path, "pt") as found:
        note = json.loads(found.metadata()[_NOTE])

        def array(index: int) -> Any:
            return _tensors.as_array(found.get_tensor(note["names"][index]))

        return Reader(array).value(note["tree"])


def _load_json(path: Path) -> Any:
    return Reader(_no_array).value(path.read_text(encoding="utf-8"))


def _no_array(index: int) -> Any:
    raise ValueError(f"array {index} is not there")


_READERS: Mapping[str, Callable[[Path], Any]] = {
    "bytes": Path.read_bytes,
    "json": _load_json,
    "npz": _load_arrays,
    "safetensors": _load_tensors,
    "pickle": _pickled.load,
}
KINDS = frozenset(_READERS)
