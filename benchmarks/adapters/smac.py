"""SMAC3's facades at their defaults, by ask and tell on a deterministic scenario; conditions are native."""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Sequence
from typing import Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, InCondition, Integer
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.spaces import Config, Param, Space

NAME = "SMAC3"
DISTRIBUTION = "smac"
IMPORT = "import smac"
SEARCHERS = ("hpo", "bb")
STORES: Sequence[str] = ()
_FACADES = {"hpo": HyperparameterOptimizationFacade, "bb": BlackBoxFacade}


def version() -> str:
    return importlib.metadata.version("smac")


class Session:
    def __init__(self, searcher: str, space: Space, seed: int, n_trials: int | None) -> None:
        self.folder = tempfile.TemporaryDirectory()
        # its names for categories are strings
        self.choices = {
            param.name: {str(choice): choice for choice in param.choices}
            for param in space
            if param.kind == "cat"
        }
        self.space = _space(space, seed)
        scenario = Scenario(
            self.space,
            n_trials=n_trials or 100,
            deterministic=True,
            seed=seed,
            output_directory=self.folder.name,
        )
        self.smac = _FACADES[searcher](scenario, _never, overwrite=True, logging_level=50)

    def ask(self) -> tuple[Any, Config]:
        info = self.smac.ask()
        return info, {
            name: self.choices[name][value] if name in self.choices else value
            for name, value in dict(info.config).items()
        }

    def tell(self, handle: Any, value: float) -> None:
        self.smac.tell(handle, TrialValue(cost=value, time=0.0), save=False)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        for config, value in zip(configs, values, strict=True):
            said = {name: str(x) if name in self.choices else x for name, x in config.items()}
            self.tell(TrialInfo(Configuration(self.space, values=said), seed=0), value)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(searcher, space, seed, n_trials)


def _never(config: Any, seed: int = 0) -> float:
    return 0.0


def _space(space: Space, seed: int) -> ConfigurationSpace:
    found = ConfigurationSpace(seed=seed)
    params = {param.name: _parameter(param) for param in space}
    found.add(list(params.values()))
    conditions = [
        InCondition(params[param.name], params[param.parent], [str(value) for value in param.when])
        for param in space
        if param.parent is not None
    ]
    if conditions:
        found.add(conditions)
    return found


def _parameter(param: Param) -> Any:
    if param.kind == "cat":
        return Categorical(param.name, [str(choice) for choice in param.choices])
    if param.kind == "int":
        return Integer(param.name, (int(param.low), int(param.high)), log=param.log)
    return Float(param.name, (param.low, param.high), log=param.log)
