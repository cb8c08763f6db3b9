"""PB2: the drifting process, what it proposes for clones, and what it is worth."""

import math
import statistics

import numpy as np
import pytest
from scipy.optimize import approx_fprime

import tunesmith as ts
from tunesmith.errors import SettingError
from tunesmith.numeric.drift import Drift, Hyper, fit, negative_log, prior
from tunesmith.record.event import Created
from tunesmith.record.fidelity import Fidelity
from tunesmith.schedule.pbt import PBT
from tunesmith.search.explore import ExploreSearcher
from tunesmith.search.pb2 import PB2Searcher

RNG = np.random.default_rng(0)


def made(n=12, d=3):
    z = RNG.random((n, d))
    return z, np.sort(RNG.integers(0, 9, n)).astype(float), RNG.standard_normal(n)


def covariance(one, other, hyper):
    (z, t), (z2, t2) = one, other
    q = (((z[:, None] - z2[None]) ** 2) * np.exp(hyper.log_w)).sum(axis=2)
    r = np.sqrt(5 * q)
    left = (1 - (1 - math.exp(-math.exp(hyper.log_kappa)))) ** (np.abs(t[:, None] - t2[None]) / 2)
    return (1 + r + r**2 / 3) * np.exp(-r) * left


def test_the_posterior_is_that_of_the_textbook():
    z, t, y = made()
    at, when = RNG.random((5, 3)), np.full(5, 9.0)
    hyper = Hyper(np.array([0.5, -1.0, 2.0]), -2.0, -1.5)
    c = covariance((z, t), (z, t), hyper) + math.exp(-2.0) * np.eye(12)
    k = covariance((at, when), (z, t), hyper)
    process = Drift(z, t, hyper, y)
    assert process.mean(at, when) == pytest.approx(k @ np.linalg.solve(c, y))
    variance = 1 - np.einsum("ij,ji->i", k, np.linalg.solve(c, k.T))
    assert process.sd(at, when) == pytest.approx(np.sqrt(variance))
    assert (process.sd(at, when + 50) > process.sd(at, when)).all()  # the past fades


def test_gradients_of_the_likelihood():
    z, t, y = made()
    mode = prior(3)
    x = np.concatenate([mode.log_w + 0.3, [mode.log_rho, mode.log_kappa]])
    numeric = approx_fprime(x, lambda x: negative_log(x, z, t, y)[0], 1e-6)
    assert negative_log(x, z, t, y)[1] == pytest.approx(numeric, abs=1e-4)


def test_how_fast_things_change_is_learnt():
    z, t = RNG.random((60, 1)), np.repeat(np.arange(12.0), 5)
    y = np.sin(6 * z[:, 0])
    still = fit(z, t, y).log_kappa
    changing = fit(z, t, np.sin(6 * z[:, 0] + 0.7 * t)).log_kappa
    assert still < -4 < changing - 2


def train(trial):
    """The best rate falls with time; a wrong one undoes what was learnt."""
    saved = trial.load_checkpoint()
    step, weight = (saved["step"], saved["weight"]) if saved else (0, 0.0)
    while step < 40:
        step += 1
        ideal = 0.7 * 0.93**step
        weight += 1.0 - 4.0 * (trial["a"] - ideal) ** 2 - 2.0 * abs(trial["b"] - 0.5)
        trial.save_checkpoint({"step": step, "weight": weight}, step=step)
        trial.report(weight, step)
    return weight


SPACE = {"a": ts.Float(0, 1), "b": ts.Float(0, 1), "c": ts.Categorical(["x", "y", "z"])}


def found(searcher, seed):
    return ts.tune(
        train,
        SPACE,
        direction="maximize",
        searcher=searcher,
        scheduler=PBT(population=4, interval=2, quantile=0.25),
        fidelity=Fidelity("step", 1, 40),
        seed=seed,
    )


def test_with_four_members_it_beats_chance():
    """Medians of 3 studies with fixed seeds; over 16 other seeds it was better in 15."""
    model = statistics.median(found(PB2Searcher(interval=2, n_startup=4), s).best_value for s in range(3))
    chance = statistics.median(found(ExploreSearcher(near=0.0, n_startup=4), s).best_value for s in range(3))
    assert model > chance


def test_a_clone_is_not_where_another_one_trains_already():
    study = found(PB2Searcher(interval=2, n_startup=4), 5)
    assert study.replay().identical
    events = study.cursor.store.read(study.cursor.id)
    clones = [event for event in events if isinstance(event, Created) and event.parent is not None]
    assert len({(event.params["a"], event.params["b"]) for event in clones}) == len(clones)
    kinds = {event.params["c"] for event in clones}
    assert len(kinds) > 1


def test_by_name():
    with pytest.raises(SettingError, match="own searcher"):
        ts.create_study(SPACE, scheduler="pb2", searcher="tpe", fidelity=Fidelity("step", 1, 40))
    study = ts.create_study(SPACE, scheduler="pb2", fidelity=Fidelity("step", 1, 40))
    assert study.spec.searcher["name"] == "pb2"
    assert study.spec.scheduler["name"] == "pbt"
    assert study.spec.scheduler["settings"]["population"] == 8
    own = PBT(population=5, interval=4)
    study = ts.create_study(SPACE, scheduler=own, searcher="pb2", fidelity=Fidelity("step", 1, 40))
    assert study.spec.searcher["settings"]["interval"] == 4
    assert study.spec.searcher["settings"]["n_startup"] == 5


@pytest.mark.parametrize("options", [{"interval": 0}, {"n_startup": 0}, {"resample": 2}])
def test_wrong_settings(options):
    with pytest.raises(SettingError):
        PB2Searcher(**options)
