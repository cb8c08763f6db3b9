"""Hypergradients: the gradient of a validation loss by hyperparameters, through the training (extra `torch`).

    found = ts.gradients.implicit(train_loss, val_loss, weights, trial.params)
    return found.evaluation

`implicit` needs weights that are trained to the end, and no memory of how; `unrolled` trains by itself, and
differentiates the steps it takes. Both take the two losses as functions of weights and hyperparameters.
"""

from tunesmith.gradients.implicit import implicit
from tunesmith.gradients.result import Hypergradient, NotConverged
from tunesmith.gradients.unrolled import SGD, Adam, unrolled

__all__ = ["SGD", "Adam", "Hypergradient", "NotConverged", "implicit", "unrolled"]
