"""Methods against a baseline on the same pairs: how large a difference is, and whether it is significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.notebook import card
from facedeblur.benchmark.options import checked
from facedeblur.benchmark.scoring.agreement import check_tables, common_columns, labels, set_pairs
from facedeblur.benchmark.scoring.table import Column, ScoresLike, read_scores
from facedeblur.benchmark.statistics.intervals import ENOUGH, factors, too_few
from facedeblur.benchmark.statistics.standard_error import StandardError, crossing, numbered, standard_error
from facedeblur.benchmark.statistics.summary import summary
from facedeblur.benchmark.statistics.two_way_bootstrap import check_options, interval
from facedeblur.benchmark.words import many

if TYPE_CHECKING:
    import pandas as pd

TIE = 1e-6
"""Two values that differ by no more than this are a tie: what the metrics themselves are held to."""


@dataclass(frozen=True)
class Comparison:
    """One metric of a method and of the baseline, pair by pair.

    Attributes
    ----------
    method, baseline : str
        Names of the two, with the run hash where they are alike.
    metric, label, unit : str
        Signature, heading and unit.
    higher_is_better : bool
    n : int
        Pairs, failed ones too: they count as the metric's failure value.
    failed, baseline_failed : int
        Pairs without a value.
    mean, baseline_mean : float
        Means over all pairs.
    difference : float
        Mean of method - baseline over the pairs; two equal infinite values differ by 0.
    low, high : float
        Interval of the difference by `two_way_bootstrap.interval`, cut to the differences that two means can have; NaN
        where `untested` says why.
    p : float
        Two-sided, of no difference for new faces and kernels: Student's t with `standard_error`; NaN like the interval.
    p_holm : float
        `p` corrected by Holm for all metrics and methods compared at once.
    wins, ties, losses : int
        Pairs on which the method is better, as good to within `tie`, and worse.
    tie, level : float
        Tolerance of a tie in the metric's unit, and level of the interval.
    infinite : int
        Pairs whose difference is infinite.
    untested : str
        Why there is no interval and no test: too few faces or kernels, or infinite differences; empty otherwise.
    resampled : str
        What the interval and `p` hold for another choice of: ``faces x kernels``, ``faces`` or ``kernels``; empty where
        nothing is tested.
    """

    method: str
    baseline: str
    metric: str
    label: str
    unit: str
    higher_is_better: bool
    n: int
    failed: int
    baseline_failed: int
    mean: float
    baseline_mean: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    wins: int
    ties: int
    losses: int
    tie: float
    level: float
    infinite: int
    untested: str
    resampled: str

    @property
    def better(self) -> str:
        """Name of the better one where `p_holm` is below 1 - `level`; empty otherwise."""
        if not self.p_holm < 1 - self.level or self.difference == 0:
            return ""
        return self.method if (self.difference > 0) == self.higher_is_better else self.baseline


@dataclass(frozen=True, repr=False)
class Comparisons:
    """All comparisons of one family of tests.

    Attributes
    ----------
    rows : tuple of Comparison
        Method by method, each in the order of the metrics.
    left_out : tuple of (str, str)
        Metrics that one of the tables lacks, and which.
    faces, kernels : int
        How many different ones the pairs are of; 0 kernels where the set names none.
    too_few : str
        Why nothing is tested, ``only 2 faces``; empty where there are enough faces and kernels.
    set_pairs : int
        Pairs of the set; more than are compared where some runs are on samples of it. 0 if not known.
    """

    rows: tuple[Comparison, ...]
    left_out: tuple[tuple[str, str], ...]
    faces: int
    kernels: int
    too_few: str = ""
    set_pairs: int = 0

    @property
    def baselines(self) -> str:
        """The methods that others are compared with, by name."""
        return ", ".join(dict.fromkeys(row.baseline for row in self.rows))

    @property
    def frame(self) -> pd.DataFrame:
        """One row per comparison: the attributes of `Comparison` and which of the two is ``better``."""
        import pandas as pd

        return pd.DataFrame([{**asdict(row), "better": row.better} for row in self.rows])

    def __repr__(self) -> str:
        methods = ", ".join(dict.fromkeys(row.method for row in self.rows))
        return f"<Comparisons of {methods} with {self.baselines}: {many(len(self.rows), 'row')}>"

    def _repr_html_(self) -> str:
        heads: tuple[str, ...] = (
            "method",
            "baseline",
            "metric",
            "mean",
            "mean of baseline",
            "difference",
            "low",
            "high",
            "p (Holm)",
            "better",
        )
        rows: list[tuple[str, ...]] = [
            (row.method, row.baseline, row.metric,
             f"{row.mean:.4f}", f"{row.baseline_mean:.4f}", f"{row.difference:+.4f}",
             *((row.untested,) * 3 if row.untested else (f"{row.low:+.4f}", f"{row.high:+.4f}", f"{row.p_holm:.3g}")),
             "" if row.untested else row.better or "neither")
            for row in self.rows
        ]  # fmt: skip
        if self.too_few:
            heads, rows = heads[:6], [row[:6] for row in rows]
        first = self.rows[0]
        facts = {
            "pairs": f"{first.n:,}, of {many(self.faces, 'face')}"
            + (f" and {many(self.kernels, 'kernel')}" if self.kernels else ""),
            "interval": f"none: {self.too_few}; intervals and tests need {ENOUGH}"
            if self.too_few
            else f"{100 * first.level:g} %, for other {first.resampled.replace(' x ', ' and other ')}",
            "left out": ", ".join(metric for metric, _ in self.left_out),
        }
        return card(f"Comparison with {self.baselines}", facts, table=(heads, rows))


@checked
def compare(
    scores: ScoresLike | Iterable[ScoresLike],
    *,
    baseline: ScoresLike | Iterable[ScoresLike] | None = None,
    metrics: Sequence[str] | None = None,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    tie: float = TIE,
) -> Comparisons:
    """Compare methods with a baseline, or every two of them, metric by metric, over the pairs that all have.

    Parameters
    ----------
    scores : Scores, path, or several of them
        The methods' score tables, their files, or the outputs folders that hold them.
    baseline : Scores, path, or several of them, optional
        The tables they are compared with, each with each; without one every two of `scores` are compared.
    metrics : sequence of str, optional
        Signatures; all that both tables have otherwise, and of every two of more than two tables the first.
    level, draws, seed
        Of the intervals, as in `two_way_bootstrap.interval`.
    tie : float
        In the unit of each metric, 0 or more.

    Returns
    -------
    Comparisons

    Raises
    ------
    InputError
        When there is no table, two are of different sets or pairs, or the same run, a metric is defined differently
        or has another failure value, or an option is out of range.

    Notes
    -----
    A face is an identity, or an image where the set knows no identities. Pairs of a set without kernels each have
    a blur of their own. With fewer than `FEWEST` faces or kernels (`facedeblur.benchmark.statistics.intervals`) there
    are differences, but no intervals and no tests.

    References
    ----------
    Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> import facedeblur as fd
    >>> found = fd.compare("outputs/unsharp", baseline="outputs/blurred")
    >>> for row in found.rows:
    ...     print(f"{row.label}: {row.difference:+.3f}, p: {row.p_holm:.3f}")
    PSNR: +0.256, p: nan
    SSIM: -0.003, p: nan
    >>> found.too_few
    'only 1 face'
    """
    if not tie >= 0 or math.isinf(tie):
        raise InputError("tie", expected="0 or more", found=f"{tie:g}")
    check_options(level, draws, seed)
    given = read_scores(scores)
    bases = [] if baseline is None else read_scores(baseline)
    if not given or len(given) + len(bases) < 2:
        raise InputError("no other scores to compare with", do="give at least two runs")
    # The baseline first: its pairs have the order of all.
    tables = [*bases, *given]
    places = range(len(bases), len(tables))
    wanted = list(product(range(len(bases)), places)) if bases else [(j, i) for i, j in combinations(places, 2)]
    if not bases and len(given) > 2 and metrics is None:
        metrics = [given[0].meta.columns[0].signature]
    rows: list[Comparison] = []
    left_out: list[tuple[str, str]] = []
    options: dict[str, Any] = {"level": level, "draws": draws, "seed": seed}
    names = labels(tables)
    orders = check_tables(tables, [f"scores of '{name}'" for name in names], common=True)
    tables = [table.taken(order) for table, order in zip(tables, orders, strict=True)]
    faces, kernels = factors(tables[0])
    for j, i in wanted:
        columns, missing = common_columns(tables[j], tables[i], names[j], names[i], metrics)
        left_out += missing
        for column in columns:
            mine, theirs = tables[i].values(column.signature), tables[j].values(column.signature)
            if metrics is None and not differences(mine, theirs, column)[1].any():
                left_out.append((column.signature, "no pair has it"))
                continue
            row = _compared(mine, theirs, column, faces, kernels, tie, options)
            rows.append(replace(row, method=names[i], baseline=names[j]))
    if not rows:
        raise InputError(f"scores of '{names[0]}'", "all values are missing", do="score again")
    for place, p in enumerate(holm([row.p for row in rows])):
        rows[place] = replace(rows[place], p_holm=p)
    named = bool((tables[0].column("kernel_id") != "").any())
    count = numbered(faces)[1], numbered(kernels)[1] if named else 0
    few = too_few(faces, kernels)
    return Comparisons(tuple(rows), tuple(dict.fromkeys(left_out)), *count, few, set_pairs(tables))


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values for being many, by Holm's step-down rule.

    Parameters
    ----------
    p : sequence of float, (m,)
        NaN is no test: it stays NaN and does not count.

    Returns
    -------
    list of float, (m,)
        In [0, 1], in the order given; the smallest is multiplied by m, the next by m - 1, ..., none below the last.
    """
    corrected, largest = list(p), 0.0
    order = sorted((place for place, value in enumerate(p) if not math.isnan(value)), key=lambda place: p[place])
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p[place]))
        corrected[place] = largest
    return corrected


def two_sided(found: StandardError) -> float:
    """p-value, in [0, 1], of no mean difference for new faces and kernels, by Student's t."""
    from scipy.special import stdtr

    # Without an error the difference is the same on every pair.
    t = abs(found.mean) / found.error if found.error > 0 else 0.0 if found.mean == 0 else math.inf
    return 2 * float(stdtr(found.freedom, -t))


def differences(mine: np.ndarray, theirs: np.ndarray, column: Column) -> tuple[np.ndarray, np.ndarray]:
    """Differences of one metric pair by pair, failures counted as the metric says.

    Parameters
    ----------
    mine, theirs : np.ndarray, shape (n,), float64
        NaN on pairs that failed.
    column : Column

    Returns
    -------
    np.ndarray, (m,), np.ndarray, (n,) bool
        `mine` - `theirs`, 0 for two equal infinite values; and the rows that count. Of a partial metric those that
        neither has do not: the class is not in the picture, or both failed, which makes no difference.
    """
    kept = ~(np.isnan(mine) & np.isnan(theirs)) if column.partial else np.ones(mine.shape, dtype=bool)
    one, other = (np.where(np.isnan(values), column.failure, values)[kept] for values in (mine, theirs))
    same = one == other
    return np.where(same, 0.0, np.where(same, 0.0, one) - np.where(same, 0.0, other)), kept


def _compared(
    mine: np.ndarray,
    theirs: np.ndarray,
    column: Column,
    faces: np.ndarray,
    kernels: np.ndarray,
    tie: float,
    options: dict[str, Any],
) -> Comparison:
    difference, kept = differences(mine, theirs, column)
    if not kept.any():
        raise InputError(f"metric '{column.signature}'", expected="values in some pair", found="none", do="score again")
    mine, theirs, faces, kernels = mine[kept], theirs[kept], faces[kept], kernels[kept]
    failed = int(np.isnan(mine).sum()), int(np.isnan(theirs).sum())
    mine, theirs = (np.where(np.isnan(values), column.failure, values) for values in (mine, theirs))
    infinite = int(np.isinf(difference).sum())
    untested = too_few(faces, kernels) or ("infinite differences" if infinite else "")
    low = high = p = math.nan
    resampled = ""
    if not untested:
        crossed = crossing(faces, kernels)
        least, most = column.mean_limits
        # Two means differ by no more than their range is wide; an endless one cuts nothing.
        bounds = interval(difference, faces, kernels, **options).within(least - most, most - least)
        low, high, resampled = bounds.low, bounds.high, crossed.method
        p = two_sided(standard_error(difference, crossed))
    if not infinite:
        mean = math.fsum(difference.tolist()) / difference.size
    else:
        ends = set(difference[np.isinf(difference)].tolist())
        mean = ends.pop() if len(ends) == 1 else math.nan
    gain = difference if column.higher_is_better else -difference
    return Comparison(
        method="",
        baseline="",
        metric=column.signature,
        label=column.label,
        unit=column.unit,
        higher_is_better=column.higher_is_better,
        n=mine.size,
        failed=failed[0],
        baseline_failed=failed[1],
        mean=summary(mine, higher_is_better=column.higher_is_better).mean,
        baseline_mean=summary(theirs, higher_is_better=column.higher_is_better).mean,
        difference=mean,
        low=low,
        high=high,
        p=p,
        p_holm=p,
        wins=int((gain > tie).sum()),
        ties=int((np.abs(gain) <= tie).sum()),
        losses=int((gain < -tie).sum()),
        tie=tie,
        level=options["level"],
        infinite=infinite,
        untested=untested,
        resampled=resampled,
    )
