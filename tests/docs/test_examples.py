"""The examples that train models run, shortened, and print their comparison."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from pages import ROOT


def printed(name, *args):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), *args],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_boosting_with_a_share_of_the_rows():
    out = printed("boosting", "--fits", "4", "--rounds", "10")
    tried = {name: int(re.search(rf"^{name} +(\d+)", out, re.M)[1]) for name in ("random search", "bohb")}
    assert tried["random search"] == 4
    assert tried["bohb"] > 20


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_a_convolutional_net():
    out = printed("cnn", "--epochs", "3", "--trainings", "3")
    for way in ("random search", r"random \+ asha", r"random \+ curve"):
        assert re.search(rf"^{way} +\d+ +\d+ +[01]\.\d{{4}}", out, re.M), out
