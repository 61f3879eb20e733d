"""Luma of ITU-R BT.601, unrounded, in the two ranges that published numbers use."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.compiled import njit

LUMA: dict[str, tuple[int, int, int, int, int]] = {
    "y-limited": (21827, 42851, 8322, 85_000, 16),
    "y-full": (299, 587, 114, 1000, 0),
}
"""Name -> weights of R, G, B, their common divisor (in lowest terms), and the value of black."""


def frozen(image: np.ndarray) -> np.ndarray:
    """Return a contiguous read-only view of an array, copied only where it is not contiguous.

    Writable, memory-mapped and sliced images are then one type, and a numba function is compiled for them once.
    """
    view = np.ascontiguousarray(image).view()
    view.flags.writeable = False
    return view


def luma(image: np.ndarray, range_: str) -> np.ndarray:
    """Weight the channels of an image to luma.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8 RGB
        The image.
    range_ : {"y-limited", "y-full"}
        ``y-limited``: 16 + (65.481 R + 128.553 G + 24.966 B) / 255, in [16, 235], as MATLAB's `rgb2ycbcr`, but not
        rounded to 8 bits. ``y-full``: 0.299 R + 0.587 G + 0.114 B, in [0, 255].

    Returns
    -------
    ndarray, (H, W, 1) float64
    """
    red, green, blue, divisor, black = LUMA[range_]
    return _weigh(frozen(image), red, green, blue, divisor, black)


def luma_squared_error(x: np.ndarray, y: np.ndarray, range_: str) -> float:
    """Return the sum of squared luma differences of two (H, W, 3) uint8 RGB images, each row summed exactly."""
    red, green, blue, divisor, _ = LUMA[range_]
    weights = np.array([red, green, blue], dtype=np.int64)
    return float(_weighted(frozen(x), frozen(y), weights)) / divisor**2


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    red, green, blue = weights[0], weights[1], weights[2]
    total = 0.0
    for row in range(x.shape[0]):
        exact = np.int64(0)  # stays under 2^63 up to rows of 26,000 pixels
        for i in range(x.shape[1]):
            r = np.int64(x[row, i, 0]) - np.int64(y[row, i, 0])
            g = np.int64(x[row, i, 1]) - np.int64(y[row, i, 1])
            b = np.int64(x[row, i, 2]) - np.int64(y[row, i, 2])
            difference = red * r + green * g + blue * b
            exact += difference * difference
        total += exact
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(image: np.ndarray, red: int, green: int, blue: int, divisor: int, black: int) -> np.ndarray:
    height, width = image.shape[:2]
    out = np.empty((height, width, 1))
    for row in range(height):
        for i in range(width):
            weighted = red * image[row, i, 0] + green * image[row, i, 1] + blue * image[row, i, 2]
            out[row, i, 0] = black + weighted / divisor
    return out
