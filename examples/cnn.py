"""A convolutional net on images of digits: the same number of epochs, spent in several ways.

`python examples/cnn.py` takes about five minutes on one core (`--trainings 3 --epochs 9` a few seconds); it
needs the extras sklearn and torch. The objective is a generator that yields an accuracy after each epoch, so
a scheduler can pause it and go on with it later, without a checkpoint.
"""

import argparse
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import tunesmith as ts

SPACE = {
    "lr": ts.Float(1e-4, 1.0, log=True),
    "momentum": ts.Float(0.0, 0.99),
    "weight_decay": ts.Float(1e-6, 1e-1, log=True),
    "batch": ts.Int(16, 256, log=True),
    "channels": ts.Int(4, 32, log=True),
    "dropout": ts.Float(0.0, 0.7),
    "shift": ts.Categorical([False, True]),  # move training images by up to a pixel
}
WAYS = {  # what a user would type
    "random search": {"searcher": "random"},
    "random + asha": {"searcher": "random", "scheduler": "asha"},
    "random + curve": {"searcher": "random", "scheduler": "curve"},
    "freeze-thaw": {"scheduler": "auto"},
}


def data():
    """Training, validation and test images (8 x 8) with their labels, as tensors."""
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16.0
    rows = torch.arange(len(images))
    train, rest = train_test_split(rows, test_size=0.45, random_state=0, stratify=labels)
    validation, test = train_test_split(rest, test_size=0.5, random_state=0, stratify=labels[rest])
    labels = torch.tensor(labels)
    return [(images[part], labels[part]) for part in (train, validation, test)]


def net(channels, dropout):
    """Two convolutions and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(32 * channels, 10),
    )  # fmt: skip


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def objective(epochs):
    """A generator of validation accuracies; the test set's are kept, and never seen by the search."""
    (images, labels), validation, test = data()

    def train(trial):
        torch.manual_seed(trial.number)
        model = net(trial["channels"], trial["dropout"])
        decay = {"weight_decay": trial["weight_decay"]}
        optimizer = torch.optim.SGD(model.parameters(), trial["lr"], trial["momentum"], **decay)
        for _ in range(epochs):
            model.train()
            for rows in torch.randperm(len(images)).split(trial["batch"]):
                batch = images[rows]
                if trial["shift"]:
                    moves = torch.randint(-1, 2, (2,)).tolist()
                    batch = batch.roll(moves, dims=(2, 3))
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(batch), labels[rows]).backward()
                optimizer.step()
            trial.set_user_attr("test", accuracy(model, *test))
            yield accuracy(model, *validation)

    return train


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=27, help="of a full training")
    parser.add_argument("--trainings", type=int, default=12, help="full trainings that a way may cost")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    total = args.epochs * args.trainings
    print(f"{total} epochs, {args.trainings} full trainings, for each way")
    print(f"{'':17}{'tried':>6}{'to the end':>12}{'validation':>12}{'test':>8}{'seconds':>9}")
    for name, settings in WAYS.items():
        begin = time.perf_counter()
        study = ts.tune(
            objective(args.epochs),
            SPACE,
            direction="maximize",
            fidelity=ts.Fidelity("epoch", 1, args.epochs),
            budget={"epoch": total},
            seed=args.seed,
            progress=False,
            **settings,
        )
        whole = [trial for trial in study.trials if trial.state is ts.TrialState.COMPLETE]
        best = study.best_trial
        print(
            f"{name:17}{len(study.trials):6}{len(whole):12}{best.value:12.4f}{best.user_attrs['test']:8.4f}"
            f"{time.perf_counter() - begin:9.0f}"
        )
        under_way = [t for t in study.trials if t.state is ts.TrialState.PAUSED and len(t.reports) > 2]
        if under_way:
            trial = max(under_way, key=lambda trial: trial.value)
            found = study.forecast(trial.number)
            print(
                f"{'':17}paused, trial {trial.number}: {trial.value:.4f} after {trial.step} epochs, "
                f"{found.mean[0]:.4f} expected at the end ({found.low[0]:.4f} to {found.high[0]:.4f})"
            )


if __name__ == "__main__":
    main()
