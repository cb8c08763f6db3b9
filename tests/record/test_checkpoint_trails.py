"""Which checkpoints a trial starts from: a fold of the log."""

from tunesmith.record.event import Checkpointed, Created, Released
from tunesmith.record.ledger import MOST_CHECKPOINTS, Ledger
from tunesmith.record.problem import Problem, parse_objectives


def folded(*events):
    ledger = Ledger(Problem(objectives=parse_objectives(None, None)))
    for event in events:
        ledger.apply(event)
    return ledger


def files(ledger, number):
    return [checkpoint.file for checkpoint in ledger.checkpoints.get(number, ())]


def test_a_clone_starts_from_what_its_parent_had_saved_by_then():
    ledger = folded(
        Created(0, 1, {}),
        Checkpointed(0, 1, 1, "a"),
        Created(1, 1, {}, parent=0),
        Checkpointed(0, 1, 2, "b"),
        Created(2, 1, {}, parent=0),
        Created(3, 1, {}, parent=1),
        Checkpointed(1, 1, 2, "c"),
    )
    assert files(ledger, 0) == ["b", "a"]
    assert files(ledger, 1) == ["c", "a"]
    assert files(ledger, 2) == ["b", "a"]
    assert files(ledger, 3) == ["a"]


def test_a_clone_of_a_trial_without_checkpoints_has_none():
    ledger = folded(Created(0, 1, {}), Created(1, 1, {}, parent=0), Checkpointed(0, 1, 1, "a"))
    assert files(ledger, 1) == []


def test_a_trial_put_back_keeps_its_checkpoints():
    ledger = folded(Created(0, 1, {}), Checkpointed(0, 1, 1, "a"), Released(0, 1, "", "lost"))
    assert files(ledger, 0) == ["a"]


def test_the_newest_are_remembered():
    ledger = folded(Created(0, 1, {}), *(Checkpointed(0, 1, step, str(step)) for step in range(40)))
    assert files(ledger, 0) == [str(step) for step in range(39, 39 - MOST_CHECKPOINTS, -1)]
