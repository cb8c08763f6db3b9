"""Cross-validation as steps: the value of a trial is the mean over its folds so far.

A step belongs to fold (step - 1) // fold_steps. At a common step all trials have seen the same folds equally
far, so that whatever compares trials at a step compares like with like (Bergman, Purucker and Hutter 2024,
arXiv 2405.03389, race folds so).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from tunesmith.errors import ObjectiveError
from tunesmith.record.folds import Means

T = TypeVar("T")


def running_mean(values: tuple[float, ...], step: float, fold_steps: int, means: Means) -> tuple[float, ...]:
    """The mean of finished folds, each at its last step, and of the one that `step` is in, at `values`.

    Raises ObjectiveError when the last step of the fold before was not reported.
    """
    done = int(step - 1) // fold_steps
    if done <= 0:
        return values
    before = means.get(done * fold_steps)
    if before is None:
        raise ObjectiveError(
            f"step {step:g} is in fold {done + 1}, and step {done * fold_steps}, the last one of the fold "
            "before, was not reported: report each fold to its end"
        )
    return tuple((done * mean + value) / (done + 1) for mean, value in zip(before, values, strict=True))


def from_fold(splits: Iterable[T], done: int) -> Iterator[tuple[int, T]]:
    """The splits with their numbers, without the first `done` ones."""
    return islice(enumerate(splits), done, None)
