"""Which methods differ significantly: pairwise tests of a board's methods, and groups marked by letters.

Every two methods are compared on the same pairs by the headline metric, with standard errors that generalise to unseen
faces and kernels (`standard_error`). The p-values are corrected by Holm for the number of tests. Methods with the true
kernel are included, so that the letters and the report's matrix rest on the same corrections. Methods that share a
letter do not differ. On a set of too few faces or kernels nothing is tested
(`facedeblur.benchmark.statistics.intervals.FEWEST`).

References
----------
Piepho, *An algorithm for a letter-based representation of all-pairwise comparisons*, Journal of Computational and
Graphical Statistics 13, 2004 (insert and absorb).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from string import ascii_lowercase

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.comparison import Comparison, compare, differences, holm, two_sided
from facedeblur.benchmark.statistics.intervals import factors, too_few
from facedeblur.benchmark.statistics.standard_error import crossing, standard_error
from facedeblur.benchmark.words import many
from facedeblur.reports.leaderboard.board import Board, MethodScores

ALPHA = 0.05


@dataclass(frozen=True)
class Groups:
    """Methods that do not differ.

    Attributes
    ----------
    letters : dict
        Label of a method -> its letters; empty with the true kernel, and where values are infinite.
    rule : str
        What was tested, or ``absent: why``.
    """

    letters: dict[str, str]
    rule: str


def groups(board: Board) -> Groups:
    """Group the methods of a board by its headline metric, failures counted as it says."""
    column = board.headline
    bare = {method.label: "" for method in board}
    if len(board.ranked) < 2:
        return Groups(bare, "absent: fewer than two methods without the true kernel")
    shown = [place for place, method in enumerate(board) if not method.oracle and _finite(method, column)]
    if len(shown) < 2:
        return Groups(bare, "absent: infinite values")
    if few := board.too_few:
        return Groups(bare, f"absent: {few}")
    p = p_values(board.methods, column)
    if np.isnan(p[np.ix_(shown, shown)]).any():
        return Groups(bare, "absent: pairs with a value are of too few faces or kernels")
    marks = letters((p < ALPHA)[np.ix_(shown, shown)])
    number = int((~np.isnan(p[np.triu_indices(len(p), 1)])).sum())
    rule = f"{column.signature}, p < {ALPHA:g} by Holm over {many(number, 'test')}"
    found = {board.methods[place].label: mark for place, mark in zip(shown, marks, strict=True)}
    return Groups(bare | found, rule)


def _finite(method: MethodScores, column: Column) -> bool:
    values = column.counted(method.values(column, filled=False), method.ok)
    return bool(np.isfinite(np.where(np.isnan(values), column.failure, values)).all())


def p_values(methods: Sequence[MethodScores], column: Column) -> np.ndarray:
    """All against all in one metric.

    Parameters
    ----------
    methods : sequence of MethodScores, (n,)
        All on one leaderboard: the same pairs in the same order.
    column : Column
        A metric that all have.

    Returns
    -------
    np.ndarray, shape (n, n), float64
        Two-sided, corrected by Holm for all tests as in `facedeblur.benchmark.statistics.comparison.compare`; 1 on the
        diagonal,
        NaN where there is no test: a difference is infinite, or the pairs that count are of too few faces or kernels.
    """
    faces, kernels = factors(methods[0].scores)
    few = too_few(faces, kernels)
    whole = None if few else crossing(faces, kernels)
    values = [method.values(column, filled=False) for method in methods]
    tests = list(combinations(range(len(methods)), 2))
    raw = []
    for i, j in tests:
        difference, kept = differences(values[i], values[j], column)
        if few or not np.isfinite(difference).all() or (not kept.all() and too_few(faces[kept], kernels[kept])):
            raw.append(math.nan)
            continue
        crossed = whole if whole and kept.all() else crossing(faces[kept], kernels[kept])
        raw.append(two_sided(standard_error(difference, crossed)))
    p = np.ones((len(methods), len(methods)))
    for (i, j), corrected in zip(tests, holm(raw), strict=True):
        p[i, j] = p[j, i] = corrected
    return p


def letters(differ: np.ndarray) -> list[str]:
    """Letters for groups: two items share one where and only where they do not differ.

    Parameters
    ----------
    differ : np.ndarray, shape (n, n), bool
        Symmetric; which items differ.

    Returns
    -------
    list of str, (n,)
        ``a``, ``ab``, ...; the first item has an ``a``.
    """
    n = len(differ)
    found: list[frozenset[int]] = [frozenset(range(n))] if n else []
    for i, j in combinations(range(n), 2):
        if not differ[i, j]:
            continue
        split: list[frozenset[int]] = []
        for group in found:
            split += [group - {i}, group - {j}] if {i, j} <= group else [group]
        unique = list(dict.fromkeys(split))
        found = [group for group in unique if not any(group < other for other in unique)]
    found.sort(key=sorted)
    return ["".join(_letter(place) for place, group in enumerate(found) if item in group) for item in range(n)]


def _letter(place: int) -> str:
    """a ... z, then aa, ab, ... in brackets so that letters never run together."""
    if place < len(ascii_lowercase):
        return ascii_lowercase[place]
    return f"({ascii_lowercase[place // 26 - 1]}{ascii_lowercase[place % 26]})"


@dataclass(frozen=True)
class Pairwise:
    """Every two methods by the headline metric.

    Attributes
    ----------
    methods : tuple of MethodScores
        The methods, in the order of the board.
    rows : dict
        (i, j) with i < j -> `Comparison` of method i with baseline j; ``p_holm`` is corrected for all of them.
    why : str
        Why nothing is compared; empty where something is.
    """

    methods: tuple[MethodScores, ...]
    rows: dict[tuple[int, int], Comparison]
    why: str = ""

    @property
    def tests(self) -> int:
        """How many tests p-values are corrected for: infinite differences are not tested."""
        return sum(not math.isnan(row.p) for row in self.rows.values())

    def contrast(self, i: int, j: int) -> Contrast | None:
        """How method `i` compares with method `j`; None on the diagonal."""
        row = self.rows.get((min(i, j), max(i, j)))
        if row is None:
            return None
        sign = 1 if i < j else -1
        ends = (row.low, row.high) if sign > 0 else (-row.high, -row.low)
        certain = bool(row.better)
        gain = sign * row.difference * (1 if row.higher_is_better else -1)
        return Contrast(
            sign * row.difference,
            *ends,
            row.p_holm,
            "better" if certain and gain > 0 else "worse" if certain else "open",
            row.wins if sign > 0 else row.losses,
            row.n,
        )


@dataclass(frozen=True)
class Contrast:
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
        Tests and intervals as in `facedeblur.benchmark.statistics.comparison.compare`, for unseen faces and
        kernels; none where the set has too few of either.
    """
    methods = board.methods
    if len(methods) < 2:
        return Pairwise(methods, {}, "there is one method")
    if few := board.too_few:
        return Pairwise(methods, {}, few)
    rows: dict[tuple[int, int], Comparison] = {}
    try:
        # The later method is the baseline, whose tables are read once for all before it.
        for j in range(1, len(methods)):
            found = compare(
                [method.scores for method in methods[:j]],
                baseline=methods[j].scores,
                metrics=[board.headline.signature],
            )
            for i, row in enumerate(found.rows):
                rows[i, j] = replace(row, method=methods[i].label, baseline=methods[j].label)
    except InputError as error:
        return Pairwise(methods, {}, str(error))
    corrected = holm([row.p for row in rows.values()])
    adjusted = {key: replace(row, p_holm=p) for (key, row), p in zip(rows.items(), corrected, strict=True)}
    return Pairwise(methods, adjusted)


def p_value(p: float) -> str:
    """A p-value for people: ``< 0.001``, ``0.013``; ``not tested`` for NaN."""
    if math.isnan(p):
        return "not tested"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.9995 else "1"
