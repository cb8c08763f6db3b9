"""Families of tasks, by the names of tasks; a task may be in two, and every family is shown by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

FAMILIES: Mapping[str, str] = {
    "smooth numeric": r"(lcbench|rpart)-",  # surrogates of networks and trees: nearly all numbers
    "conditional": r"xgboost-|syn-(cond|branches)|branches$",
    "BBOB 2-d": r"bbob-.*-d2$",
    "BBOB 5-d": r"bbob-.*-d5$",
    "BBOB 10-d": r"bbob-.*-d10$",
    "BBOB 20-d": r"bbob-.*-d20$",
    "BBOB embedded in 100-d": r"(embed|turned)-",
    "synthetic mixed": r"syn-|mixed$",
    "analytic": r"(branin|ellipsoid|levy|rosenbrock)",
    "noisy": r"noisy-",
    "scikit-learn": r"gb-|train-",
}


def families(tasks: Sequence[str]) -> dict[str, list[str]]:
    """Those that have a task among these."""
    found = {name: [task for task in tasks if re.match(said, task)] for name, said in FAMILIES.items()}
    return {name: of for name, of in found.items() if of}
