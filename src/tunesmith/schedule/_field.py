"""What trials had come to at each step at which any reported: the field in which each one stands."""

from __future__ import annotations

from typing import NamedTuple

from tunesmith import _check
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Start
from tunesmith.record.persistent import Line, Table
from tunesmith.record.problem import Problem
from tunesmith.record.trial import RUNNING, Trial
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._ends import at_its_end, whole
from tunesmith.schedule._order import Order, Result, order_for, result_of


class Field(NamedTuple):
    """A value. `places`: (step, index into `orders`) of each step; `now`: each trial at its last report.

    A trial stands at a step with the best that it had reported by then; with its latest where that is a mean
    over folds, or where there are several objectives, of which no single best exists.
    """

    start: Start
    objectives: int
    latest: bool
    places: Line = Line()
    orders: Table[Order] = Table()
    now: Table[Result] = Table()

    @classmethod
    def of(cls, problem: Problem) -> Field:
        """An empty one."""
        folds = problem.fidelity is not None and problem.fidelity.fold is not None
        objectives = len(problem.objectives)
        return cls(whole(problem), objectives, folds or objectives > 1)

    def told(self, trial: Trial) -> Field:
        """After something happened to a trial."""
        if trial.state is not RUNNING or not trial.reports:
            return self
        before = self.now.get(trial.number)
        if before is not None and before.step >= trial.step:
            return self
        result = result_of(trial)
        if before is not None and not self.latest and before[:2] < result[:2]:
            result = before._replace(step=result.step)
        index = self._index(result.step)
        places = self.places
        if index is None:
            index = places.size
            places = places.plus((result.step, index))
        order = self.orders.get(index) or order_for(self.objectives)
        return self._replace(
            places=places,
            orders=self.orders.put(index, order.plus(result, open_=False)),
            now=self.now.put(trial.number, result),
        )

    def standing(self, trial: Trial) -> tuple[int, int]:
        """How many others are strictly better at the trial's last step, and how many others there are."""
        result = self.now.get(trial.number)
        index = None if result is None else self._index(result.step)
        order = None if index is None else self.orders.get(index)
        if result is None or order is None:
            return 0, 0
        return order.worse(result), order.size - 1

    def _index(self, step: float) -> int | None:
        """Where the results of a step are kept."""
        rank = self.places.before((step,))
        if rank == self.places.size:
            return None
        there: tuple[float, int] = self.places.at(rank)
        return there[1] if there[0] == step else None


class AmongOthers(Scheduler[Field]):
    """A scheduler that goes by how trials stand, and starts each with the whole budget."""

    __slots__ = ()

    objectives = None

    def init(self, problem: Problem) -> Field:
        return Field.of(problem)

    def tell(self, state: Field, trial: Trial) -> Field:
        return state.told(trial)

    def plan(self, state: Field, number: int) -> Plan:  # noqa: ARG002
        return state.start


def check_looks(n_startup: int, warmup: float, interval: float) -> None:
    """Raises SettingError for settings out of range."""
    _check.integer("n_startup", n_startup, 1)
    if _check.number("warmup", warmup) < 0:
        raise SettingError(f"warmup is a number of steps and must not be negative, got {warmup!r}")
    if not _check.number("interval", interval) > 0:
        raise SettingError(f"interval is a number of steps and must be more than 0, got {interval!r}")


def judged(
    state: Field, trial: Trial, percentile: float, n_startup: int, warmup: float, interval: float
) -> Decision:
    """STOP for a trial that more than `percentile` % of the others beat."""
    step = trial.step
    before = trial.reports[-2].step if len(trial.reports) > 1 else 0
    looked = before > warmup and (step - warmup) // interval == (before - warmup) // interval
    if step <= warmup or looked or at_its_end(trial):
        return Decision.CONTINUE
    better, others = state.standing(trial)
    if others < n_startup or better <= others * percentile / 100.0:
        return Decision.CONTINUE
    return Decision.STOP
