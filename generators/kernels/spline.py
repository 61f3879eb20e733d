"""Motion-blur kernels from random splines: Chakrabarti, *A neural approach to blind motion deblurring*, ECCV 2016.

six control points, each uniform on the whole numbers of a p x p grid
the cubic spline (not-a-knot) through them, at 30,000 places, kept inside the grid and rounded to pixels
every pixel that is met: weight max(0, N(1, 0.5^2)), once, however long the path stays there
sum 1; moved by whole pixels until the rounded barycentre is central; drawn again if the moved grid is too large
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import check_fields
from facedeblur.generators.kernels.law import MAX_SIZE, KernelLaw, check_numbers
from facedeblur.generators.random.philox import halves, normal_pair, philox, uniform

MAX_POINTS = 2048
"""Most control points: their random numbers come before those of the weights."""


STREAM = 1
"""High half of the last counter word; the low half is the size."""

_ATTEMPT = 20  # Counter word 0 is attempt << 20 | block, ...
_WEIGHTS = 1 << 10  # ... and the weights begin at this block.


@dataclass(frozen=True)
class SplineModel(KernelLaw):
    """Chakrabarti's random spline: what a kernel is drawn from, besides its seed, size and number.

    Attributes
    ----------
    grid : int, optional
        Side p of the grid of control points, in pixels. By default 24/41 of the size to the nearest pixel: the paper's
        p = 24 in kernels of 41, and so 16 in 27 and 8 in 13.
    points : int
        Control points.
    samples : int
        Places on the spline.
    weight, spread : float
        Mean and standard deviation of the weights before those under 0 become 0.
    attempts : int
        Draws before a kernel is given up.
    """

    grid: int | None = None
    points: int = 6
    samples: int = 30_000
    weight: float = 1.0
    spread: float = 0.5
    attempts: int = 1000

    def __post_init__(self) -> None:
        checks = {
            "grid": (self.grid is None or 2 <= self.grid <= MAX_SIZE, f"from 2 to {MAX_SIZE}, or None"),
            "points": (4 <= self.points <= MAX_POINTS, f"from 4, as not-a-knot needs, to {MAX_POINTS}"),
            "samples": (2 <= self.samples <= 1_000_000, "from 2 to 1000000"),
            "weight": (-math.inf < self.weight < math.inf, "a number"),
            "spread": (0 <= self.spread < math.inf and max(self.weight, self.spread) > 0, "at least 0"),
            "attempts": (1 <= self.attempts <= 4096, "from 1 to 4096"),
        }
        check_fields(self, "spline model", checks)

    def side(self, size: int) -> int:
        """Side of the grid in pixels for kernels of `size`."""
        return max(2, math.floor(24 * size / 41 + 0.5)) if self.grid is None else self.grid

    def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
        """See `KernelLaw.draw`; the size is at least the grid's, and the rounded barycentre is on the central pixel.

        Notes
        -----
        Chakrabarti, ECCV 2016, and the authors' training code. There the grid, not its used part, must fit.
        """
        k0, k1 = halves(seed, "seed")
        check_numbers(size, n, start)
        side = self.side(int(size))
        if side > size:
            raise InputError(
                f"spline grid of {side}", expected=f"at most the size {size}", do="use a smaller grid or a larger size"
            )
        out = np.zeros((n, int(size), int(size)))
        lost = _fill(
            k0, k1, np.uint64(start), spline_basis(self.points), side, self.samples, float(self.weight),
            float(self.spread), self.attempts, out,
        )  # fmt: skip
        if lost:
            raise InputError(
                f"spline kernels of size {size}",
                expected=f"one on a grid of {side} that fits within {self.attempts} attempts",
                found=f"none for {lost} of {n} kernels",
                do="use a smaller grid",
            )
        return out


def spline_basis(points: int) -> np.ndarray:
    """Cubic pieces of the not-a-knot spline through points at 0, 1, 2, ...

    Returns
    -------
    (points - 1, 4, points) float64
        Row [j, d] times the points is the coefficient of (u - j)**d on the piece from j to j + 1.
    """
    n = points
    # Slopes m: m[i-1] + 4 m[i] + m[i+1] = 3 (y[i+1] - y[i-1]) within; equal third derivatives at the second and the
    # last but one point, m[0] - m[2] = 4 y[1] - 2 y[0] - 2 y[2] and its mirror image, close the system.
    left, right = np.zeros((n, n)), np.zeros((n, n))
    for i in range(1, n - 1):
        left[i, i - 1 : i + 2] = 1, 4, 1
        right[i, i - 1], right[i, i + 1] = -3, 3
    left[0, 0], left[0, 2] = 1, -1
    right[0, :3] = -2, 4, -2
    left[-1, -1], left[-1, -3] = 1, -1
    right[-1, -3:] = 2, -4, 2
    # Gauss by hand: the order of sums in LAPACK, and so in scipy's CubicSpline, depends on the machine.
    for k in range(n):
        pivot = k + int(np.argmax(np.abs(left[k:, k])))
        left[[k, pivot]], right[[k, pivot]] = left[[pivot, k]], right[[pivot, k]]
        scale = left[k, k]
        left[k], right[k] = left[k] / scale, right[k] / scale
        for i in range(n):
            if i != k:
                factor = left[i, k]
                left[i], right[i] = left[i] - factor * left[k], right[i] - factor * right[k]
    pieces = np.zeros((n - 1, 4, n))
    unit = np.eye(n)
    for j in range(n - 1):
        rise = unit[j + 1] - unit[j]
        pieces[j] = unit[j], right[j], 3 * rise - 2 * right[j] - right[j + 1], right[j] + right[j + 1] - 2 * rise
    return pieces


@njit(cache=True, error_model="numpy")
def _pixels(pieces: Any, values: Any, side: Any, pixels: Any) -> None:
    """Round one coordinate of the spline at each sample to a pixel, 0-based, within the grid."""
    n, samples = len(values), len(pixels)
    a = np.zeros((n - 1, 4))
    for j in range(n - 1):
        for d in range(4):
            for i in range(n):
                a[j, d] += pieces[j, d, i] * values[i]
    span = (n - 1) / (samples - 1)
    first = 0
    for j in range(n - 1):
        last = samples if j == n - 2 else math.ceil((j + 1) / span)
        a0, a1, a2, a3 = a[j, 0], a[j, 1], a[j, 2], a[j, 3]
        for s in range(first, last):
            v = s * span - j
            place = a0 + v * (a1 + v * (a2 + v * a3))
            pixels[s] = np.int32(min(max(place, 1.0), float(side)) + 0.5) - np.int32(1)
        first = last


@njit(cache=True, error_model="numpy")
def _fill(
    k0: Any, k1: Any, start: Any, pieces: Any, side: Any, samples: Any, weight: Any, spread: Any, limit: Any, out: Any
) -> Any:
    """Draw kernels ``start ..`` into `out`; return how many were given up."""
    n, size, points = out.shape[0], out.shape[1], pieces.shape[2]
    stream = np.uint32((STREAM << 16) | size)
    ends, columns, rows = np.zeros((2, points)), np.zeros(samples, np.int32), np.zeros(samples, np.int32)
    grid = np.zeros((side, side))
    lost = 0
    for k in range(n):
        index = np.uint64(start) + np.uint64(k)
        lo, hi = np.uint32(index & np.uint64(0xFFFFFFFF)), np.uint32(index >> np.uint64(32))
        done = False
        for attempt in range(limit):
            base = attempt << _ATTEMPT
            for p in range((points + 1) // 2):
                a, b, c, d = philox(np.uint32(base + p), lo, hi, stream, k0, k1)
                ends[0, 2 * p], ends[1, 2 * p] = 1 + int(uniform(a) * side), 1 + int(uniform(b) * side)
                if 2 * p + 1 < points:
                    ends[0, 2 * p + 1], ends[1, 2 * p + 1] = 1 + int(uniform(c) * side), 1 + int(uniform(d) * side)
            _pixels(pieces, ends[0], side, columns)
            _pixels(pieces, ends[1], side, rows)
            grid[:] = 0.0
            for s in range(samples):
                grid[rows[s], columns[s]] = 1.0
            total, mx, my, met = 0.0, 0.0, 0.0, 0
            z = (np.float32(0), np.float32(0), np.float32(0), np.float32(0))
            # Column by column, as the numbers are dealt out in the source.
            for column in range(side):
                for row in range(side):
                    if grid[row, column] > 0.0:
                        if met % 4 == 0:
                            a, b, c, d = philox(np.uint32(base + _WEIGHTS + met // 4), lo, hi, stream, k0, k1)
                            z0, z1 = normal_pair(a, b)
                            z2, z3 = normal_pair(c, d)
                            z = (z0, z1, z2, z3)
                        value = max(0.0, weight + spread * np.float64(z[met % 4]))
                        met += 1
                        grid[row, column] = value
                        total += value
                        mx += value * (column + 1)
                        my += value * (row + 1)
            if total <= 0.0:
                continue
            cx, cy = math.floor(mx / total + 0.5), math.floor(my / total + 0.5)
            reach = max(max(cx - 1, side - cx), max(cy - 1, side - cy))
            if 2 * reach + 1 > size:
                continue
            for row in range(side):
                for column in range(side):
                    out[k, row + size // 2 - cy + 1, column + size // 2 - cx + 1] = grid[row, column] / total
            done = True
            break
        lost += not done
    return lost
