"""Folds of cross-validation read back from the running means that are reported."""

from __future__ import annotations

from collections.abc import Mapping

Means = Mapping[float, tuple[float, ...]]
"""Running means by step."""


def own_value(step: float, fold_steps: int, means: Means) -> tuple[float, ...] | None:
    """What was measured in the fold of `step` alone, from the running means; None when it is not known."""
    done = int(step - 1) // fold_steps
    mean = means.get(step)
    before = means.get(done * fold_steps) if done else ()
    if mean is None or before is None:
        return None
    if not done:
        return mean
    return tuple((done + 1) * now - done * then for now, then in zip(mean, before, strict=True))
