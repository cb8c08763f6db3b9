"""Expression: conditions and constraints as text, interpreted from a white list, never run as Python."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SpaceError

Run = Callable[[Mapping[str, Any]], Any]

_MAX_LENGTH = 1000
_MAX_DEPTH = 40
_MAX_EXPONENT = 64
_MAX_BITS = 4096


def _power(base: Any, exponent: Any) -> Any:
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(f"an exponent may be at most {_MAX_EXPONENT}, got {exponent}")
    if type(base) is int and base.bit_length() * abs(exponent) > _MAX_BITS:
        raise ValueError("a power is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("a root of a negative number")
    return result


def _rounded(value: Any, digits: Any = None) -> Any:
    if digits is None:
        return round(value)
    if abs(digits) > 15:
        raise ValueError(f"round takes at most 15 digits, got {digits}")
    return round(value, digits)


_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (abs, 1, 1),
    "min": (min, 2, 20),
    "max": (max, 2, 20),
    "round": (_rounded, 1, 2),
    "log": (math.log, 1, 2),
    "log2": (math.log2, 1, 1),
    "log10": (math.log10, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
}
_NUMBERS = (int, float, bool)


def _number(value: Any) -> Any:
    if type(value) not in _NUMBERS:
        raise TypeError(f"{value!r} is not a number")
    return value


class _Compiler:
    """Turns a checked syntax tree into nested closures, and collects the names it meets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()

    def refuse(self, node: ast.AST) -> SpaceError:
        what = ast.unparse(node)[:60] if isinstance(node, ast.expr) else type(node).__name__
        return SpaceError(
            f"expression {self.text!r}: {what!r} is not allowed; allowed are parameter names, numbers, "
            f"strings, + - * / // % **, comparisons, in [...], and / or / not, and {', '.join(_FUNCTIONS)}"
        )

    def build(self, node: ast.AST, depth: int = 0) -> Run:
        method = _BUILD.get(type(node))
        if depth > _MAX_DEPTH:
            raise SpaceError(
                f"expression {self.text[:60]!r}… is nested deeper than {_MAX_DEPTH}: split it in several"
            )
        if method is None:
            raise self.refuse(node)
        return method(self, node, depth + 1)

    def constant(self, node: ast.Constant, _: int) -> Run:
        value = node.value
        if type(value) not in (*_NUMBERS, str, type(None)):
            raise self.refuse(node)
        return lambda _: value

    def name(self, node: ast.Name, _: int) -> Run:
        key = node.id
        if key.startswith("__"):
            raise self.refuse(node)
        self.names.add(key)
        return operator.itemgetter(key)

    def binary(self, node: ast.BinOp, depth: int) -> Run:
        function = _ARITHMETIC.get(type(node.op))
        if function is None:
            raise self.refuse(node)
        right_node = node.right
        if function is _power and isinstance(right_node, ast.Constant) and type(right_node.value) in _NUMBERS:
            self._check_exponent(right_node.value)
        left, right = self.build(node.left, depth), self.build(right_node, depth)
        return lambda params: function(_number(left(params)), _number(right(params)))

    def _check_exponent(self, exponent: Any) -> None:
        if abs(exponent) > _MAX_EXPONENT:
            raise SpaceError(
                f"expression {self.text!r}: an exponent may be at most {_MAX_EXPONENT}, got {exponent}; "
                "use exp or log"
            )

    def unary(self, node: ast.UnaryOp, depth: int) -> Run:
        inner = self.build(node.operand, depth)
        if isinstance(node.op, ast.Not):
            return lambda params: not inner(params)
        if isinstance(node.op, ast.USub):
            return lambda params: -_number(inner(params))
        raise self.refuse(node)

    def boolean(self, node: ast.BoolOp, depth: int) -> Run:
        parts = [self.build(value, depth) for value in node.values]
        if isinstance(node.op, ast.And):
            return lambda params: all(part(params) for part in parts)
        return lambda params: any(part(params) for part in parts)

    def compare(self, node: ast.Compare, depth: int) -> Run:
        values = [self.build(node.left, depth)]
        functions = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            function = _COMPARE.get(type(op))
            if function is None:
                raise self.refuse(node)
            functions.append(function)
            member = isinstance(op, (ast.In, ast.NotIn))
            values.append(self.collection(right, depth) if member else self.build(right, depth))
        if len(functions) == 1:
            (only,), (left, last) = functions, values
            return lambda params: only(left(params), last(params))
        return _chain(values, functions)

    def collection(self, node: ast.expr, depth: int) -> Run:
        if not isinstance(node, (ast.List, ast.Tuple)):
            raise SpaceError(
                f"expression {self.text!r}: `in` needs a literal list, got {ast.unparse(node)[:60]!r}; "
                'write name in ["a", "b"]'
            )
        items = [self.build(item, depth) for item in node.elts]
        return lambda params: [item(params) for item in items]

    def call(self, node: ast.Call, depth: int) -> Run:
        found = _FUNCTIONS.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if found is None or node.keywords:
            raise self.refuse(node)
        function, least, most = found
        if not least <= len(node.args) <= most:
            raise SpaceError(
                f"expression {self.text!r}: {ast.unparse(node.func)} takes {least} to {most} arguments, "
                f"got {len(node.args)}"
            )
        args = [self.build(arg, depth) for arg in node.args]
        return lambda params: function(*(_number(arg(params)) for arg in args))


def _chain(values: list[Run], functions: list[Callable[[Any, Any], Any]]) -> Run:
    def run(params: Mapping[str, Any]) -> bool:
        left = values[0](params)
        for function, value in zip(functions, values[1:], strict=True):
            right = value(params)
            if not function(left, right):
                return False
            left = right
        return True

    return run


_BUILD: dict[type, Callable[[_Compiler, Any, int], Run]] = {
    ast.Constant: _Compiler.constant,
    ast.Name: _Compiler.name,
    ast.BinOp: _Compiler.binary,
    ast.UnaryOp: _Compiler.unary,
    ast.BoolOp: _Compiler.boolean,
    ast.Compare: _Compiler.compare,
    ast.Call: _Compiler.call,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula over parameters, such as "width > 64 and act == 'relu'". Build it with `Expression.parse`.

    Text is compared, stored and shown; it is interpreted from a white list of operations, never evaluated.
    """

    text: str
    names: frozenset[str] = field(repr=False, compare=False)
    _run: Run = field(repr=False, compare=False)

    @staticmethod
    def parse(text: str) -> Expression:
        """Check and compile `text`. Raises SpaceError for anything outside the white list."""
        if not isinstance(text, str) or not text.strip():
            raise SpaceError(f"an expression must be text such as 'width > 64', got {text!r}")
        if len(text) > _MAX_LENGTH:
            raise SpaceError(
                f"an expression may have {_MAX_LENGTH} characters, got {len(text)}: "
                "split it in several constraints"
            )
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise SpaceError(f"expression {text!r} is not a formula: {error}") from None
        compiler = _Compiler(text)
        return Expression(text, _run=compiler.build(tree.body), names=frozenset(compiler.names))

    def evaluate(self, params: Mapping[str, Any]) -> Any:
        """The formula's value at `params`. Raises SpaceError when it has none (a name missing, 1 / 0, …)."""
        try:
            return self._run(params)
        except KeyError as error:
            raise SpaceError(
                f"expression {self.text!r} needs {error.args[0]!r}, which has no value"
            ) from None
        except (ArithmeticError, ValueError, TypeError) as error:
            raise SpaceError(f"expression {self.text!r} has no value at {dict(params)!r}: {error}") from None

    def satisfied(self, params: Mapping[str, Any]) -> bool:
        """Whether it is true; vacuously so when a parameter it names is inactive. Raises SpaceError."""
        return not self.names <= params.keys() or self.met(params)

    def met(self, params: Mapping[str, Any]) -> bool:
        """Whether every parameter it names is active and it is true. Raises SpaceError."""
        if not self.names <= params.keys():
            return False
        result = self.evaluate(params)
        if type(result) is not bool:
            raise SpaceError(
                f"expression {self.text!r} must be true or false, got {result!r}: add a comparison"
            )
        return result

    def renamed(self, names: Mapping[str, str]) -> Expression:
        """The same formula over other names."""
        if not self.names & names.keys():
            return self
        tree = ast.parse(self.text.strip(), mode="eval")
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                node.id = names.get(node.id, node.id)
        return Expression.parse(ast.unparse(tree))

    def parts(self) -> tuple[()]:
        """A formula has no parts."""
        return ()

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> str:
        """Its text."""
        return self.text

    def __reduce__(self) -> tuple[Callable[[str], Expression], tuple[str]]:
        return Expression.parse, (self.text,)
