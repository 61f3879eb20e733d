"""Resampling of a photograph under a similarity, without aliasing."""

from __future__ import annotations

import numba
import numpy as np


def warp(photo: np.ndarray, transform: np.ndarray, width: int, height: int, *, margin: int = 0) -> np.ndarray:
    """Cut an aligned crop out of a photograph.

    Every pixel of the crop is a weighted mean around its place in the photograph; the weights
    are a triangle, one pixel wide to each side where the crop magnifies (bilinear
    interpolation), and as wide as a pixel of the crop where it reduces. Beyond the photograph
    its mirror image stands (the edge pixel is not repeated). Computed in float64 in a fixed
    order, rounded half up: the same on every machine.

    Parameters
    ----------
    photo : np.ndarray, shape (H, W, 3), uint8 RGB
    transform : np.ndarray, shape (2, 3)
        Similarity from pixels ``(x, y)`` of the photograph to pixels of the crop.
    width, height : int
        Size of the crop.
    margin : int
        Pixels of surrounding kept on every side in addition; the crop itself does not change.

    Returns
    -------
    np.ndarray, shape (height + 2 margin, width + 2 margin, 3), uint8 RGB
    """
    linear = np.linalg.inv(np.asarray(transform, dtype=np.float64)[:, :2])
    origin = -linear @ np.asarray(transform, dtype=np.float64)[:, 2]
    reach = max(1.0, float(np.hypot(linear[0, 0], linear[1, 0])))
    out = np.empty((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    _warp(np.ascontiguousarray(photo), linear, origin, reach, margin, out)
    return out


@numba.njit(cache=True, error_model="numpy")
def _mirror(i: int, n: int) -> int:
    if n == 1:
        return 0
    i = i % (2 * n - 2)
    return i if i < n else 2 * n - 2 - i


@numba.njit(cache=True, error_model="numpy")
def _warp(
    photo: np.ndarray, linear: np.ndarray, origin: np.ndarray, reach: float, margin: int, out: np.ndarray
) -> None:
    rows, columns = photo.shape[0], photo.shape[1]
    taps = 2 * int(np.ceil(reach)) + 1
    weights_x, places_x = np.zeros(taps), np.zeros(taps, np.int64)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            u, v = float(j - margin), float(i - margin)
            x = linear[0, 0] * u + linear[0, 1] * v + origin[0]
            y = linear[1, 0] * u + linear[1, 1] * v + origin[1]
            first_x, first_y = int(np.ceil(x - reach)), int(np.ceil(y - reach))
            count_x, count_y = int(np.floor(x + reach)) - first_x + 1, int(np.floor(y + reach)) - first_y + 1
            total_x = 0.0
            for k in range(count_x):
                weights_x[k] = 1.0 - abs(first_x + k - x) / reach
                places_x[k] = _mirror(first_x + k, columns)
                total_x += weights_x[k]
            red = green = blue = total_y = 0.0
            for m in range(count_y):
                weight = 1.0 - abs(first_y + m - y) / reach
                row = _mirror(first_y + m, rows)
                total_y += weight
                r = g = b = 0.0
                for k in range(count_x):
                    column = places_x[k]
                    r += weights_x[k] * photo[row, column, 0]
                    g += weights_x[k] * photo[row, column, 1]
                    b += weights_x[k] * photo[row, column, 2]
                red += weight * r
                green += weight * g
                blue += weight * b
            total = total_x * total_y
            out[i, j, 0] = np.uint8(np.floor(red / total + 0.5))
            out[i, j, 1] = np.uint8(np.floor(green / total + 0.5))
            out[i, j, 2] = np.uint8(np.floor(blue / total + 0.5))
