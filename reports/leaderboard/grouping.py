"""Groups of methods that cannot be told apart, marked by letters.

Every two methods of a board are compared on the same pairs by its headline metric, for other faces and other kernels
(`crossed.standard_error`), and the p-values are corrected by Holm for the number of tests: those with the true kernel
are in them, so that the corrections are those of the report's matrix. Methods that share a letter do not differ.

References
----------
Piepho, *An algorithm for a letter-based representation of all-pairwise comparisons*, Journal of Computational and
Graphical Statistics 13, 2004 (insert and absorb).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.scoring.table import Column
from facedeblur.benchmark.statistics.comparison import differences, holm, two_sided
from facedeblur.benchmark.statistics.crossed import crossing, standard_error
from facedeblur.benchmark.statistics.intervals import factors
from facedeblur.reports.leaderboard.board import Board
from facedeblur.reports.leaderboard.entry import Entry

LEVEL = 0.05


@dataclass(frozen=True)
class Groups:
    """Methods that do not differ.

    Attributes
    ----------
    letters : dict
        Label of an entry -> its letters; empty with the true kernel, and where values are infinite.
    rule : str
        What was tested, or ``absent: why``.
    """

    letters: dict[str, str]
    rule: str


def groups(board: Board) -> Groups:
    """Group the methods of a board by its headline metric, failures counted as it says."""
    column = board.headline
    bare = {entry.label: "" for entry in board}
    if len(board.ranked) < 2:
        return Groups(bare, "absent: fewer than two methods without the true kernel")
    shown = [place for place, entry in enumerate(board) if not entry.oracle and _finite(entry, column)]
    if len(shown) < 2:
        return Groups(bare, "absent: infinite values")
    try:
        p = p_values(board.entries, column)
    except InputError:
        return Groups(bare, "absent: one face and one kernel")
    marks = letters((p < LEVEL)[np.ix_(shown, shown)])
    number = int((~np.isnan(p[np.triu_indices(len(p), 1)])).sum())
    rule = f"{column.signature}, p < {LEVEL:g} by Holm over {number} test{'s' * (number != 1)}"
    found = {board.entries[place].label: mark for place, mark in zip(shown, marks, strict=True)}
    return Groups(bare | found, rule)


def _finite(entry: Entry, column: Column) -> bool:
    values = column.counted(entry.values(column, filled=False), entry.ok)
    return bool(np.isfinite(np.where(np.isnan(values), column.failure, values)).all())


def p_values(entries: Sequence[Entry], column: Column) -> np.ndarray:
    """All against all in one metric.

    Parameters
    ----------
    entries : sequence of Entry, (n,)
        Of one board: the same pairs in the same order.
    column : Column
        A metric that all have.

    Returns
    -------
    np.ndarray, shape (n, n), float64
        Two-sided, corrected by Holm for all tests as in `facedeblur.benchmark.statistics.comparison.compare`; 1 on the
        diagonal,
        NaN where a difference is infinite, which is no test.

    Raises
    ------
    InputError
        When the pairs that count are all of one face and one kernel.
    """
    faces, kernels = factors(entries[0].scores)
    whole = crossing(faces, kernels)
    values = [entry.values(column, filled=False) for entry in entries]
    tests = list(combinations(range(len(entries)), 2))
    raw = []
    for i, j in tests:
        difference, kept = differences(values[i], values[j], column)
        crossed = whole if kept.all() else crossing(faces[kept], kernels[kept])
        finite = bool(np.isfinite(difference).all())
        raw.append(two_sided(standard_error(difference, crossed)) if finite else math.nan)
    p = np.ones((len(entries), len(entries)))
    for (i, j), corrected in zip(tests, holm(raw), strict=True):
        p[i, j] = p[j, i] = corrected
    return p


def letters(differ: np.ndarray) -> list[str]:
    """Letters for groups: two items share one where and only where they do not differ.

    Parameters
    ----------
    differ : np.ndarray, shape (n, n), bool
        Symmetric; who differs from whom.

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
