"""What every executor must do: derive a test class from `ExecutorLaws`, and from `ProcessLaws` where trials
run in processes of their own."""

from __future__ import annotations

import math
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psutil
import pytest

from tunesmith.errors import SettingError
from tunesmith.execute._base import Executor, RunFactory, Send
from tunesmith.record.assignment import Assignment, Decision, Kind, Message
from tunesmith.record.trial import Trial, TrialState

_SOON = 20.0  # generous: these tests run on busy machines


def assignment(number: int, attempt: int = 0, **params: Any) -> Assignment:
    """An assignment of which `Script` does what `params` say."""
    trial = Trial(number=number, state=TrialState.RUNNING, params=params, attempt=attempt)
    return Assignment(trial=trial)


class Script:
    """A `Run` that its trial's parameters write: `steps` reports (values: step, process id), `pause` seconds
    before each, then `last` is called, and what it returns becomes the END's user attributes. A decision
    PAUSE keeps the trial in memory."""

    def __init__(self) -> None:
        self.parked: dict[int, int] = {}

    def forget(self, numbers: Iterable[int]) -> None:
        """Keep these no more."""
        for number in numbers:
            self.parked.pop(number, None)

    def __call__(self, given: Assignment, send: Send) -> Message:
        """Run one assignment."""
        params = given.trial.params
        number, attempt = given.number, given.trial.attempt
        first = self.parked.pop(number, 0) + 1
        for step in range(first, params.get("steps", 0) + 1):
            time.sleep(params.get("pause", 0))
            values = (float(step), float(os.getpid()))
            report = Message(number=number, attempt=attempt, kind=Kind.REPORT, step=step, values=values)
            decision = send(report)
            if decision is Decision.PAUSE:
                self.parked[number] = step
            if decision is not Decision.CONTINUE:
                state = TrialState.PAUSED if decision is Decision.PAUSE else TrialState.STOPPED
                return report._replace(kind=Kind.END, state=state)
        attrs: Mapping[str, Any] = params["last"]() if "last" in params else {}
        return Message(
            number=number,
            attempt=attempt,
            kind=Kind.END,
            state=TrialState.COMPLETE,
            values=(float(first), float(os.getpid())),
            error=params.get("error"),
            metrics=params.get("metrics", {}),
            user_attrs=attrs,
        )


def collect(
    executor: Executor,
    ends: int,
    decide: Callable[[Message], Decision] = lambda _: Decision.CONTINUE,
    seconds: float = _SOON,
) -> list[Message]:
    """All messages up to the `ends`-th END."""
    seen: list[Message] = []

    def answer(message: Message) -> Decision:
        seen.append(message)
        return decide(message)

    until = time.monotonic() + seconds
    while sum(m.kind is Kind.END for m in seen) < ends:
        assert time.monotonic() < until, f"{ends} ends expected, after {seconds} s there are only {seen}"
        executor.wait(1.0, answer)
    return seen


def run_all(
    executor: Executor,
    wanted: list[Assignment],
    decide: Callable[[Message], Decision] = lambda _: Decision.CONTINUE,
) -> list[Message]:
    """Keep all slots busy until everything has ended; the ENDs."""
    waiting, ends, busy = list(reversed(wanted)), [], 0
    while waiting or busy:
        while waiting and busy < executor.slots:
            executor.submit(waiting.pop())
            busy += 1
        done = [m for m in collect(executor, 1, decide) if m.kind is Kind.END]
        busy -= len(done)
        ends += done
    return ends


class ExecutorLaws(ABC):
    """Laws. once: every submitted assignment ends in exactly one END. order: an attempt's messages arrive in
    the order sent. decisions: the answer to a message reaches the objective that sent it. exact: messages
    arrive bit for bit. memory: what was kept on a pause goes on where it was. close: nothing runs after it.
    """

    @abstractmethod
    def make(self, factory: RunFactory, slots: int) -> Executor:
        """The executor under test. It may have fewer slots, if it can only have one."""

    def test_every_assignment_ends_once(self) -> None:
        """N trials over few slots."""
        executor = self.make(Script, 2)
        try:
            ends = run_all(executor, [assignment(n, attempt=n % 3, steps=n % 4) for n in range(20)])
        finally:
            executor.close()
        assert sorted((m.number, m.attempt) for m in ends) == [(n, n % 3) for n in range(20)]
        assert all(m.state is TrialState.COMPLETE and not m.died for m in ends)

    def test_messages_arrive_in_order(self) -> None:
        """Reports by step, and the END last."""
        executor = self.make(Script, 1)
        try:
            executor.submit(assignment(0, steps=100))
            seen = collect(executor, 1)
        finally:
            executor.close()
        assert [m.step for m in seen[:-1]] == list(range(1, 101))
        assert [m.kind for m in seen] == [Kind.REPORT] * 100 + [Kind.END]

    def test_a_decision_reaches_the_objective(self) -> None:
        """STOP at the third report."""
        executor = self.make(Script, 1)
        try:
            executor.submit(assignment(0, steps=10))
            seen = collect(executor, 1, lambda m: Decision.STOP if m.step == 3 else Decision.CONTINUE)
        finally:
            executor.close()
        assert [m.step for m in seen] == [1, 2, 3, 3]
        assert seen[-1].state is TrialState.STOPPED

    def test_messages_arrive_exactly(self) -> None:
        """Floats bit for bit, NaN and infinities, any text, of any size."""
        metrics = {"pi": math.pi, "tiny": 5e-324, "nan": math.nan, "inf": -math.inf, "zero": -0.0}
        error = "ünïcödé \x00 \ud800 🎈" + "x" * 2_000_000
        executor = self.make(Script, 1)
        try:
            executor.submit(assignment(0, metrics=metrics, error=error))
            (end,) = collect(executor, 1)
        finally:
            executor.close()
        assert {k: repr(v) for k, v in end.metrics.items()} == {k: repr(v) for k, v in metrics.items()}
        assert end.error == error

    def test_a_paused_trial_goes_on_in_memory(self) -> None:
        """Others run in between, and the process is the same."""
        executor = self.make(Script, 1)
        try:
            executor.submit(assignment(0, steps=4))
            paused = collect(executor, 1, lambda m: Decision.PAUSE if m.step == 2 else Decision.CONTINUE)[-1]
            assert paused.state is TrialState.PAUSED
            run_all(executor, [assignment(n, steps=1) for n in range(1, 4)])
            executor.submit(assignment(0, attempt=1, steps=4))
            seen = collect(executor, 1)
        finally:
            executor.close()
        assert [m.step for m in seen if m.kind is Kind.REPORT] == [3, 4]
        assert paused.values is not None
        assert all(m.values is not None and m.values[1] == paused.values[1] for m in seen)

    def test_many_paused_trials_go_on_in_memory(self) -> None:
        """Each where it was, in whatever order, unless it is away: kept where another trial runs now."""
        executor = self.make(Script, 2)
        asked, seen, begun = list(range(12)), list[Message](), 0

        def busy() -> int:
            return begun - sum(m.kind is Kind.END for m in seen)

        def decide(message: Message) -> Decision:
            return Decision.PAUSE if message.step == 2 and message.attempt == 0 else Decision.CONTINUE

        try:
            ends = run_all(executor, [assignment(n, steps=4) for n in asked], decide)
            assert {m.state for m in ends} == {TrialState.PAUSED}
            assert not any(number in executor.away for number in asked)
            homes = {m.number: m.values[1] for m in ends if m.values is not None}
            while asked:
                free = [number for number in asked if number not in executor.away]
                for number in free:  # the one before may have gone to the process that keeps it
                    if number not in executor.away and busy() < executor.slots:
                        asked.remove(number)
                        executor.submit(assignment(number, attempt=1, steps=4))
                        begun += 1
                assert busy() > 0, "nothing runs, and paused trials are away"
                seen += collect(executor, 1)
            seen += collect(executor, busy())
        finally:
            executor.close()
        reports = [m for m in seen if m.kind is Kind.REPORT]
        assert sorted((m.number, m.step) for m in reports) == [(n, s) for n in range(12) for s in (3, 4)]
        assert all(m.values is not None and m.values[1] == homes[m.number] for m in reports)

    def test_wait_with_nothing_under_way(self) -> None:
        """With a timeout it sleeps that long; without, it returns."""
        executor = self.make(Script, 1)
        try:
            executor.wait(None, _never)
            before = time.monotonic()
            executor.wait(0.1, _never)
            assert time.monotonic() - before >= 0.09
        finally:
            executor.close()

    def test_more_than_there_are_slots(self) -> None:
        """Is refused, and harms nothing."""
        executor = self.make(Script, 1)
        try:
            executor.submit(assignment(0))
            with pytest.raises(SettingError, match="trial 1 was submitted while"):
                executor.submit(assignment(1))
            assert collect(executor, 1)[-1].number == 0
        finally:
            executor.close()

    def test_stop(self) -> None:
        """The END of a stopped trial is WAITING and died; stopping what is not there is nothing."""
        executor = self.make(Script, 1)
        try:
            executor.stop(7)
            executor.submit(assignment(0, steps=1, pause=30))
            executor.stop(0)
            end = collect(executor, 1)[-1]
            assert (end.number, end.state, end.died) == (0, TrialState.WAITING, True)
            executor.stop(0)
            executor.submit(assignment(0, attempt=1))
            assert collect(executor, 1)[-1].state is TrialState.COMPLETE
        finally:
            executor.close()

    def test_close(self) -> None:
        """May come at any time, twice, and hands nothing over."""
        executor = self.make(Script, 1)
        executor.submit(assignment(0, steps=1, pause=30))
        executor.close()
        executor.close()


class ProcessLaws:
    """Laws of executors whose trials run in processes. isolation: a death costs one trial. tree: stopping a
    trial, and closing, end everything that the objective started."""

    def make(self, factory: RunFactory, slots: int) -> Executor:
        """The executor under test, with a grace of a second or less."""
        raise NotImplementedError

    @pytest.mark.parametrize("how", ["exit", "kill", "segfault"])
    def test_a_death_costs_one_trial(self, how: str) -> None:
        """Whatever it died of; the error says it."""
        last, said = _DEATHS[how]
        executor = self.make(Script, 2)
        try:
            wanted = [assignment(n, steps=1) for n in range(8)]
            wanted[3] = assignment(3, steps=1, last=last)
            ends = {m.number: m for m in run_all(executor, wanted)}
        finally:
            executor.close()
        assert sorted(ends) == list(range(8))
        assert (ends[3].state, ends[3].died) == (TrialState.FAILED, True)
        assert said in (ends[3].error or "")
        assert all(m.state is TrialState.COMPLETE for n, m in ends.items() if n != 3)

    def test_stop_takes_a_running_trial_down(self) -> None:
        """Now, not at its next report; its neighbour runs on."""
        executor = self.make(Script, 2)
        try:
            executor.submit(assignment(0, steps=2, pause=0.5))
            executor.submit(assignment(1, last=_hang))
            executor.wait(0.4, lambda _: Decision.CONTINUE)
            executor.stop(1)
            ends = {m.number: m for m in collect(executor, 2) if m.kind is Kind.END}
        finally:
            executor.close()
        assert ends[0].state is TrialState.COMPLETE
        assert (ends[1].state, ends[1].died) == (TrialState.WAITING, True)

    def test_nothing_is_left_after_close(self) -> None:
        """Neither processes, nor what they started, nor descriptors."""
        before, files = _descendants(), psutil.Process().num_fds()
        executor = self.make(Script, 2)
        executor.submit(assignment(0, steps=1, last=_fork_and_hang))
        executor.submit(assignment(1))
        collect(executor, 1)
        time.sleep(0.3)
        executor.close()
        assert _descendants() <= before
        assert psutil.Process().num_fds() <= files

    def test_a_message_is_handed_over_again_when_answer_raised(self) -> None:
        """And nothing else is lost."""
        executor = self.make(Script, 1)
        refused: list[Message] = []

        def refuse(message: Message) -> Decision:
            refused.append(message)
            raise ZeroDivisionError

        try:
            executor.submit(assignment(0, steps=2))
            with pytest.raises(ZeroDivisionError):
                executor.wait(_SOON, refuse)
            seen = collect(executor, 1)
        finally:
            executor.close()
        assert refused == seen[:1]
        assert [m.step for m in seen] == [1, 2, 0]


def _never(message: Message) -> Decision:
    raise AssertionError(f"nothing was submitted, and yet there is {message}")


def _descendants() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def _hang() -> Mapping[str, Any]:
    time.sleep(1000)
    return {}


def _fork_and_hang() -> Mapping[str, Any]:
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(1000)
    return _hang()


def _exit() -> Mapping[str, Any]:
    os._exit(3)


def _kill() -> Mapping[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return _hang()


def _segfault() -> Mapping[str, Any]:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    return _hang()


_DEATHS = {
    "exit": (_exit, "exited with code 3 in the middle of the trial"),
    "kill": (_kill, "killed by SIGKILL (out of memory?)"),
    "segfault": (_segfault, "killed by SIGSEGV"),
}
