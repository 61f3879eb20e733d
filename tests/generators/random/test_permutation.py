"""Pseudo-random orders: permutations of any length, one place at a time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facedeblur.benchmark.errors import InputError
from facedeblur.generators.random.permutation import Permutation


@pytest.mark.parametrize("n", [1, 2, 3, 8, 63, 64, 65, 1000, 4096, 5000])
def test_a_permutation_is_one(n: int) -> None:
    for seed in (0, 2**64 - 1):
        order = Permutation(n, seed)
        items = order.take(np.arange(n, dtype=np.uint64))
        assert sorted(items) == list(range(n))
        assert [order[i] for i in (0, n - 1)] == [items[0], items[-1]]
        assert n < 8 or not np.array_equal(items, Permutation(n, seed, lap=1).take(np.arange(n, dtype=np.uint64)))


def test_large_permutations_stay_within_their_range() -> None:
    for n in (129_280_000, 2**32 + 1, 2**62 + 12345, 2**63 - 1):
        order = Permutation(n, 7)
        places = [0, 1, n // 3, n - 1]
        items = [order[place] for place in places]
        assert len(set(items)) == 4 and all(0 <= item < n for item in items)


def test_orders_of_few_items_are_even() -> None:
    """Of four items all 24 orders turn up, about equally often."""
    counts = Counter(tuple(Permutation(4, seed).take(np.arange(4, dtype=np.uint64)).tolist()) for seed in range(4800))
    assert len(counts) == 24
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) < 60


def test_bad_input_is_named() -> None:
    for options in ({"n": 0}, {"n": 2**63}, {"n": 5, "seed": -1}, {"n": 5, "lap": 2**32}):
        with pytest.raises(InputError):
            Permutation(**options)
    with pytest.raises(IndexError):
        Permutation(5)[5]
