"""Ax: its client with the default generation strategy; it sees a flat space."""

from __future__ import annotations

import importlib.metadata
import logging
import warnings
from collections.abc import Sequence
from typing import Any

warnings.filterwarnings("ignore")
from ax.api.client import Client  # noqa: E402
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig  # noqa: E402

from benchmarks.spaces import Config, Param, Space, active, full  # noqa: E402

NAME = "Ax"
DISTRIBUTION = "ax-platform"
IMPORT = "import ax.api.client"
SEARCHERS = ("default",)
STORES: Sequence[str] = ()

logging.disable(logging.WARNING)


def version() -> str:
    return importlib.metadata.version("ax-platform")


class Session:
    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.choices = {
            param.name: {str(choice): choice for choice in param.choices}
            for param in space
            if param.kind == "cat"
        }
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(parameters=[_parameter(param) for param in space])
        self.client.configure_optimization(objective="-loss")

    def ask(self) -> tuple[Any, Config]:
        ((index, found),) = self.client.get_next_trials(max_trials=1).items()
        config = {
            name: self.choices[name][value] if name in self.choices else value
            for name, value in found.items()
        }
        return index, active(self.space, config)

    def tell(self, handle: Any, value: float) -> None:
        self.client.complete_trial(handle, raw_data={"loss": value})

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        for config, value in zip(configs, values, strict=True):
            flat = full(self.space, config)
            said = {name: str(x) if name in self.choices else x for name, x in flat.items()}
            self.tell(self.client.attach_trial(parameters=said), value)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(space, seed)


def _parameter(param: Param) -> Any:
    if param.kind == "cat":
        values = [str(choice) for choice in param.choices]
        return ChoiceParameterConfig(name=param.name, values=values, parameter_type="str", is_ordered=False)
    low, high = (int(param.low), int(param.high)) if param.kind == "int" else (param.low, param.high)
    return RangeParameterConfig(
        name=param.name,
        bounds=(low, high),
        parameter_type=param.kind,
        scaling="log" if param.log else "linear",
    )
