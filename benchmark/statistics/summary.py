"""Summary of a column of per-image values: mean, standard deviation, worst, quantiles, failures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError

TAIL = 0.05
"""Share of values that the tail is the mean of."""


@dataclass(frozen=True)
class Summary:
    """One metric over one set.

    Attributes
    ----------
    n : int
        Number of items: scored and failed.
    scored, failed : int
        Items with a value, and without one.
    infinite : int
        Scored items whose value is infinite (PSNR of identical images): they make the mean infinite.
    mean : float
        Mean of the per-image values, of dB for PSNR.
    std : float
        Standard deviation over all images, divided by n (ddof = 0): the papers state the spread of the whole test
        set, not an estimate from a sample of it. NaN where a value is infinite.
    worst, best : float
        The extreme on the bad and on the good side.
    median, q05, q25, q75, q95 : float
        Quantiles, linear between neighbours.
    tail : float
        Mean of the worst 5 % of values (expected shortfall): how bad it gets, less at the mercy of one image than
        `worst`. Where 5 % is no whole number of values, the last one counts in part; fewer than 20 leave the worst.

    Notes
    -----
    All but the counts are NaN where there is nothing to summarise.
    """

    n: int
    scored: int
    failed: int
    infinite: int
    mean: float
    std: float
    worst: float
    best: float
    median: float
    q05: float
    q25: float
    q75: float
    q95: float
    tail: float


def summary(values: Iterable[float], *, higher_is_better: bool, failure_value: float | None = None) -> Summary:
    """Summarise per-image values as the papers do; failures are counted, never dropped unseen.

    Parameters
    ----------
    values : iterable of float, (N,)
        One value per image; NaN means that the image failed.
    higher_is_better : bool
        Which extreme is the worst.
    failure_value : float, optional
        What a failure counts as in every statistic. Without it the statistics are over the scored images only, which
        a table must not show without the number of failures.

    Returns
    -------
    Summary
        Independent of the order of `values`, to the last bit.

    Raises
    ------
    InputError
        When `failure_value` is NaN or `values` is not one column.

    References
    ----------
    Shen et al. 2020, Tables 9 and 10: average = mean of per-image dB, "+-" = over all images, worst = minimum.
    Acerbi and Tasche, *On the coherence of expected shortfall*, Journal of Banking and Finance 26, 2002 (the tail).
    """
    column = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
    if column.ndim != 1:
        raise InputError("values to summarise", expected="one column", found=f"an array of shape {column.shape}")
    if failure_value is not None and math.isnan(failure_value):
        raise InputError("failure_value", expected="a number or None", found="NaN")
    kept = np.sort(column[~np.isnan(column)])
    scored, failed = kept.size, column.size - kept.size
    infinite = int(np.isinf(kept).sum())
    if failure_value is not None and failed:
        kept = np.sort(np.concatenate([kept, np.full(failed, failure_value)]))
    mean = _mean(kept)
    low, high = (float(kept[0]), float(kept[-1])) if kept.size else (math.nan, math.nan)
    return Summary(
        n=scored + failed,
        scored=scored,
        failed=failed,
        infinite=infinite,
        mean=mean,
        std=math.sqrt(_mean((kept - mean) ** 2)) if math.isfinite(mean) else math.nan,
        worst=low if higher_is_better else high,
        best=high if higher_is_better else low,
        median=_quantile(kept, 0.5),
        q05=_quantile(kept, 0.05),
        q25=_quantile(kept, 0.25),
        q75=_quantile(kept, 0.75),
        q95=_quantile(kept, 0.95),
        tail=_tail(kept if higher_is_better else kept[::-1]),
    )


def _mean(ordered: np.ndarray) -> float:
    """Return the mean, correctly rounded before the division; infinite where a value is, NaN for none."""
    if not ordered.size:
        return math.nan
    if not np.isfinite(ordered).all():
        ends = {float(end) for end in (ordered[0], ordered[-1]) if math.isinf(end)}
        return ends.pop() if len(ends) == 1 else math.nan
    return math.fsum(ordered) / ordered.size


def _tail(from_worst: np.ndarray) -> float:
    """Return the mean of the worst values, the last of them by the part that makes up the share."""
    if not from_worst.size:
        return math.nan
    wanted = TAIL * from_worst.size
    whole = math.floor(wanted)
    part = wanted - whole
    worst = [float(value) for value in from_worst[: whole + (part > 0)]]
    if not all(map(math.isfinite, worst)):
        return _mean(np.sort(np.asarray(worst)))
    return math.fsum([*worst[:whole], *(part * value for value in worst[whole:])]) / wanted


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile, linear between neighbours, that does not turn infinities into NaN."""
    if not ordered.size:
        return math.nan
    place = share * (ordered.size - 1)
    below = math.floor(place)
    low, rest = float(ordered[below]), place - below
    if rest == 0 or math.isinf(low):
        return low
    high = float(ordered[below + 1])
    return low + rest * (high - low)
