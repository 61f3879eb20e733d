"""Where methods fail: the headline metric by face, by kernel, by role, and over several sets by set and kernel size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.intervals import Spread
from facedeblur.reports.leaderboard.board import Board, summarise
from facedeblur.reports.leaderboard.series import sample

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
        Over several sets in the order asked for. None for a method without such pairs.
    column : Column
        The metric.
    faces : int
        How many sharp images the pairs are of; 0 where nobody asked.
    spreads : tuple of Spread
        95 % interval of each mean for unseen faces and kernels; empty where nobody asked.
    """

    name: str
    pairs: int
    cells: tuple[tuple[float, float] | None, ...]
    column: Column
    faces: int = 0
    spreads: tuple[Spread, ...] = ()


@dataclass(frozen=True)
class Strata:
    """A table of strata.

    Attributes
    ----------
    kind, title : str
        Column of the score table, and its heading.
    rows : tuple of Stratum
    total : int
        How many there are; more than `rows` where only both ends are shown.
    ordered : bool
        Whether the hardest for the leading method are first; otherwise strata have an order of their own.
    """

    kind: str
    title: str
    rows: tuple[Stratum, ...]
    total: int
    ordered: bool = True

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


def over_sets(boards: Sequence[Board], labels: Sequence[str], leading: str, *, shown: int = SHOWN) -> list[Strata]:
    """Summarise the headline metric of each set by set, and by set and kernel size.

    Parameters
    ----------
    boards : sequence of Board
        One per set.
    labels : sequence of str
        Methods, in the order of the cells.
    leading : str
        The one that says what is hard. The sets of one table have one headline metric or keep their order, for
        values of different metrics do not compare.
    shown : int
        As in `strata`.
    """
    by_set, by_size = [], []
    for board in boards:
        name = str(board.set.get("name", ""))
        sizes = board.leader.scores.frame["kernel_size"].to_numpy()
        by_set.append(stratum(board, name, labels, np.full(sizes.size, True)))
        if (sizes > 0).any():
            by_size += [stratum(board, f"{name}, {size} px", labels, sizes == size) for size in np.unique(sizes)]
    found = [("set", "Set", by_set), ("kernel_size", "Set and kernel size", by_size)]
    at = list(labels).index(leading)
    return [
        Strata(kind, title, _hardest_first(rows, at, shown), len(rows)) for kind, title, rows in found if len(rows) > 1
    ]


def stratum(board: Board, name: str, labels: Sequence[str], here: np.ndarray, *, spreads: bool = False) -> Stratum:
    """Summarise the pairs of a set where `here` is true.

    Parameters
    ----------
    board : Board
    name : str
        Of the stratum.
    labels : sequence of str
        Methods, in the order of the cells.
    here : (n,) bool
        By row of the score tables.
    spreads : bool
        Also count the faces, and compute the interval of each mean.
    """
    methods = {method.label: method for method in board}
    cells: list[tuple[float, float] | None] = []
    found: list[Spread] = []
    for label in labels:
        whole = sample(methods[label], board.headline) if label in methods else None
        known = None if whole is None else whole.of(here[whole.rows])
        result = summarise(known.values, board.headline) if known is not None and known.values.size else None
        cells.append(None if result is None else (result.mean, result.std))
        if spreads:
            found.append(Spread(None, "no values") if known is None else known.spread(board.headline))
    faces = board.leader.scores.frame["image_id"][here].nunique() if spreads else 0
    return Stratum(name, int(here.sum()), tuple(cells), board.headline, faces, tuple(found))


def _hardest_first(rows: Sequence[Stratum], leading: int, shown: int) -> tuple[Stratum, ...]:
    """By the method at `leading`, where the rows are of one metric; of many both ends."""
    column = rows[0].column
    if any(row.column.signature != column.signature for row in rows):
        return tuple(rows)
    cells = [row.cells[leading] for row in rows]
    means = np.array([np.nan if cell is None else cell[0] for cell in cells])
    return tuple(
        rows[at] for at in _ends(np.argsort(means if column.higher_is_better else -means, kind="stable"), shown)
    )


def _ends(order: np.ndarray, shown: int) -> np.ndarray:
    """Both ends of a long order."""
    return order if order.size <= 3 * shown else np.concatenate([order[:shown], order[-shown:]])


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
    for method in board:
        mine = sample(method, column)
        order = np.argsort(number[mine.rows], kind="stable")
        values = np.split(mine.values[order], np.searchsorted(number[mine.rows][order], np.arange(1, known.size)))
        tables.append([summarise(one, column) if one.size else None for one in values])
    counts = np.bincount(number, minlength=known.size)
    leading = tables[board.methods.index(board.leader)]
    hardness = np.array([np.nan if one is None else one.mean for one in leading])
    order = np.argsort(hardness if column.higher_is_better else -hardness, kind="stable")
    order = order[filled[order]]
    rows = tuple(
        Stratum(
            str(known[at]),
            int(counts[at]),
            tuple(None if table[at] is None else (table[at].mean, table[at].std) for table in tables),
            column,
        )
        for at in _ends(order, shown)
    )
    return Strata(kind, title, rows, int(order.size))


def _names(column: Sequence[object]) -> np.ndarray:
    return np.asarray(["" if name is None or name != name else str(name) for name in column], dtype=str)


def _with_size(names: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Kernels of several sizes often share a name."""
    return np.asarray(
        [f"{name}, {size} px" if name and size else name for name, size in zip(names, sizes, strict=True)]
    )
