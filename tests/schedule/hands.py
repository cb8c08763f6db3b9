"""A scheduler driven by hand: what it is told of trials, and what it says."""

from tunesmith.record.assignment import Resume, Start
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Source, Trial, TrialState


class Driver:
    """Trials of one study; every change is told to the scheduler at once."""

    def __init__(self, scheduler, fidelity=None, objectives=1, n_trials=None):
        goals = {f"goal{i}": "minimize" for i in range(objectives)}
        self.problem = problem = Problem(
            objectives=parse_objectives(None, goals), space=None, fidelity=fidelity, n_trials=n_trials
        )
        self.scheduler, self.state, self.trials = scheduler, scheduler.init(problem), []

    def tell(self, trial):
        self.trials[trial.number] = trial
        self.state = self.scheduler.tell(self.state, trial)

    def plan(self):
        return self.scheduler.plan(self.state, len(self.trials))

    def start(self, budget=None, source=Source.SEARCHER):
        plan = self.plan()
        number = len(self.trials)
        self.trials.append(None)
        given = plan.budget if budget is None and isinstance(plan, Start) else budget
        self.tell(Trial(number, TrialState.RUNNING, {}, budget=given, attempt=1, source=source))
        return number

    def open(self):
        """The next trial by plan: its number, None where the scheduler waits."""
        plan = self.plan()
        if isinstance(plan, Resume):
            before = self.trials[plan.number]
            again = before._replace(state=TrialState.RUNNING, budget=plan.budget, attempt=before.attempt + 1)
            self.tell(again)
            return plan.number
        return self.start() if isinstance(plan, Start) else None

    def report(self, number, step, *losses, constraints=None):
        trial = self.trials[number]
        reports = (*trial.reports, Report(step, losses, losses, {}))
        self.tell(trial._replace(reports=reports, constraints=constraints or trial.constraints))
        return self.scheduler.decide(self.state, self.trials[number])

    def curve(self, number, *losses):
        """Reports at steps 1, 2, …; the decisions."""
        return [self.report(number, step, loss) for step, loss in enumerate(losses, start=1)]

    def end(self, number, state=TrialState.COMPLETE, losses=None):
        trial = self.trials[number]
        last = trial.reports[-1].losses if trial.reports and losses is None else losses
        self.tell(trial._replace(state=state, losses=None if state is TrialState.FAILED else last))

    def pause(self, number):
        self.end(number, TrialState.PAUSED)
