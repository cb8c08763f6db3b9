"""Manual search: the user proposes."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.search._base import Ask, Handles, Searcher


@dataclass(frozen=True, slots=True)
class ManualSearcher(Searcher[None]):
    """Proposes nothing: the study runs what was enqueued (`study.enqueue`), then ends.

    Choose it to evaluate configurations that you name yourself, with a study's records and schedulers.
    """

    handles = Handles(objectives=None)
    ends = True
    learns = False

    def init(self, problem: Problem) -> None:  # noqa: ARG002
        return None

    def tell(self, state: None, trial: Trial) -> None:  # noqa: ARG002
        return None

    def ask(self, state: None, ask: Ask) -> None:  # noqa: ARG002
        return None
