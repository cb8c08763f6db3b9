"""The laws of Gaussian processes where they are not fitted anew at every position, nor to all observations.

That begins at 20, 100, 300 and 800 observations, which the laws of every searcher never see: here, sooner.
"""

from typing import NamedTuple

import pytest

from tunesmith.model import surrogate as _surrogate
from tunesmith.search.gp import GPSearcher
from tunesmith.testing.searcher_laws import check_all
from tunesmith.testing.simulate import Faults, Order, simulate
from tunesmith.testing.zoo import zoo

SMALL = GPSearcher(n_startup=3, candidates=16, ascents=1, fantasies=2)
SOONER = {"_ALWAYS": 3, "_EVERY": 6, "_GROWN": 4, "_AGAIN": 4, "_MOST_FITTED": 10, "_MOST": 14}
SCHEDULED = {6, 7, 8, 10, 12, 15, 18, 22, 27}  # from `_EVERY` on: each a quarter larger than the one before
ANEW = {3, 4, 8, 18}  # the first one, and every fourth in turn


class Seen(NamedTuple):
    """Positions with fits that went on from another, or started anew; how many observations were left out."""

    onward: set[int]
    anew: set[int]
    unfitted: set[int]
    unconditioned: set[int]


@pytest.fixture
def seen(monkeypatch):
    """What the surrogates did, with all of their limits small."""
    found = Seen(set(), set(), set(), set())
    refined, kept = _surrogate._refined, _surrogate._kept

    def noted(past, space, quantity, powers, begin, steps):
        if steps == _surrogate._STEPS:
            (found.onward if len(begin) == 1 else found.anew).add(past.n)
        return refined(past, space, quantity, powers, begin, steps)

    def counted(history, quantity, y, most):
        rows = kept(history, quantity, y, most)
        of = {10: found.unfitted, 14: found.unconditioned}
        of[most].add(len(y) - len(rows))
        return rows

    monkeypatch.setattr(_surrogate, "_refined", noted)
    monkeypatch.setattr(_surrogate, "_kept", counted)
    for name, value in SOONER.items():
        monkeypatch.setattr(_surrogate, name, value)
    return found


CASES = {
    "mixed": ("twenty dimensions", 1, Order.RANDOM, 1, Faults()),
    "conditional": ("constraints and conditions", 3, Order.NEWEST, 1, Faults(fails=0.1, infeasible=0.2)),
    "two objectives": ("nested choices", 2, Order.RANDOM, 2, Faults(fails=0.1)),
}


@pytest.mark.parametrize("case", CASES)
def test_between_scheduled_fits(case, seen):
    name, workers, order, count, faults = CASES[case]
    goals = {f"goal{i}": "minimize" for i in range(count)}
    found = simulate(
        SMALL, zoo()[name], objectives=goals, workers=workers, order=order, n_trials=30, seed=2, faults=faults
    )
    assert seen.anew == ANEW
    assert seen.onward == {5, *SCHEDULED} - ANEW
    assert max(seen.unfitted) >= 10
    assert max(seen.unconditioned) >= 10
    check_all(found)
