"""Population based training (Jaderberg et al. 2017, arXiv 1711.09846), with truncation selection.

Algorithm 1 of the paper in this frame: `step` is the training of a trial; `eval` its report; `ready` every
`interval` steps. `exploit` (section 4.1.1, truncation): a member in the bottom `quantile` of its generation
is stopped, and its place is filled by a new trial whose parent is one of the top `quantile`, by chance, and
whose training starts from that one's checkpoint. `explore` is the searcher's: its `ask.parent` is that trial.

A place is compared with what all places reported at the same step, not with what they report at the same
moment: slow workers are at no disadvantage. It is judged again whenever another one comes to that step, until
it has come to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tunesmith import _check
from tunesmith._rng import uniform
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Plan, Resume, Start, Wait
from tunesmith.record.fidelity import Fidelity, generation_length
from tunesmith.record.problem import Problem
from tunesmith.record.trial import Source, Trial, TrialState
from tunesmith.schedule._base import Scheduler
from tunesmith.schedule._population import Member, Population, Score, Scores, Stage, ordered

_TRIES = 3
_SLACK = 1e-9  # of an interval, by which the steps of a real fidelity may miss its end
_HOLDS = {
    TrialState.RUNNING: Stage.RUNNING,
    TrialState.WAITING: Stage.WAITING,
    TrialState.PAUSED: Stage.PAUSED,
    TrialState.COMPLETE: Stage.DONE,
}


@dataclass(frozen=True, slots=True)
class _State:
    """The population, and what it is measured by."""

    population: Population
    fidelity: Fidelity
    interval: float
    limit: float  # of trials


@dataclass(frozen=True, slots=True)
class PBT(Scheduler[_State]):
    """Trains a population at once, and lets those that fall behind go on from the weights of the best.

    Choose it when parameters should change while a model trains (reinforcement learning, long trainings),
    and there are about as many workers as members; the result is a schedule of parameters
    (`study.schedule()`), beside the trained model. The objective saves a checkpoint before it reports, and
    starts from `trial.load_checkpoint()`. A trial whose parent is another one continues that one's training
    under other parameters; the searcher is `explore`, which perturbs them, unless PB2 is asked for.

    With fewer workers than members, a member that is ready pauses when others are behind it. A trial that
    has lost its worker goes on from its own newest checkpoint; one that fails is replaced like one of the
    worst. Several objectives are ranked by non-domination, infeasible trials come last.

    Args:
        population: how many are trained at once.
        interval: steps between two comparisons; None: a 20th of the fidelity's `high`.
        quantile: the share that is stopped, and the share of the best that it is replaced from.
        synchronous: whether all wait for each other at every interval, as in the experiments with few
            workers; not needed for any other reason.
        seed: of the choice among the best.

    Raises:
        SettingError: for settings out of range, and without a fidelity.
    """

    population: int = 16
    interval: float | None = None
    quantile: float = 0.2
    synchronous: bool = False
    seed: int = 0

    pauses = True
    ends = True
    clones = True
    objectives = None

    def __post_init__(self) -> None:
        _check.integer("PBT's population", self.population, 2)
        _check.integer("PBT's seed", self.seed, 0)
        if self.interval is not None and _check.number("PBT's interval", self.interval) <= 0:
            raise SettingError(f"PBT's interval must be more than 0 steps, got {self.interval!r}")
        if not 0.0 < _check.number("PBT's quantile", self.quantile) <= 0.5:
            raise SettingError(f"PBT's quantile must be more than 0 and at most 0.5, got {self.quantile!r}")
        if not isinstance(self.synchronous, bool):
            raise SettingError(f"PBT's synchronous must be True or False, got {self.synchronous!r}")

    def init(self, problem: Problem) -> _State:
        fidelity = problem.fidelity
        if fidelity is None:
            raise SettingError(
                "pbt must know how far its members are trained: give fidelity=ts.Fidelity('epoch', 1, 100)"
            )
        interval = generation_length(fidelity) if self.interval is None else self.interval
        if interval > fidelity.high:
            raise SettingError(
                f"pbt compares every {interval} steps, and trials end at {fidelity.high}: "
                "choose a smaller interval"
            )
        limit = math.inf if problem.n_trials is None else float(problem.n_trials)
        members = (Member(),) * self.population
        return _State(Population(members, {}), fidelity, interval, limit)

    def budgets(self, problem: Problem) -> list[float]:
        """The steps at which members are compared, and the last one."""
        state = self.init(problem)
        count = int(state.fidelity.high / state.interval - _SLACK)
        steps = [k * state.interval for k in range(1, count + 1)]
        return [*(step for step in steps if step >= state.fidelity.low), state.fidelity.high]

    def limited(self, state: _State, n_trials: int | None) -> _State:
        return replace(state, limit=math.inf if n_trials is None else float(n_trials))

    def tell(self, state: _State, trial: Trial) -> _State:
        population = state.population
        place = population.place(trial.number)
        if place is None:
            if trial.number < population.created:
                return state  # another trial has taken its place
            found = replace(population, created=trial.number + 1)
            if trial.source is not Source.IMPORT:
                found = self._entered(found, trial)
        elif population.members[place].stage is Stage.VACANT:
            return state  # it was told to stop
        else:
            found = self._moved(state, place, trial)
        if self.synchronous:
            found = self._closed(replace(state, population=found))
        return replace(state, population=found)

    def decide(self, state: _State, trial: Trial) -> Decision:
        place = state.population.place(trial.number)
        if place is None:
            return Decision.CONTINUE if trial.source is Source.IMPORT else Decision.STOP
        member = state.population.members[place]
        if member.stage is Stage.VACANT:
            return Decision.STOP
        return Decision.PAUSE if member.halted else Decision.CONTINUE

    def plan(self, state: _State, number: int) -> Plan:
        """What is furthest behind goes first."""
        population, high = state.population, state.fidelity.high
        room = number < state.limit
        todo = [
            (member.reached, place)
            for place, member in enumerate(population.members)
            if (member.stage is Stage.PAUSED and not self._held(state, member))
            or (room and member.stage in (Stage.UNSTARTED, Stage.VACANT))
        ]
        if not todo:
            return Wait()
        place = min(todo)[1]
        member = population.members[place]
        if member.stage is Stage.UNSTARTED or member.number is None:
            return Start(high)
        if member.stage is Stage.PAUSED:
            return Resume(member.number, high)
        return Start(high, self._parent(state, place, member, number))

    def retired(self, state: _State, number: int) -> bool:
        place = state.population.place(number)
        return place is None or state.population.members[place].stage is Stage.VACANT

    def parents(self, state: _State) -> list[int]:
        """The last trials of empty places: where none of the best goes on, their own training does."""
        members = state.population.members
        return [m.number for m in members if m.stage is Stage.VACANT and m.number is not None]

    def _parent(self, state: _State, place: int, member: Member, number: int) -> int | None:
        """One of the best; where none goes on the place's last trial, None when that had got nowhere."""
        population = state.population
        count = max(1, self._share(population, population.scores.get(member.generation, {})))
        models = population.models(member.generation, place, count, state.fidelity.high)
        if models:
            return models[int(uniform(self.seed, number, "pbt/parent") * len(models))]
        return member.number if member.step > 0 else None

    def _share(self, population: Population, scores: Scores) -> int:
        """How many are the bottom, or the top, of those that have come to a generation."""
        there = len(scores)
        count = int(self.quantile * there + _SLACK)
        if 2 * there > len(population.members):
            count = max(count, 1)
        return min(count, there // 2)

    def _entered(self, population: Population, trial: Trial) -> Population:
        """A new trial takes the place it was planned for; one that was enqueued an empty one, or one more."""
        stage = Stage.RUNNING if trial.state is TrialState.RUNNING else Stage.WAITING
        entering = Member(stage, trial.number, trial.attempt)
        members = population.members
        planned = Stage.UNSTARTED if trial.parent is None else Stage.VACANT
        places = [place for place, member in enumerate(members) if member.stage is planned]
        if not places and trial.source is not Source.QUEUE:
            places = [place for place, member in enumerate(members) if member.stage is Stage.VACANT]
        if not places:
            return population.extended(entering)
        place = min(places, key=lambda place: (members[place].reached, place))
        left = members[place]
        if trial.parent is not None:
            parent = population.place(trial.parent)
            since = left.reached if parent is None else members[parent].reached
            entering = replace(entering, since=since, generation=left.generation)
        return population.having(place, replace(entering, tries=left.tries))

    def _moved(self, state: _State, place: int, trial: Trial) -> Population:
        """Something has happened to a trial that holds a place."""
        population = state.population
        member = population.members[place]
        stage = _HOLDS.get(trial.state)
        if stage is None:
            return self._left(population, place, member)
        if stage is not Stage.RUNNING:
            return population.having(place, replace(member, stage=stage))
        if trial.attempt > member.attempt:  # claimed anew: it goes on
            halted = member.halted and self.synchronous and self._held(state, member)
            taken = replace(member, stage=stage, attempt=trial.attempt, halted=halted)
            return population.having(place, taken)
        if trial.reports and (trial.step > member.step or not member.step):
            return self._reported(state, place, trial)
        return population

    def _left(self, population: Population, place: int, member: Member) -> Population:
        """A trial has failed, or was stopped by others: another one takes over, unless that never helps."""
        stage = Stage.VACANT if member.tries < _TRIES else Stage.DONE
        return population.having(place, replace(member, stage=stage, tries=member.tries + 1, halted=False))

    def _reported(self, state: _State, place: int, trial: Trial) -> Population:
        """A report: where it comes to a new generation, it is compared."""
        member = replace(state.population.members[place], step=trial.step)
        generation = self._ready(state, member, trial)
        if generation is None:
            return state.population.having(place, member)
        member = replace(member, generation=generation, tries=0)
        population = state.population.having(place, member).scored(generation, place, Score.of(trial))
        if self.synchronous:
            return population.having(place, replace(member, halted=True))
        population = self._judged(state, population, generation)
        member = population.members[place]
        if member.stage is Stage.VACANT:
            return population
        fillable = population.created < state.limit
        return population.having(place, replace(member, halted=population.behind(member.reached, fillable)))

    def _ready(self, state: _State, member: Member, trial: Trial) -> int | None:
        """The generation that the trial's last report comes to, None where it comes to no new one."""
        generation = int(trial.step / state.interval + _SLACK)
        end = generation * state.interval
        first = len(trial.reports) == 1
        before = member.since if first else trial.reports[-2].step
        new = end > before + _SLACK or (first and abs(end - trial.step) <= _SLACK * state.interval)
        if generation < 1 or not new or end < state.fidelity.low or trial.step >= state.fidelity.high:
            return None
        return generation if generation > state.population.closed else None

    def _judged(self, state: _State, population: Population, generation: int) -> Population:
        """The worst of a generation leave their places where somebody better goes on from whom to learn.

        Whoever has come to the next generation meanwhile is not among them. A trial that is paused then is
        never resumed, one that runs ends with its next report.
        """
        scores = population.scores.get(generation, {})
        order = ordered(scores)
        count = self._share(population, scores)
        models = [
            key
            for key, place in order[:count]
            if population.lives(place, scores[place])
            and population.members[place].reached < state.fidelity.high
        ]
        for key, place in order[len(order) - count :]:
            member = population.members[place]
            vacant = sum(other.stage in (Stage.VACANT, Stage.UNSTARTED) for other in population.members)
            if (
                member.generation == generation
                and population.lives(place, scores[place])
                and any(better < key for better in models)
                and population.created + vacant < state.limit
            ):
                left = replace(member, stage=Stage.VACANT, halted=False)
                population = population.having(place, left)
        return population

    def _held(self, state: _State, member: Member) -> bool:
        """Whether a paused member waits for others to come to its generation."""
        return self.synchronous and member.halted and member.generation > state.population.closed

    def _closed(self, state: _State) -> Population:
        """When all have come to a generation: the worst leave their places, and the others go on."""
        population = state.population
        room = population.created < state.limit
        waited_for = [m.generation for m in population.members if m.alive or (room and m.idle)]
        generation = min(waited_for, default=0)
        if generation <= population.closed:
            return population
        population = self._judged(state, replace(population, closed=generation), generation)
        freed = (
            replace(member, halted=member.halted and member.generation > generation)
            for member in population.members
        )
        return replace(population, members=tuple(freed))
