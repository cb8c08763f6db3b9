"""Tunesmith."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import tunesmith as ts
from benchmarks.spaces import Config, Param, Space, by_run
from tunesmith import presets

NAME = "Tunesmith"
DISTRIBUTION = "tunesmith"
IMPORT = "import tunesmith"
SEARCHERS = ("random", "tpe")
STEPS = ("freeze-thaw", "freeze-thaw-stop", "bohb", "dehb", "smac", "random+asha", "tpe+asha", "gp+none")
STORES = ("sqlite",)
STUDY = "bench"
_BY_BUDGETS = {"bohb": ts.BOHBSearcher, "smac": ts.SMACSearcher}


def total(told: int, more: int) -> int:
    """What `optimize` is told to have so many more: a study's trials count in all."""
    return told + more


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

    def recommend(self) -> Config | None:
        """What it says is best, where noise may have made another look better; None in versions without."""
        advise = getattr(self.study, "recommend", None)
        return None if advise is None else dict(advise().params)

    def optimize(self, n: int) -> None:
        self.study.optimize(by_run(self.space), n_trials=n)


class Loop:
    """The peers' define-by-run loops start without a space; so does this one."""

    def __init__(self, searcher: str, space: Space, seed: int) -> None:
        self.searcher, self.space, self.seed = searcher, space, seed
        self.study: ts.Study | None = None

    def optimize(self, n: int) -> None:
        self.study = ts.tune(by_run(self.space), n_trials=n, searcher=self.searcher, seed=self.seed)


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    study = ts.create_study(_declared(space), searcher=method(searcher), seed=seed, n_trials=n_trials)
    return Session(study, space)


class Steps:
    """By ask, report and tell; what pauses is asked for again."""

    def __init__(self, study: ts.Study, high: int) -> None:
        self.study, self.high = study, high

    def ask(self) -> tuple[Any, str, Config, int]:
        trial = self.study.ask()
        return trial, str(trial.number), dict(trial.params), self.high

    def report(self, handle: Any, step: int, loss: float) -> bool:
        handle.report(loss, step)
        return not handle.should_stop

    def tell(self, handle: Any, step: int, loss: float) -> None:
        if handle.should_stop:
            self.study.tell(handle)
        else:
            self.study.tell(handle, loss)


def steps(method: str, space: Space, seed: int, high: int) -> Steps:
    """`freeze-thaw` is what `scheduler="auto"` is for an objective that yields, `freeze-thaw-stop` for one
    that reports; both with the searcher `auto`. `bohb` and `smac` are for one that yields, too."""
    if method.startswith("freeze-thaw"):
        halves: dict[str, Any] = {
            "searcher": "auto",
            "scheduler": ts.FreezeThaw(promotion=not method.endswith("stop")),
        }
    elif method in _BY_BUDGETS:
        halves = {"searcher": _BY_BUDGETS[method](), "scheduler": ts.Hyperband(promotion=True)}
    else:
        searcher, _, scheduler = method.partition("+")
        halves = {"searcher": searcher} | ({"scheduler": scheduler} if scheduler else {})
    fidelity = ts.Fidelity("epoch", 1, high)
    return Steps(ts.create_study(_declared(space), fidelity=fidelity, seed=seed, **halves), high)


def several(searcher: str, space: Space, seed: int, n_trials: int, objectives: int) -> Session:
    """As `session`, told as many values as there are objectives."""
    goals = {f"f{i}": "minimize" for i in range(objectives)}
    study = ts.create_study(
        _declared(space), objectives=goals, searcher=method(searcher), seed=seed, n_trials=n_trials
    )
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


def create(store: str, folder: str, space: Space) -> None:
    ts.create_study(searcher="random", seed=0, name=STUDY, storage=_path(folder))


def attach(store: str, folder: str, space: Space, seed: int) -> Session:
    return Session(ts.load_study(STUDY, storage=_path(folder)), space)


def agent(store: str, folder: str, space: Space, total: int, processes: int) -> None:
    """The number of trials is the study's total, whoever runs them."""
    attach(store, folder, space, 0).optimize(total)


def bulk(store: str, folder: str, space: Space, configs: Sequence[Config], values: Sequence[float]) -> None:
    """Made in memory and copied, unsynced, as the peers' are."""
    memory = ts.MemoryStore()
    with ts.SQLiteStore(_path(folder), durability="process") as fast:
        study = ts.create_study(_declared(space), searcher="random", seed=0, name=STUDY, storage=memory)
        Session(study, space).load(configs, values)
        ts.copy_study(STUDY, STUDY, storage=memory, to_storage=fast)


def opened(store: str, folder: str) -> tuple[float, int]:
    study = ts.load_study(STUDY, storage=_path(folder))
    return study.best_value, len(study.trials)


def census(store: str, folder: str) -> tuple[list[int], int]:
    trials = ts.load_study(STUDY, storage=_path(folder)).trials
    return [trial.number for trial in trials], sum(trial.state == "COMPLETE" for trial in trials)


def knows(searcher: str) -> bool:
    return searcher.partition(":")[0] in presets.SEARCHERS


def method(searcher: str) -> Any:
    """By name, and with settings after a colon: `gp:{"warp": false}`."""
    name, _, settings = searcher.partition(":")
    return presets.searcher_from({"name": name, "settings": json.loads(settings)}) if settings else name


@cache
def fingerprint(searcher: str) -> str:
    """Of the code that its proposals depend on: saved traces of other code are not reused."""
    name, root = searcher.partition(":")[0], Path(ts.__file__).parent
    if name in STEPS:  # with a scheduler
        files = {
            path
            for part in ("search", "schedule", "numeric", "space")
            for path in (root / part).rglob("*.py")
        }
    elif name == "auto":  # it may use any
        files = {path for part in ("search", "numeric", "space") for path in (root / part).rglob("*.py")}
        files |= {root / "presets.py", root / "_rng.py"}
    else:
        files = _imported(root, presets.SEARCHERS[name].partition(":")[0])
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _imported(root: Path, module: str) -> set[Path]:
    """The file of this module and those of all that it imports, in the rooms that proposals are made in."""
    found: set[Path] = set()
    left = [module]
    while left:
        parts = left.pop().split(".")[1:]
        place = root.joinpath(*parts).with_suffix(".py") if parts else root
        if not parts or parts[0] not in ("search", "numeric", "space", "_rng") or place in found:
            continue
        if not place.is_file():
            continue
        found.add(place)
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                left += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                left += [alias.name for alias in node.names]
    return found


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
