"""Objectives that cost nothing, with minima that are known."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import ObjectiveError
from tunesmith.kernel.attempt import domains_of
from tunesmith.kernel.trial import TrialHandle
from tunesmith.record.fidelity import Fidelity
from tunesmith.space import Categorical, Choice, Float, Int, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """An objective, its space, and `best`, the least loss (None with several objectives)."""

    objective: Callable[[TrialHandle], Any]
    space: Space
    best: float | None = 0.0
    objectives: Mapping[str, str] | None = None
    fidelity: Fidelity | None = None
    notes: str = field(default="", compare=False)


def blend(params: Mapping[str, Any]) -> float:
    """A loss for any params, the same in every process: numbers weigh smoothly, labels by their text."""
    total = 0.0
    for name, value in params.items():
        place = zlib.crc32(name.encode()) % 1000 / 1000
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            total += (math.atan(float(value)) / math.pi + 0.5 - place) ** 2
        else:
            total += zlib.crc32(f"{name}={value!r}".encode()) % 1000 / 1000
    return total


def blend_gradient(trial: TrialHandle) -> dict[str, float]:
    """The gradient of `blend` by the continuous parameters of a trial."""
    found = {}
    params = trial.params
    for name, domain in domains_of(trial).items():
        value = params.get(name)
        if domain.cardinality is None and isinstance(value, float):
            place = zlib.crc32(name.encode()) % 1000 / 1000
            away = math.atan(value) / math.pi + 0.5 - place
            found[name] = 2.0 * away / (math.pi * (1.0 + value * value))
    return found


def sphere(dimensions: int = 3) -> Toy:
    """The sum of squares; minimum 0 at the origin, off the middle of its space."""

    def objective(trial: TrialHandle) -> float:
        return float(sum(x * x for x in trial.params.values()))

    return Toy(objective=objective, space=Space.of({f"x{i}": Float(-3.0, 5.0) for i in range(dimensions)}))


def branin() -> Toy:
    """Branin's function; minimum 0.397887 at three places (Dixon and Szegö, 1978)."""

    def objective(trial: TrialHandle) -> float:
        x, y = trial["x"], trial["y"]
        bowl = (y - 5.1 * x * x / (4 * math.pi**2) + 5 * x / math.pi - 6) ** 2
        return float(bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)

    space = Space.of({"x": Float(-5.0, 10.0), "y": Float(0.0, 15.0)})
    return Toy(objective=objective, space=space, best=0.39788735772973816)


def conditional() -> Toy:
    """A choice of three branches, the middle one best: minimum 0 at model='b', x=0.3."""

    def objective(trial: TrialHandle) -> float:
        model = trial["model"]
        if model == "a":
            return 1.0 + float((trial["x"] - 0.5) ** 2)
        return float((trial["x"] - 0.3) ** 2) if model == "b" else 2.0 + trial["n"] / 10

    branches: dict[str, dict[str, Any]] = {
        "a": {"x": Float(0.0, 1.0)},
        "b": {"x": Float(-1.0, 1.0)},
        "c": {"n": Int(0, 5)},
    }
    return Toy(objective=objective, space=Space.of({"model": Choice(branches)}))


def zdt1(dimensions: int = 4) -> Toy:
    """ZDT1 (Zitzler, Deb and Thiele, 2000): two losses, the front is g(f) = 1 - sqrt(f) at x1.. = 0."""

    def objective(trial: TrialHandle) -> dict[str, float]:
        first, *rest = (trial[f"x{i}"] for i in range(dimensions))
        g = 1 + 9 * sum(rest) / len(rest)
        return {"f": first, "g": g * (1 - math.sqrt(first / g))}

    space = Space.of({f"x{i}": Float(0.0, 1.0) for i in range(dimensions)})
    return Toy(objective=objective, space=space, best=None, objectives={"f": "minimize", "g": "minimize"})


def constrained() -> Toy:
    """The sphere where x0 + x1 >= 1 only; minimum 0.5 at x0 = x1 = 0.5."""

    def objective(trial: TrialHandle) -> float:
        trial.constraint("sum", 1.0 - trial["x0"] - trial["x1"])
        return float(trial["x0"] ** 2 + trial["x1"] ** 2)

    return Toy(
        objective=objective, space=Space.of({"x0": Float(-2.0, 2.0), "x1": Float(-2.0, 2.0)}), best=0.5
    )


def failing() -> Toy:
    """The sphere, which raises where x > 1 and is NaN where x < -2; minimum 0 at the origin."""

    def objective(trial: TrialHandle) -> float:
        x = trial["x"]
        if x > 1:
            raise ValueError(f"diverged at {x}")
        return math.nan if x < -2 else x * x + (0.5 if trial["kind"] == "slow" else 0.0)

    return Toy(
        objective=objective, space=Space.of({"x": Float(-3.0, 3.0), "kind": Categorical(["fast", "slow"])})
    )


def curves(high: int = 27) -> Toy:
    """Losses that fall step by step as a/step^b + c, in an order that early steps show, if not quite."""

    def objective(trial: TrialHandle) -> Generator[float, None, None]:
        floor = (trial["x"] - 0.7) ** 2
        rate = 0.5 + trial["rate"]
        for step in range(1, high + 1):
            yield floor + 0.5 * step**-rate

    space = Space.of({"x": Float(0.0, 1.0), "rate": Float(0.0, 1.0)})
    return Toy(
        objective=objective,
        space=space,
        best=0.5 * float(high) ** -1.5,
        fidelity=Fidelity("epoch", 1, high, 3),
    )


def refusing(trial: TrialHandle) -> str:
    """An objective that breaks its contract: it returns text."""
    if trial.number < 0:
        raise ObjectiveError("numbers start at 0")
    return "good"


def toys() -> dict[str, Toy]:
    """All toys by name."""
    makers = (sphere, branin, conditional, zdt1, constrained, failing, curves)
    return {maker.__name__: maker() for maker in makers}
