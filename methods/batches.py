"""Which images go through the method together, and what is tried again alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from facedeblur.benchmark.sets.set import Pair, Set

Size = tuple[int, int]

PIXELS = 2**19
MOST = 32
SECONDS = 30.0


def usual_batch(size: Size) -> int:
    """Batch for images of (height, width) where none is asked for: 32 at 128x128, 1 for a large frame."""
    return max(1, min(MOST, PIXELS // (size[0] * size[1])))


class Batches:
    """Cuts a stream of pairs into batches of one size; a few batches of each size are in memory.

    Parameters
    ----------
    pairs : iterable of Pair
    set_ : Set
    batch : int or None
        Most images in a batch; None chooses by their size and speed.
    mixed : bool
        Sizes may be mixed, as in a folder of files.
    """

    def __init__(self, pairs: Iterable[Pair], set_: Set, *, batch: int | None, mixed: bool = False):
        self._pairs, self._set, self._batch, self._mixed = iter(pairs), set_, batch, mixed
        self._cap: dict[Size, int] = {}
        self._waiting: dict[Size, list[Pair]] = {}
        self._again: deque[tuple[Pair, ...]] = deque()
        self._stream = self._cut()

    def __call__(self) -> tuple[Pair, ...] | None:
        """The next batch, those to be tried again first; None where nothing is left for now."""
        return self._again.popleft() if self._again else next(self._stream, None)

    def size(self, pair: Pair) -> Size:
        """(height, width) of the pair's images."""
        image = self._set.images[pair.image_id]
        return image.height, image.width

    def ahead(self, count: int) -> int:
        """About how many batches `count` images make, at least one."""
        return max(1, -(-count // (self._batch or MOST)))

    def limit(self, size: Size) -> int:
        """Most images of this size in a batch."""
        usual = self._batch or usual_batch(size)
        return min(usual, self._cap.get(size, usual))

    def pace(self, size: Size, seconds: float, limit: float) -> None:
        """Keep a batch within 30 seconds and a quarter of the time limit, where the user asked for none."""
        if self._batch is None and seconds > 0:
            self._cap[size] = max(1, int(min(SECONDS, limit / 4) / seconds))

    def halve(self, pairs: tuple[Pair, ...]) -> int:
        """Try a batch that did not fit the memory again in two halves; return the new limit for its size."""
        half = (len(pairs) + 1) // 2
        size = self.size(pairs[0])
        self._cap[size] = min(half, self.limit(size))
        self._again.extend((pairs[:half], pairs[half:]))
        return self._cap[size]

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

    def _cut(self) -> Iterator[tuple[Pair, ...]]:
        for pair in self._pairs:
            size = self.size(pair)
            row = self._waiting.setdefault((0, 0) if self._mixed else size, [])
            row.append(pair)
            while len(row) >= self.limit(size):
                yield self._off(row)
        for row in self._waiting.values():
            while row:
                yield self._off(row)

    def _off(self, row: list[Pair]) -> tuple[Pair, ...]:
        """Take a batch off the row; the limit may have sunk since the row was begun."""
        count = self.limit(self.size(row[0]))
        batch = tuple(row[:count])
        del row[:count]
        return batch
