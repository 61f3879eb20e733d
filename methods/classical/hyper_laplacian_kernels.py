"""The hot loops of hyper-Laplacian deconvolution: shrinking gradients, compiled by numba.

A gradient v goes to the w that minimises ``|w|^alpha + beta / 2 (w - v)^2`` (Krishnan & Fergus 2009).
For alpha 1/2 and 2/3 a root of w = t^2 or w = t^3 is the largest zero of a cubic or quartic in t,

    t^3 - |v| t + 1 / (2 beta) = 0,        t^4 - |v| t + 2 / (3 beta) = 0,

which Newton's steps reach from the right in five; it is taken where |v| is over the threshold
at which the minimum jumps from 0 (Xu et al. 2012 for 1/2, Cao et al. 2013 for 2/3).
"""

from __future__ import annotations

import numpy as np
from numba import njit

STEPS = 5
"""Newton's steps; the start is at most 1.6 times the root where the minimum is not 0."""


def threshold(alpha: float, beta: float) -> float:
    """Greatest |v| whose minimiser is 0: (2 - alpha) / (2 - 2 alpha) times the minimiser at the jump.

    At the jump |w| = (2 (1 - alpha) / beta)^(1 / (2 - alpha)), where both minima are equally low.
    """
    if alpha == 1:
        return 1 / beta
    at_jump = (2 * (1 - alpha) / beta) ** (1 / (2 - alpha))
    return float(at_jump * (2 - alpha) / (2 - 2 * alpha))


@njit(cache=True, nogil=True, error_model="numpy")
def _shrink_one(v: np.float32, power: int, beta: np.float32, limit: np.float32) -> np.float32:
    """Minimiser for one gradient; `power` is 1, 2 or 3 for alpha 1, 1/2 or 2/3, w = t^power."""
    size = abs(v)
    if size <= limit:
        return np.float32(0)
    if power == 1:
        w = size - np.float32(1) / beta
    elif power == 2:
        t = np.sqrt(size)
        c = np.float32(0.5) / beta
        for _ in range(STEPS):
            square = t * t
            t = (np.float32(2) * square * t - c) / (np.float32(3) * square - size)
        w = t * t
    else:
        quarter = np.sqrt(np.sqrt(size))
        # |v|^(5/16) is near |v|^(1/3) and needs square roots only.
        t = quarter * np.sqrt(np.sqrt(quarter))
        c = np.float32(2) / (np.float32(3) * beta)
        for _ in range(STEPS):
            cube = t * t * t
            t = (np.float32(3) * cube * t - c) / (np.float32(4) * cube - size)
        w = t * t * t
    return w if v > 0 else -w


@njit(cache=True, nogil=True, error_model="numpy")
def shrink(values: np.ndarray, power: int, beta: np.float32, limit: np.float32) -> np.ndarray:
    """Minimiser of every element of `values`, any shape, float32."""
    out = np.empty_like(values)
    source, target = values.ravel(), out.ravel()
    for i in range(source.size):
        target[i] = _shrink_one(source[i], power, beta, limit)
    return target.reshape(values.shape)


@njit(cache=True, nogil=True, error_model="numpy")
def shrunk_divergence(image: np.ndarray, power: int, beta: np.float32, limit: np.float32) -> np.ndarray:
    """D^T shrink(D x) of (C, P, Q) float32 for the circular forward differences D in both directions.

    One pass: the shrunk gradients are kept for two rows only.
    """
    channels, height, width = image.shape
    out = np.empty_like(image)
    above = np.empty(width, np.float32)
    for c in range(channels):
        for x in range(width):
            above[x] = _shrink_one(image[c, 0, x] - image[c, height - 1, x], power, beta, limit)
        for y in range(height):
            below = y + 1 if y + 1 < height else 0
            left = _shrink_one(image[c, y, 0] - image[c, y, width - 1], power, beta, limit)
            for x in range(width):
                here = image[c, y, x]
                right = _shrink_one(image[c, y, x + 1 if x + 1 < width else 0] - here, power, beta, limit)
                down = _shrink_one(image[c, below, x] - here, power, beta, limit)
                out[c, y, x] = left - right + above[x] - down
                left = right
                above[x] = down
    return out
