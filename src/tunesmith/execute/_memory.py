"""How much memory this process holds, and how much the machine lets it have."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

_STATM = "/proc/self/statm"
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_CGROUPS = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory.limit_in_bytes")  # of cgroups, second and first version


def resident() -> int:
    """The bytes of this process that lie in memory."""
    try:
        with open(_STATM, "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return int(psutil.Process().memory_info().rss)


def on_device() -> float:
    """The share of a GPU's memory that tensors of this process take; of the fullest one, with torch."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not cuda.is_initialized():
        return 0.0
    shares = [0.0]
    for device in range(cuda.device_count()):
        held = cuda.memory_allocated(device)
        if held:  # asking for the total of another device would take memory there
            shares.append(held / cuda.mem_get_info(device)[1])
    return max(shares)


def give_back(collect: bool = True) -> None:
    """Hand free pages back to the system; before that `collect` what lies in cycles, which takes long where
    there are many objects."""
    if collect:
        gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def machine() -> int:
    """The bytes that programs here may have together: the machine's, or fewer where its cgroup says so."""
    least = int(psutil.virtual_memory().total)
    for folder in _cgroups(Path("/proc/self/cgroup")):
        for name in _LIMITS:
            with suppress(OSError, ValueError):  # not there, or "max"
                least = min(least, int((folder / name).read_text()))
    return least


def _cgroups(listing: Path) -> list[Path]:
    """The folders of the cgroups that this process is in, with those above them."""
    found = []
    with suppress(OSError):
        for line in listing.read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controllers and "memory" not in controllers.split(","):
                continue
            top = _CGROUPS / "memory" if controllers else _CGROUPS
            folder = top / path.lstrip("/")
            found += [f for f in (folder, *folder.parents) if f.is_relative_to(top)]
    return found
