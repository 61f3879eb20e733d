"""Who takes which pairs: every rank its own, in an order that depends on (seed, epoch) alone, resumed exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.random.permutation import EPOCH_ORDER, Permutation

_STRIDE = 4096


class RankIndices:
    """The indices that one rank visits in one epoch, as a sequence of constant memory.

    All ranks together go through one order of ``0 .. n - 1``; rank `r` takes its places r, r + world, r + 2 world, ...
    So no two ranks share an index, and batches of ``size / world`` a rank make the same global batches for any number
    of ranks. A torch ``DataLoader`` takes this as its ``sampler`` and hands the indices out to its workers, which is
    why the pairs do not depend on their number.

    Parameters
    ----------
    n : int
        Length of the set.
    rank, world : int
        Number of this rank, from 0, and of all.
    epoch : int
        Each has an order of its own.
    seed : int
        From 0 to 2**64 - 1.
    shuffle : bool
        Otherwise the order is that of the set.
    even : bool
        Give every rank equally many, as collective training needs; up to ``world - 1`` indices, others in every
        epoch where shuffled, are then `left_out`.
    start : int
        Places of the common order that are done already.

    Raises
    ------
    InputError
        When a number is out of range.
    """

    def __init__(
        self,
        n: int,
        rank: int = 0,
        world: int = 1,
        *,
        epoch: int = 0,
        seed: int = 0,
        shuffle: bool = True,
        even: bool = True,
        start: int = 0,
    ):
        if world < 1 or not 0 <= rank < world:
            raise InputError(f"rank {rank} of {world}", expected="a rank from 0 to world - 1", do="check the launcher")
        if not 0 <= start <= n:
            raise InputError("start", expected=f"from 0 to {n}", found=str(start), do="begin the next epoch")
        self.n, self.rank, self.world, self.epoch, self.seed = n, rank, world, epoch, seed
        self.shuffle, self.even, self.start = shuffle, even, start
        self._order = Permutation(n, seed, epoch, EPOCH_ORDER)

    @property
    def left_out(self) -> int:
        """Indices that no rank visits in this epoch."""
        return (self.n - self.start) % self.world if self.even else 0

    def __len__(self) -> int:
        left = self.n - self.start
        return left // self.world if self.even else (left - self.rank + self.world - 1) // self.world

    def __getitem__(self, place: int) -> int:
        if not 0 <= place < len(self):
            raise IndexError(f"place {place} of {len(self)}")
        where = self.start + place * self.world + self.rank
        return self._order[where] if self.shuffle else where

    def __iter__(self) -> Iterator[int]:
        for first in range(0, len(self), _STRIDE):
            last = min(first + _STRIDE, len(self))
            where = np.uint64(self.start + self.rank) + np.arange(first, last, dtype=np.uint64) * np.uint64(self.world)
            yield from map(int, self._order.take(where) if self.shuffle else where)

    def state(self, used: int) -> dict[str, Any]:
        """What a checkpoint keeps, once this rank has trained on `used` pairs of this epoch.

        `used` comes from the trainer, because loaders fetch ahead. The state is the same on all ranks.
        """
        if not 0 <= used <= len(self):
            raise InputError("pairs used", expected=f"from 0 to {len(self)}", found=str(used))
        done = self.start + used * self.world
        return {"n": self.n, "seed": self.seed, "epoch": self.epoch, "shuffle": self.shuffle, "done": done}

    @classmethod
    def resume(cls, state: dict[str, Any], *, rank: int = 0, world: int = 1, even: bool = True) -> RankIndices:
        """Go on from a `state`, with as many ranks as there are now.

        Raises
        ------
        InputError
            When the state is not one.
        """
        keys = {"n", "seed", "epoch", "shuffle", "done"}
        if set(state) != keys:
            other = sorted(set(state) ^ keys)[0]
            raise InputError(
                f"state of a sampler, '{other}'", expected=f"{', '.join(sorted(keys))}", do=suggest(other, keys)
            )
        return cls(
            state["n"],
            rank,
            world,
            epoch=state["epoch"],
            seed=state["seed"],
            shuffle=state["shuffle"],
            even=even,
            start=state["done"],
        )


def rank_indices(
    n: int, rank: int = 0, world: int = 1, epoch: int = 0, *, seed: int = 0, shuffle: bool = True, even: bool = True
) -> RankIndices:
    """The indices that `rank` of `world` visits in `epoch`; see `RankIndices`."""
    return RankIndices(n, rank, world, epoch=epoch, seed=seed, shuffle=shuffle, even=even)
