"""bohb, dehb and smac: what they learn from, what they gain, and what is refused."""

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.numeric.hypervolume import hypervolume
from tunesmith.record.event import Created, Reported
from tunesmith.record.fidelity import Fidelity
from tunesmith.record.problem import Problem, parse_objectives
from tunesmith.record.trial import Report, Trial, TrialState
from tunesmith.schedule.hyperband import Hyperband
from tunesmith.schedule.none import NoScheduler
from tunesmith.search._at_budget import AtBudgets
from tunesmith.search.bohb import BOHBSearcher
from tunesmith.search.dehb import DEHBSearcher
from tunesmith.search.random import RandomSearcher
from tunesmith.search.smac import SMACSearcher
from tunesmith.space import Float, Space
from tunesmith.testing.searcher_checks import check_fold, check_purity, check_replay
from tunesmith.testing.simulate import ALL_FAULTS, simulate

SPACE = Space.of({f"x{i}": Float(0.0, 1.0) for i in range(4)})
FIDELITY = Fidelity("epoch", 1, 27, 3)
HALVES = {
    "bohb": (BOHBSearcher(), Hyperband(promotion=True)),
    "bohb, stopping": (BOHBSearcher(), Hyperband()),
    "dehb": (DEHBSearcher(), Hyperband(promotion=True, fresh=True)),
    "smac": (SMACSearcher(trees=8), Hyperband(promotion=True)),
}


def floor(params):
    return sum((x - 0.3 - 0.1 * i) ** 2 for i, x in enumerate(params.values()))


def steps(searcher, scheduler, seed, n_trials):
    """Steps in all until a good configuration is measured to its end; all there were if none was."""
    run = simulate(
        searcher, SPACE, scheduler=scheduler, fidelity=FIDELITY, seed=seed, workers=4, n_trials=n_trials,
        watch=False, objective=lambda trial: floor(trial.params),
    )  # fmt: skip
    params, count = {}, 0
    for event in run.events:
        if isinstance(event, Created):
            params[event.number] = event.params
        elif isinstance(event, Reported):
            count += 1
            if event.step == 27 and floor(params[event.number]) <= 0.03:
                return count
    return count


@pytest.fixture(scope="module")
def random_steps():
    return sum(steps(RandomSearcher(), NoScheduler(), seed, 150) for seed in range(4))


@pytest.mark.parametrize("name", ["bohb", "dehb", "smac"])
def test_they_need_fewer_steps_than_random_search(name, random_steps):
    """Sums of 4 studies with fixed seeds: it fails when code changes, never by chance.

    The ratio is 0.17 to 0.24 on average over 14 studies; resampled from those, 0.6 is missed in 0.5 % (dehb)
    to 1.7 % (bohb) of all sums.
    """
    found = sum(steps(*HALVES[name], seed, 160) for seed in range(4))
    assert found < 0.6 * random_steps


def covered(searcher, scheduler, seed, epochs=2700):
    """The hypervolume of what was measured to its end within so many epochs, for two opposed objectives."""

    def train(trial):
        x = [trial[f"x{i}"] for i in range(4)]
        for epoch in range(1, 28):
            yield sum((u - 0.2) ** 2 for u in x) + 1 / epoch, sum((u - 0.8) ** 2 for u in x) + 1 / epoch

    study = ts.tune(
        train, SPACE, searcher=searcher, scheduler=scheduler, fidelity=FIDELITY, seed=seed,
        objectives={"one": "minimize", "other": "minimize"}, budget={"epoch": epochs},
    )  # fmt: skip
    whole = [trial.losses for trial in study.trials if trial.state is ts.TrialState.COMPLETE]
    return hypervolume(np.array(whole), np.array([1.5, 1.5]))


def test_dehb_covers_the_front_of_two_objectives():
    """Sums of 4 studies with fixed seeds: it fails when code changes, never by chance."""
    ours = sum(covered(*HALVES["dehb"], seed) for seed in range(4))
    assert ours > 1.02 * sum(covered(RandomSearcher(), NoScheduler(), seed) for seed in range(4))


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", HALVES)
def test_both_halves_keep_the_laws_together(name, workers):
    run = simulate(
        HALVES[name][0], SPACE, scheduler=HALVES[name][1], fidelity=Fidelity("epoch", 1, 9, 3), seed=1,
        workers=workers, n_trials=34, faults=ALL_FAULTS,
    )  # fmt: skip
    check_fold(run)
    check_purity(run)
    check_replay(run)


class TestAtBudgets:
    problem = Problem(objectives=parse_objectives(None, None), space=SPACE, fidelity=FIDELITY)

    def trial(self, number, steps, state=TrialState.PAUSED, budget=27, **fields):
        reports = tuple(Report(s, (100.0 - s,), (100.0 - s,), {}) for s in steps)
        losses = reports[-1].losses if reports else None
        return Trial(
            number, state, {}, reports=reports, losses=losses, values=losses, budget=budget
        )._replace(**fields)

    def sizes(self, *trials):
        state = AtBudgets.of(self.problem, "x")
        for trial in trials:
            state = state.tell(trial)
        return [history.losses[:, 0].tolist() for history in state.rungs]

    def test_each_budget_is_counted_once_with_the_loss_there(self):
        paused = self.trial(0, range(1, 4))
        later = self.trial(0, range(1, 12), TrialState.STOPPED)
        assert self.sizes(paused) == [[99.0], [97.0], [], []]
        assert self.sizes(paused, later) == [[99.0], [97.0], [91.0], []]
        assert self.sizes(self.trial(0, [5, 30], TrialState.COMPLETE)) == [[95.0], [95.0], [70.0], [70.0]]

    def test_what_told_a_result_only_counts_at_its_budget(self):
        done = {"losses": (1.0,), "values": (1.0,)}
        assert self.sizes(self.trial(0, [], TrialState.COMPLETE, 3, **done)) == [[], [1.0], [], []]
        assert self.sizes(self.trial(0, [], TrialState.COMPLETE, None, **done)) == [[], [], [], [1.0]]

    def test_a_failure_counts_where_it_was_on_its_way(self):
        state = AtBudgets.of(self.problem, "x").tell(self.trial(0, [1], TrialState.FAILED, losses=None))
        assert [history.n for history in state.rungs] == [1, 1, 0, 0]
        assert state.informed(1) is state.rungs[0], "what failed informs of nothing"


PLANE = {"x": ts.Float(0.0, 1.0), "y": ts.Float(0.0, 1.0)}
SETTINGS = {"fidelity": ts.Fidelity("epoch", 1, 9), "seed": 0}


class TestPresets:
    @pytest.mark.parametrize("way", ["searcher", "scheduler"])
    @pytest.mark.parametrize(
        ("name", "scheduler"),
        [("bohb", ts.Hyperband(promotion=True)), ("dehb", ts.Hyperband(promotion=True, fresh=True)),
         ("smac", ts.Hyperband(promotion=True))],
    )  # fmt: skip
    def test_a_name_gives_both_halves(self, name, scheduler, way):
        def train(trial):
            for epoch in range(1, 10):
                yield (trial["x"] - 0.5) ** 2 + 1 / epoch

        study = ts.tune(train, PLANE, n_trials=25, **{way: name}, **SETTINGS)
        assert study.spec.searcher["name"] == name
        assert study.spec.scheduler["name"] == "hyperband"
        assert study.cursor.scheduler == scheduler
        assert study.replay().identical

    def test_objectives_that_cannot_pause_are_stopped(self):
        assert ts.create_study(PLANE, searcher="bohb", **SETTINGS).cursor.scheduler == ts.Hyperband()
        share = ts.create_study(PLANE, searcher="smac", fidelity=ts.Fidelity("share", 0.1, 1.0))
        assert share.cursor.scheduler == ts.Hyperband(promotion=True)

    def test_the_same_study_is_taken_up_again(self, tmp_path):
        place = {"name": "a", "storage": str(tmp_path / "s.db"), "load_if_exists": True}
        for _ in range(2):
            study = ts.create_study(PLANE, searcher="dehb", **place, **SETTINGS)
            study.tell(study.ask(), 1.0)
        assert len(study.trials) == 2

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"searcher": "bohb", "scheduler": "asha"}, "scheduler='asha' was given beside it"),
            ({"searcher": "tpe", "scheduler": "dehb"}, "searcher='tpe' was given beside it"),
            ({"searcher": "bohb", "scheduler": "smac"}, "was given beside it"),
            ({"searcher": "smac", "fidelity": None}, "needs budgets"),
            ({"searcher": "bohb", "replicates": 3}, "leave replicates= out"),
            ({"searcher": ts.BOHBSearcher(), "fidelity": None}, "give fidelity="),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, asked, words):
        with pytest.raises(ts.SettingError, match=words):
            ts.create_study(PLANE, **{**SETTINGS, **asked})
