"""HEBO at its defaults; it sees a flat space."""

from __future__ import annotations

import importlib.metadata
import random
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

warnings.filterwarnings("ignore")
from hebo.design_space.design_space import DesignSpace  # noqa: E402
from hebo.optimizers.hebo import HEBO  # noqa: E402

from benchmarks.spaces import Config, Param, Space, active, full  # noqa: E402

NAME = "HEBO"
DISTRIBUTION = "HEBO"
IMPORT = "import hebo.optimizers.hebo"
SEARCHERS = ("default",)
STORES: Sequence[str] = ()


def version() -> str:
    return importlib.metadata.version("HEBO")


class Session:
    def __init__(self, space: Space, seed: int) -> None:
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        self.space = {param.name: param for param in space}
        self.optimizer = HEBO(DesignSpace().parse([_row(param) for param in space]), scramble_seed=seed)

    def ask(self) -> tuple[Any, Config]:
        frame = self.optimizer.suggest(1)
        config = {name: self._value(name, value) for name, value in frame.iloc[0].to_dict().items()}
        return frame, active(tuple(self.space.values()), config)

    def _value(self, name: str, value: Any) -> Any:
        param = self.space[name]
        if param.kind == "cat":
            return value
        return int(value) if param.kind == "int" else float(min(max(value, param.low), param.high))

    def tell(self, handle: Any, value: float) -> None:
        self.optimizer.observe(handle, np.array([[value]]))

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        rows = [full(tuple(self.space.values()), config) for config in configs]
        self.optimizer.observe(pd.DataFrame(rows), np.array(values).reshape(-1, 1))


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(space, seed)


def _row(param: Param) -> dict[str, Any]:
    if param.kind == "cat":
        return {"name": param.name, "type": "cat", "categories": list(param.choices)}
    kind = {"int": ("int", "pow_int"), "float": ("num", "pow")}[param.kind][param.log]
    return {"name": param.name, "type": kind, "lb": param.low, "ub": param.high}
