"""What is compared: every case says who runs, at which sizes, and what of its figures is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import model_cases
from benchmarks.adapters import Peers
from benchmarks.harness import Cell, OverLimit, Profile, in_turn, run, say
from benchmarks.spaces import SPACES

OURS = "tunesmith"
_BATCH = 1024
_TOLD = (100, 1_000, 10_000, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One figure of a case's runs, as the page shows it; less is better."""

    title: str
    key: str
    unit: str
    scale: float = 1.0
    per_trial: bool = False
    from_n: int = 0  # below, the figure is noise

    def of(self, cell: Cell) -> float | None:
        found = cell.least(self.key)
        return None if found is None else found * self.scale / (cell.n if self.per_trial else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    title: str
    run: Callable[[Profile, Peers], list[Cell]]
    views: tuple[View, ...]
    note: str = ""


def searchers(peers: Peers, *wanted: str) -> list[str]:
    """Contenders: those searchers of all peers that are installed, ours first."""
    return [
        f"{name}-{searcher}"
        for name, module in peers.found.items()
        for searcher in module.SEARCHERS
        if searcher in wanted
    ]


def stores(peers: Peers) -> list[str]:
    return [f"{name}-{store}" for name, module in peers.found.items() for store in module.STORES]


def imports(profile: Profile, peers: Peers) -> list[Cell]:
    """The interpreter's own start is taken off by the page: it is a contender of its own."""
    lines = {name: module.IMPORT for name, module in peers.found.items()}
    often = Profile(name="", cap=1, repeat=profile.repeat * 4, limit=profile.limit, seconds=0)

    def spec(who: str, n: int) -> dict[str, Any]:  # noqa: ARG001
        return {"measure": "started", "code": lines[who]}

    return in_turn(list(lines), (1,), spec, often)


def loops(profile: Profile, peers: Peers, wanted: Sequence[str], most: Mapping[str, int]) -> list[Cell]:
    """The peers' own loops in memory; `most` trials by space."""
    cells: list[Cell] = []
    for space, n in most.items():
        sizes = profile.sizes(*(size for size in _TOLD if size <= n and (space == "floats" or size == n)))

        def spec(who: str, n: int, space: str = space) -> dict[str, Any]:
            return {"measure": "optimize", "contender": who, "space": space, "n": n}

        cells += in_turn(searchers(peers, *wanted), sizes, spec, profile, space=space)
    return cells


def asks(profile: Profile, peers: Peers, wanted: Sequence[str], most: Mapping[str, int]) -> list[Cell]:
    """Single asks of studies that were told n trials; in spaces other than floats peers stop at 10,000."""
    cells: list[Cell] = []
    contenders = searchers(peers, *wanted)
    for space, n in most.items():

        def spec(who: str, n: int, space: str = space) -> dict[str, Any]:
            rounds = max(5, min(200, n // 10))
            return {
                "measure": "ask",
                "contender": who,
                "space": space,
                "n": n,
                "rounds": rounds,
                "seconds": profile.seconds,
            }

        sizes = [size for size in _TOLD if size <= n]
        shared = [size for size in sizes if space == "floats" or size <= 10_000]
        found = in_turn(contenders, profile.sizes(*shared), spec, profile, space=space)
        alone = [size for size in sizes if size not in shared and size <= profile.cap]
        ours = [who for who in contenders if who.startswith(OURS)]
        cells += found + in_turn(ours, alone, spec, profile, space=space)
    return cells


def batches(profile: Profile, peers: Peers) -> list[Cell]:
    """Without Hyperopt, which has neither ask nor tell."""
    cells: list[Cell] = []
    for wanted, n in ((("random",), 10_000), (("tpe",), 1_000)):

        def spec(who: str, n: int) -> dict[str, Any]:
            return {"measure": "batch", "contender": who, "space": "floats", "n": n, "size": 100}

        contenders = [who for who in searchers(peers, *wanted) if not who.startswith("hyperopt")]
        cells += in_turn(contenders, (profile.n(n),), spec, profile)
    return cells


def arrays(profile: Profile, peers: Peers) -> list[Cell]:
    """Peers have no such call; NumPy alone is the floor."""
    contenders = [f"{OURS}-random"] * (OURS in peers.found) + ["numpy"]

    def spec(who: str, n: int) -> dict[str, Any]:
        measure = "arrays" if who == "numpy" else "vectorized"
        return {"measure": measure, "contender": who, "n": n, "size": min(n, _BATCH)}

    return in_turn(contenders, (profile.n(1_000_000),), spec, profile)


def durable(profile: Profile, peers: Peers) -> list[Cell]:
    most = {
        "tunesmith-sqlite": 2_000,
        "rustuna-sqlite": 100,
        "optuna-rdb": 60,
        "optuna-journal": 200,
        "rustuna-journal": 200,
    }
    return _kept(profile, peers, most, "durable", {})


def together(profile: Profile, peers: Peers) -> list[Cell]:
    most = {
        "tunesmith-sqlite": 4_000,
        "optuna-rdb": 160,
        "optuna-journal": 400,
        "rustuna-sqlite": 160,
        "rustuna-journal": 800,
    }
    count = 8 if profile.cap > 16 else 2
    return _kept(profile, peers, most, "processes", {"count": count})


def _kept(
    profile: Profile, peers: Peers, most: Mapping[str, int], measure: str, more: Mapping[str, Any]
) -> list[Cell]:
    """In a fresh folder each; slow peers do fewer trials, and the figure is per trial."""
    cells: list[Cell] = []
    sizes = {who: profile.n(most[who]) for who in stores(peers)}
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in sizes}
    why: dict[str, str] = {}
    for _ in range(profile.repeat):
        for who, n in sizes.items():
            if who in why or (runs[who] and runs[who][0]["took"] > profile.limit / 3):
                continue
            say(f"{measure} {n:,} {who}")
            peer, store = who.split("-")
            with tempfile.TemporaryDirectory() as folder:
                spec = {"measure": measure, "peer": peer, "store": store, "n": n, "folder": folder, **more}
                try:
                    runs[who].append(run(spec, profile.limit))
                except (RuntimeError, OverLimit) as error:
                    why[who] = str(error)
    for who, n in sizes.items():
        cells.append(Cell(who=who, n=n, runs=tuple(runs[who]), not_run=why.get(who, "")))
    return cells


def opening(profile: Profile, peers: Peers) -> list[Cell]:
    """Studies made once, then opened in turn."""
    with ExitStack() as stack:
        made: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}
        why: dict[tuple[str, int], str] = {}
        before: dict[str, tuple[int, float]] = {}
        sizes = profile.sizes(1_000, 10_000, 100_000)
        for n in sizes:
            for who in stores(peers):
                smaller, took = before.get(who, (n, 0.0))
                if took * n / smaller > profile.limit:
                    why[who, n] = (
                        f"over the limit of {profile.limit:g} s to make, by its {took:.3g} s at {smaller:,}"
                    )
                    continue
                say(f"making {n:,} {who}")
                folder = stack.enter_context(tempfile.TemporaryDirectory())
                peer, store = who.split("-")
                spec = {"measure": "bulk", "peer": peer, "store": store, "n": n, "folder": folder}
                try:
                    figures = run(spec, profile.limit)
                except (RuntimeError, OverLimit) as error:
                    why[who, n] = str(error)
                    before[who] = (n, float("inf"))
                    continue
                made[who, n] = (folder, {f"bulk_{key}": value for key, value in figures.items()})
                before[who] = (n, figures["took"])

        def spec(who: str, n: int) -> dict[str, Any]:
            peer, store = who.split("-")
            if (who, n) not in made:
                return {"not_run": why[who, n]}
            return {"measure": "opening", "peer": peer, "store": store, "n": n, "folder": made[who, n][0]}

        def measured(found: Mapping[str, Any]) -> dict[str, Any]:
            if "not_run" in found:
                return dict(found)
            key = (f"{found['peer']}-{found['store']}", found["n"])
            return run(found, profile.limit) | made[key][1]

        return in_turn(stores(peers), sizes, spec, profile, per_run=measured)


def watched(profile: Profile, peers: Peers) -> list[Cell]:
    """Eight sleeping workers, with the view and without it, on a terminal of 100 columns."""
    if OURS not in peers.found:
        return []
    workers, seconds = (8, 12.0) if profile.cap > 1_000 else (2, 1.0)

    def spec(who: str, n: int) -> dict[str, Any]:
        return {"measure": "view", "live": who == "view", "workers": n, "seconds": seconds}

    measured = partial(run, limit=profile.limit, terminal=True)
    return in_turn(["view", "no view"], (workers,), spec, profile, per_run=measured)


CPU = View(title="CPU time a trial", key="cpu", unit="µs", scale=1e6, per_trial=True)
WALL = View(title="Wall time a trial", key="wall", unit="µs", scale=1e6, per_trial=True)
GROWN = View(title="Memory a trial", key="grown", unit="bytes", per_trial=True, from_n=1_000)
PEAK = View(title="Peak memory of the process", key="peak", unit="MB", scale=1e-6)

_ALL_RANDOM = {"floats": 100_000, "mixed": 1_000, "conditional": 1_000}
_ALL_TPE = {"floats": 10_000, "mixed": 100, "conditional": 100}
_ALL_ASKS = dict.fromkeys(SPACES, 100_000)

_CASES = (
    Case(
        name="imports",
        title="Import in a fresh interpreter",
        run=imports,
        views=(
            View(title="CPU time", key="cpu", unit="ms", scale=1e3),
            View(title="Wall time", key="wall", unit="ms", scale=1e3),
        ),
        note="The line of plain random is the interpreter's own start, which is in all figures.",
    ),
    Case(
        name="random",
        title="Random search in memory, each framework's own loop",
        run=partial(loops, wanted=("random",), most=_ALL_RANDOM),
        views=(CPU, WALL, GROWN, PEAK),
        note="Define-by-run (Hyperopt: its declared space), the same objective for all.",
    ),
    Case(
        name="tpe",
        title="TPE in memory, each framework's own loop",
        run=partial(loops, wanted=("tpe", "tpe-group"), most=_ALL_TPE),
        views=(CPU, GROWN),
        note="Define-by-run (Hyperopt: its declared space), one objective for all; mean over all n trials.",
    ),
    Case(
        name="ask-random",
        title="Random search: one ask with n trials told",
        run=partial(asks, wanted=("random",), most={"floats": 10_000}),
        views=(View(title="Time of an ask and tell", key="wall", unit="µs", scale=1e6),),
    ),
    Case(
        name="ask-tpe",
        title="TPE: one ask with n trials told",
        run=partial(asks, wanted=("tpe", "tpe-group"), most=_ALL_ASKS),
        views=(View(title="Time of an ask and tell", key="wall", unit="ms", scale=1e3),),
        note="Medians, by the wall clock, of up to 200 asks a run; each trial is told before the next ask. "
        "At 100,000 in the mixed and the conditional space, only Tunesmith was run.",
    ),
    Case(
        name="ask-models",
        title="Models: one ask with n trials told",
        run=model_cases.models,
        views=(
            View(title="CPU time of an ask and tell, median", key="cpu", unit="ms", scale=1e3),
            View(title="CPU time of an ask and tell, mean", key="mean", unit="ms", scale=1e3),
        ),
        note="10 floats, one thread. SMAC fits once in several asks, so its mean is what counts; peers in an "
        "interpreter of their own are measured there.",
    ),
    Case(
        name="ask-populations",
        title="Populations and policies: one ask after n trials of their own",
        run=model_cases.populations,
        views=(
            View(title="CPU time of an ask and tell, mean", key="mean", unit="ms", scale=1e3),
            View(title="Wall time of an ask and tell, median", key="wall", unit="ms", scale=1e3),
        ),
        note="10 floats, one thread.",
    ),
    Case(
        name="ask-hidden",
        title="What is seen of an ask while trials of 0.2 s run",
        run=model_cases.hidden,
        views=(
            View(
                title="From the end of a trial to the start of the next, median",
                key="wall",
                unit="ms",
                scale=1e3,
            ),
            View(title="The same, the longest", key="worst", unit="ms", scale=1e3),
        ),
        note="`study.optimize` in one process, n trials told before, an objective that sleeps; wall clock.",
    ),
    Case(
        name="batch",
        title="Ask and tell in batches of 100",
        run=batches,
        views=(CPU, GROWN),
        note="`study.ask(100)`; peers without batches are asked 100 times, then told.",
    ),
    Case(
        name="vectorized",
        title="An objective on arrays: `vectorized=1024`, random",
        run=arrays,
        views=(CPU, WALL, GROWN, PEAK),
        note="NumPy alone draws and sums the same arrays, and keeps them: the floor.",
    ),
    Case(
        name="durable",
        title="Every trial on disk, one process",
        run=durable,
        views=(
            View(title="Wall time a trial", key="wall", unit="ms", scale=1e3, per_trial=True),
            View(title="CPU time a trial", key="cpu", unit="ms", scale=1e3, per_trial=True),
        ),
        note="10 floats, random search, every trial synced as each store does by default.",
    ),
    Case(
        name="processes",
        title="8 processes on one study in one file",
        run=together,
        views=(
            View(title="Wall time a trial", key="wall_each", unit="ms", scale=1e3),
            View(title="CPU time a trial", key="cpu_each", unit="ms", scale=1e3),
        ),
        note="10 floats, random search. Slow peers do fewer trials; the rate is what is compared. "
        "Whether every trial was done once stands under the bar.",
    ),
    Case(
        name="opening",
        title="Open a durable study in a fresh process: its best value, and all its trials",
        run=opening,
        views=(
            View(title="Wall time", key="wall", unit="s"),
            View(title="CPU time", key="cpu", unit="s"),
            PEAK,
            View(title="Wall time to make it from n finished trials, unsynced", key="bulk_wall", unit="s"),
            View(title="On disk", key="bulk_disk", unit="MB", scale=1e-6),
        ),
        note="Imports are not in the times; they are in the memory.",
    ),
    Case(
        name="view",
        title="CPU share of the process that drives 8 sleeping workers",
        run=watched,
        views=(View(title="CPU share", key="share", unit="%", scale=100),),
        note="Every worker reports 4 times a second; the view is `ts.Progress()`, on 100 columns.",
    ),
)
CASES: Mapping[str, Case] = {case.name: case for case in _CASES}
