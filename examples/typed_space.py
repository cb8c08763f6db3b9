"""A typed space: the editor knows that `config.lr` is a float, and the defaults are the first trial."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tunesmith as ts


@dataclass
class Config:
    lr: Annotated[float, ts.Float(1e-5, 1e-1, log=True)] = 1e-3
    width: Annotated[int, ts.Int(16, 256, log=True)] = 64
    activation: Literal["relu", "gelu"] = "relu"


def train(trial):
    config: Config = trial.config
    speed = config.lr * config.width
    loss = 1.0 if config.activation == "relu" else 0.9
    for epoch in range(1, 11):
        loss *= 1 - min(0.5, speed) if speed < 1 else 1.1
        trial.report(loss, step=epoch)
    return loss


if __name__ == "__main__":
    study = ts.tune(train, Config, n_trials=40, seed=0)
    print(f"default {study.trials[0].value:.4f}, best {study.best_value:.4f} with {study.best_params}")
