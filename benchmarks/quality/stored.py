"""Runs that were played elsewhere on the same tasks: a folder of *.json.gz, a contender each.

Each holds {"adapter": name, "runs": [{"task", "seed", "values", "ask_s", "tell_s"}]}. They are told from
those that were played here by " (stored)".
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

MARK = " (stored)"
SUFFIX = "*.json.gz"


def stored(folder: Path, tasks: Collection[str], live: Collection[str] = ()) -> list[dict[str, Any]]:
    """Runs on these tasks, of those contenders that are not played here."""
    found = []
    for path in sorted(folder.glob(SUFFIX)):
        record = read(path)
        if record["adapter"] in live or record["adapter"] == "random":
            continue
        found += [
            {
                "contender": record["adapter"] + MARK,
                "task": run["task"],
                "seed": run["seed"],
                "workers": 1,
                "values": run["values"],
                "cpu_s": run["ask_s"] + run["tell_s"],
            }
            for run in record["runs"]
            if run["task"] in tasks and run["values"]
        ]
    return found


def read(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return dict(json.load(file))
