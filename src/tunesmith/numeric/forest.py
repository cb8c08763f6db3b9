"""Extremely randomised trees in flat arrays: all trees grow together level by level, and predict together.

Geurts, Ernst and Wehenkel (2006), Extremely randomized trees, Machine Learning 63 (random thresholds and
random subsets of categories, the best of one for each feature); Hutter, Xu, Hoos and Leyton-Brown (2014),
Algorithm runtime prediction, Artificial Intelligence 206, section 4.3.2 (the predictive variance).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

_SCORES = 65_536  # random numbers a level draws to split one column of categories
_STEPS = 4  # down the trees, between two looks at which points have arrived
_PACKED = 48  # so many categories or fewer make a set that fits into an integer


class Forest(NamedTuple):
    """Trees in one array of nodes. A point goes from node i to left[i], or beyond `threshold` to left[i] + 1.

    `feature` counts the columns, then the sets: a set is a column of 0 and 1, `sets[g, k]` telling whether
    category k of column `set_of[g]` belongs to it. A leaf leads to itself.
    """

    feature: Indices
    threshold: Singles
    left: Indices
    roots: Indices
    depth: int
    set_of: Indices
    sets: Bools

    def expanded(self, points: Floats) -> Singles:
        """The columns that splits look at: those of `points` (n, columns), then one a set."""
        codes = points[:, self.set_of].astype(np.intp)
        members = self.sets[np.arange(len(self.set_of)), codes]
        return np.concatenate([points.astype(np.float32), members.astype(np.float32)], axis=1)

    def leaves(self, points: Floats) -> Indices:
        """Shape (n, trees): the node in which each point ends, in each tree."""
        columns = self.expanded(points)
        flat = columns.reshape(-1)
        found = np.tile(self.roots, len(points))
        base = np.repeat(np.arange(len(points)) * columns.shape[1], len(self.roots))
        node, walking = found, None  # all walk at first, then those that have not arrived
        for step in range(1, self.depth + 1):
            beyond = flat.take(base + self.feature.take(node)) > self.threshold.take(node)
            node = self.left.take(node) + beyond
            if step % _STEPS and step < self.depth:
                continue
            going = np.flatnonzero(self.left.take(node) != node)
            if walking is None:
                found, walking = node, going
            else:
                found[walking] = node
                walking = walking.take(going)
            node, base = node.take(going), base.take(going)
        return found.reshape(len(points), len(self.roots))


class Values(NamedTuple):
    """What leaves say: the mean and the variance of the labels in each node."""

    mean: Floats
    variance: Floats

    def predict(self, leaves: Indices) -> tuple[Floats, Floats]:
        """Mean and variance at points that end in these leaves (n, trees), by the law of total variance.

        The mean of the variances in the leaves and the variance of their means (Hutter et al., 2014).
        """
        means = self.mean.take(leaves)
        return means.mean(axis=1), means.var(axis=1) + self.variance.take(leaves).mean(axis=1)


def values(forest: Forest, leaves: Indices, labels: Floats) -> Values:
    """The values of leaves, from points that end in `leaves` (n, trees) with `labels` (n,).

    A leaf without points has the mean of all labels, and their variance.
    """
    nodes = len(forest.left)
    flat = leaves.reshape(-1)
    each = np.repeat(labels, leaves.shape[1])
    counts = np.bincount(flat, minlength=nodes)
    known = np.maximum(counts, 1)
    mean = np.where(counts > 0, np.bincount(flat, each, nodes) / known, labels.mean())
    squares = np.bincount(flat, (each - mean[flat]) ** 2, nodes) / known
    return Values(mean, np.where(counts > 0, squares, labels.var()))


class _Level(NamedTuple):
    """Nodes of one depth that may be split: rows by node, and where each node's rows begin."""

    rows: Indices
    starts: Indices
    counts: Indices


class _Cuts(NamedTuple):
    """One split a node: its column and threshold, and for a category the row of scores."""

    column: Indices
    threshold: Singles
    valid: Bools
    right: Bools  # of rows


def grow(
    points: Floats,
    labels: Floats,
    sizes: NDArray[np.intp],
    rng: np.random.Generator,
    trees: int = 30,
    least: int = 1,
    share: float = 1.0,
    bootstrap: bool = False,
) -> Forest:
    """A forest of `trees` trees.

    Args:
        points: (n, columns); of a column of categories their codes 0 ... size - 1.
        labels: (n, outputs), on comparable scales: a split reduces the sum of their variances.
        sizes: (columns,) how many categories, 0 for a column of numbers.
        least: points in a leaf.
        share: of the columns, tried at each node (at least one that can be split).
        bootstrap: whether each tree sees n points drawn with replacement instead of all.
    """
    n = len(points)
    rows = rng.integers(0, n, (trees, n)).reshape(-1) if bootstrap else np.tile(np.arange(n), trees)
    level = _Level(rows, np.arange(trees) * n, np.full(trees, n))
    grower = _Grower(points.astype(np.float32), labels, sizes, rng, least, share)
    return grower.grow(level)


class _Grower:
    """The nodes made so far, and what they are made from."""

    def __init__(
        self,
        points: Singles,
        labels: Floats,
        sizes: NDArray[np.intp],
        rng: np.random.Generator,
        least: int,
        share: float,
    ) -> None:
        self.points, self.labels, self.sizes = points, labels, sizes
        self.rng, self.least, self.share = rng, least, share
        self.categories = np.flatnonzero(sizes)
        self.features: list[Indices] = []
        self.thresholds: list[Singles] = []
        self.lefts: list[Indices] = []
        self.set_of: list[Indices] = []
        self.sets: list[Bools] = []
        self.made = 0  # sets

    def grow(self, level: _Level) -> Forest:
        trees, nodes, depth = len(level.starts), len(level.starts), 0
        while True:
            can = self._splittable(level)
            here = np.arange(nodes - len(level.starts), nodes)
            feature, left = np.zeros(len(here), dtype=np.intp), here.copy()
            threshold = np.full(len(here), np.inf, dtype=np.float32)
            self.features.append(feature)
            self.thresholds.append(threshold)
            self.lefts.append(left)
            if not can.any():
                break
            level = _kept(level, can)
            cuts, scores = self._cuts(level)
            split = np.flatnonzero(can)[cuts.valid]
            if not len(split):
                break
            feature[split] = self._with_sets(cuts, scores)
            threshold[split] = np.where(feature[split] < len(self.sizes), cuts.threshold[cuts.valid], 0.5)
            left[split] = nodes + 2 * np.arange(len(split))
            level = _children(level, cuts)
            nodes += len(level.starts)
            depth += 1
        return self._forest(trees, depth)

    def _forest(self, trees: int, depth: int) -> Forest:
        feature, threshold = np.concatenate(self.features), np.concatenate(self.thresholds)
        left, columns = np.concatenate(self.lefts), len(self.sizes)
        widest = int(self.sizes.max(initial=1))
        sets = np.concatenate([np.zeros((0, widest), dtype=np.bool_), *self.sets])
        set_of = np.concatenate([np.zeros(0, dtype=np.intp), *self.set_of])
        if len(sets) and widest <= _PACKED:  # few categories: the same sets come again and again
            codes = set_of * (1 << widest) + sets @ (1 << np.arange(widest))
            _, first, place = np.unique(codes, return_index=True, return_inverse=True)
            sets, set_of = sets[first], set_of[first]
            of_sets = feature >= columns
            feature[of_sets] = columns + place[feature[of_sets] - columns]
        return Forest(feature, threshold, left, np.arange(trees), depth, set_of, sets)

    def _splittable(self, level: _Level) -> Bools:
        """Nodes with points enough, whose labels differ."""
        labels = self.labels[level.rows]
        apart = np.maximum.reduceat(labels, level.starts) > np.minimum.reduceat(labels, level.starts)
        found: Bools = (level.counts >= 2 * self.least) & apart.any(axis=1)
        return found

    def _cuts(self, level: _Level) -> tuple[_Cuts, dict[int, Singles]]:
        """The best of one random cut a column, for each node."""
        nodes = len(level.starts)
        columns = self.points.take(level.rows, axis=0)
        place = np.repeat(np.arange(nodes), level.counts)
        scores = {}
        for c in self.categories.tolist():
            many = max(1, min(nodes, _SCORES // int(self.sizes[c])))
            scores[c] = self.rng.random((many, int(self.sizes[c])), dtype=np.float32)
            columns[:, c] = scores[c][place % many, columns[:, c].astype(np.intp)]
        low = np.minimum.reduceat(columns, level.starts)
        high = np.maximum.reduceat(columns, level.starts)
        cut = low + self.rng.random(low.shape, dtype=np.float32) * (high - low)
        cut = np.where(cut < high, cut, low)  # never all points on one side
        beyond = columns > cut.take(place, axis=0)
        gain = self._gains(level, beyond)
        gain[low >= high] = -np.inf
        if self.share < 1.0:
            tried = self.rng.random(gain.shape) < self.share
            usable = np.isfinite(gain)
            tried |= ~(tried & usable).any(axis=1, keepdims=True)
            gain[~tried] = -np.inf
        best = gain.argmax(axis=1)
        each = np.arange(nodes)
        valid = gain[each, best] > -np.inf
        right = beyond[np.arange(len(place)), best.take(place)]
        return _Cuts(best, cut[each, best], valid, right), scores

    def _gains(self, level: _Level, beyond: Bools) -> Floats:
        """By how much cuts (nodes, columns) reduce the sum of squares; -inf where a side has too few."""
        sides = beyond.astype(np.float32)
        right = np.add.reduceat(sides, level.starts).astype(np.float64)
        total = level.counts[:, None]
        gain = np.zeros(right.shape)
        for labels in self.labels.T:
            own = labels.take(level.rows)
            mean = np.add.reduceat(own, level.starts) / level.counts
            own = (own - np.repeat(mean, level.counts)).astype(np.float32)
            gain += np.add.reduceat(sides * own[:, None], level.starts).astype(np.float64) ** 2
        few = (right < self.least) | (total - right < self.least)
        # with s the sum right of the cut, of labels less their mean, s^2 n / (n_l n_r) is the reduction
        gain *= total / np.maximum(right * (total - right), 1.0)
        gain[few] = -np.inf
        return gain

    def _with_sets(self, cuts: _Cuts, scores: dict[int, Singles]) -> Indices:
        """The features of the valid cuts: their columns, or the sets that they make."""
        feature = cuts.column[cuts.valid].copy()
        nodes = np.flatnonzero(cuts.valid)
        for c in self.categories.tolist():
            mine = np.flatnonzero(feature == c)
            if not len(mine):
                continue
            table = scores[c]
            members = table[nodes[mine] % len(table)] > cuts.threshold[nodes[mine]][:, None]
            sets = np.zeros((len(mine), int(self.sizes.max())), dtype=np.bool_)
            sets[:, : members.shape[1]] = members
            feature[mine] = len(self.sizes) + self.made + np.arange(len(mine))
            self.sets.append(sets)
            self.set_of.append(np.full(len(sets), c))
            self.made += len(sets)
        return feature


def _kept(level: _Level, which: Bools) -> _Level:
    counts = level.counts[which]
    rows = level.rows[np.repeat(which, level.counts)]
    return _Level(rows, np.cumsum(counts) - counts, counts)


def _children(level: _Level, cuts: _Cuts) -> _Level:
    """Left and right child of each valid cut, one after the other."""
    place = np.repeat(np.arange(len(level.counts)), level.counts)
    key = 2 * place + cuts.right
    counts = np.bincount(key, minlength=2 * len(level.counts))
    order = np.argsort(key, kind="stable")
    children = _Level(level.rows[order], np.cumsum(counts) - counts, counts)
    return children if cuts.valid.all() else _kept(children, np.repeat(cuts.valid, 2))
