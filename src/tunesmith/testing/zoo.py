"""A zoo of spaces and of define-by-run objectives: every shape that a search method must live with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.kernel.trial import TrialHandle
from tunesmith.space import Categorical, Choice, Confidence, Constant, Float, Int, Prior, Space
from tunesmith.testing.toys import blend

Program = Callable[[TrialHandle], float]


def zoo() -> dict[str, Space]:
    """Spaces by name, each its own difficulty: kinds, conditions, branches, constraints, beliefs, sizes."""
    found = {name: Space.of(parameters) for name, parameters in _FREE.items()}
    for name, (parameters, constraints) in _CONSTRAINED.items():
        found[name] = Space.of(parameters, constraints)
    return found


def programs() -> dict[str, Program]:
    """Define-by-run objectives by name; each asks for its parameters as it goes, and returns one loss."""
    return {
        "fixed program": _fixed,
        "conditional program": _conditional,
        "growing program": _growing,
        "changing ranges": _changing,
        "asks for nothing": _nothing,
    }


_MIXED: dict[str, Any] = {
    **{f"x{i}": Float(0.0, 1.0) for i in range(6)},
    **{f"log{i}": Float(1e-6, 1.0, log=True) for i in range(4)},
    **{f"n{i}": Int(0, 9) for i in range(4)},
    **{f"size{i}": Int(1, 1024, log=True) for i in range(2)},
    **{f"kind{i}": Categorical(["a", "b", "c"]) for i in range(3)},
    "batch": Categorical([16, 32, 64, 128], ordered=True),
}
_FREE: Mapping[str, Mapping[str, Any]] = {
    "one float": {"x": Float(-5.0, 5.0)},
    "one log float": {"lr": Float(1e-8, 10.0, log=True)},
    "one step float": {"share": Float(0.1, 0.95, step=0.1)},
    "ints": {"n": Int(-3, 12), "even": Int(0, 10, step=2)},
    "log int": {"width": Int(1, 4096, log=True)},
    "int of one value": {"n": Int(7, 7), "x": Float(0.0, 1.0)},
    "nominal": {"kernel": Categorical(["rbf", "poly", "linear"])},
    "ordered": {"batch": Categorical([8, 16, 32, 64, 128], ordered=True), "x": Float(0.0, 1.0)},
    "odd labels": {
        "odd": Categorical([None, True, 1, "1", 1.5, "größe", "名前", ""]),
        "flag": Categorical([False, True]),
    },
    "constants": {"seed": Constant(3), "x": Float(0.0, 1.0), "name": Constant("net")},
    "chain": {
        "a": Categorical(["on", "off"]),
        "b": Float(0.0, 1.0, when={"a": "on"}),
        "c": Int(1, 5, when="b > 0.5"),
        "d": Categorical(["p", "q"], when={"c": [2, 3, 4]}),
    },
    "two parents": {
        "optimizer": Categorical(["sgd", "adam", "lion"]),
        "depth": Int(1, 3),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd", "depth": [2, 3]}),
        "beta": Float(0.8, 0.999, when={"optimizer": ["adam", "lion"]}),
    },
    "nested choices": {
        "model": Choice(
            {
                "linear": {"penalty": Choice({"none": {}, "elastic": {"ratio": Float(0.0, 1.0)}})},
                "net": {
                    "optimizer": Choice(
                        {
                            "sgd": {
                                "momentum": Choice(
                                    {"off": {}, "on": {"beta": Float(0.5, 0.99), "nesterov": [True, False]}}
                                )
                            },
                            "adam": {"eps": Float(1e-9, 1e-4, log=True)},
                        }
                    ),
                    "width": Int(4, 256, log=True),
                },
            }
        ),
        "scale": Categorical([True, False]),
    },
    "one name in two branches": {
        "model": Choice(
            {
                "forest": {"depth": Int(2, 30), "trees": Int(10, 500, log=True)},
                "boost": {"depth": Int(1, 8), "rate": Float(1e-3, 0.5, log=True)},
                "dummy": {},
            }
        )
    },
    "beliefs": {
        "lr": Float(1e-6, 1.0, log=True, prior=Prior(1e-3, Confidence.HIGH)),
        "width": Int(1, 512, prior=Prior(64, Confidence.MEDIUM)),
        "act": Categorical(["relu", "gelu", "tanh"], prior=Prior("gelu", Confidence.LOW)),
    },
    "defaults": {
        "lr": Float(1e-6, 1.0, log=True, default=1e-3),
        "width": Int(1, 512, default=100),
        "act": Categorical(["relu", "gelu", None], default=None),
    },
    "six points": {"n": Int(0, 1), "kind": Categorical(["a", "b", "c"])},
    "twenty dimensions": _MIXED,
    "one point": {"n": Int(3, 3), "kind": Categorical(["only"]), "x": Float(2.0, 2.0)},
    "no dimension": {"seed": Constant(3)},
}
_CONSTRAINED: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "constraints": (
        {"low": Float(0.0, 1.0), "high": Float(0.0, 1.0), "n": Int(1, 8)},
        ["low <= high", "n * high <= 6"],
    ),
    "constraints and conditions": (
        {
            "kind": Categorical(["tree", "net"]),
            "depth": Int(1, 16, when={"kind": "tree"}),
            "leaves": Int(2, 64, when={"kind": "tree"}),
            "width": Int(8, 128, log=True, when={"kind": "net"}),
            "layers": Int(1, 8),
        },
        ["leaves >= depth", "width * layers <= 400"],
    ),
}


def _fixed(trial: TrialHandle) -> float:
    trial.suggest_float("x", -2.0, 2.0)
    trial.suggest_float("lr", 1e-5, 1.0, log=True)
    trial.suggest_int("n", 1, 8)
    trial.suggest_categorical("kind", ["a", "b", None])
    return blend(trial.params)


def _conditional(trial: TrialHandle) -> float:
    if trial.suggest_categorical("model", ["svm", "forest"]) == "svm":
        trial.suggest_float("c", 1e-3, 1e3, log=True)
        if trial.suggest_categorical("kernel", ["rbf", "poly"]) == "poly":
            trial.suggest_int("degree", 2, 5)
    else:
        trial.suggest_int("trees", 10, 500, log=True)
    return blend(trial.params)


def _growing(trial: TrialHandle) -> float:
    layers = trial.suggest_int("layers", 1, 4)
    for layer in range(min(layers, 1 + trial.number // 4)):
        trial.suggest_int(f"width{layer}", 4, 64, log=True)
        trial.suggest_float(f"drop{layer}", 0.0, 0.5, step=0.1)
    return blend(trial.params)


def _changing(trial: TrialHandle) -> float:
    high = 1.0 + trial.number // 5
    trial.suggest_float("x", 0.0, high)
    trial.suggest_categorical("kind", ["a", "b", "c"][: 2 + trial.number % 2])
    trial.suggest_int("n", 0, 4 if trial.number % 3 else 9)
    return blend(trial.params)


def _nothing(trial: TrialHandle) -> float:
    return 1.0 + trial.number % 3
