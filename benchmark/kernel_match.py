"""Which kernels of two banks are the same, whatever their place in the array, scale or bit depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.kernel_bank import Bank

MIN_CORRELATION = 0.98
"""Kernels of the standard model drawn apart reach 0.91 (sizes 13 to 51, 20,000 pairs each); 8-bit copies 0.9999."""

_CHUNK = 256


@dataclass(frozen=True)
class KernelMatch:
    """Two kernels that are the same: their names and the greatest correlation over all shifts."""

    first: str
    second: str
    correlation: float


def same_kernels(first: Bank, second: Bank, *, min_correlation: float = MIN_CORRELATION) -> Iterator[KernelMatch]:
    """Yield, for each kernel of `first`, the one of `second` that is the same, the likest one.

    Compared is the correlation of the kernels over their norms (values are not centred, since
    most of a kernel is zero), the largest over all shifts by whole pixels. The magnitudes of two
    spectra bound it, which spares nearly every pair the inverse transform. A kernel of a single
    pixel, no blur, is the same as nothing.

    Parameters
    ----------
    first, second : Bank
    min_correlation : float
        In (0, 1].
    """
    from scipy.fft import irfft2, next_fast_len

    side = next_fast_len(first.kernels.shape[1] + second.kernels.shape[1] - 1, real=True)
    ours, our_sizes = _spectra(first.kernels, side)
    best: dict[int, tuple[float, int]] = {}
    for start in range(0, len(second), _CHUNK):
        theirs, their_sizes = _spectra(second.kernels[start : start + _CHUNK], side)
        bound = our_sizes @ their_sizes.T
        for i, j in np.argwhere(bound >= min_correlation - 1e-5):
            correlation = float(irfft2(ours[i] * theirs[j].conj(), s=(side, side)).max())
            if correlation >= max(min_correlation, best[i][0] if i in best else 0.0):
                best[i] = correlation, start + int(j)
    for i in sorted(best):
        yield KernelMatch(first.ids[i], second.ids[best[i][1]], best[i][0])


def _spectra(kernels: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Spectra of kernels of norm 1 (zero for those of one pixel), and their magnitudes as rows of a matrix product."""
    from scipy.fft import rfft2

    norms = np.sqrt((kernels**2).sum(axis=(1, 2), keepdims=True))
    blurs = (np.count_nonzero(kernels, axis=(1, 2)) > 1)[:, None, None]
    spectra = rfft2((kernels / norms * blurs).astype(np.float32), s=(side, side))
    # Columns that stand for two of the full spectrum weigh double.
    weights = np.full(spectra.shape[2], 2.0)
    weights[0] = 1
    if side % 2 == 0:
        weights[-1] = 1
    sizes = (np.abs(spectra) * np.sqrt(weights) / side).reshape(len(kernels), -1).astype(np.float32)
    return spectra, sizes
