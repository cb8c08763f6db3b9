"""Models of scikit-learn that are really trained, an epoch (or a tree) when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from benchmarks.spaces import Config, Param, Space

_WORST = 10.0  # losses of what has diverged
_Train = Callable[[], float]  # one more epoch, and the loss on data held out then


def _number(name: str, low: float, high: float, *, log: bool = False, whole: bool = False) -> Param:
    return Param(name=name, kind="int" if whole else "float", low=low, high=high, log=log)


class Curve:
    """Losses of one configuration, trained as far as was asked."""

    def __init__(self, train: _Train, high: int) -> None:
        self.train, self.high, self.losses = train, high, list[float]()

    def __len__(self) -> int:
        return self.high

    def __getitem__(self, index: int) -> float:
        if index >= self.high:
            raise IndexError(index)
        while len(self.losses) <= index:
            self.losses.append(self._next())
        return self.losses[index]

    def _next(self) -> float:
        if self.losses and self.losses[-1] >= _WORST:
            return _WORST
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                loss = self.train()
            except ValueError:  # weights that are no longer finite
                return _WORST
        return min(loss, _WORST) if np.isfinite(loss) else _WORST


@cache
def _data(name: str) -> Any:
    """Trained on, and held out: halves that are always the same."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    if name == "diabetes":
        y = (y - y.mean()) / y.std()
    a, b, left, right = train_test_split(x, y, test_size=0.5, random_state=0)
    scaler = StandardScaler().fit(a)
    return scaler.transform(a), scaler.transform(b), left, right


def _classifier(model: Any, data: str) -> _Train:
    from sklearn.metrics import log_loss

    a, b, left, right = _data(data)
    kinds = np.unique(left)

    def train() -> float:
        model.partial_fit(a, left, classes=kinds)
        return float(log_loss(right, model.predict_proba(b), labels=kinds))

    return train


def _mlp(config: Config) -> _Train:
    from sklearn.neural_network import MLPClassifier

    return _classifier(
        MLPClassifier(
            hidden_layer_sizes=(config["width"],) * config["layers"],
            solver="sgd",
            learning_rate_init=config["rate"],
            momentum=config["momentum"],
            alpha=config["decay"],
            batch_size=config["batch"],
            random_state=0,
        ),
        "digits",
    )


def _sgd(config: Config) -> _Train:
    from sklearn.linear_model import SGDClassifier

    return _classifier(
        SGDClassifier(
            loss="log_loss",
            penalty="elasticnet",
            alpha=config["decay"],
            l1_ratio=config["sparse"],
            learning_rate="invscaling",
            eta0=config["rate"],
            power_t=config["power"],
            random_state=0,
        ),
        "breast_cancer",
    )


def _trees(config: Config) -> _Train:
    from sklearn.ensemble import GradientBoostingRegressor

    a, b, left, right = _data("diabetes")
    model = GradientBoostingRegressor(
        n_estimators=1,
        warm_start=True,
        learning_rate=config["rate"],
        max_depth=config["depth"],
        subsample=config["rows"],
        max_features=config["columns"],
        min_samples_leaf=config["leaf"],
        random_state=0,
    )

    def train() -> float:
        if hasattr(model, "estimators_"):
            model.n_estimators += 1
        model.fit(a, left)
        return float(np.mean((model.predict(b) - right) ** 2))

    return train


MODELS: dict[str, tuple[Space, Callable[[Config], _Train]]] = {
    "mlp-digits": (
        (
            _number("rate", 1e-4, 1.0, log=True),
            _number("momentum", 0.0, 0.99),
            _number("decay", 1e-6, 1.0, log=True),
            _number("batch", 16, 256, log=True, whole=True),
            _number("width", 8, 128, log=True, whole=True),
            _number("layers", 1, 3, whole=True),
        ),
        _mlp,
    ),
    "sgd-cancer": (
        (
            _number("rate", 1e-5, 10.0, log=True),
            _number("power", 0.01, 1.0),
            _number("decay", 1e-7, 1.0, log=True),
            _number("sparse", 0.0, 1.0),
        ),
        _sgd,
    ),
    "trees-diabetes": (
        (
            _number("rate", 0.005, 1.0, log=True),
            _number("depth", 1, 8, whole=True),
            _number("rows", 0.2, 1.0),
            _number("columns", 0.1, 1.0),
            _number("leaf", 1, 60, log=True, whole=True),
        ),
        _trees,
    ),
}
