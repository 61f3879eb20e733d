"""How near estimated point spread functions come to the true ones, wherever they lie in their arrays.

A blind method may move image and kernel against each other, so both scores take the best of all
shifts by whole pixels. A pair without an estimated kernel has no score, which is no failure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.signature import Signature


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


@dataclass(frozen=True)
class KernelScore:
    """A column of estimated kernels."""

    signature: Signature
    label: str
    unit: str
    higher_is_better: bool
    worst: float
    limits: tuple[float, float]
    compare: Callable[[np.ndarray, np.ndarray], float]
    needs_sharp: bool = False
    needs_kernel: bool = True

    def prepare(self, sharp: np.ndarray) -> None:
        """Nothing: no image is looked at."""

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: None) -> np.ndarray:
        """(N,) NaN: of images alone there is no such value."""
        return np.full(len(restored), math.nan)

    def measure_kernels(self, pairs: Sequence[tuple[np.ndarray | None, np.ndarray | None]]) -> np.ndarray:
        """Compare (estimated, true) kernels; (N,) float64, NaN where either is None."""
        return np.array(
            [math.nan if one is None or other is None else self.compare(one, other) for one, other in pairs], np.float64
        )


def kernel_similarity_metric(*args: str) -> KernelScore:
    """Estimated against true kernel, largest normalised cross-correlation: ``kernel-similarity[ncc,pixel]``."""
    found = fill("kernel-similarity", args, ("ncc",), ("pixel",))
    signature = Signature("kernel-similarity", found)
    return KernelScore(signature, "Kernel similarity", "", True, 0.0, (0.0, 1.0), kernel_similarity)


def kernel_error_metric(*args: str) -> KernelScore:
    """Estimated against true kernel, squared error at the best shift: ``kernel-error[ssd,pixel]``."""
    found = fill("kernel-error", args, ("ssd",), ("pixel",))
    return KernelScore(Signature("kernel-error", found), "Kernel error", "", False, 2.0, (0.0, 2.0), kernel_error)
