"""Constraints: what configurations must satisfy, as formulas or as Python functions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space.expression import Expression

Predicate = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Callback:
    """A constraint written as a Python function of the params (labels, active ones only).

    Choose an expression where one will do: it can be stored, shown and sent anywhere. A function is stored as
    "module:name", so that only one defined at the top of an importable module can be part of a durable study.
    """

    name: str
    function: Predicate | None = field(repr=False)
    importable: bool = field(repr=False, compare=False)

    @staticmethod
    def of(function: Predicate) -> Callback:
        """The constraint that calls `function`."""
        module, qualname = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        name = f"{module}:{qualname}"
        if _find(name) is function:
            return Callback(name, function, importable=True)
        return Callback(qualname or repr(function), function, importable=False)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Callback:
        """The constraint behind "module:name"; a function that is gone raises only when it is asked."""
        name = data["callable"]
        return Callback(name, _find(name), importable=True)

    @property
    def names(self) -> frozenset[str]:
        """The parameters it is known to need: none."""
        return frozenset()

    def satisfied(self, params: Mapping[str, Any]) -> bool:
        """Whether it holds. Raises SpaceError when the function fails or answers with something else."""
        if self.function is None:
            raise SpaceError(f"constraint {self.name!r} cannot be found: make its module importable here")
        try:
            answer = self.function(dict(params))
        except Exception as error:
            raise SpaceError(
                f"constraint {self.name!r} failed at {dict(params)!r}: {type(error).__name__}: {error}; "
                "it gets active parameters only: ask `params.get(...)` for conditional ones"
            ) from error
        if type(answer) is not bool and type(answer).__name__ not in ("bool", "bool_"):
            raise SpaceError(f"constraint {self.name!r} must return True or False, got {answer!r}")
        return bool(answer)

    def __str__(self) -> str:
        return self.name

    def as_json(self) -> dict[str, str]:
        """{"callable": "module:name"}. Raises SpaceError for a lambda or local function."""
        if not self.importable:
            raise SpaceError(
                f"constraint {self.name!r} cannot be stored: write it as an expression such as "
                "'width > depth', or as a function at the top of a module"
            )
        return {"callable": self.name}


Constraint = Expression | Callback


def parse_constraints(constraints: Any) -> tuple[Constraint, ...]:
    """Constraints from texts, functions, or those parsed before. Raises SpaceError."""
    if isinstance(constraints, (str, Expression, Callback)) or callable(constraints):
        constraints = (constraints,)
    if not isinstance(constraints, Iterable):
        raise SpaceError(f"constraints must be a list of texts or functions, got {constraints!r}")
    return tuple(_parse(constraint) for constraint in constraints)


def constraint_from_json(data: Any) -> Constraint:
    """The constraint that `as_json` wrote. Raises SpaceError."""
    return Callback.from_json(data) if isinstance(data, Mapping) else Expression.parse(data)


def _parse(constraint: Any) -> Constraint:
    if isinstance(constraint, (Expression, Callback)):
        return constraint
    if isinstance(constraint, str):
        return Expression.parse(constraint)
    if callable(constraint):
        return Callback.of(constraint)
    raise SpaceError(
        f"a constraint must be text such as 'width > depth' or a function of params, got {constraint!r}"
    )


def _find(name: str) -> Predicate | None:
    """The plain function at "module:name", which says itself that it lives there; None when there is none."""
    module, _, qualname = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    same = inspect.isfunction(found) and found.__module__ == module and found.__qualname__ == qualname
    return found if same else None
