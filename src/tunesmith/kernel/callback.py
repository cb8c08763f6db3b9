"""Who is told while a study runs."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.kernel.study import Study
from tunesmith.record.trial import Trial


class Callback:
    """Told of a run as it goes on; a subclass overrides what it wants to hear. All run in the driver.

    Choose a plain function `(study, trial)` instead when the end of each trial is all you need. What a
    callback raises ends the run; what was told before is in the log.
    """

    def started(self, study: Study, n_trials: int | None, workers: int, put_back: int) -> None:
        """The run begins; `put_back` trials were interrupted before, and will be run again."""

    def opened(self, study: Study, trial: Trial) -> None:
        """A trial was given to a worker."""

    def reported(self, study: Study, trial: Trial) -> None:
        """A running trial has measured something."""

    def ended(self, study: Study, trial: Trial) -> None:
        """A trial finished, paused or was put back."""

    def waiting(self, study: Study) -> None:
        """Nothing has happened for a moment."""

    def closed(self, study: Study, reason: str) -> None:
        """The run is over."""


class Each(Callback):
    """Calls a function with every trial that finished."""

    def __init__(self, function: Callable[[Study, Trial], object]) -> None:
        self._function = function

    def ended(self, study: Study, trial: Trial) -> None:
        """Call it."""
        if trial.state.finished:
            self._function(study, trial)


AnyCallback = Callback | Callable[[Study, Trial], object]


def as_callback(callback: AnyCallback) -> Callback:
    """A function as a callback."""
    return callback if isinstance(callback, Callback) else Each(callback)
