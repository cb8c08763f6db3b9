"""SMAC3's facades at their defaults, by ask and tell on a deterministic scenario; conditions are native."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import tempfile
from collections.abc import Sequence
from typing import Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, InCondition, Integer
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from benchmarks.spaces import Config, Param, Space

NAME = "SMAC3"
DISTRIBUTION = "smac"
IMPORT = "import smac"
SEARCHERS = ("hpo", "bb")
STEPS = ("mf",)
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


class Steps:
    """Its multi-fidelity facade: Hyperband's budgets, a forest at the largest that has enough trials."""

    def __init__(self, space: Space, seed: int, high: int) -> None:
        logging.disable(logging.WARNING)
        self.folder, self.high = tempfile.TemporaryDirectory(), high
        scenario = Scenario(
            _space(space, seed),
            n_trials=100_000,
            min_budget=1,
            max_budget=high,
            deterministic=True,
            seed=seed,
            output_directory=self.folder.name,
        )
        first = MultiFidelityFacade.get_initial_design(scenario, n_configs=20)
        self.smac = MultiFidelityFacade(
            scenario, _never_at, initial_design=first, overwrite=True, logging_level=50
        )

    def ask(self) -> tuple[Any, str, Config, int]:
        info = self.smac.ask()
        config = {name: getattr(value, "item", lambda v=value: v)() for name, value in info.config.items()}
        return info, json.dumps(config, sort_keys=True), config, max(1, min(self.high, round(info.budget)))

    def report(self, handle: Any, step: int, loss: float) -> bool:
        return True

    def tell(self, handle: Any, step: int, loss: float) -> None:
        self.smac.tell(handle, TrialValue(cost=loss, time=0.0), save=False)


def steps(method: str, space: Space, seed: int, high: int) -> Steps:
    return Steps(space, seed, high)


def _never(config: Any, seed: int = 0) -> float:
    return 0.0


def _never_at(config: Any, seed: int = 0, budget: float = 0.0) -> float:
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
