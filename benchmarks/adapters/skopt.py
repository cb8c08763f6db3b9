"""scikit-optimize at its defaults; it sees a flat space."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Sequence
from typing import Any

warnings.filterwarnings("ignore")
from skopt import Optimizer  # noqa: E402
from skopt.space import Categorical, Integer, Real  # noqa: E402
from skopt.space.space import Space as Dimensions  # noqa: E402
from skopt.utils import cook_estimator, normalize_dimensions  # noqa: E402

from benchmarks.spaces import Config, Param, Space, active, full  # noqa: E402

NAME = "scikit-optimize"
DISTRIBUTION = "scikit-optimize"
IMPORT = "import skopt"
SEARCHERS = ("gp", "forest")
STORES: Sequence[str] = ()


def version() -> str:
    return importlib.metadata.version("scikit-optimize")


class Session:
    def __init__(self, searcher: str, space: Space, seed: int) -> None:
        self.space = space
        # as gp_minimize and forest_minimize build it
        dimensions = normalize_dimensions([_dimension(param) for param in space])
        gaussian = cook_estimator("GP", space=Dimensions(dimensions), random_state=seed, noise="gaussian")
        self.optimizer = Optimizer(
            dimensions,
            base_estimator=gaussian if searcher == "gp" else "ET",
            n_initial_points=10,
            acq_func="gp_hedge" if searcher == "gp" else "EI",
            random_state=seed,
        )

    def ask(self) -> tuple[Any, Config]:
        point = self.optimizer.ask()
        pairs = zip(self.space, point, strict=True)
        return point, active(self.space, {param.name: _value(param, x) for param, x in pairs})

    def tell(self, handle: Any, value: float) -> None:
        self.optimizer.tell(handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        self.optimizer.tell([self._row(config) for config in configs], list(values))

    def _row(self, config: Config) -> list[Any]:
        flat = full(self.space, config)
        return [
            param.choices.index(flat[param.name]) if param.kind == "cat" else flat[param.name]
            for param in self.space
        ]


def session(searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1) -> Session:
    return Session(searcher, space, seed)


def _value(param: Param, value: Any) -> Any:
    return param.choices[int(value)] if param.kind == "cat" else value


def _dimension(param: Param) -> Any:
    if param.kind == "cat":  # by their place: it takes no mixed kinds of choices
        return Categorical(list(range(len(param.choices))), name=param.name)
    kind = Integer if param.kind == "int" else Real
    low, high = (int(param.low), int(param.high)) if param.kind == "int" else (param.low, param.high)
    return kind(low, high, prior="log-uniform" if param.log else "uniform", name=param.name)
