"""Domains as text: `log(1e-5, 1e-1)`, `int(16, 256)`, `choice(adam, sgd)`; read as a syntax tree, never run.

    log(low, high)            float(low, high)          int(low, high)
    choice(a, b, …)           ordered(a, b, …)          [a, b, …]          a plain value

`float` and `int` take `log` and `step=`; all take `default=`, `prior=`, `confidence=` and `when=`. A bare
word is text: choice(adam, sgd).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Constant, Domain, Float, Int, Prior, parse_domain

_MOST = 4000  # characters
_FORMS = "log(1e-5, 1e-1), float(0, 1), int(16, 256), choice(a, b), [a, b] or a plain value"


def domain_of(text: str) -> Domain:
    """The domain that `text` describes. Raises SpaceError, quoting what is not understood."""
    if len(text) > _MOST:
        raise SpaceError(f"a parameter's text may have {_MOST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SpaceError(f"{text.strip()!r} is no parameter: write {_FORMS}") from None
    if isinstance(tree, ast.Call):
        return _call(tree)
    return parse_domain(_value(tree))


def is_call(text: str) -> bool:
    """Whether `text` is written like one of the forms: a known word and a bracket."""
    word, bracket, _ = text.partition("(")
    return bool(bracket) and word.strip() in _KINDS and text.rstrip().endswith(")")


def _call(tree: ast.Call) -> Domain:
    name = tree.func.id if isinstance(tree.func, ast.Name) else ""
    kind = _KINDS.get(name)
    if kind is None:
        raise SpaceError(
            f"{ast.unparse(tree)!r} is no parameter: {ast.unparse(tree.func)!r} is not known; write {_FORMS}"
        )
    settings = {}
    for keyword in tree.keywords:
        if keyword.arg is None or keyword.arg not in kind[1]:
            raise SpaceError(f"{name} does not take {keyword.arg or '**'}: it takes {', '.join(kind[1])}")
        read = _condition if keyword.arg == "when" else _value
        settings[keyword.arg] = read(keyword.value)
    positions = [_value(argument) for argument in tree.args]
    return kind[0](positions, _believed(settings))


def _believed(settings: dict[str, Any]) -> dict[str, Any]:
    """`prior=` and `confidence=` as a Prior."""
    confidence = settings.pop("confidence", "medium")
    if "prior" in settings:
        settings["prior"] = Prior(settings["prior"], confidence)
    elif confidence != "medium":
        raise SpaceError("confidence= says how strongly prior= is believed: give prior=, too")
    return settings


def _condition(node: ast.expr) -> Any:
    """`when=`: text, a mapping, or the formula itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Dict):
        return {
            _value(key): _value(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    return ast.unparse(node)


def _value(node: ast.expr) -> Any:
    """A literal; a bare word is text."""
    found = _LITERALS.get(type(node))
    if found is None:
        raise SpaceError(f"{ast.unparse(node)!r} is no plain value: put text with signs in quotes")
    return found(node)


def _signed(node: ast.UnaryOp) -> Any:
    value = _value(node.operand)
    if type(value) not in (int, float) or not isinstance(node.op, (ast.USub, ast.UAdd)):
        raise SpaceError(f"{ast.unparse(node)!r} is no plain value: put text with signs in quotes")
    return -value if isinstance(node.op, ast.USub) else value


def _constant(node: ast.Constant) -> Any:
    if type(node.value) not in (int, float, str, bool, type(None)):
        raise SpaceError(f"{ast.unparse(node)!r} is no plain value: write numbers, words or text")
    return node.value


_LITERALS: Mapping[type, Callable[[Any], Any]] = {
    ast.Constant: _constant,
    ast.Name: lambda node: node.id,
    ast.List: lambda node: [_value(item) for item in node.elts],
    ast.Tuple: lambda node: [_value(item) for item in node.elts],
    ast.UnaryOp: _signed,
}


def _bounds(name: str, given: list[Any]) -> tuple[Any, Any, bool]:
    """low, high, and whether the word `log` came third."""
    log = len(given) == 3 and given[2] == "log"
    if len(given) != 2 and not log:
        raise SpaceError(f"{name} takes a lowest and a highest value, got {given!r}: write {name}(1, 10)")
    return given[0], given[1], log


def _log(given: list[Any], settings: dict[str, Any]) -> Domain:
    if len(given) != 2:
        raise SpaceError(f"log takes a lowest and a highest value, got {given!r}: write log(1e-5, 1e-1)")
    return Float(*given, log=True, **settings)


def _float(given: list[Any], settings: dict[str, Any]) -> Domain:
    low, high, log = _bounds("float", given)
    return Float(low, high, **{"log": log, **settings})


def _int(given: list[Any], settings: dict[str, Any]) -> Domain:
    low, high, log = _bounds("int", given)
    return Int(low, high, **{"log": log, **settings})


def _choice(given: list[Any], settings: dict[str, Any]) -> Domain:
    inner = given[0] if len(given) == 1 and isinstance(given[0], list) else given
    return Categorical(inner, **settings)


def _ordered(given: list[Any], settings: dict[str, Any]) -> Domain:
    return _choice(given, {"ordered": True, **settings})


def _fixed(given: list[Any], settings: dict[str, Any]) -> Domain:
    if len(given) != 1:
        raise SpaceError(f"constant takes one value, got {given!r}")
    return Constant(given[0], **settings)


_COMMON = ("default", "prior", "confidence", "when")
_KINDS: Mapping[str, tuple[Callable[[list[Any], dict[str, Any]], Domain], tuple[str, ...]]] = {
    "log": (_log, _COMMON),
    "float": (_float, ("log", "step", *_COMMON)),
    "int": (_int, ("log", "step", *_COMMON)),
    "choice": (_choice, ("ordered", *_COMMON)),
    "ordered": (_ordered, _COMMON),
    "constant": (_fixed, ("when",)),
}
