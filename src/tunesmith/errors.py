"""Everything Tunesmith raises on purpose.

    TunesmithError
    ├── SpaceError (ValueError)        a parameter, condition or constraint that cannot be
    ├── SettingError (ValueError)      a wrong argument of a searcher, scheduler, store, run
    ├── StudyError (ValueError)        a study that exists already, does not exist, or differs
    ├── ObjectiveError (TypeError)     an objective that cannot be run, sent or understood
    ├── StudyAborted                   every trial fails alike: the configurations are not at fault
    ├── TrialFailed                    raised by an objective: this trial fails, without a traceback
    ├── NoTrial (ValueError)           a best trial was asked for and there is none yet
    ├── MissingExtra (ImportError)     an optional library is not installed
    └── StoreError                     the store could not do what was asked
        ├── Conflict                   the trial number or claim was taken by someone faster
        ├── LeaseLost                  this attempt was given to another worker
        └── StoreTooNew                written by a newer Tunesmith

A message says what was wrong, the value, what is allowed, and what to do.
"""


class TunesmithError(Exception):
    """The root of all errors raised on purpose."""


class SpaceError(TunesmithError, ValueError):
    """A parameter, condition or constraint that cannot be."""


class SettingError(TunesmithError, ValueError):
    """A wrong argument of a searcher, scheduler, store or run."""


class StudyError(TunesmithError, ValueError):
    """A study that exists already, does not exist, or differs from what was asked."""


class ObjectiveError(TunesmithError, TypeError):
    """An objective that cannot be run, sent to a worker, or whose result cannot be understood."""


class StudyAborted(TunesmithError):
    """The run was ended because every trial fails alike, whatever its configuration."""


class TrialFailed(TunesmithError):
    """Raise it in an objective: the trial fails with this sentence, and no traceback. It is an ordinary end.

    `died`: something outside the configuration ended it, so that it may be run again (`retries=`).
    """

    def __init__(self, reason: str, *, died: bool = False) -> None:
        super().__init__(reason)
        self.died = died


class NoTrial(TunesmithError, ValueError):
    """A best trial was asked for, and no trial has completed yet."""


class MissingExtra(TunesmithError, ImportError):
    """An optional library is not installed; the message names the extra to install."""


class StoreError(TunesmithError):
    """The store could not do what was asked (disk full, file not a store, …)."""


class Conflict(StoreError):
    """The trial number or claim was taken by a faster worker: read on, and try again."""


class LeaseLost(StoreError):
    """This attempt's claim was given to another worker; what it wrote was refused."""


class StoreTooNew(StoreError):
    """The store was written by a newer Tunesmith, and is left untouched."""


class CheckpointLost(StoreError):
    """A checkpoint that the log names is not there any more, or is not what was saved."""
