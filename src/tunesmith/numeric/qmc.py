"""Quasi-random points with random access: point `i` is had without the points before it.

Notation          here              published
---------------   ---------------   ---------------------------------------------------------------
x_i               one row           the i-th point, in [0, 1)^d
V_j               `columns[j]`      direction numbers: x_i is the XOR of the V_j with bit j of i set
L, e              `_triangular`     random lower triangular bit matrix and digital shift (Matoušek 1998)
phi_b(i)          `_radical_inverse`        radical inverse of i in the prime base b (Halton 1960)

Sobol' points: Joe and Kuo (2008), Constructing Sobol sequences with better two-dimensional projections,
SIAM J. Sci. Comput. 30; the initial direction numbers are theirs (new-joe-kuo-6), the primitive
polynomials are found here in the same order. Scrambling: Matoušek (1998), On the L2-discrepancy for
anchored boxes, J. Complexity 14. Beyond `SOBOL_BLOCK` dimensions blocks are padded: each further
block is the same sequence under another scramble and a nested shuffle of its index, which keeps every
block a net and pairs blocks at random (Burley 2020, Practical hash-based Owen scrambling, JCGT 9).
Halton points: one uniform permutation a digit (Owen 2017, A randomized Halton algorithm in R).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Generators = Callable[[int], np.random.Generator]
"""The generator that belongs to a dimension: a design keeps its first columns when dimensions are added."""

BITS = 32
SOBOL_BLOCK = 128

# m_1 .. m_s of dimensions 2 to 128, s being the degree of the dimension's polynomial (Joe and Kuo 2008).
_INITIAL = """
1 1 3 1 3 1 1 1 1 1 1 3 3 1 3 5 13 1 1 5 5 17 1 1 5 5 5 1 1 7 11 19 1 1 5 1 1 1 1 1 3 11 1 3 5 5 31 1 3
3 9 7 49 1 1 1 15 21 21 1 3 1 13 27 49 1 1 1 15 7 5 1 3 1 15 13 25 1 1 5 5 19 61 1 3 7 11 23 15 103 1 3
7 13 13 15 69 1 1 3 13 7 35 63 1 3 5 9 1 25 53 1 3 1 13 9 35 107 1 3 1 5 27 61 31 1 1 5 11 19 41 61 1 3
5 3 3 13 69 1 1 7 13 1 19 1 1 3 7 5 13 19 59 1 1 3 9 25 29 41 1 3 5 13 23 1 55 1 3 7 3 13 59 17 1 3 1 3
5 53 69 1 1 5 5 23 33 13 1 1 7 7 1 61 123 1 1 7 9 13 61 49 1 3 3 5 3 55 33 1 3 1 15 31 13 49 245 1 3 5
15 31 59 63 97 1 3 1 11 11 11 77 249 1 3 1 11 27 43 71 9 1 1 7 15 21 11 81 45 1 3 7 3 25 31 65 79 1 3 1
1 19 11 3 205 1 1 5 9 19 21 29 157 1 3 7 11 1 33 89 185 1 3 3 3 15 9 79 71 1 3 7 11 15 39 119 27 1 1 3 1
11 31 97 225 1 1 1 3 23 43 57 177 1 3 7 7 17 17 37 71 1 3 1 5 27 63 123 213 1 1 3 5 11 43 53 133 1 3 5 5
29 17 47 173 479 1 3 3 11 3 1 109 9 69 1 1 1 5 17 39 23 5 343 1 3 1 5 25 15 31 103 499 1 1 1 11 11 17 63
105 183 1 1 5 11 9 29 97 231 363 1 1 5 15 19 45 41 7 383 1 3 7 7 31 19 83 137 221 1 1 1 3 23 15 111 223
83 1 1 5 13 31 15 55 25 161 1 1 3 13 25 47 39 87 257 1 1 1 11 21 53 125 249 293 1 1 7 11 11 7 57 79 323
1 1 5 5 17 13 81 3 131 1 1 7 13 23 7 65 251 475 1 3 5 1 9 43 3 149 11 1 1 3 13 31 13 13 255 487 1 3 3 1
5 63 89 91 127 1 1 3 3 1 19 123 127 237 1 1 5 7 23 31 37 243 289 1 1 5 11 17 53 117 183 491 1 1 1 5 1 13
13 209 345 1 1 3 15 1 57 115 7 33 1 3 1 11 7 43 81 207 175 1 3 1 1 15 27 63 255 49 1 3 5 3 27 61 105 171
305 1 1 5 3 1 3 57 249 149 1 1 3 5 5 57 15 13 159 1 1 1 11 7 11 105 141 225 1 3 3 5 27 59 121 101 271 1
3 5 9 11 49 51 59 115 1 1 7 1 23 45 125 71 419 1 1 3 5 23 5 105 109 75 1 1 7 15 7 11 67 121 453 1 3 7 3
9 13 31 27 449 1 3 1 15 19 39 39 89 15 1 1 1 1 1 33 73 145 379 1 3 1 15 15 43 29 13 483 1 1 7 3 19 27 85
131 431 1 3 3 3 5 35 23 195 349 1 3 3 7 9 27 39 59 297 1 1 3 9 11 17 13 241 157 1 3 7 15 25 57 33 189
213 1 1 7 1 9 55 73 83 217 1 3 3 13 19 27 23 113 249 1 3 5 3 23 43 3 253 479 1 1 5 5 11 5 45 117 217 1 3
3 7 29 37 33 123 147 1 3 1 15 5 5 37 227 223 459 1 1 7 5 5 39 63 255 135 487 1 3 1 7 9 7 87 249 217 599
1 1 3 13 9 47 7 225 363 247 1 3 7 13 19 13 9 67 9 737 1 3 5 5 19 59 7 41 319 677 1 1 5 3 31 63 15 43 207
789 1 1 7 9 13 39 3 47 497 169 1 3 1 7 21 17 97 19 415 905 1 3 7 1 3 31 71 111 165 127 1 1 5 11 1 61 83
119 203 847 1 3 3 13 9 61 19 97 47 35 1 1 7 7 15 29 63 95 417 469 1 3 1 9 25 9 71 57 213 385 1 3 5 13 31
47 101 57 39 341 1 1 3 3 31 57 125 173 365 551 1 3 7 1 13 57 67 157 451 707 1 1 1 7 21 13 105 89 429 965
1 1 5 9 17 51 45 119 157 141 1 3 7 7 13 45 91 9 129 741 1 3 7 1 23 57 67 141 151 571 1 1 3 11 17 47 93
107 375 157 1 3 3 5 11 21 43 51 169 915 1 1 5 3 15 55 101 67 455 625 1 3 5 9 1 23 29 47 345 595 1 3 7 7
5 49 29 155 323 589 1 3 3 7 5 41 127 61 261 717
"""


@dataclass(frozen=True, slots=True)
class Sobol:
    """A (scrambled) Sobol' sequence, any number of dimensions. `point` costs O(dims log index)."""

    columns: Words  # (BITS, dims): V_j of each dimension, scrambled
    shift: Words  # (dims,)
    shuffles: tuple[Words, ...]  # one a block after the first: index shift, then BITS columns

    def point(self, index: int) -> Floats:
        """Row `index`, strictly inside (0, 1): each point is the middle of its 2^-32 cell."""
        bits = self.shift.copy()
        for block in range(0, len(bits), SOBOL_BLOCK):
            span = slice(block, block + SOBOL_BLOCK)
            where = index if block == 0 else _shuffled(index, self.shuffles[block // SOBOL_BLOCK - 1])
            chosen = [bit for bit in range(BITS) if where >> bit & 1]
            bits[span] ^= np.bitwise_xor.reduce(self.columns[chosen, span], axis=0)
        return (bits.astype(np.float64) + 0.5) * 2.0**-BITS


@dataclass(frozen=True, slots=True)
class Halton:
    """A (scrambled) Halton sequence. `point` costs O(dims log index); good below some 15 dimensions."""

    bases: tuple[int, ...]
    permutations: tuple[NDArray[np.int64], ...]  # per dimension (digits, base)

    def point(self, index: int) -> Floats:
        """Row `index`, in [0, 1)."""
        row = np.empty(len(self.bases))
        for j, (base, tables) in enumerate(zip(self.bases, self.permutations, strict=True)):
            row[j] = _radical_inverse(index, base, tables)
        return row


def sobol(dims: int, generator: Generators | None = None) -> Sobol:
    """The Sobol' sequence in `dims` dimensions, scrambled when generators are given."""
    plain = _direction_numbers(min(dims, SOBOL_BLOCK))
    blocks = -(-dims // SOBOL_BLOCK)
    columns = np.tile(plain, (1, max(blocks, 1)))[:, :dims]
    shift = np.zeros(dims, dtype=np.uint64)
    if generator is None:
        if blocks > 1:
            raise ValueError(f"without scrambling there are {SOBOL_BLOCK} dimensions, not {dims}")
        return Sobol(columns, shift, ())
    shuffles = []
    for j in range(dims):
        scramble = _triangular(generator(j))
        columns[:, j] = _apply(scramble[1:], columns[:, j])
        shift[j] = scramble[0]
        if j and j % SOBOL_BLOCK == 0:
            shuffles.append(_triangular(generator(-j)))  # negative: a stream no dimension has
    return Sobol(columns, shift, tuple(shuffles))


def halton(dims: int, generator: Generators | None = None) -> Halton:
    """The Halton sequence in `dims` dimensions, its digits permuted when generators are given."""
    bases = _primes(dims)
    tables = []
    for j, base in enumerate(bases):
        digits = int(np.ceil(BITS * np.log(2) / np.log(base)))  # 2^-32 is resolved
        plain = np.tile(np.arange(base), (digits, 1))
        tables.append(plain if generator is None else generator(j).permuted(plain, axis=1))
    return Halton(bases, tuple(tables))


def _radical_inverse(index: int, base: int, tables: NDArray[np.int64]) -> float:
    value, weight = 0.0, 1.0
    for table in tables:
        weight /= base
        index, digit = divmod(index, base)
        value += float(table[digit]) * weight
    return min(value, 1.0 - 2.0**-53)


def _triangular(rng: np.random.Generator) -> Words:
    """A digital shift, and for each bit what it is mapped to: itself and random lower bits (L, e)."""
    highest = np.uint64(1) << np.arange(BITS, dtype=np.uint64)
    columns = highest | rng.integers(0, highest, dtype=np.uint64)
    return np.concatenate([rng.integers(0, 1 << BITS, size=1, dtype=np.uint64), columns])


def _apply(columns: Words, words: Words) -> Words:
    """The bit matrix `columns` times every word."""
    bits = words[:, None] >> np.arange(BITS, dtype=np.uint64) & np.uint64(1)
    found: Words = np.bitwise_xor.reduce(bits * columns, axis=1)
    return found


def _shuffled(index: int, shuffle: Words) -> int:
    """A nested shuffle: aligned blocks of 2^m indices stay aligned blocks, so nets stay nets."""
    word = np.array([index], dtype=np.uint64)
    return int((_apply(shuffle[1:], word) ^ shuffle[0])[0])


@lru_cache(maxsize=4)
def _direction_numbers(dims: int) -> Words:
    """(BITS, dims): V_1 .. V_BITS of each dimension as words, the first binary digit the highest bit."""
    initial = iter(int(word) for word in _INITIAL.split())
    columns = np.empty((BITS, dims), dtype=np.uint64)
    for j, polynomial in zip(range(dims), _polynomials(), strict=False):
        degree = polynomial.bit_length() - 1
        m = [next(initial) for _ in range(degree)] or [1] * BITS
        while len(m) < BITS:  # m_k = m_(k-s) + sum_i 2^i a_i m_(k-i), all sums bitwise (their eq. 3)
            new = m[-degree] ^ m[-degree] << degree
            for i in range(1, degree):
                if polynomial >> (degree - i) & 1:
                    new ^= m[-i] << i
            m.append(new)
        columns[:, j] = [value << (BITS - 1 - k) for k, value in enumerate(m)]
    columns.setflags(write=False)
    return columns


def _polynomials() -> Iterator[int]:
    """1, then the primitive polynomials over GF(2) as bit strings, smallest first, without end."""
    yield from (1, 3)
    yield from (candidate for candidate in count(5, 2) if _primitive(candidate))


def _primitive(polynomial: int) -> bool:
    """Whether x generates the multiplicative group modulo `polynomial`: its order is 2^degree - 1."""
    degree = polynomial.bit_length() - 1
    power = 2
    for order in range(1, 1 << degree):
        if power == 1:
            return order == (1 << degree) - 1
        power <<= 1
        if power >> degree:
            power ^= polynomial
    return False


@lru_cache(maxsize=8)
def _primes(number: int) -> tuple[int, ...]:
    found: list[int] = []
    for candidate in count(2):
        if len(found) == number:
            break
        if all(candidate % prime for prime in found if prime * prime <= candidate):
            found.append(candidate)
    return tuple(found)
