"""Drives a searcher as the kernel would, without one: ask, create, finish."""

from __future__ import annotations

import json
from functools import reduce

from tunesmith._rng import Rng
from tunesmith.kernel.plan import asked
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.search._base import Ask
from tunesmith.space import Space


def problem_of(space, objectives=None, n_trials=None):
    return Problem(objectives=parse_objectives(None, objectives), space=space, n_trials=n_trials)


class Driver:
    """One study in memory: what was told, in order, and the state that it makes."""

    def __init__(self, searcher, space, seed=0, objectives=None):
        self.searcher, self.space, self.seed = searcher, space, seed
        self.problem = problem_of(space, objectives)
        self.state = searcher.init(self.problem)
        self.told, self.pending, self.number = [], {}, 0

    def tell(self, trial):
        self.told.append(trial)
        self.state = self.searcher.tell(self.state, trial)
        if trial.state.finished:
            self.pending.pop(trial.number, None)
        else:
            self.pending[trial.number] = trial

    def ask_of(self, state):
        pending = tuple(self.pending[number] for number in sorted(self.pending))
        ask = Ask(number=self.number, space=self.space, pending=pending, rng=Rng(self.seed, self.number))
        return asked(self.searcher, state, ask)

    def ask(self):
        """The proposal as a running trial; None when the search is over."""
        proposal = self.ask_of(self.state)
        if proposal is None:
            return None
        memo = json.loads(json.dumps(proposal.memo))
        trial = Trial(
            number=self.number, state=TrialState.RUNNING, params=self.space.decode(proposal.unit), memo=memo
        )
        self.number += 1
        self.tell(trial)
        return trial

    def finish(self, trial, loss, state=TrialState.COMPLETE, constraints=None, step=None):
        losses = None if loss is None else tuple(loss) if hasattr(loss, "__len__") else (float(loss),)
        reports = () if step is None else (Report(step, losses, losses, {}),)
        self.tell(
            Trial(
                number=trial.number,
                state=state if losses is not None else TrialState.FAILED,
                params=trial.params,
                values=losses,
                losses=losses,
                reports=reports,
                constraints=constraints or {},
                memo=trial.memo,
            )
        )

    def run(self, function, n):
        """n trials; returns their losses."""
        losses = []
        for _ in range(n):
            trial = self.ask()
            if trial is None:
                break
            losses.append(function(trial.params))
            self.finish(trial, losses[-1])
        return losses

    def rebuilt(self):
        """The state folded anew from all that was told."""
        return reduce(self.searcher.tell, self.told, self.searcher.init(self.problem))


def space(parameters, constraints=()):
    return Space.of(parameters, constraints)
