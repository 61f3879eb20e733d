"""How far a mean over faces x kernels is from the mean over other faces and other kernels: its standard error.

Model: value = mean + face effect + kernel effect + rest, all independent with variances `a`, `b` and `e`. With weights
w (rows of a cell), w_i and w_j their sums by face and by kernel and N their total, the variance of the mean is

    V = (a sum w_i^2 + b sum w_j^2 + e sum w_ij^2) / N^2

and `a`, `b`, `e` follow from three sums of squares: within faces, within kernels, and about the mean. On a complete
table with one row per cell that is the analysis of variance, V = (MS_face + MS_kernel - MS_rest) / N.

A mean square over two faces may by chance be tiny, and the kernels then seem to say it all: intervals of 2 x 80 tables
with Satterthwaite's degrees held the truth in 89 % of simulated sets instead of 95 %. So each mean square enters the
degrees as large as it may well be, over the lower quartile of chi-square by its own degrees: 93 to 98 % then, and no
change from 20 faces on.

References
----------
Henderson, *Estimation of variance and covariance components*, Biometrics 9, 1953 (method 1: equate sums of squares to
their expectations). Gao and Owen, *Efficient moment calculations for variance components in large unbalanced crossed
random effects models*, Electronic Journal of Statistics 11, 2017. Satterthwaite, *An approximate distribution of
estimates of variance components*, Biometrics Bulletin 2, 1946 (degrees of freedom).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.errors import InputError

BOTH, FACES, KERNELS = "faces x kernels", "faces", "kernels"

_DOUBT = 0.25
"""How often a mean square comes out smaller still than the degrees of freedom allow for."""


@dataclass(frozen=True)
class StandardError:
    """A mean and its standard error.

    Attributes
    ----------
    mean, error : float
        In the unit of the values.
    freedom : float
        Degrees of freedom of the error for Student's t, at least 1.
    method : {'faces x kernels', 'faces', 'kernels'}
        What the error holds for a new choice of. One alone, where the table has one kernel or one face only, or where
        each face (kernel) has a single kernel (face), so that the other spread is part of it.
    """

    mean: float
    error: float
    freedom: float
    method: str


@dataclass(frozen=True, eq=False)
class Crossing:
    """Which face and which kernel each row is of.

    Attributes
    ----------
    face, kernel : ndarray, (n,) int
        Numbers in the sorted order of the names.
    faces, kernels : int
        How many there are.
    cell : ndarray, (n,) int
        Number of the row's cell among those that hold rows.
    filled : ndarray, (m,) int
        The cells that hold rows, each as ``face * kernels + kernel``, in order.
    method : str
        As in `StandardError`.
    """

    face: np.ndarray
    kernel: np.ndarray
    faces: int
    kernels: int
    cell: np.ndarray
    filled: np.ndarray
    method: str

    @property
    def complete(self) -> bool:
        """Whether every cell holds a row."""
        return self.filled.size == self.faces * self.kernels


def crossing(faces: Sequence[Any] | np.ndarray, kernels: Sequence[Any] | np.ndarray) -> Crossing:
    """Number the faces and kernels of rows, and find out over which of them can be generalised.

    Parameters
    ----------
    faces, kernels : sequence, (n,)
        Name of the face and of the kernel of each row.

    Raises
    ------
    InputError
        When their lengths differ, or there are neither two faces nor two kernels.
    """
    if len(faces) != len(kernels):
        raise InputError("faces and kernels", expected="one of each per row", found=f"{len(faces)} and {len(kernels)}")
    face, count = numbered(faces)
    kernel, others = numbered(kernels)
    if max(count, others) < 2:
        raise InputError(
            "interval", expected="at least two faces or two kernels", found=f"{len(faces)} rows of one each"
        )
    place = face.astype(np.int64) * others + kernel
    cell, cells = numbered(place)
    if others == 1 or (cells == others and count > 1):
        method = FACES
    elif count == 1 or cells == count:
        method = KERNELS
    else:
        method = BOTH
    filled = np.empty(cells, dtype=np.int64)
    filled[cell] = place
    return Crossing(face, kernel, count, others, cell, filled, method)


def standard_error(values: np.ndarray, crossed: Crossing) -> StandardError:
    """Standard error of the mean over rows, for new faces and new kernels.

    Parameters
    ----------
    values : ndarray, (n,)
        Finite.
    crossed : Crossing
        Of the same rows; cells may be missing or hold several rows.

    Returns
    -------
    StandardError
        Its variance may not fall below half of the rest's share, which an estimate by moments now and then does.

    Raises
    ------
    InputError
        When a value is not finite.
    """
    column = np.asarray(values, dtype=np.float64)
    if column.shape != crossed.face.shape:
        raise InputError("values", expected=f"{crossed.face.size} in one column", found=f"shape {column.shape}")
    if not np.isfinite(column).all():
        raise InputError("values", expected="finite ones", found="NaN or infinity", do="replace failures by a number")
    mean = math.fsum(column.tolist()) / column.size
    centred = column - mean
    if crossed.method != BOTH:
        groups = (crossed.face, crossed.faces) if crossed.method == FACES else (crossed.kernel, crossed.kernels)
        variance, freedom = _clustered(centred, *groups)
    else:
        variance, freedom = _two_way(centred, crossed)
    return StandardError(mean, math.sqrt(variance), freedom, crossed.method)


def _clustered(centred: np.ndarray, group: np.ndarray, groups: int) -> tuple[float, float]:
    """Variance of a mean of clusters of different size."""
    sums, sizes = np.bincount(group, centred, groups), np.bincount(group, minlength=groups)
    variance = groups / (groups - 1) * float(sums @ sums) / centred.size**2
    return variance, max(_effective(sizes) - 1, 1.0)


def _two_way(centred: np.ndarray, crossed: Crossing) -> tuple[float, float]:
    n = centred.size
    weight = np.bincount(crossed.cell)
    value = np.bincount(crossed.cell, centred) / weight
    i, j = np.divmod(crossed.filled, crossed.kernels)
    by_face, by_kernel = np.bincount(i, weight), np.bincount(j, weight)
    squares = float(weight @ value**2)
    sums_face, sums_kernel = np.bincount(i, weight * value), np.bincount(j, weight * value)
    # Cancellation may leave less than nothing.
    within_face = max(squares - float((sums_face**2 / by_face).sum()), 0.0)
    within_kernel = max(squares - float((sums_kernel**2 / by_kernel).sum()), 0.0)
    kernel_and_rest = within_face / (n - float((weight**2 / by_face[i]).sum()))
    face_and_rest = within_kernel / (n - float((weight**2 / by_kernel[j]).sum()))
    shares = [float((w.astype(float) ** 2).sum()) / n for w in (by_face, by_kernel, weight)]
    of_face, of_kernel, of_rest = (n - share for share in shares)
    # Positive: n times it is the sum of w w' over pairs of cells that share neither face nor kernel.
    apart = of_face + of_kernel - of_rest
    rest = max((of_face * face_and_rest + of_kernel * kernel_and_rest - squares) / apart, 0.0)
    face_part, kernel_part = (face_and_rest - rest) * shares[0] / n, (kernel_and_rest - rest) * shares[1] / n
    rest_part = rest * shares[2] / n
    variance = max(face_part + kernel_part + rest_part, rest_part / 2)
    if variance <= 0:
        return 0.0, 1.0
    left = max(crossed.filled.size - crossed.faces - crossed.kernels + 1, 1)
    degrees = [max(_effective(by) - 1, 1.0) for by in (by_face, by_kernel)]
    large = [_at_most(part + rest_part, of) for part, of in zip((face_part, kernel_part), degrees, strict=True)]
    reach = max(sum(large) - rest_part, rest_part / 2)
    doubt = sum(square**2 / of for square, of in zip(large, degrees, strict=True)) + rest_part**2 / left
    return variance, max(reach**2 / doubt, 1.0)


def _at_most(square: float, freedom: float) -> float:
    """How large a mean square may well be that came out as `square`."""
    from scipy.special import chdtri

    return max(square, 0.0) * freedom / float(chdtri(freedom, 1 - _DOUBT))


def _effective(sizes: np.ndarray) -> float:
    """Kish's number of equal groups that say as much as groups of these sizes."""
    weights = sizes.astype(np.float64)
    return float(weights.sum() ** 2 / (weights @ weights))


def numbered(names: Sequence[Any] | np.ndarray) -> tuple[np.ndarray, int]:
    """Return the number of each name in their sorted order, and how many different names there are.

    Parameters
    ----------
    names : sequence, (n,)

    Returns
    -------
    ndarray, (n,) int, and int
    """
    array = np.asarray(names)
    if array.ndim != 1:
        raise InputError("faces and kernels", expected="one column each", found=f"an array of shape {array.shape}")
    if array.dtype.kind in "iu" and array.size and array.min() >= 0 and array.max() < 16 * array.size:
        # Small numbers need no sorting.
        there = np.bincount(array) > 0
        return (np.cumsum(there) - 1)[array], int(there.sum())
    known, number = np.unique(array.astype(str) if array.dtype == object else array, return_inverse=True)
    return number, known.size
