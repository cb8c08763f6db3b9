"""Methods made of others: searchers that take turns or share trials, schedulers that decide together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import SettingError
from tunesmith.presets import JOINED, SCHEDULERS, SEARCHERS, searcher, together
from tunesmith.schedule._base import Scheduler
from tunesmith.search._base import Searcher


def combine(
    *methods: Any,
    then: str | Searcher[Any] | None = None,
    after: int | None = None,
    fixed: Mapping[str, Any] | None = None,
    floor: float | Sequence[float] | None = None,
) -> Any:
    """A searcher made of others, or a scheduler made of others; what comes out can be combined again.

    Choose it to compose a method of your own: `combine("qmc", then="tpe", after=20)` warms up,
    `combine("tpe", "local")` shares the trials by what pays (a bandit), and with `fixed` some parameters are
    held and the rest is searched. Each part learns from all trials. With schedulers,
    `combine("asha", ts.Threshold(high=10.0))`, a trial goes on only while all of them let it.

    Args:
        methods: searchers, one or several side by side, by name or as objects; or schedulers.
        then: what takes over; from trial `after` on, or when the first has nothing left.
        after: the number of trials in the study at which `then` takes over.
        fixed: values by parameter, such as {"optimizer": "adam"}.
        floor: of several side by side, the least share of trials of each; a number, or one for each.

    Raises:
        SettingError: for arguments that do not go together.
    """
    ours, others = [_schedules(one) for one in methods], (then, after, fixed, floor)
    if any(ours):
        wrong = [one for one, schedules in zip(methods, ours, strict=True) if not schedules]
        if wrong:
            raise SettingError(
                f"combine takes searchers or schedulers, and got {wrong[0]!r} among schedulers: "
                "give searcher= and scheduler= one each"
            )
        if any(other is not None for other in others):
            raise SettingError(
                "then, after, fixed and floor are for searchers: leave them out for schedulers"
            )
        return together(methods)
    parts = tuple(searcher(part) for part in methods)
    if not parts or any(part is None for part in methods):
        raise SettingError(
            "combine takes at least one searcher or scheduler, such as ts.combine('qmc', then='tpe')"
        )
    if floor is not None and len(parts) < 2:
        raise SettingError(f"floor={floor!r} shares trials among several searchers, and one was given")
    if after is not None and then is None:
        raise SettingError(f"after={after!r} says when another searcher takes over: give then=")
    return _combined(parts, None if then is None else searcher(then), after, fixed, floor)


def _schedules(given: Any) -> bool:
    """Whether this is a scheduler, or the name of one and of no searcher."""
    named = isinstance(given, str) and given in SCHEDULERS and given not in SEARCHERS
    return named or isinstance(given, Scheduler)


def replicated(given: str | Searcher[Any] | None, replicates: int | str | None) -> str | Searcher[Any] | None:
    """The searcher with promising configurations tried again; what was given where `replicates` is None."""
    if replicates is None:
        return given
    if isinstance(given, str) and given in JOINED:
        raise SettingError(
            f"{given} decides by itself how far trials go, and tries none again: leave replicates= out"
        )
    from tunesmith.search.replicate import ReplicatingSearcher

    return ReplicatingSearcher(searcher(given), replicates)


def _combined(
    parts: tuple[Searcher[Any], ...],
    then: Searcher[Any] | None,
    after: int | None,
    fixed: Mapping[str, Any] | None,
    floor: float | Sequence[float] | None,
) -> Searcher[Any]:
    found = parts[0]
    if len(parts) > 1:
        from tunesmith.search.bandit import BanditSearcher

        share = floor if floor is None or isinstance(floor, (int, float)) else tuple(floor)
        found = BanditSearcher(parts) if share is None else BanditSearcher(parts, share)
    if then is not None:
        from tunesmith.search.combine import ChainSearcher

        found = ChainSearcher((found, then), (after,))
    if fixed is not None:
        from tunesmith.search.combine import FixedSearcher

        found = FixedSearcher(found, tuple(fixed.items()))
    return found
