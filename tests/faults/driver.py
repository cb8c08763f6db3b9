"""A study run by a process that the tests kill: python driver.py STORE KIND TRIALS WORKERS TOLD."""

import os
import sys
import time
from pathlib import Path

import tunesmith as ts


def plain(trial):
    x = trial.params["x"]
    time.sleep(0.01)
    trial.report(x, step=1)
    time.sleep(0.005)
    return x * x


def curve(gate):
    """Only the first trials go on before the file `gate` is there: the tests have time to kill."""

    def train(trial):
        while trial.number >= 20 and not Path(gate).exists():
            time.sleep(0.01)
        x = trial.params["x"]
        for step in range(1, 28):
            time.sleep(0.002)
            yield x * x + 1 / step

    return train


class Told(ts.Callback):
    """Writes down, durably, what the study has acknowledged."""

    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def ended(self, study, trial):
        if trial.state.finished:
            os.write(self.file, f"{trial.number} {trial.state.value} {trial.value!r}\n".encode())


def main(storage, kind, trials, workers, told):
    space = {"x": ts.Float(-1, 1, default=0.5), "k": ts.Int(1, 8), "c": ts.Categorical(["a", "b"])}
    options = {"fidelity": ts.Fidelity("epoch", 1, 27), "scheduler": "asha"} if kind == "curve" else {}
    ts.tune(
        curve(f"{told}.gate") if kind == "curve" else plain,
        space,
        searcher="tpe",
        n_trials=int(trials),
        workers=int(workers),
        retries=1000,
        name="killed",
        storage=storage,
        seed=0,
        callbacks=[Told(told)],
        **options,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
