"""Which checkpoints a study keeps, and the removal of all others.

What is kept is a function of the log: of each trial that may still run the newest (its parent's, where it has
saved none itself), of the others (finished, or paused for good) those of the best, and of those that the
scheduler may start another one from. Whoever writes to the log removes what is not needed any more, in three
cases:

- a checkpoint that the log has superseded, some seconds after it was saved or found again: a worker that
  has just found the same content there may be about to name it;
- at the end of a run, when nothing is running, without waiting;
- what the log has never named (its worker was killed before it could say so) an hour later.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np

from tunesmith.kernel.advance import Fold
from tunesmith.numeric.pareto import constrained_ranks
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import COMPLETE, FAILED, PAUSED, Trial
from tunesmith.store.checkpoints import Checkpoints, Shelf, parsed

GRACE = 3600.0
"""Seconds after which what no log names is nobody's: no save takes so long between two of its files."""
_SHARE = 50.0  # looking for what is not needed takes at most this fraction of the time
_REMEMBERED = 10_000
_SHORT = 0.1


class Keeper:
    """Removes the checkpoints of one study that its log does not need any more."""

    def __init__(self, shelf: Shelf | None, keep: Checkpoints, shared: bool) -> None:
        self._shelf = shelf
        self._keep = keep
        self._shared = shared
        self._parts: dict[str, frozenset[str]] = {}
        self._gone: set[str] | None = None  # names whose files are not there any more
        self._removed: dict[str, None] = {}  # files that this process has removed, oldest first
        self._next = 0.0
        self._warned = False

    def lost(self, name: str) -> bool:
        """Whether this process has removed what a trial says that it has saved, or found to be there."""
        if self._shelf is None or not self._removed:
            return False
        blobs = self._shelf.blobs
        again = [part for part in self._shelf.parts(name) if part in self._removed]
        if not all(map(blobs.there, again)):
            return True
        for part in again:
            del self._removed[part]
        return False

    def tidy(self, fold: Fold) -> None:
        """Remove what the log has superseded; passes over it when it was looked for a moment ago."""
        if not fold.ledger.checkpoints or self._shelf is None:
            return
        began = time.monotonic()
        if began >= self._next:
            self._safely(self._shelf, fold, None)
            now = time.monotonic()
            self._next = now + _SHARE * (now - began)

    def sweep(self, read: Callable[[], Fold]) -> None:
        """Remove all that is not needed, whoever has left it; `read` gives the fold at the log's end."""
        if read().ledger.checkpoints and self._shelf is not None:
            time.sleep(min(self._shelf.blobs.lag, _SHORT))  # what was saved by now is older than what comes
            began = time.time()
            self._safely(self._shelf, read(), began)

    def copy(self, fold: Fold, to: Shelf | None) -> None:
        """Copy what is kept to another study's place."""
        if fold.ledger.checkpoints and self._shelf is not None and to is not None:
            self._shelf.copy(self.needed(fold), to)

    def needed(self, fold: Fold) -> set[str]:
        """The names of all checkpoints that are kept."""
        ledger, last = fold.ledger, self._keep.keep_last
        over = [number for number in ledger.checkpoints if _is_over(fold, number)]
        kept = ledger.checkpoints.keys() - set(over)
        kept |= best(ledger, over, self._keep.keep_best)
        kept |= set(fold.scheduler.parents(fold.schedule_state))
        trails = (ledger.checkpoints.get(number, ()) for number in kept)
        return {checkpoint.file for trail in trails for checkpoint in trail[:last]}

    def _safely(self, shelf: Shelf, fold: Fold, read: float | None) -> None:
        """A place that refuses to remove costs room, and no trial."""
        try:
            if read is None:
                self._remove_superseded(shelf, fold)
            else:
                self._remove_all(shelf, fold, read)
        except Exception as error:  # noqa: BLE001  (every protocol has errors of its own)
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"checkpoints that are not needed any more could not be removed from {shelf}: "
                    f"{type(error).__name__}: {error}",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def _remove_superseded(self, shelf: Shelf, fold: Fold) -> None:
        needed, known = self.needed(fold), _named(fold.ledger)
        if self._gone is None:  # what went before this process came
            self._gone = known - _there(known, shelf.blobs.ages())
        self._gone = (self._gone & known) - needed
        doomed = known - needed - self._gone
        if not doomed:
            return
        kept = self._all_parts(shelf, needed)
        leaving = {name: self._parts_of(shelf, name) - kept for name in doomed}
        removed = self._remove(shelf, frozenset().union(*leaving.values()), shelf.blobs.patience)
        self._gone |= {name for name, parts in leaving.items() if parts <= removed}
        self._parts = {name: parts for name, parts in self._parts.items() if name not in self._gone}

    def _remove_all(self, shelf: Shelf, fold: Fold, read: float) -> None:
        blobs = shelf.blobs
        needed, ages = self.needed(fold), blobs.ages()
        kept = self._all_parts(shelf, needed)
        named = self._all_parts(shelf, _there(_named(fold.ledger), ages))
        spare = ages.keys() - kept
        since = time.time() - read + blobs.lag  # what was touched after the log was read is somebody's
        idle = not fold.ledger.running
        patience = since if idle else blobs.patience
        self._remove(shelf, spare & named, patience if self._shared or not idle else 0.0)
        alone = idle and not self._shared
        self._remove(shelf, spare - named, 0.0 if alone else GRACE)
        blobs.tidy(0.0 if alone else GRACE)

    def _remove(self, shelf: Shelf, digests: Collection[str], older: float) -> set[str]:
        removed = shelf.blobs.remove(digests, older)
        self._removed |= dict.fromkeys(removed)
        for digest in list(self._removed)[:-_REMEMBERED]:
            del self._removed[digest]
        return removed

    def _parts_of(self, shelf: Shelf, name: str) -> frozenset[str]:
        if name not in self._parts:
            self._parts[name] = shelf.parts(name)
        return self._parts[name]

    def _all_parts(self, shelf: Shelf, names: Iterable[str]) -> set[str]:
        return {part for name in names for part in self._parts_of(shelf, name)}


def _is_over(fold: Fold, number: int) -> bool:
    """Whether a trial is finished, or paused for good."""
    state = fold.ledger.trials[number].state
    return state.finished or (state is PAUSED and fold.scheduler.retired(fold.schedule_state, number))


def _named(ledger: Ledger) -> set[str]:
    return {checkpoint.file for trail in ledger.checkpoints.values() for checkpoint in trail}


def _there(names: Iterable[str], ages: Mapping[str, float]) -> set[str]:
    """Those whose files, or list of files, are there."""
    return {name for name in names if parsed(name)[1] in ages}


def best(ledger: Ledger, numbers: Collection[int], count: int | None) -> set[int]:
    """The `count` best of these finished trials; those of equal worth by their number.

    Feasible ones before infeasible ones, complete before stopped ones, several objectives by non-domination.
    """
    if count is None:
        return set(numbers)
    rows = [t for t in (ledger.trials[number] for number in numbers) if t.state is not FAILED and t.losses]
    if count == 0 or len(rows) <= count:
        return {trial.number for trial in rows} if count else set()
    ranked = sorted(zip(_ranks(rows), (trial.number for trial in rows), strict=True))
    return {number for _, number in ranked[:count]}


def _ranks(rows: Collection[Trial]) -> list[int]:
    losses = np.nan_to_num(np.array([trial.losses for trial in rows], float), nan=np.inf)
    violations = np.array([trial.violation for trial in rows])
    complete = np.array([trial.state is COMPLETE for trial in rows])
    found: list[int] = constrained_ranks(losses, violations, complete).tolist()
    return found
