"""Models that should err little and be small: cross-entropy on data held out, and the logarithm of size.

Deterministic: fixed splits and seeds, and the size is a count, not a time.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from benchmarks.spaces import Config, Param

FOREST = (
    Param(name="trees", kind="int", low=1, high=64, log=True),
    Param(name="depth", kind="int", low=1, high=16, log=True),
    Param(name="leaf", kind="int", low=1, high=40, log=True),
    Param(name="features", kind="float", low=0.05, high=1.0),
    Param(name="share", kind="float", low=0.2, high=1.0),
    Param(name="criterion", kind="cat", choices=("gini", "entropy")),
)
MODELS = (
    Param(name="model", kind="cat", choices=("tree", "forest", "linear", "neighbours")),
    Param(name="pixels", kind="int", low=4, high=64, log=True),
    Param(name="depth", kind="int", low=2, high=16, parent="model", when=("tree",)),
    Param(name="leaf", kind="int", low=1, high=40, log=True, parent="model", when=("tree",)),
    Param(name="trees", kind="int", low=2, high=32, log=True, parent="model", when=("forest",)),
    Param(name="leaves", kind="int", low=4, high=128, log=True, parent="model", when=("forest",)),
    Param(name="C", kind="float", low=1e-4, high=10.0, log=True, parent="model", when=("linear",)),
    Param(name="k", kind="int", low=1, high=30, log=True, parent="model", when=("neighbours",)),
    Param(name="kept", kind="float", low=0.05, high=1.0, log=True, parent="model", when=("neighbours",)),
)


def forest(config: Config) -> tuple[float, float]:
    """A random forest on the breast cancer data; its size is the number of leaves."""
    from sklearn.ensemble import RandomForestClassifier

    x, x_out, y, y_out = _data("load_breast_cancer")
    fitted = RandomForestClassifier(
        n_estimators=config["trees"],
        max_depth=config["depth"],
        min_samples_leaf=config["leaf"],
        max_features=config["features"],
        max_samples=config["share"],
        criterion=config["criterion"],
        random_state=0,
    ).fit(x, y)
    leaves = sum(tree.get_n_leaves() for tree in fitted.estimators_)
    return _loss(fitted, x_out, y_out), math.log10(leaves)


def model(config: Config) -> tuple[float, float]:
    """One of four kinds of model on the digits; its size is the number of figures that it must keep."""
    x, x_out, y, y_out = _data("load_digits")
    pixels = _order()[: config["pixels"]]
    fitted, size = _fitted(config, x[:, pixels], y)
    return _loss(fitted, x_out[:, pixels], y_out), math.log10(size)


def _fitted(config: Config, x: Any, y: Any) -> tuple[Any, float]:
    kind = config["model"]
    if kind == "tree":
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(
            max_depth=config["depth"], min_samples_leaf=config["leaf"], random_state=0
        ).fit(x, y)
        return tree, 3 * tree.get_n_leaves()
    if kind == "forest":
        from sklearn.ensemble import RandomForestClassifier

        trees = RandomForestClassifier(
            n_estimators=config["trees"], max_leaf_nodes=config["leaves"], random_state=0
        ).fit(x, y)
        return trees, 3 * sum(tree.get_n_leaves() for tree in trees.estimators_)
    if kind == "linear":
        from sklearn.linear_model import LogisticRegression

        line = LogisticRegression(C=config["C"], max_iter=60, tol=1e-2).fit(x / 16.0, y)
        line.coef_ /= 16.0
        return line, line.coef_.size + line.intercept_.size
    from sklearn.neighbors import KNeighborsClassifier

    kept = max(int(config["kept"] * len(x)), config["k"])
    near = KNeighborsClassifier(n_neighbors=config["k"], weights="distance").fit(x[:kept], y[:kept])
    return near, kept * (x.shape[1] + 1)


def _loss(fitted: Any, x: Any, y: Any) -> float:
    """Mean cross-entropy, with probabilities away from 0 and 1, for a sure error is no infinite one."""
    import numpy as np

    given = fitted.predict_proba(x)[np.arange(len(y)), np.searchsorted(fitted.classes_, y)]
    return float(-np.log(0.99 * given + 0.01 / len(fitted.classes_)).mean())


@cache
def _data(name: str) -> tuple[Any, Any, Any, Any]:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, name)(return_X_y=True)
    found = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)
    return found[0], found[1], found[2], found[3]


@cache
def _order() -> Any:
    """The pixels by their variance."""
    return _data("load_digits")[0].var(axis=0).argsort()[::-1]
