"""What ends a run, and what is not started because it would not fit into what is left."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tunesmith.kernel.cursor import Cursor
from tunesmith.kernel.energy import Energy
from tunesmith.kernel.forecast import Forecast
from tunesmith.kernel.plan import Opening, opened
from tunesmith.kernel.stop import TIME, Progress, StopRule
from tunesmith.record.event import Claimed
from tunesmith.record.ledger import Ledger
from tunesmith.record.trial import Trial

_SLACK = 1e-9


class Limits:
    """The stop rule of one run, beside what the study has used. `refused`: why something was not started."""

    def __init__(self, cursor: Cursor, rule: StopRule | None) -> None:
        self._cursor = cursor
        self._rule = rule
        self._started = time.monotonic()
        counted = frozenset[str]() if rule is None else rule.counted
        fidelity = cursor.spec.problem.fidelity
        steps = set() if fidelity is None else {fidelity.name}
        self._to_measure = counted - {"seconds"} - steps
        self._energy = Energy.meter() if "kwh" in self._to_measure else None
        self._forecast: Forecast | None = None
        self.refused: str | None = None

    def reason(self) -> str | None:
        """Why the run should end."""
        return None if self._rule is None else self._rule.reason(self._progress())

    def ends(self, number: int) -> str | None:
        """Why this running trial should end at the report that it has just made; None: it goes on."""
        if self._rule is None:
            return None
        trial, fidelity = self._ledger.trials[number], self._cursor.spec.problem.fidelity
        end = fidelity.high if fidelity is not None and trial.budget is None else trial.budget
        if end is not None and trial.step >= end:
            return None  # it ends by itself
        progress = self._progress()
        why = self._rule.over(progress)
        if why is not None or fidelity is None:
            return why
        left = self._rule.remaining(progress).get(fidelity.name)
        if left is not None and self._coming(trial) > left * (1.0 + _SLACK):
            return f"the {left:g} of {fidelity.name} that are left are for trials that run beside it"
        return None

    def may(self, event: Opening) -> bool:
        """Whether what this opens fits into what is left; while nothing is known of durations, it does."""
        if self._rule is None:
            return True
        progress = self._progress()
        left = self._rule.remaining(progress)
        if not left:
            return True
        trial = opened(event, self._ledger.trials)
        anew = type(event) is Claimed
        for name, amount in left.items():
            why = (
                self._late(trial, amount, anew)
                if name == TIME
                else self._dear(trial, name, amount, progress.used)
            )
            if why is not None:
                self.refused = why
                return False
        return True

    def unmeasured(self) -> str | None:
        """What is wrong with the budget, now that a trial has run: nobody measures what it counts."""
        missing = self._to_measure - self._ledger.spent.amounts.keys()
        if self._energy is not None:
            missing -= {"kwh"}
        if not missing:
            return None
        name, fidelity = min(missing), self._cursor.spec.problem.fidelity
        others = "'seconds'" if fidelity is None else f"{fidelity.name!r} or 'seconds'"
        return (
            f"the budget counts {name!r}, which no trial reports and this machine does not measure: report "
            f"the amounts used, such as trial.report({{'value': value, {name!r}: 0.002}}), or count {others}"
        )

    @property
    def _ledger(self) -> Ledger:
        return self._cursor.fold.ledger

    @property
    def _foreseen(self) -> Forecast:
        if self._forecast is None or self._forecast.ledger is not self._ledger:  # it was folded anew
            self._forecast = Forecast(self._ledger)
        return self._forecast

    def _progress(self) -> Progress:
        ledger = self._ledger
        spent, fidelity = ledger.spent, ledger.problem.fidelity
        used = {**spent.amounts, "seconds": spent.seconds + spent.unheard(time.time())}
        if fidelity is not None:
            used[fidelity.name] = spent.steps
        if self._energy is not None:
            used.setdefault("kwh", self._energy.kwh())
        return Progress(
            created=len(ledger.trials),
            finished=ledger.finished,
            seconds=time.monotonic() - self._started,
            sign=ledger.signs[0],
            best=ledger.best,
            since_best=ledger.since_best,
            used=used,
        )

    def _late(self, trial: Trial, left: float, anew: bool) -> str | None:
        bound = self._foreseen.bound()
        if bound is None or bound < left:
            return None
        if anew and self._foreseen.base(trial, anew=True) > 0:
            return None  # whatever it does is not lost: it goes on from one checkpoint to the next
        seconds = self._foreseen.seconds(trial, anew=anew)
        if seconds is None or seconds <= left:
            return None
        return f"nothing more would be done in the {max(0.0, left):.3g} s that are left"

    def _dear(self, trial: Trial, name: str, left: float, used: Mapping[str, float]) -> str | None:
        """As `_late`, for what all trials use together: those that run now come first."""
        fidelity, foreseen = self._ledger.problem.fidelity, self._foreseen
        running = [self._ledger.trials[n] for n in self._ledger.running if n != trial.number]
        rate = 1.0  # of what is asked for, a step or a second
        if fidelity is not None and name == fidelity.name:
            wanted = [foreseen.steps(one) or 0.0 for one in (trial, *running)]
        else:
            spent, now = self._ledger.spent, time.time()
            bound = foreseen.bound()
            if name != "seconds":
                rate = used.get(name, 0.0) / used["seconds"] if used["seconds"] else 0.0
            if bound is None or bound * rate * (len(running) + 1) < left:
                return None
            wanted = [foreseen.seconds(trial) or 0.0]
            for one in running:
                heard = spent.open[one.number].heard if one.number in spent.open else now
                wanted.append(max(0.0, (foreseen.seconds(one) or 0.0) - (now - heard)))
        if sum(wanted) * rate <= left * (1.0 + _SLACK):
            return None
        return f"nothing more would be done with what is left of the budget, {max(0.0, left):.3g} of {name}"

    def _coming(self, trial: Trial) -> float:
        """Steps until all that runs has reported once more."""
        trials = self._ledger.trials
        others = [trials[number] for number in self._ledger.running if number != trial.number]
        return sum(self._next(one) for one in (trial, *others))

    def _next(self, trial: Trial) -> float:
        """The steps to the next report: as many as to the last one."""
        fidelity = self._ledger.problem.fidelity
        if fidelity is None:
            return 0.0
        steps = [report.step for report in trial.reports[-2:]]
        usual = steps[-1] - steps[0] if len(steps) == 2 else min(fidelity.low, 1.0)
        end = fidelity.high if trial.budget is None else trial.budget
        return max(0.0, min(usual, end - trial.step))
