"""Which images go through a method together.

The first images of a run go alone, which gives the run time. The others are divided into groups of one size, in the
order of the set, so that a group is the same whenever and however often a run is resumed: the result of an image may
depend a little on the others in its batch. A group in which an image is missing is restored as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from facedeblur.benchmark.sets.set import Pair, Set

Size = tuple[int, int]
State = Literal["restored", "failed", "missing"]

PIXELS = 2**19
MOST = 32
SECONDS = 30.0


def usual_batch(size: Size) -> int:
    """Batch for images of (height, width) if the user asked for none: 32 at 128x128, 1 for a large frame."""
    return max(1, min(MOST, PIXELS // (size[0] * size[1])))


class Batches:
    """Iterator that divides a stream of pairs into batches of one size; a few batches per size are in memory.

    Parameters
    ----------
    pairs : iterable of Pair
        All pairs of the run, restored ones too.
    set_ : Set
    batch : int or None
        Largest number of images in a batch; None chooses by their size and speed.
    mixed : bool
        Sizes may be mixed, as in a folder of files.
    state : callable, optional
        What is known of a pair; by default all are missing.
    caps : mapping, optional
        Limits that an earlier part of the run came to, as `caps` has them.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        set_: Set,
        *,
        batch: int | None,
        mixed: bool = False,
        state: Callable[[Pair], State] = lambda pair: "missing",
        caps: Mapping[str, int] | None = None,
    ):
        self._pairs, self._set, self._batch, self._mixed, self._state = iter(pairs), set_, batch, mixed, state
        self.caps: dict[str, int] = dict(caps or {})
        self._waiting: dict[Size, list[Pair]] = {}
        self._again: deque[tuple[Pair, ...]] = deque()
        self._stream = self._cut()

    def __call__(self) -> tuple[Pair, ...] | None:
        """Return the next batch, retries first; None if nothing is left for now."""
        return self._again.popleft() if self._again else next(self._stream, None)

    def size(self, pair: Pair) -> Size:
        """(height, width) of the pair's images."""
        image = self._set.image_of(pair)
        return image.height, image.width

    def ahead(self, count: int) -> int:
        """About how many batches `count` images make, at least one."""
        return max(1, -(-count // (self._batch or MOST)))

    def limit(self, size: Size) -> int:
        """Most images of this size in a batch."""
        group = self._group(size)
        return min(group, self.caps.get(_key(size), group), self.caps.get("any", group))

    def pace(self, size: Size, seconds: float, limit: float) -> None:
        """Keep a batch within 30 seconds and a quarter of the time limit, unless the user set its size."""
        if self._batch is None and seconds > 0:
            self.caps[_key(size)] = max(1, int(min(SECONDS, limit / 4) / seconds))

    def halve(self, pairs: tuple[Pair, ...]) -> int:
        """Try a batch that did not fit the memory again in two halves; return the new limit for its size."""
        half = (len(pairs) + 1) // 2
        size = self.size(pairs[0])
        self.caps[_key(size)] = min(half, self.limit(size))
        self._again.extend((pairs[:half], pairs[half:]))
        return self.caps[_key(size)]

    def one_by_one(self) -> None:
        """Make no more batches of several images."""
        self.caps["any"] = 1

    def alone(self, pairs: Iterable[Pair]) -> None:
        """Try these again one by one."""
        self._again.extend((pair,) for pair in pairs)

    def take(self, count: int) -> list[Pair]:
        """The first pairs of one size, at most `count`; the others keep their turn."""
        taken: list[Pair] = []
        passed: list[Pair] = []
        for pair in self._pairs:
            if taken and self.size(pair) != self.size(taken[0]):
                passed.append(pair)
            else:
                taken.append(pair)
            if len(taken) == count or len(passed) == 4 * count:
                break
        rest = self._pairs
        self._pairs = (pair for part in (passed, rest) for pair in part)
        return taken

    def _group(self, size: Size) -> int:
        return self._batch or usual_batch(size)

    def _cut(self) -> Iterator[tuple[Pair, ...]]:
        for pair in self._pairs:
            size = self.size(pair)
            group = self._waiting.setdefault((0, 0) if self._mixed else size, [])
            group.append(pair)
            if len(group) >= self._group(size):
                yield from self._pieces(group)
        for group in self._waiting.values():
            yield from self._pieces(group)

    def _pieces(self, group: list[Pair]) -> Iterator[tuple[Pair, ...]]:
        """Empty a group: what is to be done of it, in batches; the limit may fall between two of them."""
        while group:
            count = self.limit(self.size(group[0]))
            piece = tuple(group[:count])
            del group[:count]
            states = [self._state(pair) for pair in piece]
            if "missing" in states:
                yield piece
            else:
                yield from ((pair,) for pair, state in zip(piece, states, strict=True) if state == "failed")


def _key(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
