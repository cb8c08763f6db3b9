"""Population-based training by a process that the tests kill: python lineage.py STORE WORKERS."""

import sys
import time

import numpy as np

import tunesmith as ts

STEPS = 12


def train(trial):
    """The checkpoint tells which trial has made each step."""
    state = trial.load_checkpoint() or {"step": 0, "made": [], "weights": np.zeros(2000)}
    assert len(state["made"]) == state["step"]
    assert (state["weights"] == state["step"]).all()
    for step in range(state["step"] + 1, STEPS + 1):
        time.sleep(0.01)
        made = [*state["made"], trial.number]
        state = {"step": step, "made": made, "weights": np.full(2000, step)}
        trial.save_checkpoint(state, step=step)
        trial.set_user_attr("made", made)
        trial.report(abs(trial["x"] - 0.3) / step, step=step)
    return abs(trial["x"] - 0.3)


def main(storage, workers):
    ts.tune(
        train,
        {"x": ts.Float(-1, 1)},
        fidelity=ts.Fidelity("epoch", 1, STEPS),
        scheduler=ts.PBT(population=5, interval=2, quantile=0.4),
        workers=workers,
        retries=10**6,
        name="lineage",
        storage=ts.SQLiteStore(storage, lease=2.0),
        seed=0,
        quiet=True,
        checkpoints=ts.Checkpoints(keep_best=None),
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
