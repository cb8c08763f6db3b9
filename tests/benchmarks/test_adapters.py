"""Every adapter speaks the protocol; those whose library is not installed are skipped."""

import importlib
import math

import pytest
from benchmarks.adapters import MODELS, MODULES
from benchmarks.spaces import SPACES, Param, told

REASONS = {name: f"{name} is not installed" for name in MODULES}


def module_of(name):
    try:
        return importlib.import_module(f"benchmarks.adapters.{name}")
    except ImportError:
        pytest.skip(REASONS[name])


def check(config, space):
    active = [param for param in space if param.active(config)]
    assert set(config) == {param.name for param in active}
    for param in active:
        value = config[param.name]
        if param.kind == "cat":
            assert value in param.choices
        else:
            assert param.low <= value <= param.high
            assert param.kind == "float" or value == int(value)


@pytest.mark.filterwarnings("ignore")  # what peers warn of is theirs
@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("name", MODULES)
def test_sessions_ask_inside_the_space_and_take_values_told(name, kind):
    module, space = module_of(name), SPACES[kind]
    assert module.version()
    for searcher in module.SEARCHERS:
        session = module.session(searcher, space, 3, 40, workers=3)
        session.load(*told(space, 15))
        pending = [session.ask() for _ in range(3)]
        for handle, config in reversed(pending):
            check(config, space)
            session.tell(handle, 1.0)
        handle, config = session.ask()
        check(config, space)
        session.tell(handle, 0.5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_a_condition_within_a_condition(name):
    module = module_of(name)
    space = (
        Param(name="model", kind="cat", choices=("svm", "tree")),
        Param(name="depth", kind="int", low=1, high=9, parent="model", when=("tree",)),
        Param(name="kernel", kind="cat", choices=("rbf", "poly"), parent="model", when=("svm",)),
        Param(name="degree", kind="int", low=2, high=5, parent="kernel", when=("poly",)),
    )
    for searcher in module.SEARCHERS:
        session = module.session(searcher, space, 3, 40)
        for _ in range(12):
            handle, config = session.ask()
            check(config, space)
            session.tell(handle, float(len(config)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in MODULES if name not in MODELS])
def test_loops_run_the_objective(name):
    module = module_of(name)
    for searcher in module.SEARCHERS:
        getattr(module, "loop", module.session)(searcher, SPACES["conditional"], 0).optimize(14)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_stores_keep_every_trial(name, tmp_path):
    module, space = module_of(name), SPACES["floats"]
    for store in module.STORES:
        filled, worked = tmp_path / f"{store}-filled", tmp_path / f"{store}-worked"
        filled.mkdir()
        worked.mkdir()
        configs, values = told(space, 5)
        module.bulk(store, str(filled), space, configs, values)
        best, found = module.opened(store, str(filled))
        assert (math.isclose(best, min(values)), found) == (True, 5)
        module.create(store, str(worked), space)
        module.agent(store, str(worked), space, 3, 1)
        numbers, complete = module.census(store, str(worked))
        assert (sorted(numbers), complete) == ([0, 1, 2], 3)


def test_a_peer_that_is_not_there_is_said():
    from benchmarks.adapters import peers

    found = peers(["tunesmith"])
    assert list(found.found) == ["tunesmith"]
    assert found.missing["optuna"] == "optuna was left out of this run"
