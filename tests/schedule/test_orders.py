"""Results in order, held against plain sorting and against fronts peeled off anew."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.numeric.pareto import epsilon_net, fronts
from tunesmith.schedule._order import Result, order_for

LOSS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, math.inf])


def results(objectives):
    one = st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.5, 2.0]), st.tuples(*[LOSS] * objectives))
    return st.lists(one, max_size=25).map(
        lambda found: [Result(v, losses, number) for number, (v, losses) in enumerate(found)]
    )


@given(results(1), st.data())
def test_with_one_objective_it_is_a_sorted_list(added, data):
    order, taken = order_for(1), set()
    for result in added:
        order = order.plus(result)
        if data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(added[: result.number + 1]))
            order, taken = order.taken(gone), taken | {gone.number}
    ranked = sorted(added)
    for count in (0, 1, 3, len(added)):
        best = [r.number for r in ranked[:count]]
        left = [number for number in best if number not in taken]
        assert order.best(count) == left
        assert order.next(count) == (left[0] if left else None)
        assert [order.leads(r, count) for r in added] == [r.number in best for r in added]
    for r in added:
        assert order.worse(r) == sum(other[:2] < r[:2] for other in added)


@settings(max_examples=60)
@given(st.sampled_from([2, 3]).flatmap(results), st.data())
def test_with_several_fronts_are_those_that_peel_off(added, data):
    if not added:
        return
    order, kept = order_for(len(added[0].losses)), []
    for result in added:
        order = order.plus(result, open_=result.number % 3 > 0)
        kept.append(order)
    for upto, old in enumerate(kept, start=1):
        feasible = [r for r in added[:upto] if not r.violation]
        peeled = fronts(np.array([r.losses for r in feasible])) if feasible else []
        wanted = [{feasible[i].number for i in front} for front in peeled]
        assert [set(front.numbers.tolist()) for front in old.fronts] == wanted
        assert old.size == upto
    count = data.draw(st.integers(0, len(added)))
    leading = [r for r in added if order.leads(r, count)]
    assert len(leading) == count
    assert sorted(order.best(count)) == [r.number for r in leading if r.number % 3]
    assert order.next(count) in ([None] if not order.best(count) else order.best(count))
    for r in leading:
        for other in set(added) - set(leading):
            assert not (other.violation < r.violation), "an infeasible one leads before a feasible one"
            pairs = zip(other.losses, r.losses, strict=True)
            beats = other[:2] != r[:2] and not other.violation and all(a <= b for a, b in pairs)
            assert r.violation or not beats, "a dominated one leads before what dominates it"


def test_an_epsilon_net_takes_the_ends_before_the_middle():
    line = np.array([[i / 10, 1 - i / 10] for i in range(11)])
    assert epsilon_net(line, 3).tolist() == [0, 10, 5]
    assert sorted(epsilon_net(line, 99).tolist()) == list(range(11))
