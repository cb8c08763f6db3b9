"""Functions of our own, their optimum known: mixed, conditional, whole numbers and switches, and noise.

Each takes an instance, which moves the optimum, the weights and which category is best; so what is tuned on
some instances can be judged on others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

Config = Mapping[str, Any]


def number(name: str, low: float, high: float, *, log: bool = False, when: Any = None) -> dict[str, Any]:
    param = {"name": name, "type": "float", "low": float(low), "high": float(high), "log": log}
    return param | ({"condition": {"parent": when[0], "values": list(when[1:])}} if when else {})


def whole(name: str, low: int, high: int, *, log: bool = False, when: Any = None) -> dict[str, Any]:
    return number(name, low, high, log=log, when=when) | {"type": "int", "low": low, "high": high}


def choice(name: str, choices: Sequence[Any], *, when: Any = None) -> dict[str, Any]:
    param = {"name": name, "type": "cat", "choices": list(choices)}
    return param | ({"condition": {"parent": when[0], "values": list(when[1:])}} if when else {})


def unit(param: Mapping[str, Any], value: float) -> float:
    """Where in its range, on its own scale, from 0 to 1."""
    up = math.log if param["log"] else float
    return (up(value) - up(param["low"])) / (up(param["high"]) - up(param["low"]))


class Function:
    """`space`, `best` and `evaluate`; with `noise`, evaluations differ and `truth` is what is wanted."""

    noise: Callable[[Config], float] | None = None

    def __init__(self, space: list[dict[str, Any]], best: float) -> None:
        self.space, self.best = space, best
        self.params = {param["name"]: param for param in space}

    def truth(self, config: Config) -> float:
        raise NotImplementedError

    def at(self, config: Config, name: str) -> float:
        return unit(self.params[name], config[name])


def _rng(kind: str, instance: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([instance, *kind.encode()]))


class Mixed(Function):
    """A training in small: a narrow valley of learning rate and batch, an optimizer that moves it, a depth
    with its own best, an activation that adds, a dropout that matters where the net is wide."""

    def __init__(self, instance: int) -> None:
        rng = _rng("mixed", instance)
        self.centre = rng.uniform(0.2, 0.8, 4)
        self.shift = {name: float(rng.uniform(-0.25, 0.25)) for name in ("adam", "sgd", "lion")}
        kinds = ("relu", "gelu", "tanh", "silu", "elu")
        self.cost = dict(zip(kinds, rng.permutation([0.0, 0.02, 0.05, 0.1, 0.2]), strict=True))
        self.layers = int(rng.integers(2, 8))
        super().__init__(
            [
                number("lr", 1e-5, 1e-1, log=True), whole("batch", 16, 1024, log=True),
                number("decay", 1e-6, 1e-1, log=True), number("dropout", 0, 0.8), number("momentum", 0, 0.99),
                whole("layers", 1, 10), choice("optimizer", list(self.shift)), choice("act", kinds),
            ],
            0.0,
        )  # fmt: skip
        self.batch = unit(self.params["batch"], round(math.exp(rng.uniform(math.log(24), math.log(700)))))

    def truth(self, config: Config) -> float:
        lr, decay, drop, momentum = (self.at(config, n) for n in ("lr", "decay", "dropout", "momentum"))
        batch = self.at(config, "batch") - self.batch
        valley = lr - self.centre[0] - 0.6 * batch + self.shift[config["optimizer"]]
        width = 0.3 + 1.5 * self.at(config, "batch")
        return float(
            6 * valley**2
            + 1.5 * batch**2
            + 0.8 * (decay - self.centre[1]) ** 2
            + width * (drop - self.centre[2]) ** 2
            + (1.2 * (momentum - self.centre[3]) ** 2 if config["optimizer"] != "lion" else 0.15)
            + 0.03 * abs(config["layers"] - self.layers) ** 1.5
            + self.cost[config["act"]]
        )


class Branches(Function):
    """Four models, two nested: each has a floor, and the best model is not the one easiest to tune."""

    def __init__(self, instance: int) -> None:
        rng = _rng("branches", instance)
        models = ("net", "svm", "boosting", "linear")
        self.floor = dict(zip(models[:3], rng.permutation([0.0, 0.08, 0.16]), strict=True)) | {"linear": 0.25}
        space = [
            choice("model", models),
            choice("scaling", ["none", "standard", "robust"]),
            number("net_lr", 1e-5, 1e-1, log=True, when=("model", "net")),
            whole("net_width", 8, 1024, log=True, when=("model", "net")),
            number("net_dropout", 0, 0.9, when=("model", "net")),
            choice("net_schedule", ["constant", "cosine"], when=("model", "net")),
            number("net_warmup", 0, 0.5, when=("net_schedule", "cosine")),
            number("svm_C", 1e-3, 1e3, log=True, when=("model", "svm")),
            choice("svm_kernel", ["rbf", "poly", "linear"], when=("model", "svm")),
            number("svm_gamma", 1e-4, 1e1, log=True, when=("svm_kernel", "rbf", "poly")),
            whole("svm_degree", 2, 6, when=("svm_kernel", "poly")),
            number("boost_eta", 1e-3, 1, log=True, when=("model", "boosting")),
            whole("boost_rounds", 10, 2000, log=True, when=("model", "boosting")),
            whole("boost_depth", 1, 15, when=("model", "boosting")),
            number("boost_subsample", 0.2, 1, when=("model", "boosting")),
            number("linear_l1", 1e-6, 1e2, log=True, when=("model", "linear")),
        ]
        self.optimum = {
            param["name"]: float(rng.uniform(0.15, 0.85)) for param in space if param["type"] != "cat"
        }
        self.scaling = dict(zip(space[1]["choices"], rng.permutation([0.0, 0.03, 0.1]), strict=True))
        super().__init__(space, 0.0)
        for param in space:  # whole numbers have their optimum on a whole number
            if param["type"] == "int":
                up, back = (math.log, math.exp) if param["log"] else (float, float)
                low, high = up(param["low"]), up(param["high"])
                value = round(back(low + self.optimum[param["name"]] * (high - low)))
                self.optimum[param["name"]] = unit(param, value)

    def truth(self, config: Config) -> float:
        off = {name: self.at(config, name) - self.optimum[name] for name in config if name in self.optimum}
        model = config["model"]
        total = self.floor[model] + (self.scaling[config["scaling"]] if model != "boosting" else 0.0)
        if model == "net":
            total += 3 * (off["net_lr"] + 0.4 * off["net_width"]) ** 2 + 0.5 * off["net_width"] ** 2
            total += 0.4 * abs(off["net_dropout"]) ** 1.5
            total += 0.3 * off["net_warmup"] ** 2 if "net_warmup" in off else 0.04
        elif model == "svm":
            total += {"rbf": 0.0, "poly": 0.05, "linear": 0.12}[config["svm_kernel"]]
            total += 2 * (off["svm_C"] + off.get("svm_gamma", 0.0)) ** 2
            total += 1.5 * off.get("svm_gamma", 0.0) ** 2 + 0.3 * off.get("svm_degree", 0.0) ** 2
        elif model == "boosting":
            total += 1 - math.exp(-4 * (off["boost_eta"] + off["boost_rounds"]) ** 2)
            total += 0.4 * off["boost_rounds"] ** 2 + 0.6 * abs(off["boost_depth"])
            total += 0.3 * off["boost_subsample"] ** 2
        else:
            total += 0.8 * off["linear_l1"] ** 2
        return float(total)


class Switches(Function):
    """Counts and switches only: neighbours interact as in an NK landscape, one number scales a part."""

    def __init__(self, instance: int) -> None:
        rng = _rng("switches", instance)
        self.sizes = (2, 2, 2, 2, 3, 4, 5, 3)
        space = [choice(f"s{i}", list(range(size))) for i, size in enumerate(self.sizes[:6])]
        space += [whole(f"k{i}", 1, size) for i, size in enumerate(self.sizes[6:])]
        space.append(number("rate", 1e-4, 1, log=True))
        self.tables = [
            rng.uniform(0, 1, (size, self.sizes[(i + 1) % 8], self.sizes[(i + 3) % 8]))
            for i, size in enumerate(self.sizes)
        ]
        self.rate = float(rng.uniform(0.2, 0.8))
        grid = product(*(range(size) for size in self.sizes))
        super().__init__(space, min(self._score(row) for row in grid))

    def _score(self, row: Sequence[int]) -> float:
        return sum(
            float(table[row[i], row[(i + 1) % 8], row[(i + 3) % 8]]) for i, table in enumerate(self.tables)
        )

    def truth(self, config: Config) -> float:
        row = [config[f"s{i}"] for i in range(6)] + [config[f"k{i}"] - 1 for i in range(2)]
        return self._score(row) + 4 * (self.at(config, "rate") - self.rate) ** 2


class Noisy(Function):
    """Another function seen through noise, a part of it growing with the value, as validation losses do."""

    def __init__(self, inner: Function, base: float, share: float) -> None:
        super().__init__(inner.space, inner.best)
        self.inner, self.base, self.share = inner, base, share

    def truth(self, config: Config) -> float:
        return self.inner.truth(config)

    def spread(self, value: float) -> float:
        """The standard deviation where the true value is this."""
        return self.base + self.share * abs(value - self.best)
