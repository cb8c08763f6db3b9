"""What a Gaussian process has ready before a result: it is what it would propose anyway, and it is enough."""

import math

import numpy as np
import pytest
from driver import Driver, space

import tunesmith as ts
from tunesmith import presets
from tunesmith._rng import Rng
from tunesmith.kernel.plan import prepare
from tunesmith.model.acquire import Effort, maximise
from tunesmith.model.surrogate import loss, surrogate
from tunesmith.model.terms import Improvement, Rough
from tunesmith.model.view import view_of
from tunesmith.numeric.warp import POWERS, Bend, Reach, yeo_johnson
from tunesmith.record.trial import TrialState
from tunesmith.search import _pool
from tunesmith.search._base import Ask
from tunesmith.search.gp import GPSearcher
from tunesmith.search.random import RandomSearcher
from tunesmith.search.replicate import ReplicatingSearcher
from tunesmith.testing.searcher_laws import check_all
from tunesmith.testing.simulate import Faults, simulate
from tunesmith.testing.zoo import programs, zoo

SMALL = GPSearcher(n_startup=3, candidates=32, ascents=2, fantasies=2)
CUBE = space({name: ts.Float(0, 1) for name in "xyz"})
MIXED = space({"x": ts.Float(0, 1), "n": ts.Int(0, 9), "kind": ["a", "b", "c"]})


def bowl(params):
    return sum((value - 0.3) ** 2 for value in params.values() if isinstance(value, float))


def asked(driver):
    return Ask(driver.number, driver.space, tuple(driver.pending.values()), Rng(0, driver.number))


@pytest.fixture
def made(monkeypatch):
    """The pools that were made, in order; None where there could be none."""
    found, make = [], _pool._made

    def noted(*given):
        found.append(make(*given))
        return found[-1]

    monkeypatch.setattr(_pool, "_made", noted)
    return found


@pytest.fixture
def early(made, monkeypatch):
    """The same, from 8 observations on."""
    monkeypatch.setattr(_pool, "_FROM", 8)
    return made


class TestLaws:
    """The searcher's laws where pools are in use: its law class ends before."""

    @pytest.mark.parametrize(
        ("name", "workers"), [("constraints and conditions", 1), ("beliefs", 3), ("odd labels", 2)]
    )
    def test_spaces(self, name, workers, early):
        check_all(simulate(SMALL, zoo()[name], workers=workers, n_trials=16, seed=2))
        assert any(early)

    def test_failures(self, early):
        check_all(simulate(SMALL, CUBE, workers=2, n_trials=18, seed=1, faults=Faults(fails=0.2)))
        assert any(early)

    def test_define_by_run(self, early):
        program = programs()["growing program"]
        check_all(simulate(SMALL, None, objective=program, n_trials=16, seed=1))
        assert any(early)


class TestPrepared:
    @pytest.mark.parametrize("where", [CUBE, MIXED], ids=["numbers", "mixed"])
    @pytest.mark.parametrize("workers", [1, 3])
    def test_what_is_prepared_is_used_and_changes_nothing(self, where, workers, made):
        proposals = []
        for ahead in (False, True):
            driver = Driver(SMALL, where)
            driver.run(bowl, 24)
            running = [driver.ask() for _ in range(workers)]
            for _ in range(3):
                if ahead:
                    prepare(SMALL, driver.state, asked(driver))
                before = len(made)
                driver.finish(running[0], bowl(running.pop(0).params))
                running.append(driver.ask())
                if ahead:
                    assert len(made) == before, "the ask has made its pool itself"
            proposals.append([trial.params for trial in driver.told])
        assert proposals[0] == proposals[1]

    def test_auto_prepares_what_it_will_ask(self, made):
        auto = presets.searcher("auto")
        driver = Driver(auto, CUBE)
        driver.run(bowl, 25)
        trial = driver.ask()
        prepare(auto, driver.state, asked(driver))
        assert auto.prepares
        before = len(made)
        assert made[-1] is not None
        driver.finish(trial, bowl(trial.params))
        driver.ask()
        assert len(made) == before

    def test_a_study_of_longer_trials_prepares(self, made):
        study = ts.create_study({"x": ts.Float(0, 1)}, searcher=SMALL, seed=0)
        study.optimize(lambda trial: (trial["x"] - 0.3) ** 2, n_trials=28)
        again = ts.create_study({"x": ts.Float(0, 1)}, searcher=SMALL, seed=0)
        for _ in range(28):
            trial = again.ask()
            again.cursor.prepare(None)
            again.tell(trial, (trial["x"] - 0.3) ** 2)
        assert [trial.params for trial in study.trials] == [trial.params for trial in again.trials]


class TestPool:
    def pool(self, others=0):
        """A pool, the rows that it was made for, and the process before."""
        drawn = Driver(RandomSearcher(), CUBE)
        drawn.run(bowl, 24)
        driver = Driver(GPSearcher(), CUBE)
        for trial in drawn.told:
            driver.tell(trial)
        driver.number = drawn.number
        self.history = driver.state
        running = [driver.ask() for _ in range(1 + others)]
        pool = _pool.pool_of(driver.state, asked(driver), running[0], running[1:], GPSearcher()._settings)
        return pool, running, surrogate(driver.state, CUBE, loss(0))

    def test_means_are_those_of_the_process_with_the_result(self):
        pool, running, main = self.pool()
        row = np.array([list(running[0].params.values())])
        for off in (-2.0, 0.3, 5.0):
            process, samples = main.process.with_pending(row, np.array([[off]]))
            at = process.predict(pool.rows)
            np.testing.assert_allclose(pool.level[:, 0] + off * pool.lift, at.mean[:, 0], rtol=0, atol=1e-8)
            assert pool.samples[0, 0] + off * pool.rise[0] == pytest.approx(samples[0, 0], abs=1e-9)
        assert (pool.sd >= at.sd - 1e-9).all()  # with roughness

    @pytest.mark.parametrize("off", [-2.5, -0.7, 0.6, 2.5])
    def test_its_best_row_is_about_as_good_as_a_search_that_knows_the_result(self, off):
        pool, running, main = self.pool()
        row = np.array([list(running[0].params.values())])
        process, samples = main.process.with_pending(row, np.array([[off]]))
        best = min(float(main.y.min()), float(samples[0, 0]))
        improvement = Improvement(Rough.of(process, np.concatenate([main.units, row])), np.array([best]))
        scale, chance = np.full(3, 0.3), np.random.default_rng(0)
        rows = maximise(view_of(self.history, CUBE), improvement, row, scale, chance, Effort())
        result = next(y for y in np.linspace(-3, 3, 6001) if pool.bend(y) >= float(samples[0, 0]))
        found = improvement(np.array([pool.ranked(float(result))[0], rows[0]]))[0]
        assert found[0] > found[1] - 0.2  # in logarithms

    def test_few_observations_and_constraints_are_computed_anew(self, made):
        driver = Driver(SMALL, CUBE)
        driver.run(bowl, 15)
        assert not made
        trial = driver.ask()
        driver.finish(trial, 0.1, constraints={"late": 1.0})
        driver.run(bowl, 10)
        assert not any(made)

    def test_a_result_beyond_all_numbers_is_computed_anew(self, made):
        driver = Driver(SMALL, CUBE)
        driver.run(bowl, 23)
        for value in (math.inf, 1e100, -1e100):
            trial = driver.ask()
            driver.finish(trial, value, state=TrialState.COMPLETE)
            assert all(0.0 <= u <= 1.0 for u in driver.ask_of(driver.state).unit)


@pytest.mark.parametrize("power", POWERS)
def test_a_bend_puts_what_it_was_made_of_where_the_transform_does(power):
    y = np.random.default_rng(0).normal(size=9) ** 3
    bend = Bend.of(y, power)
    np.testing.assert_allclose([bend(value) for value in y], yeo_johnson(Reach.of(y)(y), power)[0])


def test_one_that_repeats_prepares_what_is_inside(made):
    searcher = ReplicatingSearcher(SMALL)
    driver = Driver(searcher, CUBE)
    driver.run(bowl, 24)
    trial = driver.ask()
    prepare(searcher, driver.state, asked(driver))
    assert searcher.prepares
    assert made[-1] is not None
    before = len(made)
    driver.finish(trial, bowl(trial.params))
    driver.ask()
    assert len(made) == before
    assert not ReplicatingSearcher(RandomSearcher()).prepares


def test_auto_tells_only_what_may_answer():
    one, two = (
        Driver(presets.searcher("auto"), CUBE),
        Driver(presets.searcher("auto"), CUBE, objectives={"a": "minimize", "b": "minimize"}),
    )
    parts = presets.AUTO_PARTS
    assert one.state.others[parts.index("nsga2")] is None
    assert one.state.others[parts.index("cmaes")] is not None
    assert two.state.others[parts.index("nsga2")] is not None
    assert two.state.others[parts.index("cmaes")] is None
