"""Hyperopt at its defaults: declared spaces through fmin, progress bar and log output off."""

from __future__ import annotations

import importlib.metadata
import logging
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from hyperopt import STATUS_OK, Trials, fmin, hp, rand, space_eval, tpe
    from hyperopt.base import JOB_STATE_DONE, JOB_STATE_RUNNING, Domain

from benchmarks.spaces import Config, Param, Space, score

NAME = "Hyperopt"
DISTRIBUTION = "hyperopt"
IMPORT = "import hyperopt"
SEARCHERS = ("random", "tpe")
STORES: Sequence[str] = ()

logging.getLogger("hyperopt").setLevel(logging.ERROR)
_ALGORITHMS = {"random": rand.suggest, "tpe": tpe.suggest}


def version() -> str:
    return importlib.metadata.version("hyperopt")


class Session:
    """fmin for loops; what fmin does, step by step, for ask and tell, which it does not offer."""

    def __init__(self, searcher: str, space: Space, seed: int) -> None:
        self.space = {param.name: param for param in space}
        self.nodes = _nodes(space)
        self.algorithm = _ALGORITHMS[searcher]
        self.domain = Domain(lambda _: 0.0, self.nodes)
        self.trials = Trials()
        self.rng = np.random.default_rng(seed)
        self.value = score(space)

    def ask(self) -> tuple[Any, Config]:
        ids = self.trials.new_trial_ids(1)
        self.trials.refresh()
        seed = int(self.rng.integers(2**31 - 1))
        doc = self.algorithm(ids, self.domain, self.trials, seed)[0]
        doc["state"] = JOB_STATE_RUNNING
        self.trials.insert_trial_docs([doc])
        self.trials.refresh()
        labels = {name: found[0] for name, found in doc["misc"]["vals"].items() if found}
        return self.trials._dynamic_trials[-1], self._config(space_eval(self.nodes, labels))

    def tell(self, handle: Any, value: float) -> None:
        handle["result"] = {"loss": float(value), "status": STATUS_OK}
        handle["state"] = JOB_STATE_DONE
        self.trials.refresh()

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        ids = self.trials.new_trial_ids(len(configs))
        docs = []
        for tid, config, value in zip(ids, configs, values, strict=True):
            labels = {
                name: [self._label(name, config[name])] if name in config else [] for name in self.space
            }
            misc = {
                "tid": tid,
                "cmd": self.domain.cmd,
                "workdir": self.domain.workdir,
                "idxs": {name: [tid] if found else [] for name, found in labels.items()},
                "vals": labels,
            }
            result = {"loss": float(value), "status": STATUS_OK}
            doc = self.trials.new_trial_docs([tid], [None], [result], [misc])[0]
            doc["state"] = JOB_STATE_DONE
            docs.append(doc)
        self.trials.insert_trial_docs(docs)
        self.trials.refresh()

    def optimize(self, n: int) -> None:
        fmin(
            lambda found: self.value(self._config(found)),
            self.nodes,
            algo=self.algorithm,
            max_evals=n,
            trials=self.trials,
            rstate=self.rng,
            verbose=False,
            show_progressbar=False,
        )

    def _label(self, name: str, value: Any) -> Any:
        param = self.space[name]
        return param.choices.index(value) if param.kind == "cat" else float(value)

    def _config(self, found: dict[str, Any]) -> Config:
        """Branches laid out flat, whole numbers as such, and what q… rounds over the edge taken back."""
        config: Config = {}
        left = dict(found)
        while left:
            name, value = left.popitem()
            if isinstance(value, dict):
                left.update(value)
            else:
                config[name] = value
        for name, value in config.items():
            param = self.space[name]
            if param.kind != "cat":
                kept = min(max(value, param.low), param.high)
                config[name] = round(kept) if param.kind == "int" else float(kept)
        return config


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(searcher, space, seed)


def _nodes(space: Space) -> dict[str, Any]:
    """Conditional parameters become branches of their parent's hp.choice, one within another."""
    parents = {param.parent for param in space}
    # one node a name, though it may stand in several branches
    nodes = {param.name: _leaf(param) for param in space if param.name not in parents}
    for param in reversed(space):  # children come after their parents
        if param.name in parents:
            nodes[param.name] = hp.choice(
                param.name,
                [
                    {param.name: choice}
                    | {q.name: nodes[q.name] for q in space if q.parent == param.name and choice in q.when}
                    for choice in param.choices
                ],
            )
    return {param.name: nodes[param.name] for param in space if param.parent is None}


def _leaf(param: Param) -> Any:
    name, low, high = param.name, param.low, param.high
    if param.kind == "cat":
        return hp.choice(name, list(param.choices))
    if param.log:
        bounds = (name, math.log(low), math.log(high))
        return hp.qloguniform(*bounds, 1) if param.kind == "int" else hp.loguniform(*bounds)
    return hp.quniform(name, low, high, 1) if param.kind == "int" else hp.uniform(name, low, high)
