"""Tasks with several objectives, all minimised: analytic ones with known fronts, and models that should be
good and small.

ZDT: Zitzler, Deb and Thiele (2000), Evol. Comput. 8, definition 4. DTLZ: Deb, Thiele, Laumanns and Zitzler
(2005), Scalable test problems for evolutionary multiobjective optimization, sections 6 and 8.
Hypervolume is measured within a reference point that nine of ten random configurations are below in each
objective; refs.json holds it, written by `python -m benchmarks.goals.tasks`.

Where a paper has the optimum of the parameters that decide the distance to the front in the middle of their
range (ZDT4, DTLZ1, DTLZ2), the range is cut at one side, by turns the lower and the upper one: who begins in
the middle would have no more to find.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.goals import models
from benchmarks.spaces import Config, Param, Space, draw

Array = npt.NDArray[np.float64]
Losses = tuple[float, ...]
_REFS = Path(__file__).with_name("refs.json")
_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Task:
    """`front`: points of the true front, as dense as hypervolume needs; None where it is not known."""

    name: str
    objectives: int
    space: Space
    evaluate: Callable[[Config], Losses]
    front: Callable[[], Array] | None = None


def names(wanted: str = "all") -> list[str]:
    """All of them; "analytic", "models"; or names with commas."""
    known = list(_tasks())
    sets = {
        "all": known,
        "analytic": [name for name in known if _tasks()[name].front],
        "models": [name for name in known if not _tasks()[name].front],
    }
    found = sets.get(wanted) or wanted.split(",")
    for name in found:
        if name not in known:
            raise ValueError(f"there is no task named {name!r}: choose from {', '.join([*sets, *known])}")
    return list(found)


def task(name: str) -> Task:
    """The task of this name."""
    return _tasks()[name]


@cache
def references() -> Mapping[str, Array]:
    """The reference point of each task."""
    found = json.loads(_REFS.read_text(encoding="utf-8"))
    return {name: np.array(point) for name, point in found.items()}


def _floats(count: int) -> Space:
    return tuple(Param(name=f"x{i}", kind="float") for i in range(count))


def _cut(count: int, first: int) -> Space:
    """Numbers from 0.2 to 1 and from 0 to 0.7 by turns, after the first ones."""
    ends = [(0.0, 1.0) if i < first else (0.2, 1.0) if i % 2 else (0.0, 0.7) for i in range(count)]
    return tuple(Param(name=f"x{i}", kind="float", low=low, high=high) for i, (low, high) in enumerate(ends))


def _zdt(name: str, dims: int, f1: Callable[[float], float], g: Callable[[Array], float], h: _H) -> Task:
    def evaluate(config: Config) -> Losses:
        x = np.array([config[f"x{i}"] for i in range(dims)])
        first, rest = f1(float(x[0])), g(x[1:])
        return first, rest * h(first, rest)

    def front() -> Array:
        xs = [f1(x) for x in np.linspace(0.0, 1.0, 4001).tolist()]
        return np.array([(x, h(x, 1.0)) for x in xs])

    space = _cut(dims, 1) if g is _many_fronts else _floats(dims)
    return Task(name, 2, space, evaluate, front)


_H = Callable[[float, float], float]


def _root(f: float, g: float) -> float:
    return 1.0 - math.sqrt(f / g)


def _square(f: float, g: float) -> float:
    return 1.0 - (f / g) ** 2


def _wave(f: float, g: float) -> float:
    return 1.0 - math.sqrt(f / g) - f / g * math.sin(10.0 * math.pi * f)


def _mean(x: Array) -> float:
    return float(1.0 + 9.0 * x.mean())


def _many_fronts(x: Array) -> float:
    z = 10.0 * x - 5.0  # the paper's range of all but the first
    return float(1.0 + 10.0 * len(x) + (z**2 - 10.0 * np.cos(4.0 * math.pi * z)).sum())


def _biased(x: Array) -> float:
    return float(1.0 + 9.0 * x.mean() ** 0.25)


def _uneven(x: float) -> float:
    return 1.0 - math.exp(-4.0 * x) * math.sin(6.0 * math.pi * x) ** 6


def _dtlz(name: str, objectives: int, k: int, shape: Callable[[Array, float], Losses], g: _G) -> Task:
    def evaluate(config: Config) -> Losses:
        x = np.array([config[f"x{i}"] for i in range(objectives - 1 + k)])
        return shape(x[: objectives - 1], g(x[objectives - 1 :]))

    def front() -> Array:
        ticks = np.linspace(0.0, 1.0, 401 if objectives == 2 else 41)
        grid = np.stack(np.meshgrid(*[ticks] * (objectives - 1)), axis=-1).reshape(-1, objectives - 1)
        least = 1.0 if shape is _patches else 0.0
        return np.array([shape(x, least) for x in grid])

    count = objectives - 1 + k
    space = _floats(count) if shape is _patches else _cut(count, objectives - 1)
    return Task(name, objectives, space, evaluate, front)


_G = Callable[[Array], float]


def _plane(x: Array, g: float) -> Losses:
    """DTLZ1."""
    found = [0.5 * (1.0 + g) * float(np.prod(x[: len(x) - i])) for i in range(len(x) + 1)]
    return tuple(f * (1.0 - float(x[len(x) - i]) if i else 1.0) for i, f in enumerate(found))


def _sphere(x: Array, g: float) -> Losses:
    """DTLZ2."""
    angle = 0.5 * math.pi * x
    found = [(1.0 + g) * float(np.prod(np.cos(angle[: len(x) - i]))) for i in range(len(x) + 1)]
    return tuple(f * (math.sin(float(angle[len(x) - i])) if i else 1.0) for i, f in enumerate(found))


def _patches(x: Array, g: float) -> Losses:
    """DTLZ7, where g is 1 at least."""
    h = len(x) + 1 - sum(f / (1.0 + g) * (1.0 + math.sin(3.0 * math.pi * f)) for f in x.tolist())
    return (*x.tolist(), (1.0 + g) * h)


def _rough(x: Array) -> float:
    return float(100.0 * (len(x) + ((x - 0.5) ** 2 - np.cos(20.0 * math.pi * (x - 0.5))).sum()))


def _smooth(x: Array) -> float:
    return float(((x - 0.5) ** 2).sum())


@cache
def _tasks() -> Mapping[str, Task]:
    first = float
    found = [
        _zdt("zdt1", 10, first, _mean, _root),
        _zdt("zdt2", 10, first, _mean, _square),
        _zdt("zdt3", 10, first, _mean, _wave),
        _zdt("zdt4", 5, first, _many_fronts, _root),
        _zdt("zdt6", 10, _uneven, _biased, _square),
        _dtlz("dtlz2-2", 2, 8, _sphere, _smooth),
        _dtlz("dtlz1-3", 3, 5, _plane, _rough),
        _dtlz("dtlz2-3", 3, 8, _sphere, _smooth),
        _dtlz("dtlz7-3", 3, 6, _patches, _mean),
        Task("forest-size", 2, models.FOREST, models.forest),
        Task("model-size", 2, models.MODELS, models.model),
    ]
    return {one.name: one for one in found}


def _write() -> None:
    """The reference points, from random configurations."""
    found: dict[str, Sequence[float]] = {}
    for name, one in _tasks().items():
        rng = random.Random(name)
        losses = np.array([one.evaluate(draw(one.space, rng)) for _ in range(_DRAWS)])
        found[name] = [float(f"{value:.6g}") for value in np.quantile(losses, 0.9, axis=0)]
    _REFS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write()
