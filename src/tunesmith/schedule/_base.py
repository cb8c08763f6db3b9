"""The contract of a budget scheduler, and the laws it keeps (`tunesmith.testing.SchedulerLaws`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Generic, Protocol, TypeVar, runtime_checkable

from tunesmith.record.assignment import Decision, Plan
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial

S = TypeVar("S")


class Scheduler(ABC, Generic[S]):
    """Decides how much budget a trial gets. A subclass is a frozen dataclass of settings.

    Laws
    - fold: the state is `reduce(tell, log, init(problem))`.
    - purity: `decide` and `plan` change nothing; asked twice they answer the same.
    - a trial is resumed only while it is paused, each time to a larger budget than it has reached.
    - `plan` is `Wait` when nothing is running only where the schedule is complete, and the study ends then;
      a scheduler whose schedule can be complete says so by `ends`.

    `tell` is called with the trial's record after every event about it: created, reported, paused,
    resumed, released, finished; `trial.state` and `trial.reports` say which.
    """

    # Said by the class; by the instance where settings decide, or where a scheduler is made of others.
    pauses: bool = False  # whether `decide` may answer PAUSE
    learns: bool = True  # False: it always plans the same Start, and `tell` is never called
    ends: bool = False  # whether there may be nothing left to plan
    clones: bool = False  # whether it starts trials from the checkpoints of others
    objectives: int | None = 1  # how many objectives at most; None: any number

    @abstractmethod
    def init(self, problem: Problem) -> S:
        """The state before the first trial. Raises SettingError for a problem it cannot deal with."""

    @abstractmethod
    def tell(self, state: S, trial: Trial) -> S:
        """The state after something happened to `trial`; `state` itself stays as it is."""

    @abstractmethod
    def decide(self, state: S, trial: Trial) -> Decision:
        """Whether `trial`, whose last report was just told, goes on."""

    @abstractmethod
    def plan(self, state: S, number: int) -> Plan:
        """What to do with a free worker; a new trial would be `number`."""

    def limited(self, state: S, n_trials: int | None) -> S:  # noqa: ARG002
        """The state after the study's total number of trials was set anew."""
        return state

    def retired(self, state: S, number: int) -> bool:  # noqa: ARG002
        """Whether the trial of this number, which is paused, will never be resumed."""
        return False

    def parents(self, state: S) -> Collection[int]:  # noqa: ARG002
        """The finished trials that a trial to come may start from: their checkpoints are kept."""
        return ()


@runtime_checkable
class Rungs(Protocol):
    """A scheduler that decides at certain budgets only, as a view shows it."""

    def budgets(self, problem: Problem) -> list[float]:
        """These budgets, rising."""
