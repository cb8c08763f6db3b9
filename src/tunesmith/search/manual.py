"""Manual search: the user proposes."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Count, Handles, Searcher


@dataclass(frozen=True, slots=True)
class ManualSearcher(Searcher[Count]):
    """Proposes nothing: the study runs what was enqueued (`study.enqueue`), then ends.

    Choose it to evaluate configurations that you name yourself, with a study's records and schedulers.
    """

    handles = Handles(objectives=None)
    ends = True

    def init(self, problem: Problem) -> Count:  # noqa: ARG002
        return Count()

    def tell(self, state: Count, trial: Trial) -> Count:
        return state.tell(trial)

    def ask(self, state: Count, ask: Ask) -> None:  # noqa: ARG002
        return None
