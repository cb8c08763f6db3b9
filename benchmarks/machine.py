"""The machine in words that name nobody: what figures depend on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from typing import Any

import psutil


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "sync_ms": round(1e3 * sync_time(), 3),
    }


def sync_time() -> float:
    """Seconds that the disk takes to sync 4 KiB: figures of durable stores mean little without it."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(30):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times)
