"""Confidence intervals of the means of a score table that generalise to unseen faces and kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.scoring.table import Column, Scores
from facedeblur.benchmark.statistics.two_way_bootstrap import Interval, interval

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
    """Face and kernel of each row, by name.

    A face is an identity, or an image where the set knows no identities. Pairs of a set without kernels each have a
    blur of their own.

    Returns
    -------
    tuple of np.ndarray, (n,) str
    """
    names = ("identity", "image_id", "kernel_id", "kernel_size", "pair_id")
    identity, image, kernel, size, pair = (
        ["" if value is None or value != value else str(value) for value in table.column(name).tolist()]
        for name in names
    )
    faces = [f"i {who}" if who else f"p {photo}" for who, photo in zip(identity, image, strict=True)]
    kernels = [f"k {name} {of}" if name else f"p {own}" for name, of, own in zip(kernel, size, pair, strict=True)]
    return np.asarray(faces, dtype=str), np.asarray(kernels, dtype=str)


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
    faces, kernels = (np.unique(names, return_inverse=True)[1] for names in factors(table))
    ok = table.column("status").astype(str) == "ok"
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
    counts = {"face": np.unique(faces).size, "kernel": np.unique(kernels).size}
    few = [f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items() if count < FEWEST]
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
