"""Where methods break: the headline metric face by face, kernel by kernel, role by role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.reports.board import Board, summarise
from facedeblur.reports.plots import sample

SHOWN = 12
"""Strata shown from either end where there are more than three times as many."""

_KINDS = (("identity", "Identity"), ("kernel_id", "Kernel"), ("role", "Role"))


@dataclass(frozen=True)
class Stratum:
    """The pairs of one name.

    Attributes
    ----------
    name : str
    pairs : int
    cells : tuple of (float, float), or None
        Mean and standard deviation of each method in the order of the board; failures count as the metric says.
    """

    name: str
    pairs: int
    cells: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Strata:
    """A table of strata, hardest for the leading method first.

    Attributes
    ----------
    kind, title : str
        Column of the score table, and what people call it.
    rows : tuple of Stratum
    total : int
        How many there are; more than `rows` where only both ends are shown.
    """

    kind: str
    title: str
    rows: tuple[Stratum, ...]
    total: int

    @property
    def cut(self) -> int:
        """How many rows stand before the gap; 0 where nothing is left out."""
        return (len(self.rows) + 1) // 2 if self.total > len(self.rows) else 0


def strata(board: Board, *, shown: int = SHOWN) -> list[Strata]:
    """Summarise the headline metric by identity, by kernel and by role, wherever there are two or more.

    Parameters
    ----------
    board : Board
    shown : int
        Of more than ``3 * shown`` strata only so many of the hardest and of the easiest are returned.
    """
    return [found for kind, title in _KINDS if (found := _by(board, kind, title, shown)) is not None]


def _by(board: Board, kind: str, title: str, shown: int) -> Strata | None:
    column, frame = board.headline, board.leader.scores.frame
    names = _names(frame[kind].tolist())
    if kind == "kernel_id":
        names = _with_size(names, frame["kernel_size"].tolist())
    known, number = np.unique(names, return_inverse=True)
    filled = known != ""
    if filled.sum() < 2:
        return None
    tables = []
    for entry in board:
        mine = sample(entry, column)
        order = np.argsort(number[mine.rows], kind="stable")
        values = np.split(mine.values[order], np.searchsorted(number[mine.rows][order], np.arange(1, known.size)))
        tables.append([summarise(one, column) if one.size else None for one in values])
    counts = np.bincount(number, minlength=known.size)
    leading = tables[board.entries.index(board.leader)]
    hardness = np.array([np.nan if one is None else one.mean for one in leading])
    order = np.argsort(hardness if column.higher_is_better else -hardness, kind="stable")
    order = order[filled[order]]
    kept = order if order.size <= 3 * shown else np.concatenate([order[:shown], order[-shown:]])
    rows = tuple(
        Stratum(
            str(known[at]),
            int(counts[at]),
            tuple(None if table[at] is None else (table[at].mean, table[at].std) for table in tables),
        )
        for at in kept
    )
    return Strata(kind, title, rows, int(order.size))


def _names(column: Sequence[object]) -> np.ndarray:
    return np.asarray(["" if name is None or name != name else str(name) for name in column], dtype=str)


def _with_size(names: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Kernels of several sizes often share a name."""
    return np.asarray(
        [f"{name}, {size} px" if name and size else name for name, size in zip(names, sizes, strict=True)]
    )
