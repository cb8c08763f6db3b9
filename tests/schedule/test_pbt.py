"""Population based training: who is stopped, who is cloned, and that no place is ever lost."""

import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.errors import SettingError
from tunesmith.record.assignment import Decision, Resume, Start, Wait
from tunesmith.record.event import Created, Reported, Resumed
from tunesmith.record.fidelity import Fidelity, generation_length
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.schedule._population import Score, ordered
from tunesmith.schedule.pbt import PBT
from tunesmith.search.explore import ExploreSearcher
from tunesmith.testing.simulate import ALL_FAULTS, NO_FAULTS, simulate
from tunesmith.testing.zoo import zoo

FIDELITY = Fidelity("epoch", 1, 24)
RUNNING, STOPPED, PAUSED = TrialState.RUNNING, TrialState.STOPPED, TrialState.PAUSED


def simulated(workers, seed, scheduler=None, faults=NO_FAULTS, n_trials=300):
    return simulate(
        ExploreSearcher(near=0.0, n_startup=10),
        zoo()["two parents"],
        scheduler=scheduler or PBT(population=10, interval=3),
        fidelity=FIDELITY,
        seed=seed,
        workers=workers,
        faults=faults,
        n_trials=n_trials,
        watch=False,
    )


def successors(run):
    """By trial whether it ended before its end, without being paused for good; and the clones."""
    trials = run.fold().ledger.trials
    gone = [t for t in trials if t.state in (STOPPED, PAUSED, TrialState.FAILED)]
    return trials, gone


@pytest.mark.parametrize("synchronous", [False, True])
@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (4, 1), (13, 2)])
def test_every_place_comes_to_its_end(seed, workers, synchronous):
    run = simulated(workers, seed, PBT(population=10, interval=3, synchronous=synchronous))
    trials, gone = successors(run)
    assert run.exhausted, "the study did not end by itself"
    states = Counter(trial.state for trial in trials)
    assert states[TrialState.COMPLETE] == 10
    clones = [trial for trial in trials if trial.parent is not None]
    assert len(clones) == len(gone) >= 7  # one for each that was given up, and none twice
    assert len(trials) == 10 + len(clones)


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (4, 1), (10, 2)])
def test_with_faults_every_loss_is_made_good(seed, workers):
    run = simulated(workers, seed, faults=ALL_FAULTS)
    trials, _ = successors(run)
    mine = [t for t in trials if t.source not in ("queue", "import")]
    lost = [t for t in trials if t.state is RUNNING]  # their workers are never heard of again
    complete = [t for t in trials if t.state is TrialState.COMPLETE and t.source != "import"]
    enqueued = [t for t in trials if t.source == "queue"]
    assert len(mine) >= 10 - len(enqueued)
    assert len(complete) + len(lost) >= 10
    started = [t for t in mine if t.parent is None]
    assert len(started) >= 10 - len(enqueued)


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (10, 1)])
def test_the_stopped_were_among_the_worst_and_parents_among_the_best(seed, workers):
    run = simulated(workers, seed)
    table, stops, shares = {}, 0, []
    for position, event in enumerate(run.events, start=1):
        if isinstance(event, Reported) and event.step % 3 == 0 and event.step < 24:
            table.setdefault(event.step, {})[event.number] = event.values[0]
        if isinstance(event, Reported) and run.decisions[position][1] is Decision.STOP:
            rows = [row for row in table.values() if event.number in row]
            assert max(share_behind(row, event.number) for row in rows) >= 0.5
            stops += 1
        if isinstance(event, Created) and event.parent is not None:
            rows = [row for row in table.values() if event.parent in row]
            shares.append(min(share_behind(row, event.parent) for row in rows))
    assert stops
    assert sum(shares) / len(shares) < 0.3


def share_behind(row, number):
    """The share of the others that are better."""
    return sum(loss < row[number] for loss in row.values()) / max(len(row) - 1, 1)


def test_with_a_worker_for_every_member_none_is_paused():
    scheduler = PBT(population=10, interval=5)
    state, reports, answers = told(scheduler, *begun(10)), dict.fromkeys(range(10), ()), Counter()
    for step in range(1, 20):
        for number in list(reports):
            trial = report(number, step, ((7 * number) % 10) / step, before=reports[number])
            reports[number] = trial.reports
            state = scheduler.tell(state, trial)
            answer = scheduler.decide(state, trial)
            answers[answer] += 1
            if answer is Decision.STOP:  # its worker takes up the clone at once
                plan = scheduler.plan(state, len(answers))
                assert plan.parent in reports
                clone = Trial(20 + step * 10 + number, RUNNING, {}, attempt=1, parent=plan.parent, budget=20)
                del reports[number]
                reports[clone.number] = ()
                state = scheduler.tell(state, clone)
    assert answers[Decision.STOP] >= 6
    assert not answers[Decision.PAUSE]


def test_with_few_workers_all_come_forward_together():
    run = simulated(2, 0)
    assert any(isinstance(event, Resumed) for event in run.events)
    reached = {}
    for event in run.events:
        if isinstance(event, Created):
            reached[event.number] = reached.get(event.parent, 0)
        if isinstance(event, Reported):
            reached[event.number] = event.step
            if event.step == 6:
                assert len(reached) >= 10
                assert sum(step < 3 for step in list(reached.values())[:10]) <= 1  # the other worker's


def report(number, step, loss, attempt=1, before=(), **fields):
    losses = loss if isinstance(loss, tuple) else (loss,)
    reports = (*before, Report(step, losses, losses, {}))
    return Trial(number, RUNNING, {"x": 0.5}, reports=reports, attempt=attempt, budget=20, **fields)


def told(scheduler, *trials, fidelity=None, objectives=None, n_trials=None):
    problem = Problem(
        objectives=parse_objectives(None, objectives),
        fidelity=fidelity or Fidelity("step", 1, 20),
        n_trials=n_trials,
    )
    state = scheduler.init(problem)
    for trial in trials:
        state = scheduler.tell(state, trial)
    return state


def begun(count):
    return [Trial(number, RUNNING, {"x": 0.5}, attempt=1, budget=20) for number in range(count)]


def test_a_population_of_four_by_hand():
    scheduler = PBT(population=4, interval=5, quantile=0.25)
    state = told(scheduler, *begun(4))
    assert scheduler.plan(state, 4) == Wait()
    for number, loss in enumerate([0.4, 0.1, 0.2]):
        trial = report(number, 5, loss)
        state = scheduler.tell(state, trial)
        assert scheduler.decide(state, trial) is Decision.CONTINUE
    worst = report(0, 6, 0.4, before=report(0, 5, 0.4).reports)
    assert scheduler.decide(state, worst) is Decision.STOP  # three of four have come, and it is the last
    assert scheduler.plan(state, 4) == Start(20, 1)
    clone = Trial(4, RUNNING, {"x": 0.4}, attempt=1, parent=1, budget=20)
    state = scheduler.tell(state, clone)
    assert scheduler.plan(state, 5) == Wait(), "cloned twice"
    late = report(3, 5, 0.3)
    state = scheduler.tell(state, late)
    assert scheduler.decide(state, late) is Decision.CONTINUE  # the worst of the generation is gone already
    first = report(4, 6, 0.05, parent=1)
    assert scheduler.decide(scheduler.tell(state, first), first) is Decision.CONTINUE


def test_what_was_decided_stays_when_the_worker_is_lost():
    scheduler = PBT(population=4, interval=5, quantile=0.25)
    state = told(scheduler, *begun(4), *(report(n, 5, n) for n in range(4)))
    lost = report(3, 5, 3.0)
    assert scheduler.decide(state, lost) is Decision.STOP
    for again in (lost._replace(state=TrialState.WAITING), lost._replace(attempt=2)):
        state = scheduler.tell(state, again)
        assert scheduler.decide(state, again) is Decision.STOP
    assert scheduler.plan(state, 4) == Start(20, 0)


def test_a_paused_one_goes_on_where_it_was_paused():
    scheduler = PBT(population=4, interval=5)
    first = report(0, 5, 1.0)
    state = told(scheduler, *begun(1), first)
    assert scheduler.decide(state, first) is Decision.PAUSE  # three have not even begun
    state = scheduler.tell(state, first._replace(state=PAUSED))
    assert scheduler.plan(state, 1) == Start(20)
    for trial in begun(4)[1:]:
        state = scheduler.tell(state, trial)
    assert scheduler.plan(state, 4) == Resume(0, 20)
    resumed = first._replace(attempt=2)
    state = scheduler.tell(state, resumed)
    assert scheduler.decide(state, resumed) is Decision.CONTINUE


def test_failures_are_replaced_and_in_the_end_given_up():
    scheduler = PBT(population=2, interval=5)
    state, number = told(scheduler, *begun(2)), 2
    broken = begun(2)[1]
    while True:
        state = scheduler.tell(state, broken._replace(state=TrialState.FAILED))
        plan = scheduler.plan(state, number)
        if plan == Wait():
            break
        assert plan == Start(20), "nobody is there to learn from"
        broken = Trial(number, RUNNING, {"x": 0.5}, attempt=1, budget=20)
        state, number = scheduler.tell(state, broken), number + 1
    assert number == 5


def test_n_trials_limits_the_clones():
    run = simulated(4, 0, n_trials=13)
    trials, _ = successors(run)
    assert len(trials) == 13
    assert Counter(trial.state for trial in trials)[TrialState.COMPLETE] == 10
    few = simulated(4, 0, n_trials=6)
    assert Counter(t.state for t in few.fold().ledger.trials) == {TrialState.COMPLETE: 6}


def test_a_clone_that_starts_late_is_not_ready_at_once():
    scheduler = PBT(population=4, interval=5, quantile=0.25)
    state = told(scheduler, *begun(4), *(report(n, 7, n) for n in range(4)))  # all crossed 5
    state = scheduler.tell(state, Trial(4, RUNNING, {"x": 0.4}, attempt=1, parent=0, budget=20))
    state = scheduler.tell(state, report(4, 8, 99.0, parent=0))
    assert 4 not in {score.number for row in state.population.scores.values() for score in row.values()}
    state = scheduler.tell(state, report(4, 10, 99.0, parent=0, before=report(4, 8, 99.0).reports))
    assert [score.number for score in state.population.scores[2].values()] == [4]


LOSSES = st.floats(0, 9) | st.just(math.inf)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.tuples(LOSSES, LOSSES), st.sampled_from([0.0, 0.0, 0.5, 2.0])), max_size=12))
def test_order_feasible_first_and_nobody_behind_whom_it_dominates(rows):
    scores = {place: Score(place, losses, limit) for place, (losses, limit) in enumerate(rows)}
    order = ordered(scores)
    assert sorted(place for _, place in order) == list(range(len(rows)))
    limits = [scores[place].violation for _, place in order]
    assert limits == sorted(limits)
    at = {place: i for i, (_, place) in enumerate(order)}
    for a, one in scores.items():
        for b, other in scores.items():
            dominates = one.losses != other.losses and all(
                x <= y for x, y in zip(one.losses, other.losses, strict=True)
            )
            if dominates and one.violation == other.violation == 0:
                assert at[a] < at[b]


def test_intervals():
    assert generation_length(Fidelity("epoch", 1, 200)) == 10
    assert generation_length(Fidelity("epoch", 1, 9)) == 1
    assert generation_length(Fidelity("share", 0.1, 1.0)) == pytest.approx(0.05)
    problem = Problem(objectives=parse_objectives(None, None), fidelity=Fidelity("epoch", 4, 20))
    assert PBT(interval=3).budgets(problem) == [6, 9, 12, 15, 18, 20]


@pytest.mark.parametrize(
    "options",
    [
        {"population": 1},
        {"interval": 0},
        {"quantile": 0.6},
        {"quantile": 0},
        {"synchronous": 1},
        {"seed": -1},
    ],
)
def test_wrong_settings(options):
    with pytest.raises(SettingError):
        PBT(**options)


def test_what_it_needs_is_said_before_the_first_trial():
    space = {"x": ts.Float(0, 1)}
    with pytest.raises(SettingError, match="fidelity"):
        ts.create_study(space, scheduler="pbt")
    with pytest.raises(SettingError, match="smaller interval"):
        ts.create_study(space, scheduler=PBT(interval=30), fidelity=Fidelity("epoch", 1, 20))
    with pytest.raises(SettingError, match="explore"):
        ts.create_study(space, scheduler="pbt", searcher="tpe", fidelity=Fidelity("epoch", 1, 20))
    study = ts.create_study(space, scheduler="pbt", fidelity=Fidelity("epoch", 1, 20))
    assert study.spec.searcher["name"] == "explore"
    assert study.spec.searcher["settings"]["n_startup"] == 16


def weights(trial):
    """Trains a number; its best rate falls with time. The checkpoint tells how it came about."""
    data = trial.load_checkpoint()
    step, weight, trail = json.loads(data) if data else (0, 1.0, [])
    while step < 24:
        step += 1
        ideal = 0.5 * 0.9 ** (step / 3)
        weight *= 1 - 0.3 * math.exp(-abs(math.log(trial["rate"] / ideal)))
        trail.append([step, trial.number, trial["rate"]])
        trial.save_checkpoint(json.dumps([step, weight, trail]).encode(), step=step)
        trial.set_user_attr("trail", trail)
        trial.report(weight, step)
    return weight


def test_a_real_study_whose_weights_tell_their_lineage(tmp_path):
    study = ts.tune(
        weights,
        {"rate": ts.Float(1e-3, 1, log=True), "kind": ["a", "b", "c"]},
        fidelity=FIDELITY,
        scheduler=PBT(population=6, interval=4),
        name="lineage",
        storage=tmp_path / "store.db",
        seed=0,
    )
    complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
    assert len(complete) == 6
    assert any(t.parent is not None for t in complete)
    for trial in complete:
        trail = trial.user_attrs["trail"]
        assert [step for step, _, _ in trail] == list(range(1, 25))
        lineage = [trial.number]
        while (parent := study.trials[lineage[-1]].parent) is not None:
            lineage.append(parent)
        assert list(dict.fromkeys(number for _, number, _ in trail)) == lineage[::-1]
        assert all(rate == study.trials[number].params["rate"] for _, number, rate in trail)
    assert study.replay().identical
