"""Random search without a framework: a loop over Python's own generator, which keeps what it saw."""

from __future__ import annotations

import platform
import random
from collections.abc import Sequence

from benchmarks.spaces import Config, Space, draw, score

NAME = "plain random"
DISTRIBUTION = "python"
IMPORT = "pass"
SEARCHERS = ("random",)
STORES: Sequence[str] = ()


def version() -> str:
    return f"Python {platform.python_version()}"


class Plain:
    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.rng = random.Random(seed)
        self.trials: list[tuple[Config, float]] = []

    def ask(self) -> tuple[Config, Config]:
        config = draw(self.space, self.rng)
        return config, config

    def tell(self, handle: Config, value: float) -> None:
        self.trials.append((handle, value))

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        self.trials.extend(zip(configs, values, strict=True))

    def optimize(self, n: int) -> None:
        value = score(self.space)
        for _ in range(n):
            config = draw(self.space, self.rng)
            self.trials.append((config, value(config)))


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Plain:
    return Plain(space, seed)


def several(searcher: str, space: Space, seed: int, n_trials: int, objectives: int) -> Plain:
    """As `session`: what is told changes nothing."""
    return session(searcher, space, seed, n_trials)
