"""Search spaces in neutral words, points drawn from them, and one cheap objective for all contenders."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter: "float", "int" or "cat"; active when `parent` has one of the values `when`."""

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Any, ...] = ()
    parent: str | None = None
    when: tuple[Any, ...] = ()

    def active(self, config: Mapping[str, Any]) -> bool:
        return self.parent is None or (self.parent in config and config[self.parent] in self.when)

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Param:
        """From the dicts of a folder of tasks: name, type, low, high, log, choices, condition."""
        condition = found.get("condition") or {}
        return cls(
            name=found["name"],
            kind=found["type"],
            low=found.get("low", 0.0),
            high=found.get("high", 1.0),
            log=bool(found.get("log")),
            choices=tuple(found.get("choices", ())),
            parent=condition.get("parent"),
            when=tuple(condition.get("values", ())),
        )


Space = tuple[Param, ...]
Config = dict[str, Any]

FLOATS: Space = tuple(Param(name=f"x{i}", kind="float", low=-1.0, high=1.0) for i in range(10))

MIXED: Space = (
    Param(name="a", kind="float", low=-1.0, high=1.0),
    Param(name="b", kind="float", low=-1.0, high=1.0),
    Param(name="c", kind="float", low=-1.0, high=1.0),
    Param(name="lr", kind="float", low=1e-5, high=1e-1, log=True),
    Param(name="decay", kind="float", low=1e-6, high=1e-2, log=True),
    Param(name="layers", kind="int", low=1, high=8),
    Param(name="width", kind="int", low=16, high=512, log=True),
    Param(name="steps", kind="int", low=10, high=100),
    Param(name="optimizer", kind="cat", choices=("adam", "sgd", "lion")),
    Param(name="act", kind="cat", choices=("relu", "gelu", "tanh", "silu")),
)

CONDITIONAL: Space = (
    Param(name="model", kind="cat", choices=("forest", "svm", "net")),
    Param(name="scale", kind="float", low=0.1, high=2.0),
    Param(name="trees", kind="int", low=10, high=500, log=True, parent="model", when=("forest",)),
    Param(name="depth", kind="int", low=2, high=32, parent="model", when=("forest",)),
    Param(name="C", kind="float", low=1e-3, high=1e3, log=True, parent="model", when=("svm",)),
    Param(name="kernel", kind="cat", choices=("rbf", "poly"), parent="model", when=("svm",)),
    Param(name="gamma", kind="float", low=1e-4, high=1e1, log=True, parent="model", when=("svm",)),
    Param(name="lr", kind="float", low=1e-5, high=1e-1, log=True, parent="model", when=("net",)),
    Param(name="width", kind="int", low=16, high=512, log=True, parent="model", when=("net",)),
    Param(name="dropout", kind="float", low=0.0, high=0.9, parent="model", when=("net",)),
)

SPACES: Mapping[str, Space] = {"floats": FLOATS, "mixed": MIXED, "conditional": CONDITIONAL}
TITLES = {
    "floats": "10 floats",
    "mixed": "5 floats (2 log), 3 ints (1 log), 2 categories",
    "conditional": "10 parameters, 8 of them conditional, 4 or 5 active",
}


def draw(space: Space, rng: random.Random) -> Config:
    """One configuration, drawn evenly (on the log scale where the parameter is)."""
    config: Config = {}
    for param in space:
        if param.active(config):
            config[param.name] = _value(param, rng)
    return config


def active(space: Space, config: Mapping[str, Any]) -> Config:
    """Python's own numbers, without the parameters whose condition does not hold."""
    found: Config = {}
    for param in space:
        if param.active(found) and param.name in config:
            value = config[param.name]
            found[param.name] = value.item() if hasattr(value, "item") else value
    return found


def full(space: Space, config: Mapping[str, Any]) -> Config:
    """For peers that know no conditions: what is not active has its first choice or its least value."""
    idle = {
        param.name: param.choices[0] if param.kind == "cat" else _whole(param, param.low) for param in space
    }
    return idle | dict(config)


def _whole(param: Param, value: float) -> float:
    return round(value) if param.kind == "int" else value


def _value(param: Param, rng: random.Random) -> Any:
    if param.kind == "cat":
        return param.choices[int(rng.random() * len(param.choices))]
    half = 0.5 if param.kind == "int" else 0.0
    low, high = param.low - half, param.high + half
    if param.log:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        value = rng.uniform(low, high)
    value = min(max(value, param.low), param.high)
    return round(value) if param.kind == "int" else value


def score(space: Space) -> Callable[[Mapping[str, Any]], float]:
    """A sum of squares: cheap, so that what is measured is the framework."""
    if all(param.kind == "float" for param in space):
        names = [param.name for param in space]
        return lambda config: sum(config[name] ** 2 for name in names)
    terms = {param.name: _term(param) for param in space}
    return lambda config: sum(terms[name](value) for name, value in config.items())


def _term(param: Param) -> Callable[[Any], float]:
    if param.kind == "cat":
        costs = {choice: 0.1 * index for index, choice in enumerate(param.choices)}
        return lambda value: costs[value]
    up = math.log if param.log else float
    low, width = up(param.low), up(param.high) - up(param.low)
    return lambda value: ((up(value) - low) / width - 0.3) ** 2


def least(param: Param) -> float:
    """The least that a parameter adds to `score` in a space that is not all floats."""
    if param.kind == "float":
        return 0.0
    term = _term(param)
    values = param.choices if param.kind == "cat" else range(int(param.low), int(param.high) + 1)
    return float(min(term(value) for value in values))


def by_run(space: Space) -> Callable[[Any], float]:
    """The objective that asks for its parameters with suggest_…, the same for all who have these methods."""
    value = score(space)
    if all(param.kind == "float" and param.parent is None and not param.log for param in space):
        bounds = [(param.name, param.low, param.high) for param in space]

        def floats(trial: Any) -> float:
            total = 0.0
            for name, low, high in bounds:
                total += trial.suggest_float(name, low, high) ** 2
            return total

        return floats

    def objective(trial: Any) -> float:
        return value(suggest(trial, space))

    return objective


def suggest(trial: Any, space: Space) -> Config:
    """The trial's configuration, asked for parameter by parameter."""
    config: Config = {}
    for param in space:
        if not param.active(config):
            continue
        if param.kind == "cat":
            config[param.name] = trial.suggest_categorical(param.name, list(param.choices))
        elif param.kind == "int":
            config[param.name] = trial.suggest_int(param.name, param.low, param.high, log=param.log)
        else:
            config[param.name] = trial.suggest_float(param.name, param.low, param.high, log=param.log)
    return config


def told(space: Space, n: int) -> tuple[list[Config], list[float]]:
    """Made-up history: n random points and their values, the same for every contender."""
    rng = random.Random(0)
    value = score(space)
    configs: Sequence[Config] = [draw(space, rng) for _ in range(n)]
    return list(configs), [value(config) for config in configs]
