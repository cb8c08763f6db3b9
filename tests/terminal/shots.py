"""Snapshots to draw, and their pictures on file.

`python tests/terminal/shots.py` draws the pictures anew: look at them before you commit them.
"""

import math
from pathlib import Path

from tunesmith.terminal.frame import frame, plain
from tunesmith.terminal.snapshot import Best, Front, Row, Snapshot

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (40, 60, 80, 200)
_PARAMS = ("lr", "dropout", "width", "optimizer")


def row(worker):
    params = {"lr": 1.234 * 10 ** -(worker + 1), "dropout": 0.1 * worker, "width": 16 * (worker + 1)}
    params |= {"optimizer": "adam"} if worker % 2 else {"optimizer": "sgd", "momentum": 0.9}
    curve = tuple(1 - math.exp(-step / 3) + 0.02 * math.sin(9 * step) for step in range(2 * worker + 1))
    return Row(worker=worker, number=45 + worker, params=params, step=2 * worker + 1, budget=9, curve=curve,
               age=7 + 61 * worker, state=f"rung {1 + worker // 2}/3")  # fmt: skip


def busy(**changes):
    """A run in full swing, with one idle worker."""
    best = Best(number=42, value=0.98712, ago=12, age=31.0, params={"lr": 0.00123, "dropout": 0.1},
                trend=[0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98])  # fmt: skip
    settings = {
        "name": "mnist-cnn", "done": 46, "total": 60, "objective": "val_acc", "lower": False, "running": 4,
        "failed": 1, "stopped": 21, "eta": 42.0, "best": best, "columns": _PARAMS,
        "rows": (*map(row, range(4)), Row(worker=4)),
        "importances": tuple(zip(_PARAMS[:3], (0.61, 0.22, 0.17), strict=True)),
    }  # fmt: skip
    return Snapshot(**{**settings, **changes})


def several(**changes):
    """Two objectives, and trials that broke a constraint."""
    front = Front(size=7, share=0.83, ago=3, trend=[0.1, 0.3, 0.5, 0.83],
                  spans=[("loss", 0.1, 0.4), ("latency", 3.0, 20.0)])  # fmt: skip
    return busy(best=None, front=front, objective="loss", infeasible=4, importances=(), lower=True, **changes)


def fresh(**changes):
    """Nothing has ended, and nothing was reported."""
    rows = tuple(Row(worker=w, number=w, params={"lr": 0.1}, age=1.0, state="running") for w in range(2))
    return Snapshot(name="new", done=0, total=20, running=2, rows=rows, columns=("lr",), **changes)


SHOTS = {"busy": busy, "several": several, "fresh": fresh}


def picture(name, width):
    return "\n".join(plain(frame(SHOTS[name](), width))) + "\n"


def path(name, width):
    return GOLDEN / f"{name}-{width}.txt"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for shot in SHOTS:
        for columns in WIDTHS:
            path(shot, columns).write_text(picture(shot, columns), encoding="utf-8")
