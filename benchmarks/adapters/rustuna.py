"""Rustuna, Optuna's rewrite in Rust: a part of the same interface, at its defaults."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import rustuna
from rustuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from benchmarks.spaces import Config, Param, Space, by_run, suggest

NAME = "Rustuna"
DISTRIBUTION = "rustuna"
IMPORT = "import rustuna"
SEARCHERS = ("random", "tpe")
STORES = ("sqlite", "journal")
STUDY = "bench"


def version() -> str:
    return importlib.metadata.version("rustuna")


class Session:
    def __init__(self, study: Any, space: Space) -> None:
        self.study = study
        self.space = space

    def ask(self) -> tuple[int, Config]:
        trial = self.study.ask()
        return trial.number, suggest(trial, self.space)

    def tell(self, handle: int, value: float) -> None:
        self.study.tell(handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        domains = {param.name: _distribution(param) for param in self.space}
        for config, value in zip(configs, values, strict=True):
            kept = {name: domains[name] for name in config}
            self.study.add_trial(rustuna.create_trial(params=config, distributions=kept, value=value))

    def optimize(self, n: int) -> None:
        self.study.optimize(by_run(self.space), n_trials=n)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(rustuna.create_study(sampler=_sampler(searcher, seed)), space)


def create(store: str, folder: str, space: Space) -> None:
    rustuna.create_study(study_name=STUDY, storage=_storage(store, folder))


def attach(store: str, folder: str, space: Space, seed: int) -> Session:
    storage = _storage(store, folder)
    return Session(
        rustuna.load_study(study_name=STUDY, storage=storage, sampler=_sampler("random", seed)), space
    )


def agent(store: str, folder: str, space: Space, total: int, processes: int) -> None:
    attach(store, folder, space, os.getpid()).optimize(total // processes)


def bulk(store: str, folder: str, space: Space, configs: Sequence[Config], values: Sequence[float]) -> None:
    """Made in memory and copied, unsynced: on a file system in memory where there is one."""
    memory = rustuna.storages.InMemoryStorage()
    study = rustuna.create_study(study_name=STUDY, storage=memory)
    Session(study, space).load(configs, values)
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=shm) as fast:
        storage = _storage(store, fast)
        rustuna.copy_study(
            from_study_name=STUDY, from_storage=memory, to_storage=storage, to_study_name=STUDY
        )
        del storage
        shutil.copytree(fast, folder, dirs_exist_ok=True)


def opened(store: str, folder: str) -> tuple[float, int]:
    study = rustuna.load_study(study_name=STUDY, storage=_storage(store, folder))
    return study.best_trial.value, len(study.trials)


def census(store: str, folder: str) -> tuple[list[int], int]:
    trials = rustuna.load_study(study_name=STUDY, storage=_storage(store, folder)).trials
    return [trial.number for trial in trials], sum(trial.state.name == "COMPLETE" for trial in trials)


def _distribution(param: Param) -> Any:
    if param.kind == "cat":
        return CategoricalDistribution(list(param.choices))
    if param.kind == "int":
        return IntDistribution(int(param.low), int(param.high), log=param.log)
    return FloatDistribution(param.low, param.high, log=param.log)


def _sampler(searcher: str, seed: int) -> Any:
    samplers = rustuna.samplers
    return samplers.RandomSampler(seed=seed) if searcher == "random" else samplers.TPESampler(seed=seed)


def _storage(store: str, folder: str) -> Any:
    if store == "journal":
        return rustuna.storages.JournalFileStorage(os.path.join(folder, "rustuna.log"))
    return rustuna.storages.SQLite3Storage(os.path.join(folder, "rustuna.db"))
