"""Places of methods in one metric, and the mean of their ranks over several.

Means that are printed alike are equal: they share a place, and the next place counts them all (1, 2, 2, 4).

The mean rank of a method on a set is the mean of its ranks in the first metric of every family (PSNR, SSIM, detection,
identity, ...), so that three definitions of SSIM do not count three times. A metric enters when all ranked methods have
it, and every pair does (metrics of a semantic class do not). In each metric the methods are ranked by their means, 1 is
best; means that are printed alike tie and share the average of their ranks. The mean rank over sets is the mean of the
mean ranks of a method that is on every set. Methods with the true kernel are not ranked.

References
----------
Demsar, *Statistical comparisons of classifiers over multiple data sets*, Journal of Machine Learning Research 7, 2006,
section 3.2.2 (average ranks, ties share the average rank).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from facedeblur.benchmark.metrics.signature import Signature
from facedeblur.benchmark.scoring.table import Column
from facedeblur.reports.text import value

RULE = (
    "mean rank: mean of the places in the first metric of every family that all pairs have, 1 is best, means printed "
    "alike share a place; "
    "methods with the true kernel are not ranked"
)


@dataclass(frozen=True)
class MeanRanks:
    """Ranks of methods over several metrics.

    Attributes
    ----------
    ranks : np.ndarray, shape (n,), float64
        Mean rank of each method, 1 is best; NaN for all where there is no metric to rank by.
    metrics : tuple of str
        Signatures that enter.
    """

    ranks: np.ndarray
    metrics: tuple[str, ...]


Name = TypeVar("Name", bound=Hashable)


def best(numbers: Mapping[Name, float], column: Column) -> tuple[Name, ...]:
    """Those whose number is printed like the best one; none where all are alike. NaN is not a number."""
    known = {name: number for name, number in numbers.items() if not math.isnan(number)}
    shown = {name: value(number, column) for name, number in known.items()}
    if len(set(shown.values())) < 2:
        return ()
    extreme = value((max if column.higher_is_better else min)(known.values()), column)
    return tuple(name for name, printed in shown.items() if printed == extreme)


def primary(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The first metric of every family; metrics that not every pair has are left out."""
    found: dict[str, Column] = {}
    for column in columns:
        if not column.partial:
            found.setdefault(Signature.parse(column.signature).name, column)
    return tuple(found.values())


def ranks_in(means: Sequence[float], column: Column) -> np.ndarray:
    """Ranks of methods in one metric, to be averaged over metrics.

    Parameters
    ----------
    means : sequence of float, (n,)
        In the metric's unit, infinite ones too; NaN comes last.
    column : Column

    Returns
    -------
    np.ndarray, shape (n,), float64
        From 1; means that are printed alike share the average of their places.
    """
    better, alike = _compared(means, column)
    return np.asarray(better + (alike + 1) / 2, np.float64)


def places(means: Sequence[float], column: Column) -> list[int]:
    """Places of methods in one metric, from 1; means that are printed alike share the best of theirs (1, 2, 2, 4).

    Parameters
    ----------
    means : sequence of float, (n,)
        In the metric's unit, infinite ones too; NaN comes last.
    column : Column
    """
    return [int(better) + 1 for better in _compared(means, column)[0]]


def _compared(means: Sequence[float], column: Column) -> tuple[np.ndarray, np.ndarray]:
    """How many means are better than each, and how many are printed like it, itself included."""
    shown = [value(float(mean), column) for mean in means]
    # All of one print are put at the first of them, so that rounding ties whole groups and no chain of neighbours.
    first = {text: float(mean) for text, mean in zip(reversed(shown), reversed(list(means)), strict=True)}
    keys = np.array([first[text] for text in shown], np.float64)
    absent = np.isnan(keys)
    keys = np.where(absent, math.inf, -keys if column.higher_is_better else keys)
    # An infinite value may be the worst that there is; it is still better than none.
    better = (keys[None, :] < keys[:, None]) | (absent[:, None] & ~absent[None, :])
    alike = (keys[None, :] == keys[:, None]) & (absent[:, None] == absent[None, :])
    return better.sum(axis=1), alike.sum(axis=1)


def mean_ranks(means: Sequence[dict[str, float]], columns: Sequence[Column]) -> MeanRanks:
    """Mean rank of every method over the primary metrics.

    Parameters
    ----------
    means : sequence of dict, (n,)
        Signature -> mean of each ranked method; NaN or missing where it has none.
    columns : sequence of Column
        All metrics, in the order of the protocol.

    Returns
    -------
    MeanRanks
    """
    kept = [c for c in primary(columns) if all(not math.isnan(one.get(c.signature, math.nan)) for one in means)]
    if not kept or not means:
        return MeanRanks(np.full(len(means), math.nan), ())
    ranks = np.mean([ranks_in([one[column.signature] for one in means], column) for column in kept], axis=0)
    return MeanRanks(np.asarray(ranks, np.float64), tuple(column.signature for column in kept))
