"""The note of what was tried: wherever it has been before, it says what counting everything anew says."""

import math
import random
from collections import defaultdict

import pytest
from driver import Driver, problem_of, space

import tunesmith as ts
from tunesmith._rng import Rng
from tunesmith.record.history import History
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.search._base import Ask
from tunesmith.search._repeats import AGAIN, LEADERS, standing
from tunesmith.search.random import RandomSearcher
from tunesmith.search.replicate import ReplicatingSearcher

LINE = space({"x": ts.Float(0, 1)})
ENDS = [TrialState.COMPLETE] * 6 + [TrialState.FAILED, TrialState.STOPPED, TrialState.PAUSED]


def some_trial(number, chance, state=None):
    """A trial of one of 30 configurations; some are repeats, some infeasible, some have diverged."""
    state = state or chance.choice(ENDS)
    x = chance.choice([True, 1, 1.0, *range(2, 29)])
    loss = chance.choice([math.inf, x + chance.gauss(0, 1), x + chance.gauss(0, 1), float(x)])
    reported = (Report(1, (loss,), (loss,), {}),) if state is not TrialState.COMPLETE else ()
    return Trial(
        number,
        state,
        {"x": x} if chance.random() < 0.9 else {"x": x, "y": "late"},
        losses=None if state is TrialState.FAILED else (loss,),
        reports=reported,
        constraints={"late": 1.0} if chance.random() < 0.03 else {},
        memo={"arm": AGAIN, "of": chance.randrange(number + 1)} if chance.random() < 0.3 else {"arm": 0},
    )


def counted(history, pending):
    """What is known, by counting everything."""
    losses, begun, first, keys, spent = defaultdict(list), defaultdict(set), {}, {}, set()
    for row, trial in enumerate([*history, *pending]):
        key = tuple((name, type(value), value) for name, value in sorted(trial.params.items()))
        again = trial.memo["arm"] == AGAIN
        if trial.state.finished:
            keys[trial.number] = key
        elif again:
            key = keys.get(trial.memo["of"], key)
        if again:
            spent.add(trial.number)
        first.setdefault(key, row)
        begun[key].add(trial.number)
        if trial.state is TrialState.COMPLETE and not trial.violation:
            losses[key] += [loss for loss in trial.losses if math.isfinite(loss)]
        elif trial.state is TrialState.FAILED or trial.violation:
            losses[key].append(math.inf)
    good = {key: found for key, found in losses.items() if found and math.inf not in found}
    means = {key: math.fsum(found) / len(found) for key, found in good.items()}
    order = sorted(good, key=lambda key: (means[key], first[key]))
    leaders = [(first[key], means[key], len(good[key]), len(begun[key])) for key in order[:LEADERS]]
    squares = [(loss - means[key]) ** 2 for key, found in good.items() for loss in found]
    freedom = sum(len(found) - 1 for found in good.values())
    return leaders, len(good), freedom, pytest.approx(math.fsum(squares), rel=1e-12, abs=0.0), len(spent)


@pytest.mark.parametrize("seed", range(6))
def test_at_any_position_in_any_order_with_anything_pending(seed):
    chance = random.Random(seed)
    histories = [History.empty(problem_of(LINE))]
    for number in range(150):
        histories.append(histories[-1].tell(some_trial(number, chance)))
    for _ in range(80):
        history = chance.choice(histories)
        running = [some_trial(200 + i, chance, TrialState.RUNNING) for i in range(chance.randrange(4))]
        assert standing(history, running) == counted(history, running)
        if chance.random() < 0.2:
            history.scratch.clear()


def test_histories_that_part_have_notes_of_their_own():
    chance = random.Random(7)
    trunk = History.empty(problem_of(LINE))
    for number in range(40):
        trunk = trunk.tell(some_trial(number, chance))
    branches = [trunk, trunk, trunk]
    for number in range(40, 60):
        branches = [branch.tell(some_trial(number, chance)) for branch in branches]
        for branch in (*branches, trunk):
            assert standing(branch, ()) == counted(branch, ())


def test_losses_too_large_to_be_squared_or_added_end_no_study():
    """A repeat that diverges: what it says of noise is without bound, and nothing is repeated any more."""
    driver, chance = Driver(ReplicatingSearcher(RandomSearcher()), LINE, seed=3), random.Random(0)
    seen = set()
    for _ in range(60):
        trial = driver.ask()
        x = trial.params["x"]
        driver.finish(trial, 1.7e308 if x in seen else -1.7e308 if x > 0.9 else chance.gauss(x, 0.1))
        seen.add(x)
    leaders, _, freedom, pooled, spent = standing(driver.state.history, ())
    assert pooled == math.inf
    assert freedom == spent == 60 - len(seen)
    assert all(math.isfinite(leader.mean) for leader in leaders)
    ask = Ask(driver.number, LINE, (), Rng(0, driver.number))
    assert "deviation of inf" in driver.searcher.explain(driver.state, ask)
