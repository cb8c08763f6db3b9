"""One file a peer. What each gives is `Adapter`; a session is one study of that peer."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from benchmarks.elsewhere import pythons, remote
from benchmarks.spaces import Config, Space

MODELS = ("nevergrad", "smac", "hebo", "ax", "skopt")  # compared by quality and time an ask alone
MODULES = ("tunesmith", "optuna", "rustuna", "hyperopt", "plain", *MODELS)
STEPPED = ("dehb", "synetune")  # compared on learning curves alone


class Session(Protocol):
    """One study. `space` is fixed when it is made; the values told are to be minimised."""

    def ask(self) -> tuple[Any, Config]:
        """A handle for `tell`, and the configuration, active parameters only."""

    def tell(self, handle: Any, value: float) -> None: ...

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        """Tell trials that were run elsewhere, the cheapest public way."""

    def optimize(self, n: int) -> None:
        """The peer's own loop for n trials, define-by-run where it has that."""


class Steps(Protocol):
    """One study that sees losses step by step, or asks for as many steps as it wants."""

    def ask(self) -> tuple[Any, str, Config, int]:
        """A handle; what is trained further when it is named again; its configuration; the last step."""

    def report(self, handle: Any, step: int, loss: float) -> bool:
        """After each new step; whether it goes on."""

    def tell(self, handle: Any, step: int, loss: float) -> None:
        """The last step, or that where it was to stop."""


class Adapter(Protocol):
    """A module of this package. Those with STORES have create, attach, agent, bulk, opened, census; those
    with STEPS have steps(method, space, seed, high), which gives `Steps`."""

    NAME: str
    DISTRIBUTION: str
    SEARCHERS: Sequence[str]
    STORES: Sequence[str]
    IMPORT: str

    def version(self) -> str: ...

    # may also have knows(searcher) where SEARCHERS are but the ones that tests try, fingerprint(searcher)

    def session(
        self, searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1
    ) -> Session:
        """A peer that wants to know how many trials are asked for before they are told is told `workers`."""
        ...


@dataclass(frozen=True, slots=True)
class Peers:
    """Which adapters can be used here, and why the others cannot."""

    found: Mapping[str, Any]
    missing: Mapping[str, str]

    def versions(self) -> dict[str, str]:
        return {name: module.version() for name, module in self.found.items()}


def peers(wanted: Sequence[str] = MODULES) -> Peers:
    """All adapters whose library is installed; those that are not wanted are said to be missing, too."""
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name in (*MODULES, *(name for name in STEPPED if name in wanted)):
        if name not in wanted:
            missing[name] = f"{name} was left out of this run"
            continue
        try:
            found[name] = adapter(name)
        except ImportError as error:
            missing[name] = f"{name} is not installed ({error})"
    return Peers(found, missing)


def adapter(name: str) -> Any:
    """The peer's module; where another interpreter is named for it, the one over there."""
    python = pythons().get(name)
    return remote(name, python) if python else local(name)


def local(name: str) -> ModuleType:
    if name not in (*MODULES, *STEPPED):
        raise ImportError(f"no adapter has this name: there are {', '.join((*MODULES, *STEPPED))}")
    return importlib.import_module(f"benchmarks.adapters.{name}")


def split(contender: str) -> tuple[Any, str]:
    """`optuna-tpe-group` as its adapter and its searcher; `ax` has but one."""
    name, _, searcher = contender.partition("-")
    return adapter(name), searcher or "default"
