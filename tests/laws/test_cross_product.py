"""Every searcher with every scheduler, number of workers and seed, on every space of the zoo."""

import pytest

from tunesmith.search.grid import GridSearcher
from tunesmith.search.manual import ManualSearcher
from tunesmith.search.qmc import QMCSearcher
from tunesmith.search.random import RandomSearcher
from tunesmith.search.tpe import TPESearcher
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

SEARCHERS = [ManualSearcher(), GridSearcher(), RandomSearcher(), QMCSearcher(), TPESearcher()]
SPACES = {**zoo(), **dict.fromkeys(programs())}


@pytest.mark.long
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=["none", "asha stops", "asha promotes"])
@pytest.mark.parametrize("searcher", SEARCHERS, ids=lambda s: type(s).__name__)
def test_everything_with_everything(searcher, scheduler, workers, tmp_path):
    paths = []
    for name, space in SPACES.items():
        if not able(searcher, space):
            continue
        for seed in range(5):
            run = simulate(
                searcher,
                space,
                objective=programs().get(name),
                scheduler=scheduler,
                workers=workers,
                seed=seed,
                fidelity=FIDELITY,
                n_trials=20,
                faults=ALL_FAULTS,
            )
            check_all(run)
            paths.append(tmp_path / f"{len(paths)}.jsonl")
            write_log(paths[-1], run)
    check_fresh_process(paths)
