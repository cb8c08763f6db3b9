"""Real trainings with scikit-learn whose values are noisy, in the form of a folder of tasks.

A run has its own split of the data into what is trained on and what is held out (`begin`). An evaluation is
a cross-validation of three folds, split anew and with another seed every time. What is reported is fitted on
all training data, with three seeds, and judged on the data held out. `python tasks.py` writes refs.json.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Config = Mapping[str, Any]
HERE = Path(__file__).resolve().parent
_FOLDS = 3
_WORST = 10.0  # of a fit that failed or told numbers without bounds, in units of the loss of no model


def number(name: str, low: float, high: float, *, log: bool = False, when: Any = None) -> dict[str, Any]:
    param = {"name": name, "type": "float", "low": float(low), "high": float(high), "log": log}
    return param | ({"condition": {"parent": when[0], "values": list(when[1:])}} if when else {})


def whole(name: str, low: int, high: int, *, log: bool = False, when: Any = None) -> dict[str, Any]:
    return number(name, low, high, log=log, when=when) | {"type": "int", "low": low, "high": high}


def choice(name: str, *choices: Any, when: Any = None) -> dict[str, Any]:
    param = {"name": name, "type": "cat", "choices": list(choices)}
    return param | ({"condition": {"parent": when[0], "values": list(when[1:])}} if when else {})


class Training:
    """Losses are relative to that of no model: always the mean, or the shares of the classes."""

    def __init__(
        self,
        space: list[dict[str, Any]],
        data: Callable[[], tuple[Any, Any]],
        build: Callable[[Config, int], Any],
        train: int,
    ) -> None:
        self.space, self.build, self.size = space, build, train
        self.x, self.y = data()
        self.classes = np.unique(self.y) if self.y.dtype.kind == "i" else None
        self.begin(0)

    def begin(self, seed: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64([seed, 2024]))
        order = self.rng.permutation(len(self.y))
        self.train, self.test = order[: self.size], order[self.size :]

    def evaluate(self, config: Config) -> float:
        order = self.rng.permutation(self.train)
        folds = [order[i::_FOLDS] for i in range(_FOLDS)]
        return statistics.fmean(
            self._loss(config, np.setdiff1d(order, fold), fold, int(self.rng.integers(2**31)))
            for fold in folds
        )

    def judge(self, config: Config) -> float:
        """The loss on the data held out."""
        return statistics.fmean(self._loss(config, self.train, self.test, seed) for seed in range(3))

    def _loss(self, config: Config, train: Any, test: Any, seed: int) -> float:
        model = self.build(config, seed)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                model.fit(self.x[train], self.y[train])
                loss = (
                    self._regression(model, train, test)
                    if self.classes is None
                    else self._classes(model, train, test)
                )
            except (ValueError, FloatingPointError):
                return _WORST
        return min(float(loss), _WORST) if np.isfinite(loss) else _WORST

    def _regression(self, model: Any, train: Any, test: Any) -> float:
        error = np.mean((model.predict(self.x[test]) - self.y[test]) ** 2)
        return float(error / np.mean((self.y[test] - self.y[train].mean()) ** 2))

    def _classes(self, model: Any, train: Any, test: Any) -> float:
        """Log loss; a class that a fold lacks costs its floor."""
        shares = np.full((len(test), len(self.classes)), 1e-3)
        shares[:, np.searchsorted(self.classes, model.classes_)] = _shares(model, self.x[test])
        shares = np.clip(shares, 1e-3, 1.0)
        at = np.searchsorted(self.classes, self.y[test])
        prior = np.bincount(np.searchsorted(self.classes, self.y[train]), minlength=len(self.classes))
        none = -np.mean(np.log(np.clip(prior / prior.sum(), 1e-3, 1.0)[at]))
        rows = np.arange(len(test))
        return float(-np.mean(np.log(shares[rows, at] / shares.sum(axis=1))) / none)


def _shares(model: Any, x: Any) -> Any:
    """Of the classes; a softmax of the margins of those who know but margins."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(x)
    margin = model.decision_function(x)
    if margin.ndim == 1:
        margin = np.stack([-margin, margin], axis=1)
    shares = np.exp(2.0 * (margin - margin.max(axis=1, keepdims=True)))
    return shares / shares.sum(axis=1, keepdims=True)


def _loaded(name: str, keep: int | None = None) -> tuple[Any, Any]:
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    some = np.random.Generator(np.random.PCG64(7)).permutation(len(y))[:keep]
    return x[some], y[some].astype(np.int64 if name != "diabetes" else float)


def _friedman() -> tuple[Any, Any]:
    """Five of ten inputs matter, to the power of two, by products and by a sine."""
    from sklearn.datasets import make_friedman1

    return make_friedman1(n_samples=1_500, n_features=10, noise=2.0, random_state=11)


def _flipped() -> tuple[Any, Any]:
    """Few of many inputs matter, three classes, one label in twelve wrong."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=1_500, n_features=25, n_informative=6, n_redundant=4, n_classes=3, n_clusters_per_class=2,
        flip_y=0.08, class_sep=1.2, random_state=11,
    )  # fmt: skip
    return x, y.astype(np.int64)


CASH = [
    choice("model", "forest", "svm", "boosting", "mlp", "logistic"),
    whole("forest_trees", 5, 40, log=True, when=("model", "forest")),
    number("forest_features", 0.05, 1.0, when=("model", "forest")),
    whole("forest_leaf", 1, 20, log=True, when=("model", "forest")),
    choice("forest_criterion", "gini", "entropy", when=("model", "forest")),
    number("svm_C", 1e-3, 1e3, log=True, when=("model", "svm")),
    choice("svm_kernel", "rbf", "poly", when=("model", "svm")),
    number("svm_gamma", 1e-4, 1e1, log=True, when=("model", "svm")),
    whole("svm_degree", 2, 5, when=("svm_kernel", "poly")),
    number("boosting_rate", 1e-2, 1.0, log=True, when=("model", "boosting")),
    whole("boosting_rounds", 5, 40, log=True, when=("model", "boosting")),
    whole("boosting_depth", 1, 5, when=("model", "boosting")),
    number("boosting_subsample", 0.3, 1.0, when=("model", "boosting")),
    whole("mlp_width", 4, 64, log=True, when=("model", "mlp")),
    number("mlp_rate", 1e-4, 1e-1, log=True, when=("model", "mlp")),
    number("mlp_decay", 1e-6, 1e1, log=True, when=("model", "mlp")),
    choice("mlp_activation", "relu", "tanh", when=("model", "mlp")),
    number("logistic_C", 1e-4, 1e3, log=True, when=("model", "logistic")),
]
PIPED = [
    choice("scale", "none", "standard", "quantile"),
    choice("reduce", "none", "pca", "select"),
    number("pca_share", 0.3, 0.999, when=("reduce", "pca")),
    whole("select_k", 2, 25, when=("reduce", "select")),
    *CASH,
]


def cash(config: Config, seed: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler
    from sklearn.svm import SVC

    model = config["model"]
    of = {name.partition("_")[2]: value for name, value in config.items() if name.startswith(model + "_")}
    models: dict[str, Callable[[], Any]] = {
        "forest": lambda: RandomForestClassifier(
            n_estimators=of["trees"], max_features=of["features"], min_samples_leaf=of["leaf"],
            criterion=of["criterion"], random_state=seed,
        ),
        "svm": lambda: SVC(
            C=of["C"], kernel=of["kernel"], gamma=of["gamma"], degree=of.get("degree", 3), max_iter=5_000
        ),
        "boosting": lambda: GradientBoostingClassifier(
            learning_rate=of["rate"], n_estimators=of["rounds"], max_depth=of["depth"],
            subsample=of["subsample"], random_state=seed,
        ),
        "mlp": lambda: MLPClassifier(
            hidden_layer_sizes=(of["width"],), learning_rate_init=of["rate"], alpha=of["decay"],
            activation=of["activation"], max_iter=30, random_state=seed,
        ),
        "logistic": lambda: LogisticRegression(C=of["C"], max_iter=200),
    }  # fmt: skip
    scale = {"none": None, "standard": StandardScaler(), "quantile": QuantileTransformer(n_quantiles=50)}
    reduce = {
        "none": lambda: None,
        "pca": lambda: PCA(config["pca_share"], svd_solver="full", random_state=seed),
        "select": lambda: SelectKBest(k=config["select_k"]),
    }
    steps = [scale[config.get("scale", "standard")], reduce[config.get("reduce", "none")](), models[model]()]
    return make_pipeline(*(step for step in steps if step is not None))


MACHINE = [
    number("C", 1e-3, 1e3, log=True),
    choice("kernel", "rbf", "poly", "sigmoid"),
    number("gamma", 1e-6, 1e0, log=True),
    whole("degree", 2, 6, when=("kernel", "poly")),
    number("coef0", -1.0, 1.0, when=("kernel", "poly", "sigmoid")),
]


def machine(config: Config, seed: int) -> Any:  # noqa: ARG001
    from sklearn.svm import SVC

    return SVC(**config, max_iter=5_000)


BOOSTING = [
    number("learning_rate", 1e-3, 1.0, log=True),
    whole("n_estimators", 5, 60, log=True),
    whole("max_depth", 1, 7),
    whole("min_samples_leaf", 1, 50, log=True),
    number("subsample", 0.2, 1.0),
    number("max_features", 0.1, 1.0),
    choice("loss", "squared_error", "huber", "absolute_error"),
    number("alpha", 0.5, 0.99, when=("loss", "huber")),
]


def boosting(config: Config, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(**config, random_state=seed)


NETWORK = [
    whole("layers", 1, 2),
    whole("width", 4, 64, log=True),
    number("learning_rate_init", 1e-4, 1e-1, log=True),
    number("alpha", 1e-6, 1e2, log=True),
    choice("activation", "relu", "tanh", "logistic"),
    whole("batch_size", 16, 128, log=True),
    choice("solver", "adam", "sgd"),
    number("momentum", 0.0, 0.99, when=("solver", "sgd")),
    number("beta_1", 0.5, 0.99, when=("solver", "adam")),
]


def network(config: Config, seed: int) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    of = dict(config)
    shape = (of.pop("width"),) * of.pop("layers")
    net = MLPRegressor(hidden_layer_sizes=shape, max_iter=25, random_state=seed, **of)
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(net, transformer=StandardScaler()))


_TASKS: dict[str, Callable[[], Training]] = {
    "train-cash-cancer": lambda: Training(CASH, lambda: _loaded("breast_cancer"), cash, 250),
    "train-cash-flipped": lambda: Training(PIPED, _flipped, cash, 300),
    "train-svm-digits": lambda: Training(MACHINE, lambda: _loaded("digits"), machine, 250),
    "train-boosting-diabetes": lambda: Training(BOOSTING, lambda: _loaded("diabetes"), boosting, 250),
    "train-network-friedman": lambda: Training(NETWORK, _friedman, network, 250),
}
SETS = {"all": tuple(_TASKS), "cash": tuple(name for name in _TASKS if "cash" in name)}


@cache
def get_task(name: str) -> Training:
    return _TASKS[name]()


def names(spec: str) -> list[str]:
    return list(dict.fromkeys(name for part in spec.split(",") for name in SETS.get(part, (part,))))


def draw(space: list[dict[str, Any]], rng: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for param in space:
        when = param.get("condition")
        if when is not None and config.get(when["parent"]) not in when["values"]:
            continue
        if param["type"] == "cat":
            config[param["name"]] = rng.choice(param["choices"])
            continue
        low, high = param["low"], param["high"]
        unit = rng.random()
        value = low * (high / low) ** unit if param["log"] else low + unit * (high - low)
        config[param["name"]] = round(value) if param["type"] == "int" else value
    return config


def reference(name: str, many: int = 150, splits: int = 4) -> dict[str, Any]:
    """Of losses on data held out, means over splits, of random configurations: their median, their best."""
    task, rng = get_task(name), random.Random(12345)
    losses = []
    for _ in range(many):
        config, found = draw(task.space, rng), []
        for seed in range(1_000, 1_000 + splits):
            task.begin(seed)
            found.append(task._loss(config, task.train, task.test, seed))
        losses.append(statistics.fmean(found))
    return {"random_median": statistics.median(losses), "random_best": min(losses), "known_best": None}


def main() -> None:
    refs = {name: reference(name) for name in names(sys.argv[1] if len(sys.argv) > 1 else "all")}
    (HERE / "refs.json").write_text(json.dumps(refs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
