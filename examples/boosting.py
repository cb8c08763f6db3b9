"""Gradient boosting on a share of the rows first: BOHB, and random search on as many rows in all.

`python examples/boosting.py` takes about a minute (`--fits 4 --rounds 20` some seconds); it needs the
extra sklearn. The fidelity is a real number, the share of the training rows: the objective reads
`trial.budget`, fits on so many rows and returns its loss, and is called again with more rows when it has
earned that.
"""

import argparse
import time

from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import tunesmith as ts

SPACE = {  # and the number of rounds
    "learning_rate": ts.Float(0.01, 1.0, log=True, default=0.1),
    "max_leaf_nodes": ts.Int(4, 64, log=True, default=31),
    "min_samples_leaf": ts.Int(1, 100, log=True, default=20),
    "l2_regularization": ts.Float(1e-6, 100.0, log=True, default=1e-6),
    "max_features": ts.Float(0.1, 1.0, default=1.0),
}
SHARE = ts.Fidelity("fraction", 1 / 27, 1.0)
WAYS = {"random search": {"searcher": "random"}, "bohb": {"searcher": "bohb"}}

images, labels = load_digits(return_X_y=True)
rest, test, rest_labels, test_labels = train_test_split(
    images, labels, test_size=0.25, random_state=0, stratify=labels
)
train, validation, train_labels, validation_labels = train_test_split(
    rest, rest_labels, test_size=0.3, random_state=0, stratify=rest_labels
)


class Fits(ts.StopRule):
    """Ends a run when models have been fitted to so many times all rows."""

    def __init__(self, most):
        self.left = most

    def reason(self, progress):  # noqa: ARG002
        return "all fits are spent" if self.left < 1e-9 else None


def fitted(params, share):
    """A model of the first rows, which are in random order."""
    rows = max(30, round(share * len(train)))
    return HistGradientBoostingClassifier(**params, random_state=0).fit(train[:rows], train_labels[:rows])


def objective(rule):
    """A function of a trial; what it fits is taken from the rule."""

    def loss(trial):
        share = trial.budget or 1.0
        rule.left -= share
        model = fitted(trial.params, share)
        return log_loss(validation_labels, model.predict_proba(validation), labels=model.classes_)

    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fits", type=float, default=12, help="on all rows, that a way may cost")
    parser.add_argument("--rounds", type=int, default=100, help="of boosting, at most")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    space = {"max_iter": ts.Int(args.rounds // 10, args.rounds, log=True, default=args.rounds), **SPACE}
    begin = time.perf_counter()
    default = fitted({name: domain.default for name, domain in space.items()}, 1.0)
    print(f"{args.fits:g} fits on all rows for each way; validation and test: log loss, less is better")
    print(
        f"{'':15}{'tried':>6}{'on all rows':>13}{'validation':>12}{'test':>8}{'accuracy':>10}{'seconds':>9}"
    )
    told("the default", 1, 1, log_loss(validation_labels, default.predict_proba(validation)), default, begin)
    for name, settings in WAYS.items():
        begin, rule = time.perf_counter(), Fits(args.fits)
        study = ts.tune(
            objective(rule),
            space,
            fidelity=SHARE,
            stop=rule,
            seed=args.seed,
            progress=False,
            **settings,
        )
        whole = [trial for trial in study.trials if trial.state is ts.TrialState.COMPLETE]
        told(name, len(study.trials), len(whole), study.best_value, fitted(study.best_params, 1.0), begin)


def told(name, tried, whole, value, model, begin):
    seconds = time.perf_counter() - begin
    loss = log_loss(test_labels, model.predict_proba(test))
    print(
        f"{name:15}{tried:6}{whole:13}{value:12.4f}{loss:8.4f}{model.score(test, test_labels):10.4f}"
        f"{seconds:9.0f}"
    )


if __name__ == "__main__":
    with threadpool_limits(1):  # idle threads wait for each other where cores are few
        main()
