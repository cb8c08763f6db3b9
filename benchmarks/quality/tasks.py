"""Tasks: a small built-in set of analytic ones, and any folder whose tasks.py has the same form.

A folder's tasks.py gives `names(spec)` and `get_task(name)`; a task has `space` (dicts, see `Param.read`)
and `evaluate(config)`, minimised; it may have truth, judge and begin (see `Task`). Its refs.json gives, by
task, random_median, random_best, known_best or null, and long_search_best. Saved traces in its results/
(*.json.gz) count for the best known value.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.spaces import CONDITIONAL, MIXED, Config, Param, Space, draw, least, score

BUILT_IN = "built-in"
HOMES = {name: str(Path(__file__).parents[1] / name) for name in ("aside", "trainings")}  # folders of ours


@dataclass(frozen=True, slots=True)
class Task:
    """`truth` is given where evaluations are noisy, `judge` where what is reported is scored by itself."""

    name: str
    space: Space
    evaluate: Callable[[Config], float]
    truth: Callable[[Config], float] | None = None
    judge: Callable[[Config], float] | None = None
    begin: Callable[[int], None] = lambda _: None  # a run of this seed starts


@dataclass(frozen=True, slots=True)
class Reference:
    """Between which values regret is measured: `best` is 0, `median` (of random configurations) is 1."""

    best: float
    median: float
    exact: bool  # no run can have found better

    def regret(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.best) / max(self.median - self.best, 1e-12)))


def names(place: str, wanted: str) -> list[str]:
    """The names of a set of tasks: "all", a set of the folder, or names joined by commas."""
    if place != BUILT_IN:
        return list(_module(place).names(wanted))
    return list(_ANALYTIC) if wanted == "all" else wanted.split(",")


@cache
def task(place: str, name: str) -> Task:
    if place == BUILT_IN:
        return _ANALYTIC[name]
    found = _module(place).get_task(name)
    space = tuple(Param.read(param) for param in found.space)
    more = {part: of for part in ("truth", "judge", "begin") if (of := getattr(found, part, None))}
    return Task(name, space, found.evaluate, **more)


def references(place: str, wanted: Sequence[str]) -> dict[str, Reference]:
    if place == BUILT_IN:
        return {name: _analytic_reference(name) for name in wanted}
    refs = json.loads((Path(place) / "refs.json").read_text(encoding="utf-8"))
    saved = _saved_best(Path(place) / "results")
    found = {}
    for name in wanted:
        ref = refs[name]
        if ref["known_best"] is not None:
            found[name] = Reference(ref["known_best"], ref["random_median"], True)
            continue
        best = min(ref["random_best"], ref.get("long_search_best", math.inf), saved.get(name, math.inf))
        found[name] = Reference(best, ref["random_median"], False)
    return found


def _saved_best(folder: Path) -> dict[str, float]:
    best: dict[str, float] = {}
    for path in sorted(folder.glob("*.json.gz")):
        with gzip.open(path, "rt") as file:
            for run in json.load(file)["runs"]:
                if run["values"]:
                    best[run["task"]] = min(best.get(run["task"], math.inf), *run["values"])
    return best


@cache
def _module(place: str) -> Any:
    """The folder's tasks.py, which imports its neighbours by name."""
    if not (Path(place) / "tasks.py").is_file():
        raise FileNotFoundError(f"{Path(place).name} has no tasks.py: --tasks takes a folder that has one")
    if place not in sys.path:
        sys.path.insert(0, place)
    spec = importlib.util.spec_from_file_location(f"tasks_of_{Path(place).name}", Path(place) / "tasks.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{Path(place).name}/tasks.py is no module of Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _analytic_reference(name: str) -> Reference:
    """Their least value is known: 0, but where whole numbers stand off the optimum."""
    found, rng = _ANALYTIC[name], random.Random(12345)
    values = [found.evaluate(draw(found.space, rng)) for _ in range(4_000)]
    return Reference(_LEAST.get(name, 0.0), statistics.median(values), True)


def _box(dims: int, low: float, high: float) -> Space:
    return tuple(Param(name=f"x{i}", kind="float", low=low, high=high) for i in range(dims))


def _row(config: Mapping[str, float]) -> list[float]:
    return [config[f"x{i}"] for i in range(len(config))]


# The test functions are those of Surjanovic and Bingham's Virtual Library of Simulation Experiments, their
# optima moved off the centre and off the corners, where a start at the centre would find them.
def _ellipsoid(config: Config) -> float:
    return sum((i + 1) * (x - 0.7 * math.cos(i)) ** 2 for i, x in enumerate(_row(config)))


def _levy(config: Config) -> float:
    w = [1 + (x - 1) / 4 for x in _row(config)]
    middle = sum((a - 1) ** 2 * (1 + 10 * math.sin(math.pi * a + 1) ** 2) for a in w[:-1])
    return (
        math.sin(math.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    )


def _rosenbrock(config: Config) -> float:
    x = _row(config)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def _branin(config: Config) -> float:
    a, b = _row(config)
    first = (b - 5.1 / (4 * math.pi**2) * a * a + 5 / math.pi * a - 6) ** 2
    return first + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10 - 0.39788735772973816


def _branches(config: Config) -> float:
    """The floor of each branch differs: forest 0.2, svm 0, net 0.1."""
    return _FLOORS[config["model"]] + _VALUE(
        {name: value for name, value in config.items() if name != "model"}
    )


_VALUE = score(CONDITIONAL)
_FLOORS = {"forest": 0.2, "svm": 0.0, "net": 0.1}
_LEAST = {
    "mixed": sum(map(least, MIXED)),
    "branches": min(
        floor + sum(least(param) for param in CONDITIONAL if model in param.when)
        for model, floor in _FLOORS.items()
    ),
}
_ANALYTIC = {
    found.name: found
    for found in (
        Task("branin", (_box(1, -5, 10)[0], Param(name="x1", kind="float", low=0, high=15)), _branin),
        Task("ellipsoid-d6", _box(6, -3, 2), _ellipsoid),
        Task("levy-d8", _box(8, -10, 6), _levy),
        Task("rosenbrock-d4", _box(4, -2, 3), _rosenbrock),
        Task("mixed", MIXED, score(MIXED)),
        Task("branches", CONDITIONAL, _branches),
    )
}
