"""Two-way bootstrap: confidence intervals of a mean that generalise to unseen faces and kernels.

The 8,000 pairs of 100 faces x 80 kernels are far from 8,000 independent values: the pairs of a face share the face and
those of a kernel the kernel. The pigeonhole bootstrap (Owen 2007) draws faces and kernels with replacement, each on
their own; a row counts as often as its face was drawn times its kernel was. Its variance of a mean is on average

    a (R - 1) / R^2 + b (C - 1) / C^2 + about 3 e / (R C)    where    a / R + b / C + e / (R C)    is the truth

for R faces and C kernels with variances `a` and `b` and rest `e`: up to three times too large where the rest prevails,
as in differences of two methods, and too small where faces are few. So the draws are stretched about the estimate,

    stretched = estimate + c (draw - estimate),    c = sqrt(V / V_draws) t(nu) / z,

V the variance by `standard_error`, nu its degrees of freedom, V_draws the variance of the draws, t and z the
quantiles of Student's and the normal distribution at the interval's ends. The interval lies between the quantiles of
the stretched draws: skewness stays.

In simulations of the model (100 x 80 and 20 x 80 tables, from effects that prevail to none at all) the 95 % interval of
a mean held the truth in 94 to 96 % of sets, one with the variance of plain draws in 92 to 99.9 %; with 2 to 5 faces it
holds it in 93 to 98 %.

References
----------
Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics 1, 2007, doi:10.1214/07-AOAS122 (the factor of
three). McCullagh, *Resampling and exchangeable arrays*, Bernoulli 6, 2000 (no bootstrap of two ways is exact).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.statistics.standard_error import BOTH, FACES, KERNELS, Crossing, crossing, standard_error

_AT_ONCE = 2**22
"""Weights in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes
    ----------
    low, high : float
        Its ends, in the unit of the values.
    level : float
        Share of sets, made from other faces and kernels, whose interval holds the true value.
    draws : int
        Bootstrap draws; 0 where it was found without.
    method : str
        What was resampled: ``faces x kernels``, or ``faces`` or ``kernels`` alone (see `StandardError`).
    faces, kernels : int
        How many the values are of.
    """

    low: float
    high: float
    level: float
    draws: int
    method: str
    faces: int
    kernels: int

    @property
    def basis(self) -> str:
        """What it rests on: `method` with the numbers, ``2 faces x 80 kernels``."""
        faces, kernels = f"{self.faces} {FACES}", f"{self.kernels} {KERNELS}"
        return {FACES: faces, KERNELS: kernels}.get(self.method, f"{faces} x {kernels}")

    def within(self, least: float, most: float) -> Interval:
        """The part of it in which the true value can be, which holds that as often as the whole does."""
        low, high = (min(max(end, least), most) for end in (self.low, self.high))
        return replace(self, low=low, high=high)


def interval(
    values: Sequence[float] | np.ndarray,
    faces: Sequence[Any] | np.ndarray,
    kernels: Sequence[Any] | np.ndarray,
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of a mean over faces x kernels, by the stretched pigeonhole bootstrap.

    Parameters
    ----------
    values : (n,) float
        One finite value per pair.
    faces, kernels : (n,)
        Names of its face and its kernel. Cells of the table may be missing or hold several pairs.
    level : float
        In (0, 1).
    draws : int
        At least 100.
    seed : int
        Of the Philox stream; the same seed gives the same interval whatever the order of the rows, to rounding.

    Raises
    ------
    InputError
        When a value is NaN or infinite, there are neither two faces nor two kernels, or an option is out of range.
    """
    from scipy.special import ndtri, stdtrit

    check_options(level, draws, seed)
    column = np.asarray(values, dtype=np.float64)
    crossed = crossing(faces, kernels)
    found = standard_error(column, crossed)
    drawn = resampled(column, crossed, draws=draws, seed=seed)
    spread, upper = float(drawn.std()), (1 + level) / 2
    stretch = float(stdtrit(found.freedom, upper) / ndtri(upper))
    # Draws that do not vary, to rounding, have no variance to correct.
    if spread > 1e-13 * max(abs(found.mean), found.error):
        stretch *= found.error / spread
    low, high = found.mean + stretch * (np.quantile(drawn, [1 - upper, upper]) - found.mean)
    return Interval(float(low), float(high), level, draws, crossed.method, crossed.faces, crossed.kernels)


def resampled(column: np.ndarray, crossed: Crossing, *, draws: int, seed: int) -> np.ndarray:
    """Means of plain pigeonhole draws.

    Parameters
    ----------
    column : ndarray, (n,)
        Finite values.
    crossed : Crossing
    draws, seed
        As in `interval`.

    Returns
    -------
    ndarray, (draws,)
    """
    whole = crossed.faces * crossed.kernels <= 16 * column.size
    weigh = _by_table(column, crossed) if whole else _by_row(column, crossed)
    chunk = max(1, _AT_ONCE // max(1 if whole else column.size, crossed.faces, crossed.kernels))
    kept = crossed.complete and draws * (crossed.faces + crossed.kernels) <= _AT_ONCE * 4
    drawn = _of_complete(crossed, draws, seed, chunk) if kept else _drawn(crossed, draws, seed, chunk)
    return np.concatenate([weigh(of_face, of_kernel) for of_face, of_kernel in drawn])


_Weigh = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _by_table(column: np.ndarray, crossed: Crossing) -> _Weigh:
    """Means by two matrix products with the table."""
    cell, shape = crossed.face * crossed.kernels + crossed.kernel, (crossed.faces, crossed.kernels)
    sums = np.bincount(cell, column, math.prod(shape)).reshape(shape)
    counts = np.bincount(cell, minlength=math.prod(shape)).reshape(shape).astype(np.float64)
    alike = (counts == counts[0, 0]).all()

    def weigh(of_face: np.ndarray, of_kernel: np.ndarray) -> np.ndarray:
        # Where all cells hold as many rows, so do all draws.
        tables = (sums,) if alike else (sums, counts)
        weighed = [((of_face.astype(np.float64) @ table) * of_kernel).sum(axis=1) for table in tables]
        return np.asarray(weighed[0] / (column.size if alike else weighed[1]))

    return weigh


def _by_row(column: np.ndarray, crossed: Crossing) -> _Weigh:
    """Means row by row, for tables with few cells filled."""

    def weigh(of_face: np.ndarray, of_kernel: np.ndarray) -> np.ndarray:
        weights = of_face[:, crossed.face].astype(np.float64) * of_kernel[:, crossed.kernel]
        return np.asarray(weights @ column / weights.sum(axis=1))

    return weigh


_Draws = tuple[np.ndarray, np.ndarray]


def _of_complete(crossed: Crossing, draws: int, seed: int, chunk: int) -> tuple[_Draws, ...]:
    """The draws of a complete table, kept for the next: they do not depend on its rows."""
    return _kept(crossed.method, crossed.faces, crossed.kernels, draws, seed, chunk)


@lru_cache(maxsize=2)
def _kept(method: str, faces: int, kernels: int, draws: int, seed: int, chunk: int) -> tuple[_Draws, ...]:
    rng = np.random.Generator(np.random.Philox(seed))
    sizes = [min(chunk, draws - start) for start in range(0, draws, chunk)]
    return tuple(_once(rng, method, faces, kernels, size) for size in sizes)


def _drawn(crossed: Crossing, draws: int, seed: int, chunk: int) -> Iterator[_Draws]:
    """How often each face and each kernel was drawn, some draws at a time; one that hits no row is drawn again."""
    rng = np.random.Generator(np.random.Philox(seed))
    for start in range(0, draws, chunk):
        of_face, of_kernel = _once(rng, crossed.method, crossed.faces, crossed.kernels, min(chunk, draws - start))
        again = np.arange(len(of_face))
        while crossed.method == BOTH and not crossed.complete:
            again = again[_rows_hit(of_face[again], of_kernel[again], crossed) == 0]
            if not again.size:
                break
            of_face[again], of_kernel[again] = _once(rng, BOTH, crossed.faces, crossed.kernels, again.size)
        yield of_face, of_kernel


def _once(rng: np.random.Generator, method: str, faces: int, kernels: int, draws: int) -> _Draws:
    """How often each face and each kernel was drawn, (draws, faces) and (draws, kernels) int32."""
    of_face = _counts(rng, draws, faces) if method in (BOTH, FACES) else np.ones((draws, faces), np.int32)
    of_kernel = _counts(rng, draws, kernels) if method != FACES else np.ones((draws, kernels), np.int32)
    return of_face, of_kernel


def _counts(rng: np.random.Generator, draws: int, kinds: int) -> np.ndarray:
    picked = rng.integers(kinds, size=(draws, kinds)) + kinds * np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=draws * kinds).reshape(draws, kinds).astype(np.int32)


def _rows_hit(of_face: np.ndarray, of_kernel: np.ndarray, crossed: Crossing) -> np.ndarray:
    from scipy.sparse import csr_array

    rows = (np.ones(crossed.face.size), (crossed.face, crossed.kernel))
    table = csr_array(rows, shape=(crossed.faces, crossed.kernels))
    return np.asarray(((of_face @ table) * of_kernel).sum(axis=1))


def check_options(level: float, draws: int, seed: int) -> None:
    """Refuse options of `interval` that are out of range with an `InputError`."""
    if not 0 < level < 1:
        raise InputError("level", expected="between 0 and 1, as 0.95", found=f"{level:g}")
    if draws < 100:
        raise InputError("draws", expected="at least 100", found=str(draws))
    if seed < 0:
        raise InputError("seed", expected="0 or more", found=str(seed))
