"""How a trajectory becomes a point spread function: centred, then exposed sample by sample.

Every sample of the exposed part deposits the weight of its time on the four pixels around it, by the product of
triangle functions (Boracchi and Foi 2012, the authors' code).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, error_model="numpy")
def place(x: Any, y: Any, box: Any, first: Any, exposed: Any, size: Any, centre: Any) -> Any:
    """Shift that centres points `first` to `exposed` (0 bbox, 1 barycentre, 2 the authors' rule), 0-based."""
    middle = 0.5 * (size - 1)
    if centre == 0:
        return middle - 0.5 * (box[0] + box[1]), middle - 0.5 * (box[2] + box[3])
    if centre == 1:
        mx, my = 0.0, 0.0
        for t in range(first, exposed):
            mx += x[t]
            my += y[t]
        return middle - mx / (exposed - first), middle - my / (exposed - first)
    # 1-based in the source: least value to 0, start to the grid, one pixel on, then whole pixels to the middle.
    gx, gy = -box[0] - math.floor(-box[0]), -box[2] - math.floor(-box[2])
    dx, dy = -box[0] - gx + 1.0, -box[2] - gy + 1.0
    dx += math.ceil(0.5 * (size - (box[1] + dx)))
    dy += math.ceil(0.5 * (size - (box[3] + dy)))
    return dx - 1.0, dy - 1.0


@njit(cache=True, error_model="numpy")
def _spread(kernel: Any, row: Any, column: Any, n: Any, fx: Any, fy: Any, fxy: Any) -> None:
    """Add `n` samples of one cell, with the sums of their fractions, to its four corners; what is outside is lost."""
    rows, columns = kernel.shape
    for i in range(2):
        for j in range(2):
            weight = fxy if i and j else fx - fxy if j else fy - fxy if i else n - fx - fy + fxy
            if 0 <= row + i < rows and 0 <= column + j < columns:
                kernel[row + i, column + j] += weight


@njit(cache=True, error_model="numpy")
def bounds(x: Any, y: Any, first: Any, last: Any, box: Any) -> None:
    """Write least x, most x, least y, most y of points `first` to ``last - 1`` to `box`."""
    box[0] = box[1] = x[first]
    box[2] = box[3] = y[first]
    for t in range(first + 1, last):
        box[0], box[1] = min(box[0], x[t]), max(box[1], x[t])
        box[2], box[3] = min(box[2], y[t]), max(box[3], y[t])


@njit(cache=True, error_model="numpy")
def _part(x: Any, y: Any, dx: Any, dy: Any, t: Any, share: Any, kernel: Any) -> None:
    """Deposit point `t` by a share of its time."""
    column, row = np.floor(x[t] + dx), np.floor(y[t] + dy)
    ax, ay = x[t] + dx - column, y[t] + dy - row
    _spread(kernel, int(row), int(column), share, share * ax, share * ay, share * ax * ay)


@njit(cache=True, error_model="numpy")
def expose(x: Any, y: Any, dx: Any, dy: Any, begin: Any, end: Any, kernel: Any) -> None:
    """Deposit bilinearly what is seen between two times, in samples; point t is there from t to t + 1.

    The points at both ends count by the share of their time that is seen. A run inside one cell is summed first.
    """
    n, fx, fy, fxy = 0.0, 0.0, 0.0, 0.0
    row, column = -10.0, -10.0
    first, whole = math.ceil(begin), math.floor(end)
    if first > whole:  # both ends within one point
        if whole < len(x):
            _part(x, y, dx, dy, whole, end - begin, kernel)
        return
    if begin < first <= len(x):
        _part(x, y, dx, dy, first - 1, first - begin, kernel)
    for t in range(first, min(len(x), whole)):
        ax, ay = x[t] + dx - column, y[t] + dy - row
        if not (ax >= 0.0 and ax < 1.0 and ay >= 0.0 and ay < 1.0):
            _spread(kernel, int(row), int(column), n, fx, fy, fxy)
            n, fx, fy, fxy = 0.0, 0.0, 0.0, 0.0
            column, row = np.floor(x[t] + dx), np.floor(y[t] + dy)
            ax, ay = x[t] + dx - column, y[t] + dy - row
        n += 1.0
        fx += ax
        fy += ay
        fxy += ax * ay
    _spread(kernel, int(row), int(column), n, fx, fy, fxy)
    if whole < len(x) and whole < end:
        _part(x, y, dx, dy, whole, end - whole, kernel)
