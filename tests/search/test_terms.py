"""What a promise is made of: gradients are those of the values, whatever is pending."""

from dataclasses import replace

import numpy as np
import pytest

from tunesmith.model.terms import Feasible, Hypervolume, Improvement, Rough
from tunesmith.numeric import gp
from tunesmith.numeric.embedding import Embedding

DIMS = 3
_FRONT = np.array([[-1.0, 0.5], [-0.2, -0.3], [0.6, -1.1]])


def _processes(pending):
    """Two processes over mixed rows, the last column a category, with samples of what is pending."""
    rng = np.random.default_rng(3)
    embedding = Embedding([0, 0, 3], [False, True, False])
    units = rng.random((12, DIMS))
    units[::4, 1] = np.nan
    waiting = rng.random((pending, DIMS))
    roughs, samples = [], []
    for _ in range(2):
        hyper = gp.prior(embedding)._replace(log_rho=-2.0)
        process = gp.Posterior(embedding, gp.Data(units, rng.normal(size=12)), hyper)
        found = np.empty((0, 1))
        if pending:
            process, found = process.with_pending(waiting, rng.normal(size=(pending, 4)))
        roughs.append(Rough.of(process, np.concatenate([units, waiting])))
        samples.append(found)
    return roughs, np.stack(samples, axis=-1)


@pytest.mark.parametrize("pending", [0, 2])
@pytest.mark.parametrize("kind", ["hypervolume", "improvement", "feasible"])
def test_gradients_are_those_of_the_values(pending, kind) -> None:
    roughs, samples = _processes(pending)
    fronts = [np.concatenate([_FRONT, samples[:, s]]) for s in range(samples.shape[1])]
    term = {
        "hypervolume": Hypervolume((roughs[0], roughs[1]), fronts, np.array([1.0, 1.5])),
        "improvement": Improvement(roughs[0], np.full(samples.shape[1], -0.5)),
        "feasible": Feasible(_processes(0)[0][0].process),
    }[kind]
    rows = np.random.default_rng(5).uniform(0.05, 0.95, (6, DIMS))
    rows[2, 1] = np.nan
    gradient = term(rows)[1]()
    step = 1e-5
    for d in range(2):
        change = np.zeros(DIMS)
        change[d] = step
        slope = (term(rows + change)[0] - term(rows - change)[0]) / (2 * step)
        expected = np.where(np.isnan(rows[:, d]), 0.0, slope)
        np.testing.assert_allclose(gradient[:, d], expected, rtol=1e-4, atol=1e-6)
    assert (gradient[:, 2] == 0.0).all()


def test_what_is_pending_is_not_promised_again() -> None:
    roughs, _ = _processes(0)
    best = np.random.default_rng(5).random((64, DIMS))
    term = Hypervolume((roughs[0], roughs[1]), [_FRONT], np.array([1.0, 1.5]))
    best = best[np.argsort(-term(best)[0])[:1]]
    pairs = [rough.process.with_pending(best, np.zeros((1, 1))) for rough in roughs]
    front = np.concatenate([_FRONT, np.stack([samples for _, samples in pairs], axis=-1)[:, 0]])
    after = Hypervolume(
        (replace(roughs[0], process=pairs[0][0]), replace(roughs[1], process=pairs[1][0])),
        [front],
        term.reference,
    )
    assert after(best)[0][0] < term(best)[0][0] - 0.5  # of logarithms: little more than noise is left there
