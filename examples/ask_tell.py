"""Ask and tell: the loop is yours. Here four measurements are made at a time."""

import tunesmith as ts

space = {"temperature": ts.Float(20, 90, default=60), "minutes": ts.Int(1, 30), "stirred": [True, False]}


def measure(temperature, minutes, stirred):
    return abs(temperature - 72) / 10 + abs(minutes - 12) / 5 + (0 if stirred else 1)


if __name__ == "__main__":
    study = ts.create_study(space, direction="minimize", n_trials=48, seed=0)
    study.enqueue({"temperature": 70, "minutes": 10, "stirred": True})  # try this one soon
    for _ in range(12):
        for trial in study.ask(4):
            study.tell(trial, measure(**trial.params))
    print(f"best {study.best_value:.4f} with {study.best_params} after {len(study.trials)} measurements")
