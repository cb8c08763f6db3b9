"""Define-by-run: the space is what the objective asks for. Run it: `python examples/quickstart.py`."""

import tunesmith as ts


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    shape = trial.suggest_categorical("shape", ["bowl", "valley"])
    bend = trial.suggest_float("bend", 0.0, 1.0) if shape == "valley" else 0.0
    return (x - 2) ** 2 + 3 * bend + (shape == "bowl")


if __name__ == "__main__":
    study = ts.tune(objective, n_trials=60, seed=0)
    print(f"best {study.best_value:.4f} with {study.best_params}, trial {study.best_trial.number}")
