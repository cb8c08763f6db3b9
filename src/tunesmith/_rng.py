"""Randomness as a pure function of (seed, trial number, name): no generator is ever carried along.

Philox is counter-based (Salmon et al., SC 2011), so any number of any stream can be had without
drawing the ones before it. Single uniforms are drawn in blocks of 1024 trial numbers, which brings
one of them to a fraction of a microsecond; the cache holds values of a pure function only, and may
be dropped at any time.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

_BLOCK = 1024


def _key(seed: int, name: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype=np.uint64)


def _drawn(seed: int, name: str, index: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    bits = np.random.Philox(key=_key(seed, name), counter=[0, 0, index, 0])
    return np.random.Generator(bits).random(_BLOCK)


@lru_cache(maxsize=512)
def _block(seed: int, name: str, index: int) -> list[float]:
    drawn: list[float] = _drawn(seed, name, index).tolist()
    return drawn


def uniform(seed: int, number: int, name: str) -> float:
    """The uniform in [0, 1) that belongs to this seed, trial number and name."""
    return _block(seed, name, number // _BLOCK)[number % _BLOCK]


@lru_cache(maxsize=16)
def _rows(seed: int, names: tuple[str, ...], index: int) -> list[tuple[float, ...]]:
    return list(zip(*(_block(seed, name, index) for name in names), strict=True))


def uniforms(seed: int, number: int, names: tuple[str, ...]) -> tuple[float, ...]:
    """`uniform` for each of the names, at the price of one."""
    return _rows(seed, names, number // _BLOCK)[number % _BLOCK] if names else ()


def uniform_rows(
    seed: int, number: int, count: int, names: tuple[str, ...]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """`uniforms` of `count` trial numbers from `number` on, shape (count, names)."""
    first, last = number // _BLOCK, (number + count - 1) // _BLOCK
    rows = np.empty(((last - first + 1) * _BLOCK, len(names)))
    for column, name in enumerate(names):
        for index in range(first, last + 1):
            start = (index - first) * _BLOCK
            rows[start : start + _BLOCK, column] = _drawn(seed, name, index)
    return rows[number - first * _BLOCK :][:count]


class Rng(NamedTuple):
    """All the randomness that one proposal may use: `rng(seed, number)` of the laws."""

    seed: int
    number: int

    def uniform(self, name: str, attempt: int = 0) -> float:
        """One uniform in [0, 1) for this trial and name; `attempt` gives further independent ones."""
        return uniform(self.seed, self.number, f"{name}#{attempt}" if attempt else name)

    def generator(self, name: str = "ask") -> np.random.Generator:
        """A fresh NumPy generator for this trial; asked twice, it starts at the same place."""
        bits = np.random.Philox(key=_key(self.seed, f"generator/{name}"), counter=[0, 0, self.number, 0])
        return np.random.Generator(bits)
