"""Tasks of our own, beside the shared ones: other functions, instances, dimensions and targets.

Set "dev" is for tuning, set "held" only for reporting: no task is in both. `names(spec)` and `get_task(name)`
are what `python -m benchmarks quality --tasks FOLDER` wants. `python tasks.py` writes refs.json anew.
Tasks of surrogates need the folder BENCH_DATA and onnxruntime, those of BBOB need ioh; what is not there is
left out.
"""

from __future__ import annotations

import importlib.util
import json
import math
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import surrogates
import synthetic

Config = Mapping[str, Any]
HERE = Path(__file__).resolve().parent

DEV = (
    "lcbench-126026", "lcbench-167152", "lcbench-34539-val_balanced_accuracy", "lcbench-168908",
    "rpart-1053", "rpart-40983-auc",
    "xgboost-37", "xgboost-1067", "xgboost-40981-auc",
    "bbob-f3-i3-d2", "bbob-f21-i2-d2",
    "bbob-f2-i2-d5", "bbob-f6-i4-d5", "bbob-f10-i3-d5", "bbob-f16-i2-d5", "bbob-f21-i5-d5",
    "bbob-f3-i2-d10", "bbob-f12-i3-d10",
    "bbob-f2-i4-d20", "bbob-f7-i2-d20", "bbob-f10-i5-d20", "bbob-f23-i3-d20",
    "syn-mixed-i1", "syn-branches-i1", "syn-branches-i2", "syn-switches-i1",
)  # fmt: skip
HELD = (
    "lcbench-167104", "lcbench-189862", "lcbench-7593-val_balanced_accuracy", "lcbench-126029",
    "rpart-1489", "rpart-31-auc", "rpart-4538",
    "xgboost-54", "xgboost-1489", "xgboost-40975", "xgboost-31-auc",
    "bbob-f7-i4-d2", "bbob-f16-i3-d2",
    "bbob-f1-i7-d5", "bbob-f3-i5-d5", "bbob-f7-i3-d5", "bbob-f12-i2-d5", "bbob-f23-i4-d5",
    "bbob-f6-i3-d10", "bbob-f21-i4-d10", "bbob-f8-i6-d10",
    "bbob-f3-i3-d20", "bbob-f6-i5-d20", "bbob-f8-i3-d20", "bbob-f12-i2-d20", "bbob-f16-i2-d20",
    "syn-mixed-i5", "syn-mixed-i6", "syn-branches-i5", "syn-branches-i6", "syn-switches-i5",
)  # fmt: skip
SETS: dict[str, tuple[str, ...]] = {
    "dev": DEV,
    "held": HELD,
    "dev-mini": (
        "lcbench-126026", "rpart-1053", "xgboost-37", "bbob-f6-i4-d5", "bbob-f21-i5-d5", "bbob-f3-i2-d10",
        "bbob-f10-i5-d20", "syn-mixed-i1", "syn-branches-i1", "syn-switches-i1",
    ),
    "held-mini": (
        "lcbench-167104", "rpart-4538", "xgboost-54", "xgboost-40975", "bbob-f3-i5-d5", "bbob-f23-i4-d5",
        "bbob-f8-i6-d10", "bbob-f12-i2-d20", "syn-mixed-i5", "syn-branches-i5",
    ),
    "dev-wide": ("embed-f8-i2-e5-d100", "embed-f15-i3-e10-d100", "turned-f8-i4-e5-d100"),
    "held-wide": (
        "embed-f8-i5-e5-d100", "embed-f10-i2-e5-d100", "embed-f3-i4-e10-d100", "turned-f15-i6-e5-d100",
    ),
    "dev-noisy": ("noisy-mixed-i2", "noisy-branches-i3"),
    "held-noisy": ("noisy-mixed-i7", "noisy-branches-i7", "noisy-switches-i7"),
}  # fmt: skip


class Task:
    """Minimised. `known_best` is None where nobody knows it; `truth` and `begin` matter where noise is."""

    known_best: float | None = None
    space: list[dict[str, Any]]

    def evaluate(self, config: Config) -> float:
        raise NotImplementedError

    def evaluate_many(self, configs: Sequence[Config]) -> Any:
        return np.array([self.evaluate(config) for config in configs])


class Surrogate(Task):
    def __init__(self, scenario: str, instance: str, target: str) -> None:
        self.source = surrogates.surrogate(scenario)
        self.space, self.instance, self.target = self.source.space, instance, target
        self.sign = -1.0 if target in ("acc", "bac", "auc", "f1") or target.endswith("accuracy") else 1.0

    def evaluate(self, config: Config) -> float:
        return float(self.evaluate_many([config])[0])

    def evaluate_many(self, configs: Sequence[Config]) -> Any:
        return self.sign * self.source.predict(
            [active(self.space, config) for config in configs], self.instance, self.target
        )


class Bbob(Task):
    """A function of BBOB. With more `dims` than the function has, it sees few of them: some as they are, or
    (`turned`) as many orthogonal directions, cut off at the edges of its box."""

    def __init__(self, function: int, instance: int, own: int, dims: int, turned: bool = False) -> None:
        import ioh

        self.problem = ioh.get_problem(function, instance, own, ioh.ProblemClass.BBOB)
        self.known_best = float(self.problem.optimum.y)
        self.space = [synthetic.number(f"x{i}", -5, 5) for i in range(dims)]
        rng = np.random.Generator(np.random.PCG64([function, instance, own, dims]))
        self.seen = np.arange(dims) if own == dims else rng.permutation(dims)[:own]
        self.turn = np.linalg.qr(rng.normal(size=(dims, own)))[0] if turned else None

    def evaluate(self, config: Config) -> float:
        row = np.array([config[f"x{i}"] for i in range(len(self.space))])
        point = row[self.seen] if self.turn is None else np.clip(row @ self.turn, -5, 5)
        return float(self.problem(point.tolist()))


class Synthetic(Task):
    def __init__(self, found: synthetic.Function) -> None:
        self.found, self.space, self.known_best = found, found.space, found.best

    def evaluate(self, config: Config) -> float:
        return self.found.truth(active(self.space, config))


class Noisy(Task):
    """Seeded by `begin`, so that a run is the same again; two evaluations of one configuration differ."""

    def __init__(self, found: synthetic.Noisy) -> None:
        self.found, self.space, self.known_best = found, found.space, found.best
        self.begin(0)

    def begin(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def truth(self, config: Config) -> float:
        return self.found.truth(active(self.space, config))

    def evaluate(self, config: Config) -> float:
        value = self.truth(config)
        return value + self.rng.gauss(0.0, self.found.spread(value))


def active(space: Sequence[Mapping[str, Any]], config: Config) -> dict[str, Any]:
    """Without the parameters whose condition does not hold."""
    out: dict[str, Any] = {}
    for param in space:
        when = param.get("condition")
        if param["name"] in config and (when is None or out.get(when["parent"]) in when["values"]):
            out[param["name"]] = config[param["name"]]
    return out


_FUNCTIONS = {"mixed": synthetic.Mixed, "branches": synthetic.Branches, "switches": synthetic.Switches}
_SPREAD = {"mixed": (0.05, 0.05), "branches": (0.03, 0.1), "switches": (0.3, 0.05)}
_LOSS = {"lcbench": "val_cross_entropy", "rpart": "logloss", "xgboost": "logloss"}


@cache
def get_task(name: str) -> Any:
    kind, *rest = name.split("-")
    if kind in _LOSS:
        scenario = kind if kind == "lcbench" else f"rbv2_{kind}"
        return Surrogate(scenario, rest[0], rest[1] if len(rest) > 1 else _LOSS[kind])
    if kind == "syn":
        return Synthetic(_FUNCTIONS[rest[0]](int(rest[1][1:])))
    if kind == "noisy":
        return Noisy(synthetic.Noisy(_FUNCTIONS[rest[0]](int(rest[1][1:])), *_SPREAD[rest[0]]))
    if kind in ("bbob", "embed", "turned"):
        of = {part[0]: int(part[1:]) for part in rest}
        return Bbob(of["f"], of["i"], of.get("e", of["d"]), of["d"], kind == "turned")
    raise ValueError(f"{name} is no task: see SETS in {HERE.name}/tasks.py")


def names(spec: str) -> list[str]:
    """Sets or names, joined by commas; "all" is everything. What cannot be run here is left out."""
    found: list[str] = []
    for part in spec.split(","):
        found += [name for of in SETS.values() for name in of] if part == "all" else SETS.get(part, (part,))
    kept = [name for name in dict.fromkeys(found) if _runs(name.split("-")[0])]
    left = len(set(found)) - len(kept)
    if left:
        print(f"{left} tasks left out: they need ioh, or onnxruntime and BENCH_DATA", file=sys.stderr)
    return kept


@cache
def _runs(kind: str) -> bool:
    if kind in _LOSS:
        return surrogates.available()
    return kind in ("syn", "noisy") or importlib.util.find_spec("ioh") is not None


def draw(space: Sequence[Mapping[str, Any]], rng: random.Random) -> dict[str, Any]:
    """Evenly, on the log scale where the parameter is."""
    config: dict[str, Any] = {}
    for param in space:
        when = param.get("condition")
        if when is None or config.get(when["parent"]) in when["values"]:
            config[param["name"]] = _moved(param, None, 0.0, rng)
    return config


def _moved(param: Mapping[str, Any], value: Any, step: float, rng: random.Random) -> Any:
    """A new value from all of its range (None), or near this one."""
    if param["type"] == "cat":
        return rng.choice(param["choices"]) if value is None or rng.random() < step else value
    half = 0.5 if param["type"] == "int" else 0.0
    up, back = (math.log, math.exp) if param["log"] else (float, float)
    low, high = up(param["low"] - half), up(param["high"] + half)
    near = rng.uniform(low, high) if value is None else up(value) + step * (high - low) * rng.gauss(0, 1)
    out = min(max(back(min(max(near, low), high)), param["low"]), param["high"])
    return round(out) if param["type"] == "int" else out


def search(task: Task, rng: random.Random, rounds: int = 45, size: int = 800, keep: int = 20) -> float:
    """The best of a long evolutionary search: where nobody knows the optimum, the best known value."""
    pool = [draw(task.space, rng) for _ in range(4_000)]
    values = list(task.evaluate_many(pool))
    for turn in range(rounds):
        order = np.argsort(values, kind="stable")[:keep]
        pool, values = [pool[i] for i in order], [values[i] for i in order]
        step = 0.25 * 0.85**turn + 0.003
        fresh = []
        for _ in range(size):
            parent, child = rng.choice(pool), draw(task.space, rng)
            for param in task.space:
                name, when = param["name"], param.get("condition")
                if when is not None and child.get(when["parent"]) not in when["values"]:
                    child.pop(name, None)
                    continue
                if name in parent:
                    still = rng.random() < 0.4
                    child[name] = parent[name] if still else _moved(param, parent[name], step, rng)
                elif name not in child:
                    child[name] = _moved(param, None, 0.0, rng)
            fresh.append(child)
        pool, values = pool + fresh, values + list(task.evaluate_many(fresh))
    return float(min(values))


def reference(name: str) -> dict[str, Any]:
    """Median and best of many random configurations, and the best known value."""
    task, rng = get_task(name), random.Random(12345)
    values = [
        float(value)
        for _ in range(10)
        for value in (
            [task.truth(draw(task.space, rng)) for _ in range(1_000)]
            if hasattr(task, "truth")
            else task.evaluate_many([draw(task.space, rng) for _ in range(1_000)])
        )
    ]
    found = {"random_median": statistics.median(values), "random_best": min(values)}
    if task.known_best is not None:
        return found | {"known_best": task.known_best}
    long = [search(task, random.Random(seed)) for seed in range(2)]
    return found | {"known_best": None, "long_search_best": min(long), "long_search": long}


def main() -> None:
    """Adds what refs.json lacks; with names as arguments, these anew."""
    path = HERE / "refs.json"
    refs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    wanted = names(",".join(sys.argv[1:]) or "all")
    for name in wanted:
        if name not in refs or len(sys.argv) > 1:
            refs[name] = reference(name)
            print(name, refs[name], flush=True)
            path.write_text(json.dumps(refs, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
