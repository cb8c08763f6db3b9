"""Tunesmith."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tunesmith as ts
from benchmarks.spaces import Config, Param, Space, by_run

NAME = "Tunesmith"
DISTRIBUTION = "tunesmith"
IMPORT = "import tunesmith"
SEARCHERS = ("random", "tpe")
STORES = ("sqlite",)
STUDY = "bench"


def version() -> str:
    return ts.__version__


class Session:
    def __init__(self, study: ts.Study, space: Space) -> None:
        self.study = study
        self.space = space

    def ask(self) -> tuple[Any, Config]:
        trial = self.study.ask()
        return trial, dict(trial.params)

    def ask_many(self, n: int) -> list[tuple[Any, Config]]:
        return [(trial, dict(trial.params)) for trial in self.study.ask(n)]

    def tell(self, handle: Any, value: float) -> None:
        self.study.tell(handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        for config, value in zip(configs, values, strict=True):
            self.study.add_trial(config, value)

    def optimize(self, n: int) -> None:
        self.study.optimize(by_run(self.space), n_trials=n)


class Loop:
    """The peers' define-by-run loops start without a space; so does this one."""

    def __init__(self, searcher: str, space: Space, seed: int) -> None:
        self.searcher, self.space, self.seed = searcher, space, seed
        self.study: ts.Study | None = None

    def optimize(self, n: int) -> None:
        self.study = ts.tune(by_run(self.space), n_trials=n, searcher=self.searcher, seed=self.seed)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None) -> Session:
    study = ts.create_study(_declared(space), searcher=searcher, seed=seed, n_trials=n_trials)
    return Session(study, space)


def loop(searcher: str, space: Space, seed: int) -> Loop:
    return Loop(searcher, space, seed)


def vectorized(space: Space, n: int, batch: int, searcher: str) -> ts.Study | None:
    """None when this version cannot."""
    if "vectorized" not in inspect.signature(ts.tune).parameters:
        return None
    names = [param.name for param in space]

    def objective(columns: Any) -> Any:
        return sum(columns[name] ** 2 for name in names)

    options: dict[str, Any] = {"vectorized": batch}
    return ts.tune(objective, _declared(space), n_trials=n, searcher=searcher, seed=0, **options)


def create(store: str, folder: str, space: Space) -> None:  # noqa: ARG001
    ts.create_study(searcher="random", seed=0, name=STUDY, storage=_path(folder))


def attach(store: str, folder: str, space: Space, seed: int) -> Session:  # noqa: ARG001
    return Session(ts.load_study(STUDY, storage=_path(folder)), space)


def agent(store: str, folder: str, space: Space, total: int, processes: int) -> None:  # noqa: ARG001
    """The number of trials is the study's total, whoever runs them."""
    attach(store, folder, space, 0).optimize(total)


def bulk(store: str, folder: str, space: Space, configs: Sequence[Config], values: Sequence[float]) -> None:  # noqa: ARG001
    """Made in memory and copied, unsynced, as the peers' are."""
    memory = ts.MemoryStore()
    with ts.SQLiteStore(_path(folder), durability="process") as fast:
        study = ts.create_study(_declared(space), searcher="random", seed=0, name=STUDY, storage=memory)
        Session(study, space).load(configs, values)
        ts.copy_study(STUDY, STUDY, storage=memory, to_storage=fast)


def opened(store: str, folder: str) -> tuple[float, int]:  # noqa: ARG001
    study = ts.load_study(STUDY, storage=_path(folder))
    return study.best_value, len(study.trials)


def census(store: str, folder: str) -> tuple[list[int], int]:  # noqa: ARG001
    trials = ts.load_study(STUDY, storage=_path(folder)).trials
    return [trial.number for trial in trials], sum(trial.state == "COMPLETE" for trial in trials)


def fingerprint() -> str:
    """Of all the code that a proposal depends on: saved traces of other code are not reused."""
    root = Path(ts.__file__).parent
    digest = hashlib.sha256()
    for part in ("search", "numeric", "space", "presets.py", "_rng.py"):
        place = root / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _declared(space: Space) -> dict[str, Any]:
    return {param.name: _domain(param) for param in space}


def _domain(param: Param) -> Any:
    when = None if param.parent is None else {param.parent: list(param.when)}
    options: dict[str, Any] = {} if when is None else {"when": when}
    if param.kind == "cat":
        return ts.Categorical(list(param.choices), **options)
    if param.kind == "int":
        return ts.Int(int(param.low), int(param.high), log=param.log, **options)
    return ts.Float(param.low, param.high, log=param.log, **options)


def _path(folder: str) -> str:
    return os.path.join(folder, "tunesmith.db")
