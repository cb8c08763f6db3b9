"""A stochastic policy over mixed parameters, and how it is improved by rewards: arrays in, arrays out.

The policy chooses parameter after parameter. Each has a head: a softmax over cells, or a truncated normal on
[0, 1]. What a head says is linear in what was chosen before it (a masked autoregressive map: Germain et al.,
2015, MADE, ICML), so that all heads of all rows are one matrix product. The policy is its matrix of weights.

Williams (1992), Machine Learning 8 (REINFORCE); Schulman et al. (2017), arXiv 1707.06347 (clipped steps);
Amari (1998), Neural Computation 10 (natural gradient); Hansen (2016), arXiv 1604.00772 (weights of ranks).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NARROWEST, _WIDEST = math.log(0.01), 0.0  # logarithms of a normal's standard deviation
_OUTSIDE = 0.5  # how far a normal's mean may lie outside of [0, 1]
_LEAST_MASS = 1e-9
_ROOT = math.sqrt(2.0 * math.pi)
_MOST_WEIGHTS = 250_000  # past so many, parameters are chosen independently


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The parameters of a policy in the order in which they are chosen.

    `sizes`: the number of cells of each, 0 for a number in [0, 1]. Actions are cells (as floats) or numbers,
    NaN where a row does not have the parameter. `coupling`: how strongly what was chosen before is seen.

    Attributes:
        outputs: the first of each head's outputs: logits, or mean and log standard deviation.
        mask: shape (features + 1, all outputs), 1 where a weight may differ from 0; the last row is the bias.
    """

    sizes: tuple[int, ...]
    coupling: float
    outputs: tuple[int, ...] = field(init=False)
    inputs: tuple[int, ...] = field(init=False)
    mask: Floats = field(init=False)
    owner: NDArray[np.intp] = field(init=False)  # which head each output belongs to
    cells: NDArray[np.intp] = field(init=False)  # heads that are a softmax, and those that are a normal
    numbers: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        widths = [size or 2 for size in self.sizes]
        features = [size or 1 for size in self.sizes]
        outputs = np.cumsum([0, *widths])
        inputs = np.cumsum([0, *features])
        if not self.coupling or (inputs[-1] + 1) * outputs[-1] > _MOST_WEIGHTS:
            inputs = np.zeros_like(inputs)
        owner = np.repeat(np.arange(len(widths)), widths)
        giver = np.repeat(np.arange(len(features)), features)[: inputs[-1]]
        mask = np.append(giver[:, None] < owner[None, :], np.ones((1, len(owner)), dtype=np.bool_), axis=0)
        found = {
            "outputs": tuple(outputs[:-1].tolist()),
            "inputs": tuple(inputs[:-1].tolist()),
            "mask": mask.astype(np.float64),
            "owner": owner,
            "cells": np.flatnonzero(np.array(self.sizes)),
            "numbers": np.flatnonzero(np.array(self.sizes) == 0),
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def features(self, actions: Floats) -> Floats:
        """Shape (n, features + 1): what later heads see of each row; 0 of a parameter it does not have."""
        found = np.zeros((len(actions), len(self.mask)))
        found[:, -1] = 1.0
        if len(self.mask) > 1:
            for head, (first, size) in enumerate(zip(self.inputs, self.sizes, strict=True)):
                rows = np.flatnonzero(~np.isnan(actions[:, head]))
                chosen = actions[rows, head]
                if size:
                    found[rows, first + chosen.astype(np.intp)] = self.coupling
                else:
                    found[rows, first] = self.coupling * (2.0 * chosen - 1.0)
        return found


class Policy(NamedTuple):
    """What the heads say of rows: per head and row log probabilities, per output and row slopes.

    `slopes`: of a head's log probability by its outputs. `natural`: factors that make them natural gradients.
    `entropy`: slopes of a head's entropy.
    """

    log_probs: Floats
    slopes: Floats
    natural: Floats
    entropy: Floats


def untrained(
    heads: Heads, priors: Sequence[Floats], means: Sequence[float], spreads: Sequence[float]
) -> Floats:
    """The weights of a policy that follows the priors: masses of the softmax heads, normals of the others."""
    weights = np.zeros_like(heads.mask)
    for head, masses in zip(heads.cells.tolist(), priors, strict=True):
        first = heads.outputs[head]
        weights[-1, first : first + len(masses)] = np.log(np.maximum(masses, 1e-12))
    for head, mean, spread in zip(heads.numbers.tolist(), means, spreads, strict=True):
        first = heads.outputs[head]
        weights[-1, first : first + 2] = mean, math.log(spread)
    return weights


def evaluated(heads: Heads, weights: Floats, features: Floats, actions: Floats) -> Policy:
    """The policy at rows that were chosen. What a row does not have has probability 1 and slopes 0."""
    said = features @ weights
    shape = said.shape
    policy = Policy(np.zeros(actions.shape), np.zeros(shape), np.ones(shape), np.zeros(shape))
    if len(heads.cells):
        _softmaxes(heads, said, actions, policy)
    if len(heads.numbers):
        _normals(heads, said, actions, policy)
    absent = np.isnan(actions)
    policy.log_probs[absent] = 0.0
    lost = absent[:, heads.owner]
    policy.slopes[lost] = 0.0
    policy.entropy[lost] = 0.0
    return policy


def _softmaxes(heads: Heads, said: Floats, actions: Floats, policy: Policy) -> None:
    sizes = np.array(heads.sizes)[heads.cells]
    columns = np.flatnonzero(np.isin(heads.owner, heads.cells))
    starts = np.cumsum([0, *sizes])[:-1]
    logits = said[:, columns]
    logits = logits - np.repeat(np.maximum.reduceat(logits, starts, axis=1), sizes, axis=1)
    total = np.add.reduceat(np.exp(logits), starts, axis=1)
    logs = logits - np.repeat(np.log(total), sizes, axis=1)
    shares = np.exp(logs)
    chosen = starts + np.nan_to_num(actions[:, heads.cells]).astype(np.intp)
    policy.log_probs[:, heads.cells] = np.take_along_axis(logs, chosen, axis=1)
    ones = np.zeros_like(shares)
    np.put_along_axis(ones, chosen, 1.0, axis=1)
    policy.slopes[:, columns] = ones - shares
    entropy = -np.add.reduceat(shares * logs, starts, axis=1)
    policy.entropy[:, columns] = -shares * (logs + np.repeat(entropy, sizes, axis=1))


def _normals(heads: Heads, said: Floats, actions: Floats, policy: Policy) -> None:
    first = np.array(heads.outputs)[heads.numbers]
    mean, spread = _bounded(said[:, first], said[:, first + 1])
    u = np.nan_to_num(actions[:, heads.numbers])
    low, high, z = -mean / spread, (1.0 - mean) / spread, (u - mean) / spread
    mass = np.maximum(ndtr(high) - ndtr(low), _LEAST_MASS)
    at_low, at_high = np.exp(-0.5 * low**2) / _ROOT, np.exp(-0.5 * high**2) / _ROOT
    policy.log_probs[:, heads.numbers] = -0.5 * z**2 - np.log(spread * mass * _ROOT)
    policy.slopes[:, first] = (z + (at_high - at_low) / mass) / spread
    policy.slopes[:, first + 1] = z**2 - 1.0 + (high * at_high - low * at_low) / mass
    policy.natural[:, first] = spread**2
    policy.natural[:, first + 1] = 0.5
    policy.entropy[:, first + 1] = 1.0  # of the normal that is not truncated


def _bounded(mean: Floats, log_spread: Floats) -> tuple[Floats, Floats]:
    return (
        np.clip(mean, -_OUTSIDE, 1.0 + _OUTSIDE),
        np.exp(np.clip(log_spread, _NARROWEST, _WIDEST)),
    )


def chosen(heads: Heads, head: int, weights: Floats, features: Floats, u: float) -> float:
    """The action of a head at a quantile, given the features of what was chosen before it."""
    first, size = heads.outputs[head], heads.sizes[head]
    said = features @ weights[:, first : first + (size or 2)]
    if size:
        heights = np.cumsum(np.exp(said - said.max()))
        return float(min(int(np.searchsorted(heights, u * heights[-1], side="right")), size - 1))
    mean, spread = (float(part[0]) for part in _bounded(said[:1], said[1:]))
    low, high = float(ndtr(-mean / spread)), float(ndtr((1.0 - mean) / spread))
    if high - low < _LEAST_MASS:
        return min(max(mean, 0.0), 1.0)
    return min(max(mean + spread * float(ndtri(low + u * (high - low))), 0.0), 1.0)


def advantages(keys: Floats) -> Floats:
    """What each row's rank is worth: logarithmic in it for the better half, less the mean (the baseline).

    `keys`: what rows rank by, smaller is better, the first column that differs; equals share their worth.
    """
    n = len(keys)
    worth = np.maximum(0.0, math.log(0.5 * n + 1.0) - np.log(np.arange(1, n + 1)))
    worth = 0.5 * n * (worth / worth.sum() - 1.0 / n)
    _, place = np.unique(keys, axis=0, return_inverse=True)
    place = place.reshape(-1)
    sums = np.bincount(np.sort(place), weights=worth)
    found: Floats = (sums / np.bincount(place))[place]
    return found


def improved(
    heads: Heads,
    weights: Floats,
    actions: Floats,
    behaviour: Floats,
    worth: Floats,
    *,
    rate: float,
    clip: float,
    entropy: float,
    epochs: int,
) -> Floats:
    """The weights after so many clipped natural-gradient steps on rows and what they were worth.

    `behaviour`: log probabilities, per head, under the policies that chose the rows. A head learns nothing
    more from a row once it has made it 1 + clip times as likely as then (less likely, for a bad one).
    """
    features = heads.features(actions)
    good = worth[:, None] > 0.0
    for _ in range(epochs):
        policy = evaluated(heads, weights, features, actions)
        ratio = np.exp(np.clip(policy.log_probs - behaviour, -20.0, 20.0))
        counts = np.where(good, ratio < 1.0 + clip, ratio > 1.0 - clip)
        pull = np.where(counts, worth[:, None] * np.minimum(ratio, 1.0 + clip), 0.0)
        step = (
            pull[:, heads.owner] * policy.slopes * policy.natural + entropy * policy.entropy * policy.natural
        )
        weights = weights + rate / len(actions) * (features.T @ step) * heads.mask
    return weights
