"""Frechet distance between two sets of feature vectors, taken as normal distributions.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (NIPS 2017),
equation 6; Dowson and Landau 1982 for the formula.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.errors import InputError


@dataclass(frozen=True, eq=False)
class Moments:
    """What the distance needs to know of a set of vectors.

    Attributes
    ----------
    count : int
    mean : ndarray, (D,) float64
    scatter : ndarray, (D, D) float64
        Sum of the outer products of the vectors less their mean.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Sample covariance, divided by ``count - 1`` as in the published code."""
        return self.scatter / (self.count - 1)


def moments(parts: Iterable[np.ndarray]) -> Moments:
    """Gather the moments of vectors that come part by part; only the sums are kept.

    Parameters
    ----------
    parts : iterable of ndarray, (N, D)
        Rows that hold a NaN (no face found) are left out.

    Raises
    ------
    InputError
        When fewer than two vectors are left.
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for part in parts:
        rows = np.asarray(part, dtype=np.float64)
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            continue
        if not count:
            mean, scatter = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
        # Chan, Golub and LeVeque 1979: exact to rounding, where differences of large sums would not be.
        total, centre = count + len(rows), rows.mean(axis=0)
        rows, apart = rows - centre, centre - mean
        scatter += rows.T @ rows + np.outer(apart, apart) * (count * len(rows) / total)
        mean = mean + apart * (len(rows) / total)
        count = total
    if count < 2:
        raise InputError("feature vectors", expected="at least two images", found=f"{count}", do="give more images")
    return Moments(count, mean, scatter)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``, never negative.

    The trace of the root is the sum of the roots of the eigenvalues of ``C_a^(1/2) C_b C_a^(1/2)``, which is symmetric:
    no complex root, and no constant added where a covariance is singular.

    Raises
    ------
    InputError
        When the vectors differ in length.
    """
    if len(a.mean) != len(b.mean):
        raise InputError("feature vectors", expected=f"{len(a.mean)} numbers each", found=f"{len(b.mean)}")
    first, second = a.covariance, b.covariance
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(values.clip(min=0))
    inner = np.linalg.eigvalsh(root.T @ second @ root)
    crossed = np.sqrt(inner.clip(min=0)).sum()
    return float(max(0.0, np.sum((a.mean - b.mean) ** 2) + np.trace(first) + np.trace(second) - 2 * crossed))
