"""DEHB (Awad et al. 2021) by ask and tell: it says how many steps a configuration is trained."""

from __future__ import annotations

import importlib.metadata
import json
import tempfile
from collections.abc import Sequence
from typing import Any

from ConfigSpace import ConfigurationSpace, Float, Integer
from dehb import DEHB

from benchmarks.spaces import Config, Space

NAME = "DEHB"
DISTRIBUTION = "dehb"
IMPORT = "import dehb"
SEARCHERS: Sequence[str] = ()
STEPS = ("default",)
STORES: Sequence[str] = ()


def version() -> str:
    return importlib.metadata.version("dehb")


class Steps:
    def __init__(self, space: Space, seed: int, high: int) -> None:
        self.folder, self.high = tempfile.TemporaryDirectory(), high
        known = ConfigurationSpace(seed=seed)
        for param in space:
            kind = Integer if param.kind == "int" else Float
            number = int if param.kind == "int" else float
            known.add(kind(param.name, (number(param.low), number(param.high)), log=param.log))
        self.dehb = DEHB(
            f=None,
            cs=known,
            dimensions=len(space),
            min_fidelity=1,
            max_fidelity=high,
            n_workers=1,
            seed=seed,
            output_path=self.folder.name,
            save_freq="end",
        )

    def ask(self) -> tuple[Any, str, Config, int]:
        job = self.dehb.ask()
        config = {name: getattr(value, "item", lambda v=value: v)() for name, value in job["config"].items()}
        return job, json.dumps(config, sort_keys=True), config, max(1, min(self.high, round(job["fidelity"])))

    def report(self, handle: Any, step: int, loss: float) -> bool:
        return True

    def tell(self, handle: Any, step: int, loss: float) -> None:
        self.dehb.tell(handle, {"fitness": loss, "cost": float(handle["fidelity"])})


def steps(method: str, space: Space, seed: int, high: int) -> Steps:
    return Steps(space, seed, high)
