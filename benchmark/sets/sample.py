"""A part of a set that is spread evenly over its faces, kernel sizes and kernels, to try a slow method on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.sets.set import Pair, Set

Kernels = dict[int, dict[str, list[Pair]]]
"""Kernel size -> kernel -> pairs."""


def sample(the_set: Set, count: int) -> frozenset[int]:
    """Choose pairs spread evenly over faces, kernel sizes and kernels.

    The choice depends on the set and `count` alone, and a smaller sample is part of every larger one. Pairs are chosen
    in passes over the faces: each pass takes one pair of every face, as long as it has any. The next pair is of the
    kernel size, and of the kernel of that size, that have been chosen least. So no face is in a sample twice before all
    are in it once, and where all faces have all kernels, sizes are in it equally often, give or take one.

    Parameters
    ----------
    the_set : Set
        A face is an identity, or a photograph where the set knows no identities.
    count : int
        Number of pairs, 1 to those of the set.

    Returns
    -------
    frozenset of int
        Rows of the manifest (`Pair.index`).

    Raises
    ------
    InputError
        When `count` is not a number of pairs that the set has.
    """
    if not 1 <= count <= the_set.n_pairs:
        raise InputError("sample", expected=f"1 to {the_set.n_pairs:,} pairs of '{the_set.name}'", found=f"{count:,}")
    ranked = sorted(the_set.pairs(), key=lambda pair: _mixed(pair.pair_id))
    chosen: dict[int, None] = {}
    used: Counter[object] = Counter()
    while len(chosen) < count:
        left = sorted((pair for pair in ranked if pair.index not in chosen), key=lambda pair: used[pair.image_id])
        waiting, seen = _by_kernel(left), set[str]()
        while waiting and len(chosen) < count:
            size = min(waiting, key=lambda one: (used[one], one))
            kernels = waiting[size]
            kernel = min(kernels, key=lambda name: (used[size, name], _mixed(name)))
            pairs = kernels[kernel]
            while pairs and _face(the_set, pairs[-1]) in seen:
                pairs.pop()
            if not pairs:
                del kernels[kernel]
                if not kernels:
                    del waiting[size]
                continue
            pair = pairs.pop()
            chosen[pair.index] = None
            seen.add(_face(the_set, pair))
            used.update((size, (size, kernel), pair.image_id))
    return frozenset(chosen)


def _by_kernel(pairs: Iterable[Pair]) -> Kernels:
    """Sort pairs by the size of their kernel and by kernel; the first of them last, so that it is taken first."""
    found: Kernels = {}
    for pair in pairs:
        found.setdefault(pair.kernel_size, {}).setdefault(pair.kernel_id, []).append(pair)
    for kernels in found.values():
        for some in kernels.values():
            some.reverse()
    return found


def _face(the_set: Set, pair: Pair) -> str:
    return the_set.image_of(pair).identity or f"photograph {pair.image_id}"


def _mixed(name: str) -> bytes:
    """A key that puts names into an order of no meaning, always the same."""
    return hashlib.sha256(name.encode()).digest()
