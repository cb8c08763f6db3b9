"""Optuna, at its defaults."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

NAME = "Optuna"
VERSION = optuna.__version__
MODULE = "optuna"
STORES = ("RDB (SQLite)", "JournalFile")
STUDY = "bench"

optuna.logging.set_verbosity(optuna.logging.ERROR)


def minimize(objective: Callable[[Any], float], n: int) -> None:
    optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, n_trials=n)


def durable(store: str, folder: str, objective: Callable[[Any], float], n: int) -> None:
    make(store, folder)
    _load(store, folder).optimize(objective, n_trials=n)


def prepare(store: str, folder: str, n: int) -> None:
    """Trials made in memory and copied; unsynced while they are written, as usual when they are read."""
    made = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    made.optimize(_three, n_trials=n)
    make(store, folder)
    if store == "JournalFile":
        os.fsync, kept = (lambda _: None), os.fsync
        try:
            _load(store, folder).add_trials(made.trials)
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
        _load(store, folder).add_trials(made.trials)
    finally:
        event.remove(Engine, "connect", unsynced)


def reopen(store: str, folder: str) -> Any:
    return _load(store, folder)


def make(store: str, folder: str) -> None:
    optuna.create_study(study_name=STUDY, storage=_storage(store, folder))


def agent(store: str, folder: str, total: int, processes: int) -> None:
    _load(store, folder).optimize(_three, n_trials=total // processes)


def census(store: str, folder: str) -> tuple[Sequence[int], int]:
    trials = _load(store, folder).trials
    return [trial.number for trial in trials], sum(trial.state.name == "COMPLETE" for trial in trials)


def tpe_ask(dims: int, rows: Sequence[Sequence[float]], values: Sequence[float]) -> Callable[[], Any]:
    names = [f"x{i}" for i in range(dims)]
    space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(zip(names, row, strict=True)), distributions=space, value=value
            )
            for row, value in zip(rows, values, strict=True)
        ]
    )

    def ask() -> None:
        study.tell(study.ask(space), 1e6)

    return ask


def _three(trial: Any) -> float:
    return sum(float(trial.suggest_float(f"x{i}", -1.0, 1.0)) ** 2 for i in range(3))


def _load(store: str, folder: str) -> optuna.Study:
    return optuna.load_study(
        study_name=STUDY,
        storage=_storage(store, folder),
        sampler=optuna.samplers.RandomSampler(seed=os.getpid()),
    )


def _storage(store: str, folder: str) -> Any:
    if store == "JournalFile":
        return JournalStorage(JournalFileBackend(os.path.join(folder, "optuna.log")))
    return RDBStorage(f"sqlite:///{os.path.join(folder, 'optuna.db')}")
