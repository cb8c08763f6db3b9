"""Peers in another interpreter: their sessions behind a pipe, a line of JSON a call.

Which peer lives where is said by PEER_PYTHON ("ax=/path/to/python,hebo=/path/to/python"), which
`--python NAME=PATH` adds to. One process a peer is kept, for the imports of some take seconds. Run as a
program, this file is the other end of the pipe; only the peer's own library must be installed there.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.spaces import Config, Param, Space

VARIABLE = "PEER_PYTHON"
_LIMIT = 600.0  # seconds for one answer: some peers wait for ever when asked twice
_ROOT = Path(__file__).parents[1]


def pythons() -> Mapping[str, str]:
    """Interpreters by peer."""
    pairs = (pair.partition("=") for pair in os.environ.get(VARIABLE, "").split(",") if pair)
    return {name.strip(): path.strip() for name, _, path in pairs}


def add(pairs: Sequence[str]) -> None:
    """More of them, for this process and those it starts."""
    before = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = ",".join([*filter(None, [before]), *pairs])


class Remote:
    """An adapter's module, elsewhere. Raises ImportError when it cannot be imported there."""

    STORES: Sequence[str] = ()

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        if not Path(python).exists():
            raise ImportError(f"there is no interpreter at {python}")
        self.child = subprocess.Popen(
            [python, "-m", "benchmarks.elsewhere", name],
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        atexit.register(self.child.kill)
        facts = self.call("facts")["value"]
        self.NAME, self.DISTRIBUTION, self.IMPORT, self.SEARCHERS, self.STEPS, self._version = facts

    def version(self) -> str:
        return str(self._version)

    def session(
        self, searcher: str, space: Space, seed: int, n_trials: int | None = None, workers: int = 1
    ) -> Session:
        return Session(self, [searcher, [asdict(param) for param in space], seed, n_trials, workers])

    def several(self, searcher: str, space: Space, seed: int, n_trials: int, objectives: int) -> Session:
        """As `session`, told as many values as there are objectives."""
        return Session(self, [searcher, [asdict(param) for param in space], seed, n_trials, 1, objectives])

    def steps(self, method: str, space: Space, seed: int, high: int) -> Steps:
        return Steps(self, method, [asdict(param) for param in space], seed, high)

    def call(self, what: str, *of: Any) -> dict[str, Any]:
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        watch = threading.Timer(_LIMIT, self.child.kill)
        watch.start()
        try:
            self.child.stdin.write(json.dumps([what, *of]) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            remote.cache_clear()  # the next session starts another
            raise ImportError(f"{self.name} ended, with code {self.child.wait()}")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise (ImportError if what == "facts" else RuntimeError)(found["error"])
        return found


class _Timed:
    """`cpu_s` is what its calls took there."""

    def __init__(self, remote: Remote, what: str, *of: Any) -> None:
        self.remote, self.cpu_s = remote, 0.0
        self._timed(what, *of)
        self.cpu_s = 0.0

    def _timed(self, what: str, *of: Any) -> Any:
        found = self.remote.call(what, *of)
        self.cpu_s += found["cpu_s"]
        return found["value"]


class Steps(_Timed):
    """One study elsewhere that sees losses step by step."""

    def __init__(self, remote: Remote, *of: Any) -> None:
        super().__init__(remote, "steps", *of)

    def ask(self) -> tuple[Any, str, Config, int]:
        handle, key, config, last = self._timed("next")
        return handle, key, config, last

    def report(self, handle: Any, step: int, loss: float) -> bool:
        return bool(self._timed("report", handle, step, loss))

    def tell(self, handle: Any, step: int, loss: float) -> None:
        self._timed("tell", handle, step, loss)


class Session(_Timed):
    """One study elsewhere; a new one ends the one before."""

    def __init__(self, remote: Remote, of: Sequence[Any]) -> None:
        super().__init__(remote, "session", *of)

    def ask(self) -> tuple[Any, Config]:
        handle, config = self._timed("ask")
        return handle, config

    def tell(self, handle: Any, value: Any) -> None:
        self._timed("tell", handle, value)

    def load(self, configs: Sequence[Config], values: Sequence[float]) -> None:
        self._timed("load", list(configs), list(values))


@cache
def remote(name: str, python: str) -> Remote:
    return Remote(name, python)


class _Served:
    """What the other end keeps: the adapter, one session, and the handles it gave out."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session: Any = None
        self.handles: dict[int, Any] = {}
        self.count = 0

    def facts(self) -> list[Any]:
        from benchmarks.adapters import local

        self.module = local(self.name)
        found = self.module
        steps = list(getattr(found, "STEPS", ()))
        return [found.NAME, found.DISTRIBUTION, found.IMPORT, list(found.SEARCHERS), steps, found.version()]

    def start(
        self,
        searcher: str,
        space: Any,
        seed: int,
        n_trials: int | None,
        workers: int,
        objectives: int | None = None,
    ) -> None:
        self.handles.clear()
        params = _read(space)
        if objectives is None:
            self.session = self.module.session(searcher, params, seed, n_trials, workers)
        else:
            self.session = self.module.several(searcher, params, seed, n_trials, objectives)

    def ask(self) -> list[Any]:
        handle, config = self.session.ask()
        self.count += 1
        self.handles[self.count] = handle
        return [self.count, config]

    def start_steps(self, method: str, space: Any, seed: int, high: int) -> None:
        self.handles.clear()
        self.session = self.module.steps(method, _read(space), seed, high)

    def ask_steps(self) -> list[Any]:
        handle, *rest = self.session.ask()
        self.count += 1
        self.handles[self.count] = handle
        return [self.count, *rest]

    def report(self, handle: int, step: int, loss: float) -> bool:
        return bool(self.session.report(self.handles[handle], step, loss))

    def tell(self, handle: int, *of: Any) -> None:
        self.session.tell(self.handles.pop(handle), *of)

    def load(self, configs: Any, values: Any) -> None:
        self.session.load(configs, values)


def _read(space: Any) -> Space:
    return tuple(Param(**{**of, "choices": tuple(of["choices"]), "when": tuple(of["when"])}) for of in space)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()


def main() -> int:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints must not get between the answers
    served = _Served(sys.argv[1])
    verbs = {
        "facts": served.facts, "session": served.start, "ask": served.ask, "tell": served.tell,
        "load": served.load, "steps": served.start_steps, "next": served.ask_steps, "report": served.report,
    }  # fmt: skip
    for line in sys.stdin:
        what, *of = json.loads(line)
        before = time.process_time()
        try:
            found: dict[str, Any] = {"value": verbs[what](*of)}
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"[:300]}
        found["cpu_s"] = time.process_time() - before
        answers.write(json.dumps(found, default=_plain) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
