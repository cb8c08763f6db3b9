"""The contract of a search method, and the laws it keeps (`tunesmith.testing.SearcherLaws` checks them)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith._rng import Rng
from tunesmith.record.history import History
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Trial
from tunesmith.space.space import Space

S = TypeVar("S")

Rule = tuple[int, tuple[tuple[str, float | None, float | None], ...], str]
"""When a part of `AutoSearcher` answers: its index; facts with least and largest values; why, in words."""


@dataclass(frozen=True, slots=True)
class Handles:
    """What a method can deal with. What it cannot do, it says: the study refuses it at once."""

    define_by_run: bool = True  # a space that grows while the study runs
    conditions: bool = True
    constraints: bool = True  # known constraints between parameters
    continuous: bool = True  # parameters with infinitely many values
    objectives: int | None = 1  # how many at most; None: any number
    outcome_constraints: bool = True  # trials may be infeasible after the fact
    fidelity: bool = False  # it must know the budgets
    gradients: bool = False  # it makes use of them where objectives return a ts.Evaluation
    parents: bool = False  # it proposes from the parameters of the trial whose checkpoint is continued


class Ask(NamedTuple):
    """All that a proposal may depend on beside the state.

    `number`: the trial to be proposed. `pending`: trials proposed and not yet ended, by number.
    `space`: the space now (it grows in a define-by-run study). `budget`: how far the trial will run.
    `parent`: the trial whose checkpoint it starts from.
    """

    number: int
    space: Space
    pending: tuple[Trial, ...]
    rng: Rng
    budget: float | None = None
    parent: Trial | None = None


class Proposal(NamedTuple):
    """A unit row (one number in [0, 1] a dimension; what is inactive is ignored) and a JSON memo.

    `exact`: values that are known already, where a row would say them to the last bit but one.
    """

    unit: list[float]
    memo: Any = None
    exact: Mapping[str, Any] | None = None


class Searcher(ABC, Generic[S]):
    """Proposes configurations. A subclass is a frozen dataclass of settings; what it learns is its state.

    Laws
    - fold: the state is `reduce(tell, log, init(problem))`, and nothing else is remembered. Rebuilt from
      the log, in this process or another, the next proposal is bit-identical.
    - purity: `ask` changes nothing; asked twice it answers the same; all its randomness is `ask.rng`.
    - domain: the proposal decodes to a configuration inside the space, its constraints kept.
    - order: trials may be told in any order of completion, failed, infeasible or never finished.
    - memo: it survives JSON and comes back as `trial.memo`.

    `tell` is called with a trial's record when the trial was created, paused and finished:

        tell(s0, #0 RUNNING) -> s1    ask -> #1    tell(s1, #1 RUNNING) -> s2    tell(s2, #0 COMPLETE) -> s3
    """

    # Said by the class; by the instance where a searcher is made of others.
    handles: Handles = Handles()
    ends: bool = False  # whether it has nothing left to propose at some time
    learns: bool = True  # False: a proposal depends on its number alone, and `tell` is never called
    algebra: bool = True  # False spares asks that do no linear algebra the 5 µs of limiting its threads
    defaults_first: bool = True  # whether the configuration of defaults comes before what it proposes
    prepares: bool = False  # whether `prepare` makes the next ask cheaper, and is worth a thread

    @abstractmethod
    def init(self, problem: Problem) -> S:
        """The state before the first trial. Raises SettingError for a problem it cannot deal with."""

    @abstractmethod
    def tell(self, state: S, trial: Trial) -> S:
        """The state after `trial` was created, paused or finished; `state` itself stays as it is."""

    @abstractmethod
    def ask(self, state: S, ask: Ask) -> Proposal | None:
        """The next configuration; None when there is nothing left to propose (a finished grid)."""

    def ask_batch(self, state: S, ask: Ask, count: int) -> NDArray[np.float64] | None:  # noqa: ARG002
        """The unit rows of the trials from `ask.number` on, shape (count, dims), in one go.

        Law: bit for bit those of `count` single asks, which have no memo. None when there is no
        faster way than those; only a searcher that does not learn has one.
        """
        return None

    def prepare(self, state: S, ask: Ask) -> None:
        """Fill caches while trials run, so that the next `ask`, after one more `tell`, is cheap.

        Called at most once a position of the log, beside the running trials. Law: what it keeps are pure
        functions of `state` and `ask`, so that proposals are the same with and without it.
        """

    def explain(self, state: S, ask: Ask) -> str:  # noqa: ARG002
        """In a sentence without its end: which method would answer `ask`, and why."""
        return f"{label(self)} ({intent(type(self))})"


class HistorySearcher(Searcher[History]):
    """A searcher whose state is the history: a subclass writes `ask` alone.

    Models fitted in `ask` are caches of pure functions of the history, and may be dropped at any time.
    """

    def init(self, problem: Problem) -> History:
        return History.empty(problem)

    def tell(self, state: History, trial: Trial) -> History:
        return state.tell(trial)


@dataclass(frozen=True, slots=True)
class Count:
    """State of searchers that depend on nothing but how often they were asked."""

    created: int = 0
    proposed: int = 0

    def tell(self, trial: Trial) -> Count:
        """One more when `trial` is new; a trial told again is known by its number."""
        if trial.number != self.created:
            return self
        return Count(self.created + 1, self.proposed + (trial.source == "searcher"))


def label(searcher: Searcher[Any]) -> str:
    """What a searcher is called in sentences: the name of its class, in short."""
    name = type(searcher).__name__
    return (name.removesuffix("Searcher") or name).lower()


def intent(kind: type[Any]) -> str:
    """The first sentence of a class's docstring, on one line, begun small and without its end."""
    text = " ".join((kind.__doc__ or "").split())
    first = re.split(r"(?<=[.;:])\s", text, maxsplit=1)[0].rstrip(".;:")
    return first if first[1:2].isupper() else first[:1].lower() + first[1:]
