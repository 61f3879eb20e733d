"""Hot loops of SSIM with a uniform window: exact running sums, in the terms of `fidelity_kernels`."""

from __future__ import annotations

import numpy as np
from numba import njit

from facedeblur.benchmark.metrics.fidelity_kernels import C1, C2


@njit(cache=True, nogil=True, error_model="numpy")
def uniform_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean SSIM index with a 7x7 uniform window, sample covariance, valid region; (H, W, C) uint8.

    All moments are exact 32-bit integers; only the index itself is rounded.
    """
    height, width, channels = x.shape
    length = width * channels
    x_rows, y_rows = x.reshape(height, length), y.reshape(height, length)
    none = np.zeros(length, dtype=np.uint8)
    columns = np.zeros((4, length), dtype=np.int32)
    windows = np.zeros((4, length - 6 * channels), dtype=np.int32)
    total = np.zeros(length - 6 * channels)
    for row in range(height):
        if row < 7:
            _slide(x_rows[row], y_rows[row], none, none, columns)
        else:
            _slide(x_rows[row], y_rows[row], x_rows[row - 7], y_rows[row - 7], columns)
        if row >= 6:
            for k in range(4):
                _seven(columns[k], windows[k], channels)
            _uniform_index(windows, total)
    mean = 0.0
    for i in range(total.size):
        mean += total[i]
    return mean / (total.size * (height - 6))


@njit(cache=True, nogil=True, error_model="numpy")
def _slide(x: np.ndarray, y: np.ndarray, old_x: np.ndarray, old_y: np.ndarray, columns: np.ndarray) -> None:
    """Move the sums of s, d, s^2, d^2 over seven rows on by one: a row enters, an old one leaves."""
    sums, differences, sums2, differences2 = columns[0], columns[1], columns[2], columns[3]
    for i in range(x.size):
        s, d = np.int32(x[i]) + np.int32(y[i]), np.int32(x[i]) - np.int32(y[i])
        u, e = np.int32(old_x[i]) + np.int32(old_y[i]), np.int32(old_x[i]) - np.int32(old_y[i])
        sums[i] += s - u
        differences[i] += d - e
        sums2[i] += s * s - u * u
        differences2[i] += d * d - e * e


@njit(cache=True, nogil=True, error_model="numpy")
def _seven(column: np.ndarray, out: np.ndarray, step: int) -> None:
    """Add up seven neighbours, `step` values apart."""
    r1, r2, r3 = column[step:], column[2 * step :], column[3 * step :]
    r4, r5, r6 = column[4 * step :], column[5 * step :], column[6 * step :]
    for i in range(out.size):
        out[i] = column[i] + r1[i] + r2[i] + r3[i] + r4[i] + r5[i] + r6[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _uniform_index(windows: np.ndarray, total: np.ndarray) -> None:
    """Add the SSIM index of one row of 7x7 windows to `total`; every moment is an integer under 2^31."""
    sums, differences, sums2, differences2 = windows[0], windows[1], windows[2], windows[3]
    c1, c2 = 49 * 49 * C1, 49 * 48 * C2
    for i in range(total.size):
        s, d = np.float64(sums[i]), np.float64(differences[i])
        a, b = s * s, d * d
        p, q = 49.0 * np.float64(sums2[i]) - a, 49.0 * np.float64(differences2[i]) - b
        total[i] += ((a - b + c1) * (p - q + c2)) / ((a + b + c1) * (p + q + c2))
