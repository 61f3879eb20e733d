"""How similar estimated point spread functions are to the true ones, wherever they are in their arrays.

A blind method may move image and kernel against each other, so both scores take the best of all
shifts by whole pixels. A pair without an estimated kernel has no score, which is no failure.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from scipy import fft

from facedeblur.benchmark.metrics.base import Metric, Needs


def kernel_similarity(estimated: np.ndarray, true: np.ndarray) -> float:
    """Greatest normalised cross-correlation over all shifts (Hu & Yang 2012, eq. 3).

    Parameters
    ----------
    estimated, true : (k, k) float
        Of any sizes; values of at least 0, not all 0.

    Returns
    -------
    float
        In [0, 1]; 1 for kernels that differ by a shift and a factor.
    """
    norms = float(np.linalg.norm(estimated) * np.linalg.norm(true))
    return min(1.0, max(0.0, _best_product(estimated, true) / norms))


def kernel_error(estimated: np.ndarray, true: np.ndarray) -> float:
    """Sum of squared differences after the best shift.

    Parameters
    ----------
    estimated, true : (k, k) float
        Of any sizes, sum 1; outside its array a kernel is 0.

    Returns
    -------
    float
        In [0, 2].
    """
    own = float((estimated**2).sum() + (true**2).sum())
    return max(0.0, own - 2 * _best_product(estimated, true))


def _best_product(first: np.ndarray, second: np.ndarray) -> float:
    """Greatest inner product of two kernels over all shifts."""
    side = fft.next_fast_len(len(first) + len(second) - 1, real=True)
    room = (side, side)
    spectrum = (
        fft.rfft2(np.asarray(first, np.float64), s=room) * fft.rfft2(np.asarray(second, np.float64), s=room).conj()
    )
    return float(fft.irfft2(spectrum, s=room).max())


class KernelMetric(Metric):
    """A column of estimated kernels."""

    needs = Needs(sharp=False, kernel=True)
    terms: ClassVar[Mapping[str, str]] = {"ncc": "normalised cross-correlation", "ssd": "sum of squared differences",
             "pixel": "at the best shift by whole pixels"}  # fmt: skip

    @abstractmethod
    def compare(self, estimated: np.ndarray, true: np.ndarray) -> float:
        """Compare two (k, k) point spread functions."""

    def measure_kernels(self, pairs: Sequence[tuple[np.ndarray | None, np.ndarray | None]]) -> np.ndarray:
        """Compare (estimated, true) kernels; (N,) float64, NaN where either is None."""
        return np.array(
            [math.nan if one is None or other is None else self.compare(one, other) for one, other in pairs], np.float64
        )


class KernelSimilarity(KernelMetric):
    """Estimated against true kernel, largest normalised cross-correlation: ``kernel-similarity[ncc,pixel]``."""

    name, label, worst, limits = "kernel-similarity", "Kernel similarity", 0.0, (0.0, 1.0)
    summary = "similarity of the estimated and the true kernel (Hu & Yang, ECCV 2012)"
    options = ("ncc", "pixel")
    slots = (("ncc",), ("pixel",))

    def compare(self, estimated: np.ndarray, true: np.ndarray) -> float:
        """Return `kernel_similarity`."""
        return kernel_similarity(estimated, true)


class KernelError(KernelMetric):
    """Estimated against true kernel, squared error at the best shift: ``kernel-error[ssd,pixel]``."""

    name, label, higher_is_better, worst, limits = "kernel-error", "Kernel error", False, 2.0, (0.0, 2.0)
    summary = "error of the estimated kernel against the true one, each of sum 1"
    options = ("ssd", "pixel")
    slots = (("ssd",), ("pixel",))

    def compare(self, estimated: np.ndarray, true: np.ndarray) -> float:
        """Return `kernel_error`."""
        return kernel_error(estimated, true)
