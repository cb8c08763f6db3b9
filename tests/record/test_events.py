"""The fence, the codec, the ledger and the history: what is true of a study."""

import math
from array import array
from itertools import product

import numpy as np
import pytest

from tunesmith.errors import Conflict, LeaseLost, SettingError, StoreTooNew
from tunesmith.record.codec import decode_event, decode_spec, dumps, encode_event, encode_spec, loads, same
from tunesmith.record.event import (
    EVENTS,
    Checkpointed,
    Claimed,
    Created,
    CreatedBatch,
    Extended,
    Finished,
    FinishedBatch,
    Halted,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Row,
    Suggested,
    admit,
)
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.history import History, pending_units, unit_row
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import Problem, StudySpec, parse_objectives
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.search.random import RandomSearcher
from tunesmith.space import Float, Int, Space
from tunesmith.testing import ALL_FAULTS, simulate, zoo

EXAMPLES = [
    Created(
        0,
        1,
        at=1.5,
        params={"x": 0.1, "k": None, "b": True},
        memo=[1, {"a": None}],
        budget=3,
        seen=4,
        worker="w",
    ),
    Created(3, 0, params={}, source=Source.QUEUE, fixed={"x": 1}),
    Created(4, 1, params={}, parent=2, source=Source.IMPORT),
    Claimed(0, 2, worker="v"),
    Suggested(0, 2, {"x": 0.5}, {"x": Float(0, 1), "n": Int(1, 4, log=True)}),
    Reported(0, 2, 3, (0.1 + 0.2, math.inf), {"loss": -math.inf}),
    Checkpointed(0, 2, 3, "file"),
    Paused(0, 2, 3),
    Resumed(0, 3, "w", 9),
    Released(0, 3, "w", "gone"),
    Finished(0, 3, TrialState.COMPLETE, (1.0,), None, {"c": 0.5}, {"note": "größe"}),
    Finished(0, 3, TrialState.FAILED, None, "Traceback\n…"),
    Noted(-1, 0, "key", {"a": [1, 2.5, None]}),
    Extended(-1, 0, None),
    Extended(-1, 0, 100),
    CreatedBatch(4, 1, 2, {"x": array("d", [0.1, 0.2]), "k": ["a", None]}, seen=3, worker="w", at=2.5),
    FinishedBatch(4, 1, 2, (array("d", [1.5, math.inf]),), {"5": "why"}, at=2.5),
    Halted(-1, 0),
    Halted(-1, 0, now=True),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: type(e).__name__)
def test_events_come_back_from_json(event):
    text = encode_event(event)
    again = decode_event(type(event).__name__, text)
    assert again == event
    assert same(again, event)
    assert encode_event(again) == text


def test_every_kind_of_event_has_an_example():
    assert {type(event) for event in EXAMPLES} == set(EVENTS)


def test_floats_come_back_bit_for_bit_and_nan_is_strict_json():
    values = [0.1, 1e-320, -0.0, 1.7976931348623157e308, math.inf, -math.inf]
    again = loads(dumps(values))
    assert [v.hex() for v in again] == [v.hex() for v in values]
    assert math.isnan(loads(dumps({"a": math.nan}))["a"])
    assert "NaN" not in dumps([math.nan])
    assert "Infinity" not in dumps([math.inf])


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", np.zeros(2)])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(SettingError):
        dumps(value)


def test_unknown_kinds_and_newer_formats_say_so():
    with pytest.raises(StoreTooNew, match="Teleported"):
        decode_event("Teleported", "{}")
    spec = StudySpec(name="a", problem=Problem(objectives=parse_objectives(None, None)), seed=1)
    newer = loads(encode_spec(spec)) | {"version": 99}
    with pytest.raises(StoreTooNew, match="99"):
        decode_spec(dumps(newer))


@pytest.mark.parametrize("name", zoo())
def test_specs_come_back_from_json(name):
    problem = Problem(
        objectives=parse_objectives(None, {"a": "maximize", "b": "minimize"}),
        space=zoo()[name],
        fidelity=Fidelity("epoch", 1, 81, 4),
        n_trials=7,
    )
    spec = StudySpec(
        name=name, problem=problem, seed=2**32 - 1, searcher={"name": "tpe", "settings": {}}, created=1.5
    )
    assert decode_spec(encode_spec(spec)) == spec


_LEGAL = {
    (TrialState.WAITING, Claimed): TrialState.RUNNING,
    (TrialState.PAUSED, Resumed): TrialState.RUNNING,
    (TrialState.RUNNING, Reported): TrialState.RUNNING,
    (TrialState.RUNNING, Suggested): TrialState.RUNNING,
    (TrialState.RUNNING, Checkpointed): TrialState.RUNNING,
    (TrialState.RUNNING, Paused): TrialState.PAUSED,
    (TrialState.RUNNING, Released): TrialState.WAITING,
    (TrialState.RUNNING, Finished): TrialState.COMPLETE,
}
_MAKE = {
    Claimed: lambda a: Claimed(0, a + 1, worker="w"),
    Resumed: lambda a: Resumed(0, a + 1, "w", 9),
    Reported: lambda a: Reported(0, a, 1, (1.0,)),
    Suggested: lambda a: Suggested(0, a, {}),
    Checkpointed: lambda a: Checkpointed(0, a, 1, "f"),
    Paused: lambda a: Paused(0, a, 1),
    Released: lambda a: Released(0, a, "w"),
    Finished: lambda a: Finished(0, a, TrialState.COMPLETE, (1.0,)),
}


@pytest.mark.parametrize(("state", "kind"), list(product(TrialState, _MAKE)))
def test_the_fence(state, kind):
    row = Row(state, 2, "w")
    wanted = _LEGAL.get((state, kind))
    if wanted is not None:
        assert admit(_MAKE[kind](2), row).state is wanted
    else:
        with pytest.raises((Conflict, LeaseLost)):
            admit(_MAKE[kind](2), row)
    with pytest.raises((Conflict, LeaseLost)):
        admit(_MAKE[kind](1), row)


def test_a_foreign_claim_is_freed_only_when_its_lease_has_lapsed():
    row = Row(TrialState.RUNNING, 1, "w")
    with pytest.raises(Conflict):
        admit(Released(0, 1, "other"), row)
    assert admit(Released(0, 1, "other"), row, lapsed=True).state is TrialState.WAITING


def test_the_ledger_counts_what_it_holds():
    run = simulate(RandomSearcher(), zoo()["two parents"], workers=4, faults=ALL_FAULTS, n_trials=60, seed=4)
    ledger = Ledger(run.spec.problem)
    for event in run.events:
        ledger.take(event)
        states = {state: sum(t.state is state for t in ledger.trials) for state in TrialState}
        assert ledger.states == states
        assert set(ledger.running) == {t.number for t in ledger.trials if t.state is TrialState.RUNNING}
        assert set(ledger.waiting) == {t.number for t in ledger.trials if t.state is TrialState.WAITING}
        assert ledger.finished == sum(t.state.finished for t in ledger.trials)
        assert [t.number for t in ledger.pending] == sorted([*ledger.running, *ledger.waiting])
        complete = [t for t in ledger.trials if t.state is TrialState.COMPLETE]
        if complete:
            assert ledger.best.losses == min(complete, key=lambda t: (t.violation, t.losses)).losses
    assert ledger.position == len(run.events)


def test_histories_are_values_and_forks_do_not_meet():
    space = Space.of({"x": Float(0.0, 1.0)})
    history = History.empty(Problem(objectives=parse_objectives("maximize", None), space=space))

    def done(number, x):
        return Trial(
            number=number,
            state=TrialState.COMPLETE,
            params={"x": x},
            values=(x,),
            losses=(-x,),
            source=Source.SEARCHER,
        )

    kept = [history]
    for number in range(200):
        kept.append(kept[-1].tell(done(number, number / 200)))
    assert [len(h) for h in kept] == list(range(201))
    fork = kept[100].tell(done(100, 1.0))
    assert fork.losses[-1, 0] == -1.0
    assert kept[101].losses[-1, 0] == -0.5
    assert np.array_equal(kept[200].units(space)[:, 0], np.arange(200) / 200)
    assert fork.units(space)[100, 0] == 1.0
    assert kept[150].units(space).shape == (150, 1)


def test_unit_rows_know_what_is_inactive_and_what_has_left_the_space():
    space = zoo()["chain"]
    row = unit_row(space, {"a": "off"})
    assert [math.isnan(u) for u in row] == [False, True, True, True]
    assert all(math.isnan(u) for u in unit_row(Space.of({"x": Float(0, 1)}), {"x": 7.0}))
    assert pending_units((), space).shape == (0, len(space.dims))


def test_a_history_has_all_columns_whichever_is_looked_at_first():
    history = History.empty(Problem(objectives=parse_objectives(None, None)))
    for number in range(100):
        history = history.tell(Trial(number, TrialState.COMPLETE, {}, (1.0,), (1.0,)))
    assert history.numbers.tolist() == list(range(100))
