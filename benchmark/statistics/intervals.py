"""Confidence intervals of the means of a score table that generalise to unseen faces and kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.statistics.standard_error import numbered
from facedeblur.benchmark.statistics.two_way_bootstrap import Interval, interval
from facedeblur.benchmark.words import many

LEVEL = 0.95

FEWEST = 5
"""Faces, and kernels, that an interval or a test must rest on at least.

With fewer, intervals are as wide as the range of the metric, and cover what they claim only if the values follow the
model that they assume.
"""

ENOUGH = f"at least {FEWEST} faces and {FEWEST} kernels"
"""What intervals and tests need, in words."""


@dataclass(frozen=True)
class Spread:
    """The interval of a column's mean, or why it is missing.

    Attributes
    ----------
    interval : Interval or None
        Two-way: for unseen faces and kernels, cut to what the mean can be.
    absent : str
        Why it is missing, empty if it is not: ``only 2 faces`` (see `too_few`), ``infinite values``, ``no values``,
        ``equal values``, which do not say how far others would lie from them.
    """

    interval: Interval | None
    absent: str = ""


def factors(table: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Face and kernel of each row.

    A face is an identity, or an image where the set knows no identities. Pairs of a set without kernels each have a
    blur of their own.

    Returns
    -------
    tuple of np.ndarray, (n,) int
        Their numbers in the sorted order of their names.
    """

    def words(name: str) -> _Words:
        return _Words.of(table.column(name))

    faces = words("identity").or_else(lambda: words("image_id"))
    return faces, words("kernel_id").followed_by(words("kernel_size")).or_else(lambda: words("pair_id"))


@dataclass(frozen=True)
class _Words:
    """A column of words: the place in `known` of the word of each row; an empty word is none."""

    place: np.ndarray
    known: list[str]

    @classmethod
    def of(cls, column: np.ndarray) -> _Words:
        import pandas as pd

        place, known = pd.factorize(column)
        return cls(np.where(place < 0, len(known), place), [*map(str, known), ""])

    def followed_by(self, other: _Words) -> _Words:
        """The words of two columns; none where this one has none."""
        import pandas as pd

        place, both = pd.factorize(self.place * len(other.known) + other.place)
        each = (
            (self.known[one], other.known[two]) for one, two in zip(*np.divmod(both, len(other.known)), strict=True)
        )
        return _Words(place, [f"{one} {two}" if one else "" for one, two in each])

    def or_else(self, other: Callable[[], _Words]) -> np.ndarray:
        """Numbers in the sorted order of the words; where one is empty, of those of another column, which come last."""
        import pandas as pd

        place, words = self.place, [(0, word) for word in self.known]
        absent = np.array([not word for word in self.known])[place]
        if absent.any():
            instead = other()
            place = np.where(absent, instead.place + len(words), place)
            words += [(1, word) for word in instead.known]
        found, used = pd.factorize(place)
        order = {word: number for number, word in enumerate(sorted({words[one] for one in used}))}
        return np.array([order[words[one]] for one in used], dtype=np.int64)[found]


def spreads(table: Scores, columns: Iterable[Column] | None = None) -> dict[str, Spread]:
    """95 % intervals of the means of a score table, failures counted as the metric says.

    Parameters
    ----------
    table : Scores
    columns : iterable of Column, optional
        All of the table's where not given.

    Returns
    -------
    dict
        Signature -> `Spread`. The bootstrap has always the same seed: a table has one interval.
    """
    faces, kernels = factors(table)
    ok = table.column("status") == "ok"
    found = {}
    for column in table.meta.columns if columns is None else columns:
        values = table.values(column.signature)
        # As `Column.counted` does, but the rows are needed too.
        kept = ~(np.isnan(values) & ok) if column.partial else np.ones(len(values), dtype=bool)
        counted = np.where(np.isnan(values), column.failure, values)[kept]
        found[column.signature] = spread(counted, faces[kept], kernels[kept], *column.mean_limits)
    return found


def too_few(faces: np.ndarray, kernels: np.ndarray) -> str:
    """Say why rows are of too few faces or kernels for intervals and tests; empty if they are of enough.

    Parameters
    ----------
    faces, kernels : (n,)
        Which face and which kernel each row is of, as `factors` tells them apart.

    Returns
    -------
    str
        ``only 2 faces``, ``only 1 kernel``, ``only 3 faces and 4 kernels``: those of which there are fewer than
        `FEWEST`.
    """
    counts = {"face": numbered(faces)[1], "kernel": numbered(kernels)[1]}
    few = [many(count, what) for what, count in counts.items() if count < FEWEST]
    return f"only {' and '.join(few)}" if few else ""


def reason(absent: str) -> str:
    """Say why there is no interval and, where faces or kernels are too few, how many are needed.

    Parameters
    ----------
    absent : str
        As `too_few` or `Spread.absent` says it.

    Returns
    -------
    str
        ``only 2 faces; at least 5 faces and 5 kernels are needed``; any other reason as it is.
    """
    return f"{absent}; {ENOUGH} are needed" if absent.startswith("only ") else absent


def spread(
    values: np.ndarray, faces: np.ndarray, kernels: np.ndarray, least: float = -math.inf, most: float = math.inf
) -> Spread:
    """Two-way interval of a mean.

    Parameters
    ----------
    values : (n,) float64
    faces, kernels : (n,)
        Which face and which kernel each value is of.
    least, most : float
        What the mean can be.
    """
    if not values.size:
        return Spread(None, "no values")
    if few := too_few(faces, kernels):
        return Spread(None, few)
    if not np.isfinite(values).all():
        return Spread(None, "infinite values")
    if (values == values[0]).all():
        return Spread(None, "equal values")
    return Spread(interval(values, faces, kernels, level=LEVEL).within(least, most))
