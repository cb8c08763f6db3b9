"""Paused generators, kept in memory for as long as there is room."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from tunesmith.execute._memory import give_back, machine, on_device, resident
from tunesmith.kernel.trial import TrialHandle

Live = tuple[TrialHandle, Generator[Any, Any, Any]]
_PERIOD = 0.05  # seconds: measuring takes longer than the shortest trials
_APART = 2.0  # times as long as a collection of garbage took, until the next one
_SHARE = 0.5  # of the machine's memory, for all workers together


class Room(NamedTuple):
    """What one worker may use for paused trials: bytes, and a share of a GPU's memory."""

    memory: int
    device: float = 1.0


def room(workers: int, given: int | None = None) -> Room:
    """The room of each of so many workers; `given`: bytes for all of them together."""
    return Room(int((_SHARE * machine() if given is None else given) / workers), _SHARE / workers)


class Parking:
    """The live generators of paused trials, by number, up to a limit of memory.

    What they take is the resident memory of the process beyond what it had when none was kept, and likewise
    what torch has allocated on a GPU. Above the limits the one that has got least far is closed, among these
    the one kept longest: it would run again from its checkpoint or its beginning. What is left when all are
    closed counts as the process's own from then on.
    """

    def __init__(
        self, limit: Room, measure: Callable[[], int] = resident, device: Callable[[], float] = on_device
    ) -> None:
        self._limit = limit
        self._measure = measure
        self._device = device
        self._kept: dict[int, tuple[float, Live]] = {}
        self._own = Room(0)
        self._next = 0.0  # when to measure what is the process's own again
        self._next_collection = 0.0
        self._settle()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[int]:
        return iter(self._kept)

    def __contains__(self, number: object) -> bool:
        return number in self._kept

    def take(self, number: int) -> Live | None:
        """The trial, to go on with; None when it is not here."""
        _, live = self._kept.pop(number, (0.0, None))
        if live is None and not self._kept and time.monotonic() >= self._next:
            self._settle()
        return live

    def keep(self, number: int, step: float, live: Live) -> None:
        """Keep a trial that was paused at `step`; close others, or even this one, to stay in the limit."""
        self._kept[number] = (step, live)
        del live
        if self._limit.memory <= 0:
            self.drop(number)  # none is to be kept, however little it takes
            return
        while self._kept and self._full():
            collected = self._give_back()
            if not self._full():
                return
            held = self._measure()
            self.drop(min(self._kept, key=lambda kept: self._kept[kept][0]))
            give_back(collect=False)
            if not collected and self._measure() >= held:
                return  # it lies in cycles, to be collected soon: closing others would not help
        if not self._kept:
            give_back()
            self._settle()

    def drop(self, number: int) -> None:
        """Close a trial that is not needed any more, if it is here."""
        _, live = self._kept.pop(number, (0.0, None))
        if live is not None:
            with suppress(Exception):  # its own doing, in its `finally`: no other trial's fault
                live[1].close()

    def _give_back(self) -> bool:
        """Whether garbage was collected, too: that may take a third of the time, and no more."""
        began = time.monotonic()
        collect = began >= self._next_collection
        give_back(collect)
        if collect:
            now = time.monotonic()
            self._next_collection = now + _APART * (now - began)
        return collect

    def _full(self) -> bool:
        limit, own = self._limit, self._own
        return self._measure() - own.memory > limit.memory or self._device() - own.device > limit.device

    def _settle(self) -> None:
        """What lies in memory while nothing is kept is the process's own: modules, shared data."""
        self._own = Room(self._measure(), self._device())
        self._next = time.monotonic() + _PERIOD
