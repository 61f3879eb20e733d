"""Hot loops of the shift search: integer sums from which the error of every shift follows exactly.

Let ``R_ij`` be the restored image moved by whole pixels, cut to the window compared, and S the sharp image there. A
bilinear shift by fractions is ``sum_k w_k R_k`` over four neighbouring R, with weights that add up to 1, so its
squared error is ``sum_kl w_k w_l <R_k, R_l> - 2 sum_k w_k <R_k, S> + <S, S>``. The inner products with S are one a
whole shift, those among the R sums of the products of neighbouring pixels over a sliding window. With a step of 1/q
pixel every weight is a multiple of 1/q^2, and q^4 times the error an integer.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_PIECE = 16384  # samples whose products still add up below 2^31


@njit(cache=True, nogil=True, error_model="numpy")
def _dot(x: np.ndarray, y: np.ndarray) -> np.int64:
    """Return the inner product of two (n,) int16 arrays of values in [0, 255], exact."""
    total = np.int64(0)
    for start in range(0, x.size, _PIECE):
        a, b = x[start : start + _PIECE], y[start : start + _PIECE]
        part = np.int32(0)
        for i in range(a.size):
            part = np.int32(part + np.int32(a[i]) * np.int32(b[i]))
        total += part
    return total


def energy(window: np.ndarray) -> int:
    """Return <S, S> of an int16 array of values in [0, 255]."""
    flat = window.reshape(-1)
    return int(_dot(flat, flat))


@njit(cache=True, nogil=True, error_model="numpy")
def correlations(restored: np.ndarray, window: np.ndarray, reach: int) -> np.ndarray:
    """Return <R_ij, S> for every whole shift.

    Parameters
    ----------
    restored : ndarray, (h + 2 reach, w + 2 reach, 3) int16
        The restored image in [0, 255], cut `reach` pixels outside the window.
    window : ndarray, (h, w, 3) int16
        The sharp image in the window.
    reach : int
        Largest shift in pixels.

    Returns
    -------
    ndarray, (2 reach + 1, 2 reach + 1) int64
        Row i, column j: the shift by i - reach rows and j - reach columns.
    """
    height, width, channels = window.shape
    n, length = 2 * reach + 1, width * channels
    x_rows = restored.reshape(height + 2 * reach, length + 2 * reach * channels)
    y_rows = window.reshape(height, length)
    out = np.zeros((n, n), dtype=np.int64)
    for row in range(height):
        for i in range(n):
            for j in range(n):
                start = j * channels
                out[i, j] += _dot(x_rows[row + i, start : start + length], y_rows[row])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def products(restored: np.ndarray, reach: int) -> np.ndarray:
    """Return the inner products among neighbouring R, all of one cell with its upper left corner at (i, j).

    Parameters
    ----------
    restored : ndarray, (h + 2 reach, w + 2 reach, 3) int16
        As for `correlations`.
    reach : int
        Largest shift in pixels.

    Returns
    -------
    ndarray, (5, 2 reach + 1, 2 reach + 1) int64
        At (i, j): <R_ij, R_ij>, <R_ij, R_i,j+1>, <R_ij, R_i+1,j>, <R_ij, R_i+1,j+1>, <R_i,j+1, R_i+1,j>; where a
        neighbour is out of reach, 0.
    """
    rows, columns, channels = restored.shape
    n = 2 * reach + 1
    height, width = rows - 2 * reach, columns - 2 * reach
    x = restored.reshape(rows, columns * channels)
    one = channels
    out = np.zeros((5, n, n), dtype=np.int64)
    sums = np.empty((rows, n), dtype=np.int64)
    for kind in range(5):
        down = 0 if kind < 2 else 1  # rows between the two factors
        right = 1 if kind == 1 or kind >= 3 else 0
        for row in range(rows - down):
            upper, lower = x[row], x[row + down]
            if kind == 4:
                upper = upper[one:]
            elif right:
                lower = lower[one:]
            size = width * one
            sums[row, 0] = _dot(upper[:size], lower[:size])
            for j in range(1, n - right):
                moved = np.int64(0)
                for c in range((j - 1) * one, j * one):
                    moved += np.int64(upper[c + size]) * np.int64(lower[c + size])
                    moved -= np.int64(upper[c]) * np.int64(lower[c])
                sums[row, j] = sums[row, j - 1] + moved
        for j in range(n - right):
            total = np.int64(0)
            for row in range(height):
                total += sums[row, j]
            out[kind, 0, j] = total
            for i in range(1, n - down):
                total += sums[i + height - 1, j] - sums[i - 1, j]
                out[kind, i, j] = total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def errors(cross: np.ndarray, auto: np.ndarray, energy: int, parts: int) -> np.ndarray:
    """Return parts^4 times the squared error of every shift.

    Parameters
    ----------
    cross : ndarray, (n, n) int64
        `correlations`.
    auto : ndarray, (5, n, n) int64
        `products`.
    energy : int
        <S, S>.
    parts : int
        Steps a pixel.

    Returns
    -------
    ndarray, (m, m) int64, m = (n - 1) parts + 1
        From the largest shift up and left to the largest down and right.
    """
    n = cross.shape[0]
    m = (n - 1) * parts + 1
    out = np.empty((m, m), dtype=np.int64)
    for a in range(m):
        i = min(a // parts, n - 2)
        low = a - i * parts
        for b in range(m):
            j = min(b // parts, n - 2)
            right = b - j * parts
            up, left = parts - low, parts - right
            w0, w1, w2, w3 = up * left, up * right, low * left, low * right
            own = w0 * w0 * auto[0, i, j] + w1 * w1 * auto[0, i, j + 1]
            own += w2 * w2 * auto[0, i + 1, j] + w3 * w3 * auto[0, i + 1, j + 1]
            pairs = w0 * w1 * auto[1, i, j] + w2 * w3 * auto[1, i + 1, j]
            pairs += w0 * w2 * auto[2, i, j] + w1 * w3 * auto[2, i, j + 1]
            pairs += w0 * w3 * auto[3, i, j] + w1 * w2 * auto[4, i, j]
            mixed = w0 * cross[i, j] + w1 * cross[i, j + 1] + w2 * cross[i + 1, j] + w3 * cross[i + 1, j + 1]
            out[a, b] = own + 2 * pairs + parts * parts * (parts * parts * energy - 2 * mixed)
    return out
