"""Nevergrad at its defaults, told the budget and the workers' number; it sees a flat space."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import nevergrad as ng

from benchmarks.spaces import Config, Param, Space, active, full

NAME = "Nevergrad"
DISTRIBUTION = "nevergrad"
IMPORT = "import nevergrad"
SEARCHERS = ("ngopt", "cma", "de", "pso")
STORES: Sequence[str] = ()

warnings.filterwarnings("ignore")
_OPTIMIZERS = {"ngopt": "NGOpt", "cma": "CMA", "de": "DE", "pso": "PSO"}


def version() -> str:
    return importlib.metadata.version("nevergrad")


class Session:
    def __init__(self, searcher: str, space: Space, seed: int, n_trials: int | None, workers: int) -> None:
        self.space = space
        self.whole = ng.p.Dict(**{param.name: _parameter(param) for param in space})
        self.whole.random_state = np.random.RandomState(seed)
        optimizer = ng.optimizers.registry[_OPTIMIZERS[searcher]]
        self.optimizer = optimizer(parametrization=self.whole, budget=n_trials, num_workers=workers)

    def ask(self) -> tuple[Any, Config]:
        candidate = self.optimizer.ask()
        return candidate, active(self.space, candidate.value)

    def tell(self, handle: Any, value: float) -> None:
        self.optimizer.tell(handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        for config, value in zip(configs, values, strict=True):
            self.optimizer.tell(self.whole.spawn_child(new_value=full(self.space, config)), value)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(searcher, space, seed, n_trials, workers)


def _parameter(param: Param) -> Any:
    if param.kind == "cat":
        return ng.p.Choice(list(param.choices))
    kind = ng.p.Log if param.log else ng.p.Scalar
    found = kind(lower=param.low, upper=param.high)
    return found.set_integer_casting() if param.kind == "int" else found
