"""Drivers that are scripts: without a guard, killed, or ending without a close."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

HEAD = """
import os, subprocess, sys, time
from tunesmith.execute.process import ProcessExecutor
from tunesmith.record.assignment import Assignment, Decision, Kind, Message
from tunesmith.record.trial import Trial, TrialState

class Loss:
    def __call__(self, x): return x * FACTOR

FACTOR = 2.0
print("main runs", flush=True)

def factory():
    def run(given, send):
        if given.trial.params["hang"]:
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
            send(Message(number=given.number, attempt=0, kind=Kind.REPORT, step=1, values=(0.0,)))
            if given.trial.params["hang"] == "deaf":
                import ctypes
                ctypes.PyDLL(None).sleep(1000)   # holds the interpreter lock, in C
            time.sleep(1000)
        return Message(number=given.number, attempt=0, kind=Kind.END, state=TrialState.COMPLETE,
                       values=(Loss()(given.number),))
    return run

executor = ProcessExecutor(factory, 2, grace=1.0)
def submit(number, hang=False):
    executor.submit(Assignment(trial=Trial(number=number, state=TrialState.RUNNING, params={"hang": hang})))
def show(message):
    print(message.kind.value, message.values, flush=True)
    return Decision.CONTINUE
"""


def start(tmp_path: Path, body: str) -> subprocess.Popen[str]:
    script = tmp_path / "study.py"
    script.write_text(HEAD + body)
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes):
            return True
        time.sleep(0.05)
    return False


def test_an_unguarded_script(tmp_path):
    driver = start(
        tmp_path, "submit(1); submit(3)\nfor _ in range(2): executor.wait(None, show)\nexecutor.close()"
    )
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0
    assert sorted(output.splitlines()) == ["end (2.0,)", "end (6.0,)", "main runs"]


@pytest.mark.parametrize("hang", ["quietly", "deaf"])
def test_a_killed_driver_takes_everything_along(tmp_path, hang):
    body = f"submit(1); submit(2, {hang!r})\nwhile True: executor.wait(1.0, show)"
    driver = start(tmp_path, body)
    with driver:
        for line in driver.stdout:
            if line.startswith("report"):
                break
        time.sleep(0.3)
        left = family(driver.pid)
        assert len(left) >= 3
        os.kill(driver.pid, signal.SIGKILL)
        driver.stdout.close()
    assert gone(left, 2.0), left


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "del executor", "1 / 0"])
def test_a_driver_that_does_not_close(tmp_path, end):
    driver = start(
        tmp_path,
        f"submit(1); submit(2, 'quietly'); time.sleep(0.7)\nleft = 1\nprint('now', flush=True)\n{end}",
    )
    with driver:
        for line in driver.stdout:
            if line == "now\n":
                break
        left = family(driver.pid)
        driver.wait(timeout=120)
    assert gone(left, 2.0), left
