"""The reading side of a study: what is in the log, as people and programs want to see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from tunesmith import _check, _optional
from tunesmith.analysis.foresee import CurveForecast
from tunesmith.analysis.recommend import Recommendation
from tunesmith.errors import NoTrial, SettingError
from tunesmith.record.course import Schedule
from tunesmith.record.event import Event
from tunesmith.record.ledger import Ledger
from tunesmith.record.problem import StudySpec
from tunesmith.record.trial import Trial, TrialState

OWN = "tunesmith:"  # notes whose keys begin so are Tunesmith's: how a study was started, say


class Reading(ABC):
    """What can be read of a study; always as the log stands now, whoever wrote it."""

    spec: StudySpec

    @abstractmethod
    def _read(self) -> Ledger:
        """The ledger at the log's end."""

    @abstractmethod
    def _events(self) -> Sequence[Event]:
        """The log."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.spec.name

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials by number, as frozen records; made when looked at, so that a million are no burden."""
        return self._read().trials.snapshot()

    @property
    def best_trial(self) -> Trial:
        """The complete trial with the best measured value, a feasible one if there is any.

        Raises NoTrial when none is complete, with the reason: a trial that a scheduler has stopped or paused
        was not measured to its end.
        """
        ledger = self._read()
        if len(ledger.signs) > 1:
            raise NoTrial(
                "a study with several objectives has no single best trial: use best_trials, the Pareto front"
            )
        if ledger.best is None:
            raise NoTrial(why_none(self.spec.name, ledger))
        return ledger.best

    @property
    def best_params(self) -> dict[str, Any]:
        """The configuration of the best trial."""
        return dict(self.best_trial.params)

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        return float("nan") if value is None else value

    @property
    def best_trials(self) -> tuple[Trial, ...]:
        """The Pareto front: feasible complete trials that no other one is better than in every objective."""
        return pareto(self._read())

    def importances(self, objective: str | None = None) -> dict[str, float]:
        """How much each parameter decides whether a trial is among the best: shares by name, largest first.

        PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv 2304.10255), less what chance alone would give.
        Empty with too few trials; all 0 while no parameter stands out from chance. `objective`: by its
        name, where there are several. Raises SettingError without or for a wrong one.
        """
        from tunesmith.analysis.importance import importances

        ledger = self._read()
        return importances(ledger.trials, ledger.space, which(ledger, objective, "importances are"))

    def recommend(self) -> Recommendation:
        """The configuration to deploy: the best by what is expected of it, with a 90 % interval.

        `best_trial` is what was measured; of noisy scores the best is a lucky one, and `optimism` estimates
        by how much. Repeated trials of a configuration count together. On an objective without noise it is
        the best trial's. Raises SettingError for several objectives, NoTrial when no feasible trial is
        complete.
        """
        from tunesmith.analysis.recommend import recommend

        ledger = self._read()
        if len(ledger.signs) > 1:
            raise SettingError(
                "of several objectives no single configuration is to be recommended: choose one of "
                "best_trials, the Pareto front"
            )
        found = recommend(ledger.trials, ledger.space, ledger.signs[0])
        if found is None:
            reason = why_none(self.spec.name, ledger)
            raise NoTrial(
                reason if ledger.best is None else f"study {self.name!r} has no feasible trial to recommend"
            )
        return found

    def forecast(
        self, number: int, at: float | Sequence[float] | None = None, objective: str | None = None
    ) -> CurveForecast:
        """What trial `number` will report at the step or steps `at`, with 90 % intervals.

        Its learning curve is extrapolated, starting from what the curves of the study's other trials have in
        common. None for `at` is the end of the study's fidelity, or of the longest complete trial. Raises
        SettingError for a trial that there is not, one that has reported nothing, and an unknown end.
        """
        from tunesmith.analysis.foresee import foresee, full_length

        ledger = self._read()
        index = which(ledger, objective, "a forecast is")
        if not 0 <= number < len(ledger.trials):
            raise SettingError(
                f"study {self.name!r} has no trial {number!r}, it has {len(ledger.trials)} trials"
            )
        fidelity = ledger.problem.fidelity
        trials = list(ledger.trials)
        end = fidelity.high if fidelity is not None else full_length(trials)
        if at is None and end is None:
            raise SettingError("where a curve ends is not known yet: say for which step, such as at=81")
        steps = [end] if at is None else list(at) if isinstance(at, Sequence) else [at]
        goals = [_check.number("the step of a forecast", step) for step in steps]
        if not goals or min(goals) <= 0:
            raise SettingError(f"a forecast is for steps more than 0, got {at!r}")
        sign = ledger.signs[index]
        found = foresee(trials[number], trials, goals, end=end or max(goals), objective=index, sign=sign)
        if found is None:
            raise SettingError(f"trial {number} has reported nothing yet: there is no curve to go on")
        return found

    def schedule(self, trial_number: int | None = None) -> Schedule:
        """The parameters that a training went through from step to step, its parents' included.

        Of the best trial, or of the one of this number: what population based training finds. To train by it
        once more, give `scheduler=ts.PBTReplay(schedule)`. Raises NoTrial where there is no such trial.
        """
        from tunesmith.analysis.lineage import schedule_of

        trials = self.trials
        number = self.best_trial.number if trial_number is None else trial_number
        if not 0 <= number < len(trials):
            raise NoTrial(f"study {self.name!r} has no trial {number}: it holds {len(trials)}, from 0 on")
        return schedule_of(self._events(), trials, number)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What `set_user_attr` has kept with the study."""
        notes = self._read().notes
        return {key: value for key, value in notes.items() if not key.startswith(OWN)}

    def to_pandas(self) -> Any:
        """One row a trial: number, state, value (or values.<objective>), params.<name>, times, attributes.

        Raises MissingExtra without pandas.
        """
        pandas = _optional.require("pandas", "pandas", "to_pandas()")
        return pandas.DataFrame(rows(self._read()))

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"


def which(ledger: Ledger, objective: str | None, what: str) -> int:
    """The place of the objective of this name; None names the only one. Raises SettingError."""
    names = [o.name for o in ledger.problem.objectives]
    if objective is None and len(names) == 1:
        return 0
    if objective not in names:
        raise SettingError(f"{what} of one objective: give objective= as one of {names}, got {objective!r}")
    return names.index(objective)


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    """One flat dictionary a trial, all with the same keys: for tables, CSV and data frames."""
    names = [objective.name for objective in ledger.problem.objectives]
    trials = list(ledger.trials)
    params = {name: None for trial in trials for name in trial.params}
    attrs = {name: None for trial in trials for name in trial.user_attrs}
    limits = {name: None for trial in trials for name in trial.constraints}
    return [_row(trial, names, params, limits, attrs) for trial in trials]


def _row(
    trial: Trial, names: list[str], params: dict[str, None], limits: dict[str, None], attrs: dict[str, None]
) -> dict[str, Any]:
    row: dict[str, Any] = {"number": trial.number, "state": trial.state.value}
    values = trial.values or (None,) * len(names)
    row |= {"value": values[0]} if len(names) == 1 else {
        f"values.{name}": value for name, value in zip(names, values, strict=True)
    }  # fmt: skip
    row |= {f"params.{name}": trial.params.get(name) for name in params}
    row |= {f"constraints.{name}": trial.constraints.get(name) for name in limits}
    row |= {f"user_attrs.{name}": trial.user_attrs.get(name) for name in attrs}
    row |= {
        "budget": trial.budget,
        "step": trial.step or None,
        "attempt": trial.attempt,
        "parent": trial.parent,
        "source": trial.source.value,
        "started": trial.started,
        "finished": trial.finished,
        "duration": trial.duration,
        "error": trial.error,
    }
    return row


def pareto(ledger: Ledger) -> tuple[Trial, ...]:
    """Feasible complete trials not dominated by another; of equal ones, the first."""
    import numpy as np

    from tunesmith.numeric.pareto import nondominated

    done = [t for t in ledger.trials if t.state is TrialState.COMPLETE and t.losses and t.violation == 0]
    if not done:
        return ()
    best = nondominated(np.array([trial.losses for trial in done]))
    seen: set[tuple[float, ...] | None] = set()
    front = []
    for trial, undominated in zip(done, best, strict=True):
        if undominated and trial.losses not in seen:
            seen.add(trial.losses)
            front.append(trial)
    return tuple(front)


def why_none(name: str, ledger: Ledger) -> str:
    """Why a study has no best trial, and what to do, in a sentence."""
    halted = cut_short(ledger)
    if halted:
        return f"study {name!r} has no complete trial: {halted}"
    failed = [trial for trial in ledger.trials if trial.state is TrialState.FAILED]
    if not failed:
        return f"study {name!r} has no complete trial yet ({len(ledger.trials)} trials in all)"
    last = (failed[-1].error or "unknown").strip().splitlines()[-1]
    many = f"{len(failed)} of {len(ledger.trials)}"
    return f"study {name!r} has no complete trial: {many} failed, the last with: {last}"


def cut_short(ledger: Ledger) -> str:
    """Of a study without a complete trial: how far a scheduler has let trials run, and what to do about it.

    Nothing where none was stopped or paused.
    """
    halted = {state: ledger.states[state] for state in (TrialState.PAUSED, TrialState.STOPPED)}
    if not any(halted.values()):
        return ""
    told = " and ".join(f"{count} {state.value.lower()}" for state, count in halted.items() if count)
    return f"{told} of {len(ledger.trials)} before the end{_furthest(ledger)}; {_remedy(ledger)}"


def _furthest(ledger: Ledger) -> str:
    """The best last value of the trials that were halted, among those that got furthest."""
    halted = [t for t in ledger.trials if t.state in (TrialState.PAUSED, TrialState.STOPPED) and t.losses]
    if not halted:
        return ""
    best = min(halted, key=lambda trial: (-trial.step, trial.losses or ()))
    values = ", ".join(f"{value:.4g}" for value in best.values or ())
    return f", the best of those that got furthest with {values} (trial {best.number}, step {best.step})"


def _remedy(ledger: Ledger) -> str:
    fidelity = ledger.problem.fidelity
    if fidelity is None:
        return "more trials let the best reach their end"
    goal = f"{fidelity.name} {fidelity.high}"
    return f"more trials let the best reach {goal}, or give the fidelity a smaller end than {goal}"
