"""One file a peer. What each gives is `Adapter`; a session is one study of that peer."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from benchmarks.spaces import Config, Space

MODULES = ("tunesmith", "optuna", "rustuna", "hyperopt", "plain")


class Session(Protocol):
    """One study. `space` is fixed when it is made; the values told are to be minimised."""

    def ask(self) -> tuple[Any, Config]:
        """A handle for `tell`, and the configuration, active parameters only."""

    def tell(self, handle: Any, value: float) -> None: ...

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        """Tell trials that were run elsewhere, the cheapest public way."""

    def optimize(self, n: int) -> None:
        """The peer's own loop for n trials, define-by-run where it has that."""


class Adapter(Protocol):
    """A module of this package. Those with STORES have create, attach, agent, bulk, opened, census."""

    NAME: str
    DISTRIBUTION: str
    SEARCHERS: Sequence[str]
    STORES: Sequence[str]
    IMPORT: str

    def version(self) -> str: ...

    def session(self, searcher: str, space: Space, seed: int, n_trials: int | None = None) -> Session: ...


@dataclass(frozen=True, slots=True)
class Peers:
    """Which adapters can be used here, and why the others cannot."""

    found: Mapping[str, ModuleType]
    missing: Mapping[str, str]

    def versions(self) -> dict[str, str]:
        return {name: module.version() for name, module in self.found.items()}


def peers(wanted: Sequence[str] = MODULES) -> Peers:
    """All adapters whose library is installed; those that are not wanted are said to be missing, too."""
    found: dict[str, ModuleType] = {}
    missing: dict[str, str] = {}
    for name in MODULES:
        if name not in wanted:
            missing[name] = f"{name} was left out of this run"
            continue
        try:
            found[name] = adapter(name)
        except ImportError as error:
            missing[name] = f"{name} is not installed ({error})"
    return Peers(found, missing)


def adapter(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.adapters.{name}")


def split(contender: str) -> tuple[ModuleType, str]:
    """`optuna-tpe-group` as its adapter and its searcher."""
    name, _, searcher = contender.partition("-")
    return adapter(name), searcher
