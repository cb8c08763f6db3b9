"""Tunesmith."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import tunesmith as ts

# Tunesmith imports things when they are used; here all are there before a clock starts, as with peers.
from tunesmith import api  # noqa: F401
from tunesmith.kernel import run  # noqa: F401
from tunesmith.search import random, tpe  # noqa: F401
from tunesmith.store import sqlite  # noqa: F401

NAME = "Tunesmith"
VERSION = ts.__version__
MODULE = "tunesmith"
STORES = ("SQLite",)
STUDY = "bench"


def minimize(objective: Callable[[Any], float], n: int) -> None:
    ts.tune(objective, n_trials=n, searcher="random", seed=0)


def durable(store: str, folder: str, objective: Callable[[Any], float], n: int) -> None:  # noqa: ARG001
    ts.tune(objective, n_trials=n, searcher="random", seed=0, name=STUDY, storage=_path(folder))


def prepare(store: str, folder: str, n: int) -> None:  # noqa: ARG001
    with ts.SQLiteStore(_path(folder), durability="process") as fast:
        ts.tune(_three, n_trials=n, searcher="random", seed=0, name=STUDY, storage=fast)


def reopen(store: str, folder: str) -> Any:  # noqa: ARG001
    return ts.load_study(STUDY, storage=_path(folder))


def make(store: str, folder: str) -> None:  # noqa: ARG001
    ts.create_study(searcher="random", seed=0, name=STUDY, storage=_path(folder))


def agent(store: str, folder: str, total: int, processes: int) -> None:  # noqa: ARG001
    ts.load_study(STUDY, storage=_path(folder)).optimize(_three, total)


def census(store: str, folder: str) -> tuple[Sequence[int], int]:  # noqa: ARG001
    trials = ts.load_study(STUDY, storage=_path(folder)).trials
    return [trial.number for trial in trials], sum(trial.state == "COMPLETE" for trial in trials)


def tpe_ask(dims: int, rows: Sequence[Sequence[float]], values: Sequence[float]) -> Callable[[], Any]:
    """Asks that are told a bad value, so that each one sees the history changed."""
    names = [f"x{i}" for i in range(dims)]
    study = ts.create_study({name: ts.Float(0.0, 1.0) for name in names}, searcher="tpe", seed=0)
    for row, value in zip(rows, values, strict=True):
        study.add_trial(dict(zip(names, row, strict=True)), value)

    def ask() -> None:
        study.tell(study.ask(), 1e6)

    return ask


def _three(trial: Any) -> float:
    return sum(float(trial.suggest_float(f"x{i}", -1.0, 1.0)) ** 2 for i in range(3))


def _path(folder: str) -> str:
    return os.path.join(folder, "tunesmith.db")
