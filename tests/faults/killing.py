"""Processes that the tests start, wait for, and kill with -9."""

import subprocess
import sys
from pathlib import Path

import psutil

import tunesmith as ts


def start(script, *arguments):
    command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def ended(driver, seconds):
    """Whether the driver ends by itself within so many seconds; it must not have failed."""
    try:
        _, error = driver.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    assert driver.returncode == 0, error.decode()
    return True


def workers_of(driver):
    try:
        children = psutil.Process(driver.pid).children(recursive=True)
        return [child for child in children if "_boot.py" in " ".join(child.cmdline())]
    except psutil.Error:
        return []


def kill(process):
    """Of a worker or a driver, and until it is gone."""
    try:
        process.kill()
    except psutil.Error:
        return
    process.wait()


def position(storage):
    """How long the log of the study `killed` is; 0 while there is none."""
    if not storage.exists() or not ts.list_studies(storage=storage):
        return 0
    study = ts.load_study("killed", storage=storage)
    found = study.cursor.read().position
    study.cursor.store.close()
    return found
