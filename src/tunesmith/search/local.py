"""Local search: steps from the best configuration, their length by how they went.

The step lengthens after successes and shortens after failures as the side of a trust region does (Eriksson et
al. 2019, NeurIPS 32, TuRBO's counters), and a step that failed is tried the other way round (Wu, Wang and
Huang 2021, AAAI 35, FLOW2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.history import History, pending_units, unit_row
from tunesmith.record.trial import COMPLETE, PAUSED, SEARCHER, Trial
from tunesmith.search._base import Ask, HistorySearcher, Proposal
from tunesmith.search._moves import filled, neighbour, reflected
from tunesmith.search._start import start_row
from tunesmith.search._untried import untried
from tunesmith.space.space import Space

_LATE = 32  # rows among which a step to be turned round is looked for
_CANDIDATES = 32
_MOVED = 0.4  # the chance of each number to move in a step


class Walk(NamedTuple):
    """Where the search stands: the rows of its best trial and of the best of all, and its step."""

    radius: float
    episode: int = 0
    best: int = -1
    top: int = -1
    gains: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class LocalSearcher(HistorySearcher):
    """Steps from the best configuration so far, short ones after failures and long ones after successes.

    Choose it to polish what another method has found (`ts.combine("tpe", "local")`), after a warm-up, or
    where a good configuration is enqueued; alone it finds the hill that it starts on. It begins with points
    that fill the space. Numbers move by normal steps, categories change one at a time; a step that failed is
    tried the other way round. When its step has become too short it starts anew elsewhere. Better trials of
    other searchers or users move it there. Trials under way count as tried. O(dims) an ask, whatever the
    number of trials.

    Args:
        n_startup: trials observed before it steps.
        radius: the first step's standard deviation of each number, as a share of its range.
        longest, shortest: bounds of the step; below the shortest it starts anew.

    Raises:
        SettingError: for settings out of range.
    """

    n_startup: int = 4
    radius: float = 0.15
    longest: float = 0.5
    shortest: float = 0.002

    def __post_init__(self) -> None:
        _check.integer("n_startup", self.n_startup, 0)
        shortest, radius, longest = (
            _check.number(name, getattr(self, name)) for name in ("shortest", "radius", "longest")
        )
        if not 0.0 < shortest <= radius <= longest <= 1.0:
            raise SettingError(
                "shortest, radius and longest must grow in this order between 0 and 1, got "
                f"{shortest!r}, {radius!r} and {longest!r}"
            )

    def ask(self, state: History, ask: Ask) -> Proposal:
        space = ask.space
        if not space.dims:
            return Proposal([], {"episode": 0})
        walk = self._walk(state)
        memo: dict[str, Any] = {"episode": walk.episode}
        pending = pending_units(ask.pending, space)
        if state.n < self.n_startup or walk.best < 0:
            first = start_row(ask) if walk.episode == 0 else space.draw(ask.rng)
            return Proposal(untried(state, space, ask.rng, iter([first]), pending), memo)
        memo["base"] = int(state.numbers[walk.best])
        base = filled(state.units(space)[walk.best].tolist(), space.draw(ask.rng))
        turned = _to_turn(state, ask, walk, memo["base"])
        other = None if turned is None else _mirrored(base, unit_row(space, turned.params), space)
        row = untried(state, space, ask.rng, _steps(ask, base, walk.radius, other), pending)
        if turned is not None and row == other:
            memo["turns"] = turned.number
        return Proposal(row, memo)

    def explain(self, state: History, ask: Ask) -> str:  # noqa: ARG002
        walk = self._walk(state)
        if walk.best < 0:
            return "local (a new start, as there is nothing yet to step from)"
        return f"local (steps of {walk.radius:.3g} of the range from trial {state.numbers[walk.best]})"

    def _walk(self, history: History) -> Walk:
        """The walk after all rows; walks of shorter logs are kept beside it."""
        walks: list[Walk] = history.scratch.setdefault(("local", self), [Walk(self.radius)])
        for row in range(len(walks) - 1, history.n):
            walks.append(self._after(walks[row], row, history))
        return walks[history.n]

    def _after(self, walk: Walk, row: int, history: History) -> Walk:
        trial = history.trial(row)
        if trial.state is PAUSED:
            return walk
        mine = _memo(trial).get("episode") == walk.episode
        if walk.top < 0 or _beats(trial, history.trial(walk.top)):
            walk = walk._replace(top=row) if _worth(trial) else walk
        leads = walk.best < 0 or _beats(trial, history.trial(walk.best))
        if _worth(trial) and leads and (mine or walk.top == row):
            return self._success(walk, row, mine and walk.best >= 0)
        return self._failure(walk, len(trial.params)) if mine and walk.best >= 0 else walk

    def _success(self, walk: Walk, row: int, stepped: bool) -> Walk:
        gains = walk.gains + stepped
        radius = walk.radius
        if gains >= 2:
            radius, gains = min(2.0 * radius, self.longest), 0
        return walk._replace(best=row, radius=radius, gains=gains, misses=0)

    def _failure(self, walk: Walk, dims: int) -> Walk:
        misses = walk.misses + 1
        if misses < max(4, dims):
            return walk._replace(gains=0, misses=misses)
        radius = 0.5 * walk.radius
        if radius < self.shortest:
            return Walk(self.radius, walk.episode + 1, top=walk.top)
        return walk._replace(radius=radius, gains=0, misses=0)


def _steps(ask: Ask, base: list[float], radius: float, other: list[float] | None) -> Iterator[list[float]]:
    """Neighbours of the base after the failed step turned round, if there is one."""
    if other is not None:
        yield other
    generator = ask.rng.generator("local")
    for attempt in range(_CANDIDATES):
        reach = min(radius * 2.0 ** (attempt // 8), 1.0)  # what was tried all around is left by longer steps
        yield neighbour(ask.space, base, generator, reach, _MOVED)


def _memo(trial: Trial) -> dict[str, Any]:
    return trial.memo if trial.source is SEARCHER and isinstance(trial.memo, dict) else {}


def _worth(trial: Trial) -> bool:
    """Whether it can be stepped from."""
    return trial.state is COMPLETE and trial.losses is not None and math.isfinite(trial.losses[0])


def _beats(trial: Trial, other: Trial) -> bool:
    mine, its = trial.losses, other.losses
    if mine is None or its is None:
        return mine is not None
    return (trial.violation, mine[0]) < (other.violation, its[0])


def _to_turn(history: History, ask: Ask, walk: Walk, base: int) -> Trial | None:
    """The latest step from the same place that failed and was not turned round yet."""
    late = [history.trial(row) for row in range(history.n - 1, max(history.n - _LATE, 0) - 1, -1)]
    done = {_memo(trial).get("turns") for trial in (*ask.pending, *late)}
    for trial in late:
        memo = _memo(trial)
        if memo.get("base") == base and memo.get("episode") == walk.episode and "turns" not in memo:
            return None if trial.number in done or trial.state is PAUSED else trial
    return None


def _mirrored(base: list[float], row: list[float], space: Space) -> list[float]:
    """The numbers' step the other way round; categories as they were at the base."""
    return [
        reflected(2.0 * b - u) if parameter.domain.ordered and u == u else b
        for b, u, parameter in zip(base, row, space.dims, strict=True)
    ]
