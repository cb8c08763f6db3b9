"""Which configurations were tried, how often, and with which losses, at a price that does not grow.

The note of a log stands at one position and moves along, forwards or back, one trial at a time. So what it
says is a function of the rows before that position, wherever it has been; pending trials are taken like rows
and taken off again.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tunesmith.record.history import History
from tunesmith.record.trial import COMPLETE, FAILED, Trial
from tunesmith.search.combine import arm_of

AGAIN = 1  # the "arm" of a repeat; 0 is the searcher inside
LEADERS = 5  # that are compared


class Leader(NamedTuple):
    """A configuration: its first row, the mean of so many losses, and how often it was begun."""

    row: int
    mean: float
    results: int
    begun: int


class Standing(NamedTuple):
    """What is known: the best configurations by their means, of how many, and what repeats have told.

    `freedom`: how many repeats there are; `pooled`: the sum of squares about the means of configurations.
    `spent`: how many trials were repeats.
    """

    leaders: list[Leader]
    known: int
    freedom: int
    pooled: float
    spent: int


class _Score(NamedTuple):
    """The mean of a configuration's losses, how many there are, and the sum of squares about it."""

    mean: float
    results: int
    squares: float


@dataclass(slots=True)
class _Configuration:
    """The first row of it; of all its trials the numbers, and the losses, infinite where one was no good."""

    row: int
    begun: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def score(self) -> _Score | None:
        """None while it has no losses, or when it was no good."""
        losses = self.losses
        if not losses or not all(map(math.isfinite, losses)):
            return None
        mean = _mean(losses)
        return _Score(mean, len(losses), _squares(losses, mean) if len(set(losses)) > 1 else 0.0)


@dataclass(slots=True)
class Repeats:
    """The configurations of the first `position` rows of a log, and of pending trials while `standing` looks.

    `spread` is what repeats tell of noise: place and sum of squares, of those that differ.
    """

    position: int = 0
    kinds: dict[tuple[Any, ...], int] = field(default_factory=dict)
    places: dict[Any, int] = field(default_factory=dict)  # of configurations, by their keys
    configurations: list[_Configuration] = field(default_factory=list)
    ended: dict[int, tuple[int, Any]] = field(default_factory=dict)  # a trial's last row and key
    repeats: Counter[int] = field(default_factory=Counter)  # by number: one that paused has several rows
    changed: set[int] = field(default_factory=set)  # places whose scores are out of date
    scores: dict[int, _Score] = field(default_factory=dict)
    ranked: list[tuple[float, int]] = field(default_factory=list)  # mean and place, the best first
    spread: list[tuple[int, float]] = field(default_factory=list)
    freedom: int = 0

    def standing(self, history: History, pending: Sequence[Trial]) -> Standing:
        """What is known after the history and what is pending. Feasible and complete results count, repeats
        under way are begun."""
        while self.position > history.n:
            self._drop(history.trial(self.position - 1))
        while self.position < history.n:
            self._take(history.trial(self.position))
        for trial in pending:
            self._take(trial)
        found = self._standing()
        for trial in reversed(pending):
            self._drop(trial)
        return found

    def _take(self, trial: Trial) -> None:
        key = self._key(trial)
        place = self.places.setdefault(key, len(self.configurations))
        if place == len(self.configurations):
            self.configurations.append(_Configuration(self.position))
        if trial.state.finished:
            self.ended.setdefault(trial.number, (self.position, key))
        if arm_of(trial) == AGAIN:
            self.repeats[trial.number] += 1
        one, loss = self.configurations[place], _loss(trial)
        one.begun.append(trial.number)
        if loss is not None:
            one.losses.append(loss)
            self.changed.add(place)
        self.position += 1

    def _drop(self, trial: Trial) -> None:
        """The last one that was taken has not been: whatever it has added is at an end."""
        self.position -= 1
        key = self._key(trial)
        place = self.places[key]
        one = self.configurations[place]
        one.begun.pop()
        if _loss(trial) is not None:
            one.losses.pop()
            self.changed.add(place)
        if not one.begun:
            self.configurations.pop()
            del self.places[key]
        if arm_of(trial) == AGAIN:
            self.repeats[trial.number] -= 1
            if not self.repeats[trial.number]:
                del self.repeats[trial.number]
        if self.ended.get(trial.number, (-1,))[0] == self.position:
            del self.ended[trial.number]

    def _key(self, trial: Trial) -> Any:
        """Under which equal configurations are one; True, 1 and 1.0 are not equal."""
        if not trial.state.finished and arm_of(trial) == AGAIN:
            known = self.ended.get(trial.memo["of"])
            if known is not None:  # what is under way may hold parameters that it will not ask for
                return known[1]
        names = sorted(trial.params)
        values = [trial.params[name] for name in names]
        kind = (*names, *map(type, values))
        return (self.kinds.setdefault(kind, len(self.kinds)), *values)

    def _standing(self) -> Standing:
        for place in self.changed:
            self._rank(place)
        self.changed.clear()
        pooled = 0.0
        for _, squares in self.spread:
            pooled += squares
        leaders = [self._leader(place) for _, place in self.ranked[:LEADERS]]
        return Standing(leaders, len(self.ranked), self.freedom, pooled, len(self.repeats))

    def _leader(self, place: int) -> Leader:
        one, score = self.configurations[place], self.scores[place]
        return Leader(one.row, score.mean, score.results, len(set(one.begun)))

    def _rank(self, place: int) -> None:
        """Put a configuration where it belongs now."""
        before = self.scores.pop(place, None)
        if before is not None:
            del self.ranked[bisect_left(self.ranked, (before.mean, place))]
            self.freedom -= before.results - 1
            if before.squares:
                del self.spread[bisect_left(self.spread, (place, before.squares))]
        there = place < len(self.configurations)
        score = self.configurations[place].score() if there else None
        if score is not None:
            self.scores[place] = score
            insort(self.ranked, (score.mean, place))
            self.freedom += score.results - 1
            if score.squares:
                insort(self.spread, (place, score.squares))


def standing(history: History, pending: Sequence[Trial]) -> Standing:
    """What is known of the configurations of the history and of what is pending."""
    notes = history.scratch
    # Taken out while it moves: what breaks in (Ctrl-C) leaves none, and it is made anew.
    found: Repeats = notes.pop("repeats", None) or Repeats()
    known = found.standing(history, pending)
    notes["repeats"] = found
    return known


def _loss(trial: Trial) -> float | None:
    """What a trial says of its configuration: infinite when it failed or is infeasible, None for nothing."""
    if trial.state is COMPLETE and trial.losses and trial.violation == 0.0:
        loss = trial.losses[0]
        return loss if math.isfinite(loss) else None
    return math.inf if trial.state is FAILED or trial.violation else None


def _mean(losses: Sequence[float]) -> float:
    try:
        return math.fsum(losses) / len(losses)
    except OverflowError:
        return math.fsum(loss / len(losses) for loss in losses)


def _squares(losses: Sequence[float], mean: float) -> float:
    """The sum of squares about the mean; infinite where losses are that large."""
    try:
        return math.fsum((loss - mean) ** 2 for loss in losses)
    except OverflowError:
        return math.inf
