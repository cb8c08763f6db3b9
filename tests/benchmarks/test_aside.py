"""Our own tasks: what is kept aside is not used for tuning, optima are where they are said to be."""

import importlib.util
import json
import random
from pathlib import Path

import pytest
from benchmarks.quality import tasks

PLACE = tasks.HOMES["aside"]
ours = tasks._module(PLACE)
PLAIN = [name for of in ours.SETS.values() for name in of if name.startswith(("syn", "noisy"))]


def test_no_task_is_both_for_tuning_and_kept_aside():
    for kind in ("", "-wide", "-noisy"):
        assert not set(ours.SETS[f"dev{kind}"]) & set(ours.SETS[f"held{kind}"])
    for kind in ("dev", "held"):
        assert set(ours.SETS[f"{kind}-mini"]) < set(ours.SETS[kind])


def test_every_task_has_its_reference():
    refs = json.loads((Path(PLACE) / "refs.json").read_text(encoding="utf-8"))
    assert set(refs) == {name for of in ours.SETS.values() for name in of}
    for name, ref in refs.items():
        best = ref["known_best"] if ref["known_best"] is not None else ref["long_search_best"]
        assert best <= ref["random_best"] < ref["random_median"], name


@pytest.mark.parametrize("name", PLAIN)
def test_no_random_configuration_beats_the_optimum(name):
    task, rng = ours.get_task(name), random.Random(5)
    true = getattr(task, "truth", task.evaluate)
    assert min(true(ours.draw(task.space, rng)) for _ in range(300)) >= task.known_best - 1e-9


@pytest.mark.parametrize("instance", [1, 2, 5, 6])
def test_the_optimum_of_branches_is_reached(instance):
    found = ours.get_task(f"syn-branches-i{instance}").found
    at = {
        "scaling": min(found.scaling, key=found.scaling.get),
        "model": min(found.floor, key=found.floor.get),
    }
    at |= {"net_schedule": "cosine", "svm_kernel": "rbf"}
    for name, unit in found.optimum.items():
        param = found.params[name]
        low, high = param["low"], param["high"]
        value = low * (high / low) ** unit if param["log"] else low + unit * (high - low)
        at[name] = round(value) if param["type"] == "int" else value
    assert found.truth(ours.active(found.space, at)) == pytest.approx(0.0, abs=1e-9)


def test_noise_is_the_same_again_in_a_run_of_the_same_seed():
    task = ours.get_task("noisy-mixed-i2")
    config = ours.draw(task.space, random.Random(0))
    runs = []
    for seed in (1, 1, 2):
        task.begin(seed)
        runs.append([task.evaluate(config) for _ in range(3)])
    assert runs[0] == runs[1] != runs[2]
    assert len(set(runs[0])) == 3


@pytest.mark.skipif(importlib.util.find_spec("ioh") is None, reason="ioh is not installed")
@pytest.mark.parametrize("name", ["bbob-f3-i3-d2", "embed-f8-i2-e5-d100", "turned-f8-i4-e5-d100"])
def test_bbob_in_its_own_dimensions_and_in_more(name):
    task, rng = ours.get_task(name), random.Random(5)
    config = ours.draw(task.space, rng)
    assert task.evaluate(config) >= task.known_best
    if name.startswith("embed"):
        idle = {f"x{i}" for i in range(100)} - {f"x{i}" for i in task.seen}
        assert task.evaluate(config | dict.fromkeys(idle, 0.0)) == task.evaluate(config)
