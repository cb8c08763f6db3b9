"""The example of population based training on a real task, shortened."""

import importlib.util
import sys
from pathlib import Path

import pytest

import tunesmith as ts

gymnasium = pytest.importorskip("gymnasium")
FILE = Path(__file__).parents[2] / "examples" / "pbt_acrobot.py"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_example_trains_a_population_whose_schedule_can_be_replayed(tmp_path):
    spec = importlib.util.spec_from_file_location("pbt_acrobot", FILE)
    example = importlib.util.module_from_spec(spec)
    sys.modules["pbt_acrobot"] = example
    spec.loader.exec_module(example)
    example.STEPS, example.FRESH = 150, 2
    (found, fixed), study = example.compare(0, population=4, epochs=4, folder=tmp_path)
    assert 5 < fixed <= 150
    assert 5 < found <= 150
    again = ts.tune(
        example.training(4, 0),
        example.SPACE,
        scheduler=ts.PBTReplay(study.schedule()),
        fidelity=ts.Fidelity("epoch", 1, 4),
        seed=1,
    )
    last = again.trials[-1]
    assert last.value == study.best_value  # bit for bit: epochs are seeded
    assert last.user_attrs["played"] == found
