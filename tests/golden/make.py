"""Writes the golden logs of a format version: python tests/golden/make.py v1; never over a released one."""

import sys
from pathlib import Path

from tunesmith.record.fidelity import Fidelity
from tunesmith.schedule.asha import ASHA
from tunesmith.search.gradient import GradientSearcher
from tunesmith.search.grid import GridSearcher
from tunesmith.search.qmc import QMCSearcher
from tunesmith.search.random import RandomSearcher
from tunesmith.search.tpe import TPESearcher
from tunesmith.testing.simulate import ALL_FAULTS, simulate, write_log
from tunesmith.testing.zoo import programs, zoo

FIDELITY = Fidelity("epoch", 1, 9, 3)


def studies():
    spaces, objectives = zoo(), programs()
    common = {"workers": 4, "seed": 2026, "faults": ALL_FAULTS, "n_trials": 20}
    yield "random-odd-labels", simulate(RandomSearcher(), spaces["odd labels"], **common)
    yield "random-constraints", simulate(RandomSearcher(), spaces["constraints and conditions"], **common)
    yield (
        "random-program",
        simulate(RandomSearcher(), None, objective=objectives["growing program"], **common),
    )
    yield (
        "random-asha-promotion",
        simulate(
            RandomSearcher(), spaces["beliefs"], scheduler=ASHA(promotion=True), fidelity=FIDELITY, **common
        ),
    )
    yield "grid-chain", simulate(GridSearcher(resolution=3, shuffle=True), spaces["chain"], **common)
    yield "qmc-mixed", simulate(QMCSearcher(), spaces["twenty dimensions"], **common)
    yield "halton-nested", simulate(QMCSearcher(sequence="halton"), spaces["nested choices"], **common)
    yield "tpe-mixed", simulate(TPESearcher(), spaces["twenty dimensions"], **common)
    yield (
        "tpe-two-parents-asha",
        simulate(TPESearcher(), spaces["two parents"], scheduler=ASHA(), fidelity=FIDELITY, **common),
    )
    yield (
        "tpe-two-objectives",
        simulate(
            TPESearcher(), spaces["nested choices"], objectives={"a": "minimize", "b": "maximize"}, **common
        ),
    )
    yield "tpe-program", simulate(TPESearcher(), None, objective=objectives["changing ranges"], **common)
    yield "gradient-mixed", simulate(GradientSearcher(), spaces["twenty dimensions"], **common)
    yield "gradient-constraints", simulate(GradientSearcher(), spaces["constraints and conditions"], **common)


if __name__ == "__main__":
    folder = Path(__file__).parent / sys.argv[1]
    folder.mkdir(exist_ok=True)
    for name, simulation in studies():
        write_log(folder / f"{name}.jsonl", simulation)
