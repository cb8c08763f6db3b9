"""Optuna at its documented defaults, log output off."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.spaces import Config, Param, Space, by_run, suggest

NAME = "Optuna"
DISTRIBUTION = "optuna"
IMPORT = "import optuna"
SEARCHERS = tuple(
    name
    for name, needs in (
        ("random", ""), ("tpe", ""), ("tpe-group", ""), ("gp", "torch"), ("cmaes", "cmaes"), ("nsga2", ""),
    )
    if not needs or importlib.util.find_spec(needs)
)  # fmt: skip
STEPS = tuple(
    f"{sampler}+{pruner}"
    for sampler in ("random", "tpe", "gp")
    for pruner in ("none", "median", "asha", "hyperband")
    if sampler in SEARCHERS
)
STORES = ("rdb", "journal")
STUDY = "bench"

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def total(told: int, more: int) -> int:
    """What `optimize` is told to have so many more."""
    return more


def version() -> str:
    return optuna.__version__


class Session:
    def __init__(self, study: optuna.Study, space: Space) -> None:
        self.study = study
        self.space = space
        self.best = lambda: study.best_value

    def ask(self) -> tuple[Any, Config]:
        trial = self.study.ask()
        return trial, suggest(trial, self.space)

    def tell(self, handle: Any, value: float) -> None:
        self.study.tell(handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        self.study.add_trials(frozen(self.space, configs, values))

    def optimize(self, n: int) -> None:
        self.study.optimize(by_run(self.space), n_trials=n)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(optuna.create_study(sampler=_sampler(searcher, seed)), space)


class Steps:
    def __init__(self, study: optuna.Study, space: Space, high: int) -> None:
        self.study, self.space, self.high = study, space, high

    def ask(self) -> tuple[Any, str, Config, int]:
        trial = self.study.ask()
        return trial, str(trial.number), suggest(trial, self.space), self.high

    def report(self, handle: Any, step: int, loss: float) -> bool:
        handle.report(loss, step)
        return step < self.high and not handle.should_prune()

    def tell(self, handle: Any, step: int, loss: float) -> None:
        if step < self.high:
            self.study.tell(handle, state=optuna.trial.TrialState.PRUNED)
        else:
            self.study.tell(handle, loss)


def steps(method: str, space: Space, seed: int, high: int) -> Steps:
    """Hyperband draws brackets by the name of the study, which is therefore the seed's."""
    sampler, _, pruner = method.partition("+")
    pruners: Any = optuna.pruners
    made = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "asha": lambda: pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=1, max_resource=high, reduction_factor=3),
    }[pruner]()
    study = optuna.create_study(study_name=f"seed {seed}", sampler=_sampler(sampler, seed), pruner=made)
    return Steps(study, space, high)


def several(searcher: str, space: Space, seed: int, n_trials: int, objectives: int) -> Session:
    """As `session`, told as many values as there are objectives."""
    study = optuna.create_study(directions=["minimize"] * objectives, sampler=_sampler(searcher, seed))
    return Session(study, space)


def create(store: str, folder: str, space: Space) -> None:
    optuna.create_study(study_name=STUDY, storage=_storage(store, folder))


def attach(store: str, folder: str, space: Space, seed: int) -> Session:
    storage = _storage(store, folder)
    return Session(
        optuna.load_study(study_name=STUDY, storage=storage, sampler=_sampler("random", seed)), space
    )


def agent(store: str, folder: str, space: Space, total: int, processes: int) -> None:
    attach(store, folder, space, os.getpid()).optimize(total // processes)


def bulk(store: str, folder: str, space: Space, configs: Sequence[Config], values: Sequence[float]) -> None:
    """Unsynced, as bulk loads go: only reading is compared afterwards."""
    create(store, folder, space)
    if store == "journal":
        os.fsync, kept = (lambda _: None), os.fsync
        try:
            attach(store, folder, space, 0).load(configs, values)
        finally:
            os.fsync = kept
        return
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def unsynced(connection: Any, _: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("pragma synchronous = off")
            connection.execute("pragma journal_mode = memory")

    event.listen(Engine, "connect", unsynced)
    try:
        attach(store, folder, space, 0).load(configs, values)
    finally:
        event.remove(Engine, "connect", unsynced)


def opened(store: str, folder: str) -> tuple[float, int]:
    """Best value and number of trials, all of them read."""
    study = optuna.load_study(study_name=STUDY, storage=_storage(store, folder))
    return study.best_value, len(study.trials)


def census(store: str, folder: str) -> tuple[list[int], int]:
    trials = optuna.load_study(study_name=STUDY, storage=_storage(store, folder)).trials
    return [trial.number for trial in trials], sum(trial.state.name == "COMPLETE" for trial in trials)


def frozen(space: Space, configs: Sequence[Config], values: Sequence[float]) -> list[Any]:
    domains = {param.name: _distribution(param) for param in space}
    return [
        optuna.trial.create_trial(
            params=config, distributions={name: domains[name] for name in config}, value=value
        )
        for config, value in zip(configs, values, strict=True)
    ]


def _distribution(param: Param) -> Any:
    if param.kind == "cat":
        return CategoricalDistribution(param.choices)
    if param.kind == "int":
        return IntDistribution(int(param.low), int(param.high), log=param.log)
    return FloatDistribution(param.low, param.high, log=param.log)


def _sampler(searcher: str, seed: int) -> Any:
    samplers = optuna.samplers
    return {
        "random": lambda: samplers.RandomSampler(seed=seed),
        "tpe": lambda: samplers.TPESampler(seed=seed),
        "tpe-group": lambda: samplers.TPESampler(seed=seed, multivariate=True, group=True),
        "gp": lambda: samplers.GPSampler(seed=seed),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed),
        "nsga2": lambda: samplers.NSGAIISampler(seed=seed),
    }[searcher]()


def _storage(store: str, folder: str) -> Any:
    """With the timeout that Optuna's FAQ recommends for several processes on SQLite."""
    if store == "journal":
        return JournalStorage(JournalFileBackend(os.path.join(folder, "optuna.log")))
    path = os.path.join(folder, "optuna.db")
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": 100}})
