"""Learning curves: surrogates of LCBench (Zimmer et al. 2021, as YAHPO Gym publishes them), models that are
really trained, and one made of a formula, for tests.

`python -m benchmarks.budgets.tasks` adds what refs.json lacks.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.aside import surrogates
from benchmarks.budgets.real import MODELS, Curve
from benchmarks.quality.tasks import Reference
from benchmarks.spaces import Config, Param, Space, draw

REFS = Path(__file__).with_name("refs.json")
HIGH = 52
SETS = {
    "public": ("lcbench-189873", "lcbench-189906", "lcbench-3945"),
    "aside": ("lcbench-167104", "lcbench-189862", "lcbench-126029", "lcbench-189354", "lcbench-168335"),
    "real": tuple(MODELS),
    "formula": ("formula",),
}


@dataclass(frozen=True, slots=True)
class Task:
    """`curve` gives the losses after 1, 2, ... `high` epochs."""

    name: str
    space: Space
    high: int
    curve: Callable[[Config], Sequence[float] | Curve]


def names(wanted: str) -> list[str]:
    """A set, or names joined by commas."""
    return list(SETS[wanted]) if wanted in SETS else wanted.split(",")


@cache
def task(name: str) -> Task:
    if name == "formula":
        return Task(name, _BOX, 9, _formula)
    if name in MODELS:
        space, begin = MODELS[name]
        return Task(name, space, HIGH, lambda config: Curve(begin(config), HIGH))
    source = surrogates.surrogate("lcbench")

    def curve(config: Config) -> Any:
        rows = [{**config, "epoch": epoch} for epoch in range(1, HIGH + 1)]
        return source.predict(rows, name.removeprefix("lcbench-"), "val_cross_entropy")

    return Task(name, tuple(Param.read(param) for param in source.space), HIGH, curve)


def references(wanted: Sequence[str]) -> dict[str, Reference]:
    """Best known, before this comparison's runs; the median of the lowest losses of random configurations."""
    refs = json.loads(REFS.read_text(encoding="utf-8"))
    return {
        name: Reference(
            min(of["random_best"], of.get("long_search_best", math.inf)), of["random_median"], False
        )
        for name, of in refs.items()
        if name in wanted
    }


_BOX = (Param(name="rate", kind="float", low=1e-4, high=1.0, log=True), Param(name="x", kind="float"))


def _formula(config: Config) -> list[float]:
    """Slow rates end lower."""
    slow = -math.log10(config["rate"])
    end = 0.1 + (config["x"] - 0.3) ** 2 + (slow - 2.0) ** 2 / 10
    return [end + math.exp(-epoch / (0.5 + slow)) for epoch in range(1, 10)]


def lowest(name: str, rng: random.Random, n: int) -> dict[str, float]:
    """Of so many random configurations: the best, and the median."""
    found = task(name)
    lows = []
    for _ in range(n):
        curve = found.curve(draw(found.space, rng))
        lows.append(min(float(curve[epoch]) for epoch in range(found.high)))
    return {"random_best": min(lows), "random_median": statistics.median(lows)}


def main() -> None:
    """The long search is that of the tasks kept aside, on the loss after the last epoch; real models have
    none."""
    from benchmarks.quality import tasks as quality

    refs = json.loads(REFS.read_text(encoding="utf-8")) if REFS.exists() else {}
    for name in names(",".join(sys.argv[1:]) or ",".join((*SETS["public"], *SETS["aside"], *SETS["real"]))):
        if name in refs:
            continue
        real = name in MODELS
        refs[name] = lowest(name, random.Random(999), 30 if real else 4_000)
        if not real:
            module = quality._module(quality.HOMES["aside"])
            long = [module.search(module.get_task(name), random.Random(seed)) for seed in range(2)]
            refs[name]["long_search_best"] = min(long)
        REFS.write_text(json.dumps(refs, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(name, refs[name], flush=True)


if __name__ == "__main__":
    main()
