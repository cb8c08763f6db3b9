"""A training script that knows nothing of Tunesmith: softmax regression on handwritten digits.

Try it alone, `python train.py --lr 0.1`, and then `tunesmith run study.toml` beside it.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--decay", type=float, default=1e-4)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--epochs", type=int, default=9)
args = parser.parse_args()

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.data))
x, y = digits.data[order] / 16, digits.target[order]
x_train, x_test, y_train, y_test = x[:1200], x[1200:], y[:1200], y[1200:]
weights, bias = np.zeros((64, 10)), np.zeros(10)
rng = np.random.default_rng(1)
for epoch in range(1, args.epochs + 1):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), args.batch):
        rows = order[start : start + args.batch]
        scores = x_train[rows] @ weights + bias
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        share[np.arange(len(rows)), y_train[rows]] -= 1
        weights -= args.lr * (x_train[rows].T @ share / len(rows) + args.decay * weights)
        bias -= args.lr * share.mean(axis=0)
    accuracy = np.mean(np.argmax(x_test @ weights + bias, axis=1) == y_test)
    print(f"epoch {epoch} accuracy={accuracy:.4f}")
