"""Pairs worth looking at: where the leading method is worst, average and best, with every method beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from facedeblur.benchmark.errors import InputError
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.choice import GROUPS, PER_GROUP, choose, further
from facedeblur.reports.leaderboard.places import open_outputs, open_set
from facedeblur.reports.page.tiles import ENCODINGS, Row, encoded, read_rows

BUDGET = 2_000_000
"""Characters that the embedded pictures may take, so that a report stays under 3 MB."""

FURTHER = 24
"""Pairs at most that fill what the chosen ones leave of the budget."""


@dataclass(frozen=True)
class Gallery:
    """Rows to show, how their pictures are encoded, and what could not be shown.

    Attributes
    ----------
    rows : tuple of Row
    method : str
        Whose worst, median and best pairs these are.
    encoding : str
    notes : tuple of str
        One line for everything that is missing.
    further : tuple of Row
        Pairs spread evenly over the ranking of `method`, which fill what the others leave of the budget.
    """

    rows: tuple[Row, ...]
    method: str
    encoding: str
    notes: tuple[str, ...]
    further: tuple[Row, ...] = ()

    def size(self, around: int = 0) -> int:
        """Characters of all pictures, with `around` for what stands about each."""
        return sum(_size(row, around) for row in (*self.rows, *self.further))


def gallery(
    board: Board,
    *,
    per_group: int = PER_GROUP,
    budget: int = BUDGET,
    named: Sequence[str] = (),
    more: int = FURTHER,
    around: int = 0,
) -> Gallery:
    """Read the pictures of the chosen pairs from the set and the outputs, and encode them.

    Where the set is not found, or is another one than was scored, the gallery is empty and says so.

    Parameters
    ----------
    board : Board
    per_group : int
        Pairs a group.
    budget : int
        Characters that all pictures together may take. Pictures are lossless where they fit in, else
        JPEG without chroma subsampling in the best quality that does; only then are there fewer pairs.
    named : sequence of str
        Ids of pairs to show first.
    more : int
        Further pairs at most, in the same encoding, as far as the budget goes.
    around : int
        Characters to count for what a page has about each picture.

    Raises
    ------
    InputError
        When the tables have no pair of a name in `named`.
    """
    chosen = choose(board, per_group=per_group, named=named)
    try:
        opened = open_set(board)
        notes: list[str] = []
        outputs = {entry.label: open_outputs(entry, opened, notes) for entry in board}
        rows = list(read_rows(board, opened, outputs, chosen))
    except InputError as error:
        return Gallery((), board.leader.label, "", (f"No pictures: {error}",))
    for number in range(per_group, 0, -1):
        kept = [
            row
            for group in GROUPS
            for row in [row for row in rows if row.group == group][: len(named) if group == "chosen" else number]
        ]
        for name, encode in ENCODINGS:
            made = [encoded(row, encode) for row in kept]
            left = budget - sum(_size(row, around) for row in made)
            if left >= 0:
                taken = [at for places in chosen.values() for at in places]
                wanted = {"further": list(islice(further(board, taken), more))}
                try:
                    others = [encoded(row, encode) for row in read_rows(board, opened, outputs, wanted)]
                except InputError as error:
                    others = []
                    notes.append(f"No further pairs: {error}")
                ends = accumulate(_size(row, around) for row in others)
                fitting = tuple(row for row, end in zip(others, ends, strict=True) if end <= left)
                return Gallery(tuple(made), board.leader.label, name, tuple(notes), fitting)
    notes.append(f"No pictures: not even one pair a group fits into {budget:,} characters")
    return Gallery((), board.leader.label, "", tuple(notes))


def _size(row: Row, around: int) -> int:
    return row.size + around * len(row.tiles)
