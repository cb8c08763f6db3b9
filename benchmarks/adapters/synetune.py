"""Syne Tune's schedulers by hand: a suggestion, then a result after each step. Both are of the stopping kind,
and one bracket is their default."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHA, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.spaces import Config, Param, Space

NAME = "Syne Tune"
DISTRIBUTION = "syne-tune"
IMPORT = "import syne_tune"
SEARCHERS: Sequence[str] = ()
STEPS = ("asha", "bohb")
STORES: Sequence[str] = ()
_SCHEDULERS = {"asha": ASHA, "bohb": BOHB}


def version() -> str:
    return importlib.metadata.version("syne-tune")


class Steps:
    def __init__(self, method: str, space: Space, seed: int, high: int) -> None:
        logging.disable(logging.WARNING)
        self.high, self.count = high, 0
        known = {param.name: _domain(param) for param in space}
        self.scheduler = _SCHEDULERS[method](
            known, metric="loss", time_attr="step", max_t=high, random_seed=seed
        )

    def ask(self) -> tuple[Any, str, Config, int]:
        config = dict(self.scheduler.suggest().config)
        trial = Trial(self.count, config, datetime.now())
        self.count += 1
        self.scheduler.on_trial_add(trial)
        return trial, str(trial.trial_id), config, self.high

    def report(self, handle: Any, step: int, loss: float) -> bool:
        decision = self.scheduler.on_trial_result(handle, {"loss": loss, "step": step})
        return bool(decision == SchedulerDecision.CONTINUE)

    def tell(self, handle: Any, step: int, loss: float) -> None:
        self.scheduler.on_trial_remove(handle)


def steps(method: str, space: Space, seed: int, high: int) -> Steps:
    return Steps(method, space, seed, high)


def _domain(param: Param) -> Any:
    if param.kind == "cat":
        return config_space.choice(list(param.choices))
    if param.kind == "int":
        return (config_space.lograndint if param.log else config_space.randint)(
            int(param.low), int(param.high)
        )
    return (config_space.loguniform if param.log else config_space.uniform)(param.low, param.high)
