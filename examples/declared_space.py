"""A choice of models: a branch's parameters exist only with it. The defaults are tried first."""

from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import tunesmith as ts

space = {
    "model": ts.Choice(
        {
            "svm": {"C": ts.Float(1e-2, 1e3, log=True, default=1.0), "kernel": ["rbf", "poly", "linear"]},
            "neighbors": {"n_neighbors": ts.Int(1, 30, default=5), "weights": ["uniform", "distance"]},
        },
        default="neighbors",
    )
}
X, y = load_iris(return_X_y=True)


def objective(trial):
    settings = dict(trial.params)
    kind = {"svm": SVC, "neighbors": KNeighborsClassifier}[settings.pop("model")]
    return cross_val_score(kind(**settings), X, y, cv=5).mean()


if __name__ == "__main__":
    study = ts.tune(objective, space, direction="maximize", n_trials=30, seed=0)
    print(f"default {study.trials[0].value:.4f}, best {study.best_value:.4f} with {study.best_params}")
