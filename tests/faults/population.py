"""A population trained by a process that the tests kill: python population.py STORE SIZE WORKERS STEPS …."""

import json
import math
import sys
import time
from pathlib import Path

import tunesmith as ts

SPACE = {"rate": ts.Float(1e-3, 1, log=True), "kind": ts.Categorical(["a", "b", "c"])}


def training(steps, gate=None):
    """Deterministic; the checkpoint tells which trial has trained each step, and with what. No trial makes a
    step beyond the number in the file `gate`: it is raised by the tests after each kill."""

    def train(trial):
        data = trial.load_checkpoint()
        step, weight, trail = json.loads(data) if data else (0, 1.0, [])
        while step < steps:
            step += 1
            while gate is not None and step > int(Path(gate).read_text()):
                time.sleep(0.01)
            ideal = 0.5 * 0.8 ** (step / 3)
            pull = {"a": 0.3, "b": 0.31, "c": 0.29}[trial["kind"]]
            weight *= 1 - pull * math.exp(-abs(math.log(trial["rate"] / ideal)))
            trail.append([step, trial.number])
            trial.save_checkpoint(json.dumps([step, weight, trail]).encode(), step=step)
            trial.report(weight, step)
        trial.set_user_attr("trail", trail)
        return weight

    return train


def main(storage, population, workers, steps, gate):
    ts.tune(
        training(int(steps), gate),
        SPACE,
        scheduler=ts.PBT(population=int(population), interval=3),
        fidelity=ts.Fidelity("step", 1, int(steps)),
        workers=int(workers),
        retries=1000,
        name="killed",
        storage=storage,
        seed=0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
