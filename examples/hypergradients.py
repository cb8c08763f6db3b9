"""A penalty for each feature of a logistic regression: 30 hyperparameters, tuned along their hypergradient.

Needs the extras sklearn and torch. The default searcher gets the same training cost, counted in gradients of
the training loss (a product with the Hessian counts as two).
"""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer

import tunesmith as ts

torch.set_default_dtype(torch.float64)
features, labels = load_breast_cancer(return_X_y=True)
features = torch.tensor((features - features.mean(0)) / features.std(0))
labels = torch.tensor(labels, dtype=torch.float64)
order = np.random.default_rng(0).permutation(len(labels))
train, validation = order[:150], order[150:400]
space = {f"l2_{i}": ts.Float(1e-5, 1.0, log=True) for i in range(features.shape[1])}
loss = torch.nn.functional.binary_cross_entropy_with_logits
spent = 0  # gradients of the training loss


def train_loss(weights, hyper):
    penalty = torch.stack([hyper[name] for name in space])
    return (
        loss(features[train] @ weights[1:] + weights[0], labels[train]) + (penalty * weights[1:] ** 2).sum()
    )


def val_loss(weights, hyper):  # noqa: ARG001
    return loss(features[validation] @ weights[1:] + weights[0], labels[validation])


def fitted(params):
    """The weights that minimise the training loss."""
    global spent
    hyper = {name: torch.tensor(value) for name, value in params.items()}
    weights = torch.zeros(features.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weights], max_iter=500, tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        global spent
        spent += 1
        optimizer.zero_grad()
        value = train_loss(weights, hyper)
        value.backward()
        return value

    optimizer.step(closure)
    return weights.detach()


def sloped(trial):
    global spent
    found = ts.gradients.implicit(train_loss, val_loss, fitted(trial.params), trial.params)
    spent += 2 * found.iterations
    return found.evaluation


def plain(trial):
    return float(val_loss(fitted(trial.params), {}))


if __name__ == "__main__":
    study = ts.tune(sloped, space, searcher="gradient", n_trials=20, seed=0)
    budget, spent = spent, 0
    other = ts.create_study(space, seed=0)
    while spent < budget:
        trial = other.ask()
        other.tell(trial, plain(trial))
    print(f"validation loss at the middle of the space: {study.trials[0].value:.4f}")
    print(f"along the hypergradient: {study.best_value:.4f} after {len(study.trials)} trials")
    print(
        f"by values alone:         {other.best_value:.4f} after {len(other.trials)} trials of the same cost"
    )
