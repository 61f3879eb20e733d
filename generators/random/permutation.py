"""A pseudo-random order of any number of items, one place at a time and without a table.

A Feistel network over the next even power of two, whose round function is Philox, is a permutation whatever that
function is (Luby and Rackoff, SIAM J. Comput. 17(2), 1988). Places that fall outside the range are sent through again
until one falls inside (cycle walking: Black and Rogaway, CT-RSA 2002), which keeps it a permutation of the range. At
most four rounds of it are needed on average, so any place takes about a microsecond, among ten items or 2**62.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.philox import halves, philox

PAIR_ORDER = 4 << 16 | 0x5041
"""Stream of the order of the pairs in a virtual set."""

_ROUNDS = 8
_LEAST_HALF = 3  # bits; fewer leave too few round functions to mix with


@njit(cache=True, error_model="numpy")
def _function(right: Any, step: Any, lap: Any, stream: Any, k0: Any, k1: Any, mask: Any) -> Any:
    word, _, _, _ = philox(np.uint32(right), np.uint32(step), lap, stream, k0, k1)
    return np.uint64(word) & mask


@njit(cache=True, error_model="numpy")
def _move(places: Any, n: Any, half: Any, lap: Any, stream: Any, k0: Any, k1: Any) -> None:
    """Send every place through the network until it is under `n`."""
    bits = np.uint64(half)
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for i in range(len(places)):
        value = places[i]
        while True:
            left, right = value >> bits, value & mask
            for step in range(_ROUNDS):
                left, right = right, left ^ _function(right, step, lap, stream, k0, k1, mask)
            value = (left << bits) | right
            if value < n:
                break
        places[i] = value


@dataclass(frozen=True)
class Permutation:
    """The numbers from 0 to ``n - 1`` in an order drawn from (seed, lap).

    Attributes
    ----------
    n : int
        From 1 to 2**63 - 1.
    seed : int
        From 0 to 2**64 - 1.
    lap : int
        Another order of the same seed, from 0 to 2**32 - 1.
    """

    n: int
    seed: int = 0
    lap: int = 0

    def __post_init__(self) -> None:
        halves(self.seed, "seed")
        for name, least, most in (("n", 1, 2**63), ("lap", 0, 2**32)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or not least <= value < most:
                raise InputError(
                    f"permutation, {name}", expected=f"an integer from {least} to {most - 1}", found=repr(value)
                )

    def __len__(self) -> int:
        return int(self.n)

    def __getitem__(self, place: int) -> int:
        """Return the number at `place`, which is from 0 to ``n - 1``."""
        return int(self.take(np.array([place]))[0])

    def take(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers at many places.

        Parameters
        ----------
        places : (m,) int
            Each from 0 to ``n - 1``.

        Returns
        -------
        (m,) uint64

        Raises
        ------
        IndexError
            If there is no such place.
        """
        if len(places) and not 0 <= places.min() <= places.max() < self.n:
            raise IndexError(f"places {places.min()} to {places.max()} of {self.n}")
        out = places.astype(np.uint64)
        half = max(_LEAST_HALF, -(-(int(self.n) - 1).bit_length() // 2))
        k0, k1 = halves(self.seed, "seed")
        _move(out, np.uint64(self.n), half, np.uint32(self.lap), np.uint32(PAIR_ORDER), k0, k1)
        return out
