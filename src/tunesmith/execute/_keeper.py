"""A small program that outlives a killed driver: `python -I -S _keeper.py <pipe> <mark>`.

Workers die with their driver by themselves, but what objectives have started does not. When the pipe ends,
the driver is dead, and whoever bears its mark is killed. It stands alone: Linux, standard library, 6 MB.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time


def marked(mark: bytes) -> list[int]:
    """The processes whose environment has the mark."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                if mark in file.read():
                    found.append(int(name))
    return found


def main(pipe: int, mark: str) -> None:
    """Wait for the driver's death, then clear up after it."""
    while os.read(pipe, 1):
        pass
    for _ in range(100):
        left = marked(f"TUNESMITH_WORKER={mark}/".encode())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
