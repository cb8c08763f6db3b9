"""Surrogates of YAHPO Gym (Pfisterer et al. 2022): ONNX files and their JSON, from the folder BENCH_DATA.

Each of its folders (lcbench, rbv2_xgboost, rbv2_rpart) holds model.onnx, encoding.json and
config_space.json as published in slds-lmu/yahpo_data. A network takes a row of category codes ("#na#" when
missing) and a row of raw numbers (0 when missing), in an order that only the network knows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_RBV2 = ("acc", "bac", "auc", "brier", "f1", "logloss", "timetrain", "timepredict", "memory")
_IMPUTE = "num.impute.selected.cpo"
_ORDER: Mapping[str, Mapping[str, Any]] = {
    "lcbench": {
        "numbers": (
            "epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units",
            "max_dropout",
        ),
        "categories": ("OpenML_task_id",),
        "whole": {"epoch": 52},
        "targets": (
            "time", "val_accuracy", "val_cross_entropy", "val_balanced_accuracy", "test_cross_entropy",
            "test_balanced_accuracy",
        ),
    },
    "rbv2_rpart": {
        "numbers": ("cp", "maxdepth", "minbucket", "minsplit", "trainsize", "repl"),
        "categories": ("task_id", _IMPUTE),
        "whole": {"trainsize": 1.0, "repl": 10},
        "targets": _RBV2,
    },
    "rbv2_xgboost": {
        "numbers": (
            "nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight",
            "colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl",
        ),
        "categories": ("task_id", "booster", _IMPUTE),
        "whole": {"trainsize": 1.0, "repl": 10},
        "targets": _RBV2,
    },
}  # fmt: skip


def available() -> bool:
    """Whether the files are there and can be run."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return all((_folder() / name / "model.onnx").is_file() for name in _ORDER)


def _folder() -> Path:
    return Path(os.environ.get("BENCH_DATA", "no-folder"))


class Surrogate:
    """One scenario: its space without instance and fidelity, and predictions at full fidelity."""

    def __init__(self, name: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        place = _folder() / name
        self.session = onnxruntime.InferenceSession(
            str(place / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self.codes = json.loads((place / "encoding.json").read_text(encoding="utf-8"))
        self.order = _ORDER[name]
        self.instance = self.order["categories"][0]
        self.space = self._space(json.loads((place / "config_space.json").read_text(encoding="utf-8")))

    def predict(self, configs: Sequence[Mapping[str, Any]], instance: str, target: str) -> Any:
        """Configurations hold active parameters only, and less than the full fidelity where that is meant."""
        full = [{**self.order["whole"], **config, self.instance: instance} for config in configs]
        categories = [
            [self.codes[name][row.get(name, "#na#")] for name in self.order["categories"]] for row in full
        ]
        numbers = [[row.get(name, 0.0) for name in self.order["numbers"]] for row in full]
        into = dict(
            zip(
                (found.name for found in self.session.get_inputs()),
                (np.array(categories, np.int32), np.array(numbers, np.float32)),
                strict=True,
            )
        )
        out = self.session.run(None, into)[0]
        return out[:, self.order["targets"].index(target)].astype(float)

    def _space(self, raw: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Parents before their children."""
        when = {
            found["child"]: {
                "parent": found["parent"],
                "values": found["values"] if found["type"] == "IN" else [found["value"]],
            }
            for found in raw["conditions"]
        }
        space = []
        for found in raw["hyperparameters"]:
            name = found["name"]
            if name in (self.instance, *self.order["whole"]):
                continue
            param: dict[str, Any] = {"name": name}
            if found["type"] == "categorical":
                param |= {"type": "cat", "choices": list(found["choices"])}
            else:
                kind = "int" if found["type"] == "uniform_int" else "float"
                param |= {"type": kind, "low": found["lower"], "high": found["upper"], "log": found["log"]}
            space.append(param | ({"condition": when[name]} if name in when else {}))
        return sorted(space, key=lambda param: "condition" in param)


@cache
def surrogate(name: str) -> Surrogate:
    return Surrogate(name)
