"""Random histories of a study, played on a store and on a dictionary at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tunesmith.errors import Conflict, LeaseLost
from tunesmith.record.codec import same
from tunesmith.record.event import (
    Claimed,
    Created,
    Event,
    Finished,
    Noted,
    Paused,
    Released,
    Reported,
    Resumed,
    Single,
    Suggested,
    becomes,
)  # fmt: skip
from tunesmith.record.trial import TrialState
from tunesmith.store._base import Store

_numbers = st.integers(0, 5)
_values = st.floats(allow_nan=False)
_ends = st.sampled_from([TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED])


@dataclass
class _Model:
    """A trial in the dictionary."""

    state: str
    attempt: int
    worker: str | None
    last: Sequence[Single]


class StoreMachine(RuleBasedStateMachine):
    """What the store answers must be what a dictionary of trials says, whatever is written in which order."""

    def __init__(self, store: Store, study: int) -> None:
        super().__init__()
        self.store = store
        self.study = study
        self.log: list[Event] = []
        self.trials: dict[int, _Model] = {}
        self.steps = 0

    def _write(self, batch: Sequence[Single], expect: int | None = None) -> None:
        assert self.store.append(self.study, batch, expect=expect) == len(self.log) + len(batch)
        self.log.extend(batch)

    def _move(self, number: int, needs: str, make: Callable[[_Model], Single], lost: type[Exception]) -> None:
        """Write an event that needs a state, and expect the refusal when the trial is in another."""
        trial = self.trials.get(number)
        event = make(trial or _Model("", 1, "w1", []))
        if trial is not None and trial.last and same(trial.last[-1], event):
            return  # said once more, it is a success: the rule `repeat` sees to that
        if trial is None or trial.state != needs:
            with pytest.raises(LeaseLost if trial is None and lost is LeaseLost else (LeaseLost, Conflict)):
                self.store.append(self.study, [event])
            return
        self._write([event])
        trial.state, trial.attempt, trial.last = becomes(event).value, event.attempt, [event]
        if isinstance(event, (Claimed, Resumed)):
            trial.worker = event.worker
        elif isinstance(event, Released):
            trial.worker = None

    @rule(claimed=st.booleans(), params=st.dictionaries(st.text(), _values, max_size=3), ends=st.booleans())
    def create(self, claimed: bool, params: dict[str, Any], ends: bool) -> None:
        number = len(self.trials)
        event = Created(number, int(claimed), params=params, worker="w1" if claimed else None)
        batch: list[Single] = [event]
        if claimed and ends:
            batch.append(Finished(number, 1, state=TrialState.COMPLETE, values=(0.0,)))
        self._write(batch, expect=number)
        self.trials[number] = _Model(becomes(batch[-1]).value, event.attempt, event.worker, batch)

    @precondition(lambda self: self.trials)
    @rule(number=_numbers, gap=st.integers(1, 3))
    def create_wrongly(self, number: int, gap: int) -> None:
        for wrong in (min(number, len(self.trials) - 1), len(self.trials) + gap):
            with pytest.raises(Conflict):
                self.store.append(self.study, [Created(wrong, 1, params={"other": 1}, worker="w9")])

    @rule(number=_numbers, worker=st.sampled_from(["w1", "w2"]))
    def claim(self, number: int, worker: str) -> None:
        self._move(number, "WAITING", lambda t: Claimed(number, t.attempt + 1, worker=worker), Conflict)

    @rule(number=_numbers, budget=st.none() | st.integers(1, 9))
    def resume(self, number: int, budget: int | None) -> None:
        self._move(
            number, "PAUSED", lambda t: Resumed(number, t.attempt + 1, worker="w1", budget=budget), Conflict
        )

    @rule(number=_numbers, value=_values)
    def report(self, number: int, value: float) -> None:
        self.steps += 1
        self._move(
            number,
            "RUNNING",
            lambda t: Reported(number, t.attempt, step=self.steps, values=(value,)),
            LeaseLost,
        )

    @rule(number=_numbers, value=_values)
    def suggest(self, number: int, value: float) -> None:
        self.steps += 1
        params = {"x": value, "step": self.steps}
        self._move(number, "RUNNING", lambda t: Suggested(number, t.attempt, params=params), LeaseLost)

    @rule(number=_numbers)
    def pause(self, number: int) -> None:
        self.steps += 1
        self._move(number, "RUNNING", lambda t: Paused(number, t.attempt, step=self.steps), LeaseLost)

    @rule(number=_numbers, value=_values, state=_ends)
    def finish(self, number: int, value: float, state: TrialState) -> None:
        self.steps += 1
        error = None if state is TrialState.COMPLETE else f"error {self.steps}"
        self._move(
            number,
            "RUNNING",
            lambda t: Finished(number, t.attempt, state=state, values=(value,), error=error),
            LeaseLost,
        )

    @rule(number=_numbers)
    def release(self, number: int) -> None:
        self.steps += 1
        self._move(
            number, "RUNNING",
            lambda t: Released(number, t.attempt, worker=t.worker or "w1", reason=str(self.steps)), LeaseLost,
        )  # fmt: skip

    @rule(number=_numbers)
    def take_from_the_living(self, number: int) -> None:
        trial = self.trials.get(number)
        if trial is not None and trial.state == "RUNNING":
            with pytest.raises(Conflict):
                self.store.append(self.study, [Released(number, trial.attempt, worker="w9")])

    @rule(number=_numbers, behind=st.integers(1, 2))
    def write_late(self, number: int, behind: int) -> None:
        trial = self.trials.get(number)
        if trial is not None:
            late = Finished(number, trial.attempt - behind, state=TrialState.COMPLETE, values=(-1.5,))
            with pytest.raises(LeaseLost):
                self.store.append(self.study, [late])

    @rule(number=_numbers)
    def repeat(self, number: int) -> None:
        trial = self.trials.get(number)
        if trial is not None and (self.store.shared or becomes(trial.last[-1]) is not TrialState.RUNNING):
            assert self.store.append(self.study, trial.last) == len(self.log)

    @rule(value=st.text() | _values | st.none())
    def note(self, value: Any) -> None:
        self._write([Noted(-1, 0, key="k", value=value)])

    @rule(after=st.integers(0, 60))
    def read_on(self, after: int) -> None:
        assert list(self.store.read(self.study, after)) == self.log[after:]

    @invariant()
    def the_log_is_there(self) -> None:
        assert list(self.store.read(self.study)) == self.log

    @invariant()
    def claims_hold(self) -> None:
        running = [(n, t.attempt) for n, t in self.trials.items() if t.state == "RUNNING"]
        others = [(n, t.attempt) for n, t in self.trials.items() if t.state != "RUNNING"]
        assert self.store.renew(self.study, running + others).lost == tuple(others)
