"""Objectives in worker processes of this machine: a crash or a hang costs one trial, never the study."""

from __future__ import annotations

import sys
import time
import weakref
from collections import deque
from collections.abc import Container

from tunesmith import _check
from tunesmith.errors import ObjectiveError, SettingError
from tunesmith.execute import _tree
from tunesmith.execute._base import Answer, Executor, RunFactory
from tunesmith.execute._child import Child
from tunesmith.execute._crew import Crew
from tunesmith.execute._pack import pack
from tunesmith.execute._shield import Shield
from tunesmith.execute._wire import LOST, SENT, Tag, decode, ended, failed, frame, numbers
from tunesmith.record.assignment import Assignment, Kind, Message
from tunesmith.record.trial import TrialState

_FALSE_STARTS = 3  # deaths in a row while the objective loads, before it is taken for the culprit
_PROVEN = 20  # so many more are forgiven once it has loaded: then the deaths come from outside
_LINGER = 0.1
_UNPLUGGED = (
    "the worker process lost its connection: did the objective close file descriptors that it had not opened?"
)


class ProcessExecutor(Executor):
    """Runs assignments in warm worker processes, `slots` at a time, from a script, a module or a notebook.

    Choose it for more than one worker, and for objectives that may crash, hang or fork.

    Args:
        factory: makes the `Run` of each worker; whatever cloudpickle can pickle.
        slots: trials under way at once.
        trial_timeout: seconds that an attempt may run; None: for ever.
        grace: seconds between SIGTERM (raised in the objective as SystemExit) and SIGKILL.

    A process may keep paused trials in memory (`parked` of its `Run` lists them, `forget` lets some go), and
    run others meanwhile; a trial that is resumed goes to the process that keeps it.

    Raises ObjectiveError at once when `factory` cannot be pickled, and from `wait` when none can load it.
    """

    apart = True

    def __init__(
        self,
        factory: RunFactory,
        slots: int,
        *,
        trial_timeout: float | None = None,
        grace: float = 5.0,
    ) -> None:
        if sys.platform == "win32":
            raise SettingError("worker processes need Linux or macOS: run with one worker here")
        self.slots = _check.integer("slots", slots, low=1)
        self._timeout = None if trial_timeout is None else _check.seconds("trial_timeout", trial_timeout)
        self._grace = _check.number("grace", grace)
        self._crew = Crew(pack(factory), self.slots)
        self._inbox: deque[tuple[Child, Message]] = deque()
        self._trouble: ObjectiveError | None = None
        self._false_starts = 0
        self._closed = False
        # At interpreter exit, too. Whoever did not close is not made to wait for long.
        self._finalizer = weakref.finalize(self, self._crew.disband, min(self._grace, 1.0))

    def submit(self, assignment: Assignment) -> None:
        """Give the assignment to the process that keeps its trial, an idle one, or a new one."""
        if self._closed:
            raise SettingError(f"trial {assignment.number} was submitted to an executor that is closed")
        busy = [c.assignment.number for c in self._crew.children if c.assignment is not None]
        if len(busy) >= self.slots or assignment.number in busy:
            raise SettingError(
                f"trial {assignment.number} was submitted while {sorted(busy)} are under way "
                f"on {self.slots} slots"
            )
        with Shield():
            self._assign(assignment)

    def wait(self, timeout: float | None, answer: Answer) -> None:
        """Hand messages to `answer` until a trial has ended, or `timeout` seconds have passed.

        A message on which `answer` raises is handed over again by the next call. Ctrl-C leaves this method
        between messages. Raises ObjectiveError when workers cannot load the objective.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self._hand(answer):
            if self._trouble is not None:
                raise self._trouble
            if until is None and all(child.assignment is None for child in self._crew.children):
                return
            self._turn(until)
            if until is not None and time.monotonic() >= until:
                self._hand(answer)
                return

    def stop(self, number: int) -> None:
        """Take trial `number` down, SIGTERM first. Nothing happens when it has ended, or was never here."""
        with Shield():
            for child in list(self._crew.children):
                if child.assignment is not None and child.assignment.number == number:
                    self._serve(child)  # an END that is here already counts
                    if child.assignment is not None and child.doom is None:
                        child.terminate(TrialState.WAITING, None, self._grace)

    def close(self) -> None:
        """End all workers and what they started; what has not ended by SIGTERM after `grace` is killed."""
        self._closed = True
        self._finalizer.detach()
        self._crew.disband(self._grace)
        self._inbox.clear()

    @property
    def away(self) -> Container[int]:
        """Paused trials in the memory of processes that are at work now."""
        children = [c for c in self._crew.children if c.assignment is not None and c.doom is None and c.open]
        return frozenset[int]().union(*(child.parked for child in children))

    def _assign(self, assignment: Assignment) -> None:
        number = assignment.number
        idle = [child for child in self._crew.children if child.idle and not child.dead]
        kept = [child for child in idle if number in child.parked]
        if kept:
            child = kept[0]
        elif idle:
            child = min(idle, key=lambda one: len(one.parked))
        else:
            child = self._crew.hire()
        child.assign(assignment)
        for other in self._crew.children:
            if other is not child and number in other.parked:  # what is kept there is of no use any more
                other.parked.discard(number)
                other.gone.add(number)
        self._start_clock(child)

    def _start_clock(self, child: Child) -> None:
        # Loading the objective is not the trial's time.
        if child.ready and self._timeout is not None:
            child.deadline = time.monotonic() + self._timeout

    def _hand(self, answer: Answer) -> bool:
        """Hand over what has arrived; whether a trial has ended."""
        any_end = False
        while self._inbox:
            with Shield():
                child, message = self._inbox[0]
                decision = answer(message)
                self._inbox.popleft()
                if message.kind is Kind.END:
                    any_end = True
                elif child.open:
                    child.send(frame(Tag.DECISION, decision.value.encode()))
                    if child.deadline is not None:  # the time for which it waited for us is not the trial's
                        child.deadline += time.monotonic() - child.asked_at
        return any_end

    def _turn(self, until: float | None) -> None:
        """Listen until something happens, `until` at the latest, and act on it."""
        times = [time_ for child in self._crew.children for time_ in _alarms(child)]
        if until is not None:
            times.append(until)
        touched = self._crew.select(max(0.0, min(times) - time.monotonic()) if times else None)
        with Shield():
            for child in touched:
                self._serve(child)
            if times:
                self._ring(time.monotonic())

    def _serve(self, child: Child) -> None:
        """Take in what a worker has said; then, whether it died."""
        try:
            for tag, body in child.receive():
                self._take(child, tag, body)
        except Exception as error:  # noqa: BLE001  (bytes that are not ours: something else wrote to the socket)
            child.open = False
            if child.doom is None:
                child.terminate(TrialState.FAILED, f"the worker process sent garbage: {error}", self._grace)
        if child.noted_dead:
            self._died(child)
        elif not child.open and child.doom is None and child.lost_at is None:
            # Most likely it is about to die, and its exit code will say more.
            child.lost_at = time.monotonic() + 1.0

    def _take(self, child: Child, tag: Tag, body: bytes) -> None:
        if tag is Tag.READY:
            child.ready = True
            self._false_starts = -_PROVEN
            self._start_clock(child)
        elif tag is Tag.BROKEN:
            self._trouble = ObjectiveError(
                f"a worker process could not load the objective: {body.decode(errors='replace')}; "
                "what the objective uses must be importable in a new process, or defined in the main script"
            )
        elif tag is Tag.KEPT:
            child.parked = numbers(body) - child.gone if child.doom is None else set()
        else:
            message = decode(body[SENT.size :])
            (child.asked_at,) = SENT.unpack_from(body)
            if message.kind is not Kind.END:
                self._inbox.append((child, message))
            elif child.doom is None:  # otherwise its end is already decided
                self._ended(child, message)

    def _ended(self, child: Child, message: Message) -> None:
        self._inbox.append((child, message))
        child.assignment = child.deadline = None

    def _ring(self, now: float) -> None:
        """Act on the times that have come."""
        for child in list(self._crew.children):
            doom = child.doom
            if doom is not None:
                if now >= doom.kill_at and not child.killed:
                    child.kill()
                if child.noted_dead:
                    self._died(child)
            elif child.lost_at is not None and now >= child.lost_at:
                child.terminate(TrialState.FAILED, _UNPLUGGED, self._grace)
            elif child.deadline is not None and now >= child.deadline:
                self._serve(child)  # an END that is here already counts, and a question waits for our answer
                if child.deadline is not None and not any(asker is child for asker, _ in self._inbox):
                    error = f"ran longer than {self._timeout:g} s"
                    child.terminate(TrialState.FAILED, error, self._grace)

    def _died(self, child: Child) -> None:
        doom, assignment = child.doom, child.assignment
        if doom is not None and assignment is not None and not child.killed and self._crew.followers(child):
            return  # programs that the objective started have until `kill_at`
        code = self._crew.bury(child)
        if assignment is None:
            return
        if doom is not None:
            end = ended(assignment, doom.state, doom.error)
        elif not child.ready:
            if self._trouble is None:
                self._false_start(assignment, code)
            return
        else:
            error = _UNPLUGGED if code == LOST else f"the worker process {_tree.words(code)}"
            end = failed(assignment, error, died=True)
        self._inbox.append((child, end))

    def _false_start(self, assignment: Assignment, code: int) -> None:
        """A worker died before its objective was loaded: no trial's fault. Once or twice can be bad luck."""
        self._false_starts += 1
        if self._false_starts < _FALSE_STARTS:
            self._assign(assignment)
            return
        self._trouble = ObjectiveError(
            f"{_FALSE_STARTS} worker processes in a row died while they loaded the objective; "
            f"the last one {_tree.words(code).removesuffix(' in the middle of the trial')}"
        )


def _alarms(child: Child) -> list[float]:
    """When to look at a worker again, even if it stays silent."""
    if child.doom is None:
        return [time_ for time_ in (child.deadline, child.lost_at) if time_ is not None]
    if child.noted_dead:
        return [min(child.doom.kill_at, time.monotonic() + _LINGER)]
    return [] if child.killed else [child.doom.kill_at]
