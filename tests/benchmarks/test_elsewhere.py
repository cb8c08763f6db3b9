"""A peer behind a pipe proposes what it proposes here, and its errors and its death are told."""

import sys

import pytest
from benchmarks.adapters import adapter, peers, plain
from benchmarks.spaces import CONDITIONAL, active, full, told

from benchmarks import elsewhere


@pytest.fixture
def there(monkeypatch):
    monkeypatch.setenv(elsewhere.VARIABLE, f"plain={sys.executable}")
    elsewhere.remote.cache_clear()
    found = adapter("plain")
    yield found
    found.child.kill()
    found.child.communicate()


def test_sessions_are_the_same_there(there):
    remote, here = (module.session("random", CONDITIONAL, 3, 9) for module in (there, plain))
    remote.load(*told(CONDITIONAL, 4))
    for _ in range(5):
        handle, config = remote.ask()
        assert config == here.ask()[1]
        remote.tell(handle, 1.0)
    assert (there.version(), remote.cpu_s >= 0) == (plain.version(), True)


def test_several_values_are_told_there(there):
    remote, here = (module.several("random", CONDITIONAL, 3, 9, 2) for module in (there, plain))
    for _ in range(3):
        handle, config = remote.ask()
        assert config == here.ask()[1]
        remote.tell(handle, [1.0, 2.0])


def test_errors_and_death_are_told(there):
    session = there.session("random", CONDITIONAL, 3)
    with pytest.raises(RuntimeError, match="KeyError: 99"):
        session.tell(99, 1.0)
    there.child.kill()
    with pytest.raises(ImportError, match="plain ended"):
        session.ask()
    assert adapter("plain").session("random", CONDITIONAL, 3).ask()[1]  # another is started


def test_an_interpreter_that_is_not_there_makes_a_missing_peer(monkeypatch):
    monkeypatch.setenv(elsewhere.VARIABLE, "")
    elsewhere.add(["plain=/no/python"])
    assert "no interpreter at /no/python" in peers(["plain"]).missing["plain"]


def test_flat_configurations_and_back():
    config = {"model": "svm", "scale": 1.0, "C": 2.0, "kernel": "rbf", "gamma": 0.1}
    flat = full(CONDITIONAL, config)
    assert set(flat) == {param.name for param in CONDITIONAL}
    assert active(CONDITIONAL, flat) == config
