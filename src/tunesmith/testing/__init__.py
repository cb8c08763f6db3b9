"""What third parties test their own methods, stores and executors with: law suites, a zoo, toys, simulations.

    from tunesmith.testing import SearcherLaws

    class TestMine(SearcherLaws):
        searcher = MySearcher

The law suites need pytest (`pip install 'tunesmith[testing]'`); the rest needs nothing more.
"""

from __future__ import annotations

import importlib
from typing import Any

from tunesmith import _optional
from tunesmith.testing.simulate import ALL_FAULTS, NO_FAULTS, Faults, Order, Simulation, simulate
from tunesmith.testing.toys import Toy, toys
from tunesmith.testing.zoo import programs, zoo

__all__ = [
    "ALL_FAULTS",
    "NO_FAULTS",
    "ExecutorLaws",
    "Faults",
    "Order",
    "SchedulerLaws",
    "SearcherLaws",
    "Simulation",
    "StoreLaws",
    "Toy",
    "programs",
    "simulate",
    "toys",
    "zoo",
]

_LAWS = {
    "ExecutorLaws": "executor_laws",
    "SchedulerLaws": "scheduler_laws",
    "SearcherLaws": "searcher_laws",
    "StoreLaws": "store_laws",
}


def __getattr__(name: str) -> Any:
    if name not in _LAWS:
        raise AttributeError(f"module 'tunesmith.testing' has no attribute {name!r}")
    _optional.require("pytest", "testing", f"tunesmith.testing.{name}")
    return getattr(importlib.import_module(f"tunesmith.testing.{_LAWS[name]}"), name)
