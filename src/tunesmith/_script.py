"""What a program may say of itself while a trial runs it: `ts.report`, `ts.should_stop`, `ts.trial_params`.

Outside of a trial they do nothing, so that a script stays a script. The standard library alone: a script pays
nothing for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tunesmith.errors import SettingError

REPORT_FILE = "TUNESMITH_REPORT_FILE"
STOP_FILE = "TUNESMITH_STOP_FILE"
PARAMS = "TUNESMITH_PARAMS"
ASKS = {"tunesmith": "asks"}  # the line that says: this program looks at `should_stop`, and ends by itself

_asked: list[str] = []


def report(metrics: Mapping[str, float] | None = None, /, *, step: int | None = None, **named: float) -> None:
    """Tell the trial that runs this script what it has measured: `ts.report(acc=0.98, step=3)`.

    `metrics` is for names that are no Python words: `ts.report({"val/acc": 0.98})`. Without `step`, reports
    are counted. Outside of a trial this does nothing. Raises SettingError for what is not a number.
    """
    path = os.environ.get(REPORT_FILE)
    if not path:
        return
    body: dict[str, Any] = {}
    for name, value in {**(metrics or {}), **named}.items():
        try:
            body[name] = float(value)
        except (TypeError, ValueError):
            raise SettingError(f"ts.report takes numbers, got {name}={value!r}") from None
    if step is not None:
        body["step"] = int(step)
    _append(path, body)


def should_stop() -> bool:
    """Whether the trial that runs this script shall end; False outside of one.

    A script that asks is given time to end by itself (to save, to clean up) before it is terminated.
    """
    path, stop = os.environ.get(REPORT_FILE), os.environ.get(STOP_FILE)
    if not path or not stop:
        return False
    if path not in _asked:
        _asked.append(path)
        _append(path, ASKS)
    return os.path.exists(stop)


def trial_params() -> dict[str, Any]:
    """The parameters of the trial that runs this script; empty outside of one."""
    found: dict[str, Any] = json.loads(os.environ.get(PARAMS) or "{}")
    return found


def _append(path: str, body: Mapping[str, Any]) -> None:
    """One line in one write: several processes of a program may report."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, json.dumps(body).encode() + b"\n")
    finally:
        os.close(descriptor)
