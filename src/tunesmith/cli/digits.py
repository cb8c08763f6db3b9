"""The demo's problem: which classifier reads handwritten digits best, and with which settings.

600 of scikit-learn's 1797 digits are searched on, by ten-fold stratified cross-validation with fixed splits;
the search never sees the other 1197. Every default is scikit-learn's own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from tunesmith.kernel.trial import TrialHandle
from tunesmith.space import Categorical, Choice, Float, Int

SEED = 11
FOLDS = 10

space = {
    "model": Choice(
        {
            "forest": {
                "n_estimators": Int(50, 200, log=True, default=100),
                "max_features": Float(0.05, 0.5, log=True, default=0.125),  # "sqrt": 8 of 64 pixels
                "min_samples_leaf": Int(1, 8, log=True, default=1),
                "criterion": Categorical(["gini", "entropy"], default="gini"),
            },
            "gradient_boosting": {
                "learning_rate": Float(0.02, 0.5, log=True, default=0.1),
                "max_iter": Int(25, 100, log=True, default=100),
                "max_leaf_nodes": Int(4, 31, log=True, default=31),
            },
            "svm": {
                "scaler": Categorical(["none", "standard", "minmax"], default="none"),
                "C": Float(0.05, 500, log=True, default=1.0),
                "gamma_scale": Float(0.02, 20, log=True, default=1.0),  # times what gamma="scale" means
            },
        },
        default="forest",
    )
}
DEFAULTS: tuple[Mapping[str, Any], ...] = (
    {"model": "svm", "scaler": "none", "C": 1.0, "gamma_scale": 1.0},
    {"model": "gradient_boosting", "learning_rate": 0.1, "max_iter": 100, "max_leaf_nodes": 31},
)


def objective(trial: TrialHandle) -> float:
    """The mean accuracy over the folds; each fold is a step."""
    import numpy as np

    pixels, digits, _, _ = data()
    scores: list[float] = []
    for step, (fit, judge) in enumerate(_folds(), start=1):
        scores.append(_accuracy(trial.params, pixels[fit], digits[fit], pixels[judge], digits[judge]))
        trial.report(float(np.mean(scores)), step)
    trial.set_user_attr("standard_error", float(np.std(scores, ddof=1) / len(scores) ** 0.5))
    return float(np.mean(scores))


def held_out(params: Mapping[str, Any]) -> float:
    """The accuracy on the digits that the search never saw."""
    return _accuracy(params, *data())


@functools.cache
def data() -> tuple[Any, Any, Any, Any]:
    """Pixels and digits to search on, then pixels and digits held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, digits = load_digits(return_X_y=True)
    seen, unseen, known, unknown = train_test_split(
        pixels, digits, train_size=600, stratify=digits, random_state=SEED
    )
    return seen, known, unseen, unknown


@functools.cache
def _folds() -> list[tuple[Any, Any]]:
    from sklearn.model_selection import StratifiedKFold

    pixels, digits, _, _ = data()
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(pixels, digits))


def _accuracy(params: Mapping[str, Any], pixels: Any, digits: Any, others: Any, truth: Any) -> float:
    return float(pipeline(params, pixels).fit(pixels, digits).score(others, truth))


def pipeline(params: Mapping[str, Any], pixels: Any) -> Any:
    """The scikit-learn pipeline these parameters mean, not fitted; `pixels`: what it will be fitted on."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import SVC

    given = dict(params)
    kind = given.pop("model")
    if kind == "forest":
        return make_pipeline(RandomForestClassifier(**given, random_state=SEED))
    if kind == "gradient_boosting":
        return make_pipeline(HistGradientBoostingClassifier(**given, random_state=SEED))
    scaler = {"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}[given["scaler"]]
    seen = pixels if scaler == "passthrough" else scaler.fit_transform(pixels)
    gamma = given["gamma_scale"] / (seen.shape[1] * seen.var())
    return make_pipeline(scaler, SVC(C=given["C"], gamma=gamma))
