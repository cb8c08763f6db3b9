"""Every searcher with every scheduler, number of workers and seed, on every space of the zoo."""

from dataclasses import replace
from itertools import product

import pytest

from tunesmith import presets
from tunesmith.testing.searcher_laws import (
    FIDELITY,
    SCHEDULERS,
    WORKERS,
    able,
    check_all,
    check_fresh_process,
)
from tunesmith.testing.simulate import ALL_FAULTS, simulate, write_log
from tunesmith.testing.zoo import programs, zoo

SPACES = {**zoo(), **dict.fromkeys(programs())}
PLACES = list(product(SCHEDULERS, WORKERS))
SLOW = "gp", "auto"
SMALL = {  # of those whose asks are slow; small enough that the model is reached
    "gp": {"n_startup": 3, "candidates": 16, "ascents": 1, "fantasies": 2},
    "forest": {"n_startup": 4, "trees": 8, "rounds": 3, "starts": 3, "neighbours": 8, "interleave": 0.1},
    "policy": {"window": 8, "every": 4},
    "bohb": {"n_startup": 4},
    "smac": {"n_startup": 4, "trees": 8},
}
FEW = {"gp": 8, "auto": 8, "forest": 12, "policy": 14}  # trials of a study; others have 20


def made(name):
    """The searcher of this name, with small settings where it is slow."""
    found = presets.searcher(name)
    if name == "auto":
        return replace(found, parts=tuple(made(part) for part in presets.AUTO_PARTS))
    return replace(found, **SMALL.get(name, {}))


def played(name, scheduler, workers, among, seed):
    """A simulated study that keeps all laws."""
    run = simulate(
        made(name),
        SPACES[among],
        objective=programs().get(among),
        scheduler=scheduler,
        workers=workers,
        seed=seed,
        fidelity=FIDELITY,
        n_trials=FEW.get(name, 20),
        faults=ALL_FAULTS,
    )
    check_all(run)
    return run


def spaces_for(name):
    return [among for among, space in SPACES.items() if able(made(name), space)]


@pytest.mark.parametrize("name", presets.SEARCHERS)
def test_everything_in_turn(name):
    """Each scheduler and each number of workers in turn, on another space each time."""
    spaces, offset = spaces_for(name), list(presets.SEARCHERS).index(name)
    for turn, (scheduler, workers) in enumerate(PLACES[:: 4 if name in SLOW else 2]):
        played(name, scheduler, workers, spaces[(5 * turn + 3 * offset) % len(spaces)], seed=turn)


@pytest.mark.long
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=["none", "asha stops", "asha promotes"])
@pytest.mark.parametrize("name", presets.SEARCHERS)
def test_everything_with_everything(name, scheduler, workers, tmp_path):
    paths = []
    for among, seed in product(spaces_for(name), range(1 if name in SLOW else 5)):
        run = played(name, scheduler, workers, among, seed)
        paths.append(tmp_path / f"{len(paths)}.jsonl")
        write_log(paths[-1], run)
    check_fresh_process(paths)
