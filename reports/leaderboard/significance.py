"""Which methods differ for certain: every two of them compared on the same pairs, corrected for being many."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.statistics.comparison import Comparison, compare, holm
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry


@dataclass(frozen=True)
class Pairwise:
    """Every two methods by the headline metric.

    Attributes
    ----------
    entries : tuple of Entry
        The methods, in the order of the board.
    rows : dict
        (i, j) with i < j -> `Comparison` of method i with baseline j; ``p_holm`` is corrected for all of them.
    why : str
        Why nothing is compared; empty where something is.
    """

    entries: tuple[Entry, ...]
    rows: dict[tuple[int, int], Comparison]
    why: str = ""

    @property
    def tests(self) -> int:
        """How many tests p-values are corrected for: infinite differences are not tested."""
        return sum(not math.isnan(row.p) for row in self.rows.values())

    def cell(self, i: int, j: int) -> Cell | None:
        """How method `i` does beside method `j`; None on the diagonal."""
        row = self.rows.get((min(i, j), max(i, j)))
        if row is None:
            return None
        sign = 1 if i < j else -1
        ends = (row.low, row.high) if sign > 0 else (-row.high, -row.low)
        certain = bool(row.better)
        gain = sign * row.difference * (1 if row.higher_is_better else -1)
        return Cell(
            sign * row.difference,
            *ends,
            row.p_holm,
            "better" if certain and gain > 0 else "worse" if certain else "open",
            row.wins if sign > 0 else row.losses,
            row.n,
        )


@dataclass(frozen=True)
class Cell:
    """A comparison as seen from the row's method.

    Attributes
    ----------
    difference, low, high : float
        Mean of row minus column, and its 95 % interval; NaN where values are infinite.
    p : float
        Corrected by Holm.
    verdict : {'better', 'worse', 'open'}
        ``open`` where p is not below 0.05.
    wins, n : int
        Pairs on which the row's method is better, and all pairs.
    """

    difference: float
    low: float
    high: float
    p: float
    verdict: str
    wins: int
    n: int


def pairwise(board: Board) -> Pairwise:
    """Compare every two methods of a board by its headline metric.

    Parameters
    ----------
    board : Board

    Returns
    -------
    Pairwise
        Tests and intervals as in `facedeblur.benchmark.statistics.comparison.compare`, for other faces and other
        kernels.
    """
    entries = board.entries
    if len(entries) < 2:
        return Pairwise(entries, {}, "there is one method")
    rows: dict[tuple[int, int], Comparison] = {}
    try:
        # The later method is the baseline, whose tables are read once for all before it.
        for j in range(1, len(entries)):
            found = compare(
                [entry.scores for entry in entries[:j]],
                baseline=entries[j].scores,
                metrics=[board.headline.signature],
            )
            for i, row in enumerate(found.rows):
                rows[i, j] = replace(row, method=entries[i].label, baseline=entries[j].label)
    except InputError as error:
        return Pairwise(entries, {}, str(error))
    corrected = holm([row.p for row in rows.values()])
    adjusted = {key: replace(row, p_holm=p) for (key, row), p in zip(rows.items(), corrected, strict=True)}
    return Pairwise(entries, adjusted)


def p_value(p: float) -> str:
    """A p-value for people: ``< 0.001``, ``0.013``; ``not tested`` for NaN."""
    if math.isnan(p):
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.9995 else "1"
