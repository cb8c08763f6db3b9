"""Time per ask of the searchers that learn, and how much of it is seen while a trial runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.adapters import Peers
from benchmarks.harness import Cell, Profile, in_turn

MODELS = ("gp", "forest", "hpo", "bb", "default")  # whose history can be told from outside
POPULATIONS = ("cmaes", "cma", "de", "genetic", "nsga2", "pso", "policy")  # who must have asked for theirs
_TOLD = (50, 200, 1_000, 2_000, 4_000)
_GROWN = (200, 1_000)


def known(peers: Peers, wanted: Sequence[str]) -> list[str]:
    """Contenders that are here; ours may know more searchers than its adapter lists."""
    return [
        f"{name}-{searcher}" if searcher != "default" else name
        for name, module in peers.found.items()
        for searcher in wanted
        if (getattr(module, "knows", None) or module.SEARCHERS.__contains__)(searcher)
    ]


def models(profile: Profile, peers: Peers) -> list[Cell]:
    """After n trials told."""

    def spec(who: str, n: int) -> dict[str, Any]:
        return _spec(who, n, "told", profile)

    return in_turn(known(peers, MODELS), profile.sizes(*_TOLD), spec, profile)


def populations(profile: Profile, peers: Peers) -> list[Cell]:
    """After n trials that it asked for itself."""

    def spec(who: str, n: int) -> dict[str, Any]:
        return _spec(who, n, "asked", profile)

    return in_turn(known(peers, POPULATIONS), profile.sizes(*_GROWN), spec, profile)


def hidden(profile: Profile, peers: Peers) -> list[Cell]:
    """Between the end of a trial of 0.2 s and the start of the next."""

    def spec(who: str, n: int) -> dict[str, Any]:
        return {"measure": "between", "contender": who, "n": n, "trial": 0.2 if n > 16 else 0.01}

    wanted = known(peers, ("auto", "random", "tpe", "forest", "gp"))
    contenders = [who for who in wanted if who.startswith(("tunesmith", "optuna"))]
    return in_turn(contenders, profile.sizes(50, 200, 1_000), spec, profile)


def _spec(who: str, n: int, how: str, profile: Profile) -> dict[str, Any]:
    return {"measure": "model", "contender": who, "n": n, "how": how, "seconds": 3 * profile.seconds}
