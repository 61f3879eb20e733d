"""Motion-blur kernels of Boracchi and Foi: random-walk trajectories, exposed and rasterised to point spread functions.

Sizes have streams of their own: kernel 3 of size 13 has nothing to do with kernel 3 of size 27. A trajectory is
centred, then exposed sample by sample: every sample of the exposed part deposits the weight of its time on the four
pixels around it, by the product of triangle functions (Boracchi and Foi 2012, the authors' code).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.options import check_fields
from facedeblur.generators.kernels.law import KernelLaw, check_numbers
from facedeblur.generators.kernels.walk import DEBLURGAN_ANXIETY, LANES, walk
from facedeblur.generators.random.philox import halves

CENTRES = ("bbox", "barycentre", "original")


@dataclass(frozen=True)
class KernelModel(KernelLaw):
    """Boracchi and Foi's random walk, exposed: what a kernel is drawn from, besides its seed, size N and number.

    Attributes
    ----------
    length_per_size : float
        Trajectory length in units of N (1.85 fits Shen's released kernel).
    length : float, optional
        Trajectory length in pixels, instead.
    samples : int
        Points of the trajectory, M.
    anxiety : tuple of float
        One of these, in [0, 1], is drawn for each trajectory; 0 gives a straight line.
    exposure : float
        Part of the trajectory that is seen, T in (0, 1].
    begin : float
        Part of the trajectory that passes before anything is seen, in [0, exposure): the shutter is open from `begin`
        to `exposure`.
    centre : {'bbox', 'barycentre', 'original'}
        What is on the central pixel. 'bbox': the middle of the exposed trajectory's bounding box, to 1e-12 px.
        'barycentre': the mean of its points. 'original': the authors' rule, start on the pixel grid and the whole
        trajectory's box near the middle, up to a pixel off.
    margin : float, optional
        Draw again unless the box is at most N - margin wide and high and is inside the kernel. None accepts
        everything: what falls outside is lost, as in the authors' code.
    fill : float, optional
        Draw again unless the box is over N - fill wide or high, so that the size says something.
    normalise : bool
        Sum 1; otherwise the sum is ``exposure - begin``, less what is lost.
    attempts : int
        Draws before a kernel is given up.
    """

    length_per_size: float = 1.85
    length: float | None = None
    samples: int = 2000
    anxiety: tuple[float, ...] = DEBLURGAN_ANXIETY
    exposure: float = 1.0
    centre: str = "bbox"
    margin: float | None = 2.0
    fill: float | None = None
    normalise: bool = True
    attempts: int = 1000
    begin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "anxiety", tuple(float(a) for a in np.atleast_1d(self.anxiety)))
        checks = {
            "length_per_size": (0 < self.length_per_size < math.inf, "a positive number"),
            "length": (self.length is None or 0 < self.length < math.inf, "a positive number of pixels"),
            "samples": (2 <= self.samples <= 1_000_000, "from 2 to 1000000"),
            "anxiety": (len(self.anxiety) > 0 and all(0 <= a <= 1 for a in self.anxiety), "numbers from 0 to 1"),
            "exposure": (0 < self.exposure <= 1, "over 0 and at most 1"),
            "begin": (0 <= self.begin < self.exposure, "at least 0 and less than the exposure"),
            "centre": (self.centre in CENTRES, f"one of {', '.join(CENTRES)}"),
            "margin": (self.margin is None or self.margin >= 0, "at least 0, or None"),
            "fill": (self.fill is None or self.fill > (self.margin or 0), "more than margin, or None"),
            "attempts": (1 <= self.attempts < 2**16, "from 1 to 65535"),
        }
        check_fields(self, "kernel model", checks)

    def path_length(self, size: int) -> float:
        """Length of a trajectory in pixels for kernels of `size`."""
        return self.length_per_size * size if self.length is None else self.length

    def draw(self, seed: int, size: int, n: int = 1, *, start: int = 0) -> np.ndarray:
        """See `KernelLaw.draw`; the sum is 1 where `normalise` is set."""
        return self._drawn(seed, size, n, start)[0]

    def trajectory(self, seed: int, size: int, index: int) -> np.ndarray:
        """Return the trajectory of one kernel, in coordinates of the kernel.

        Returns
        -------
        (samples, 2) float64
            Column and row in pixels; (0, 0) is the middle of the kernel's first pixel.

        Raises
        ------
        InputError
            As in `draw`.
        """
        _, attempts, shifts = self._drawn(seed, size, 1, index)
        lo, hi = halves(index, "index")
        x, y, box = np.zeros((self.samples, 1)), np.zeros((self.samples, 1)), np.zeros((4, 1))
        stream = np.array([(int(size) << 16) | int(attempts[0])], np.uint32)
        walk(
            *halves(seed, "seed"), np.array([lo]), np.array([hi]), stream, np.array(self.anxiety),
            float(self.path_length(int(size))), self.samples, x, y, box,
        )  # fmt: skip
        return np.hstack([x, y]) + shifts[0]

    def _drawn(self, seed: int, size: int, n: int, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Kernels (n, size, size), their attempt numbers and their shifts."""
        k0, k1 = halves(seed, "seed")
        check_numbers(size, n, start)
        size = int(size)
        out, attempts, shifts = np.zeros((n, size, size)), np.zeros(n, np.int64), np.zeros((n, 2))
        lost = _fill(
            k0, k1, np.uint64(start), np.array(self.anxiety), float(self.path_length(size)),
            np.array([self.begin, self.exposure]) * self.samples, CENTRES.index(self.centre),
            -1.0 if self.margin is None else float(self.margin), math.inf if self.fill is None else float(self.fill),
            self.normalise, self.attempts, self.samples, out, attempts, shifts,
        )  # fmt: skip
        if lost:
            raise InputError(
                f"kernels of size {size}",
                expected=f"a trajectory of {self.path_length(size):.4g} px that fits within {self.attempts} attempts",
                found=f"none for {lost} of {n} kernels",
                do="use a shorter length, another margin or fill, or more anxiety",
            )
        return out, attempts, shifts


STANDARD = KernelModel()
"""The recommended law."""


@njit(cache=True, error_model="numpy")
def _fill(
    k0: Any, k1: Any, start: Any, anxieties: Any, length: Any, times: Any, centre: Any, margin: Any, fill: Any,
    normalise: Any, limit: Any, samples: Any, out: Any, attempts: Any, shifts: Any,
) -> Any:  # fmt: skip
    """Draw kernels ``start ..`` into `out`, their attempt numbers and shifts; return how many were given up.

    `times` says in samples when the shutter opens and closes. A rejected trajectory goes back to the queue with its
    next attempt, so that lanes stay full.
    """
    n, size = out.shape[0], out.shape[1]
    first = math.floor(times[0])
    lanes = min(LANES, n)
    x, y, box = np.zeros((samples, lanes)), np.zeros((samples, lanes)), np.zeros((4, lanes))
    lo, hi, stream = np.zeros(lanes, np.uint32), np.zeros(lanes, np.uint32), np.zeros(lanes, np.uint32)
    queue = np.arange(n)
    exposed = min(samples, math.ceil(times[1]))
    bounded = samples if centre == 2 else exposed
    waiting, lost = n, 0
    while waiting > 0:
        taken = min(lanes, waiting)
        waiting -= taken
        for k in range(taken):
            i = queue[waiting + k]
            index = np.uint64(start) + np.uint64(i)
            lo[k], hi[k] = np.uint32(index & np.uint64(0xFFFFFFFF)), np.uint32(index >> np.uint64(32))
            stream[k] = np.uint32((size << 16) | attempts[i])
        walk(k0, k1, lo[:taken], hi, stream, anxieties, length, bounded, x, y, box)
        again = 0
        for k in range(taken):
            i = queue[waiting + k]
            if first > 0 and centre != 2:
                bounds(x[:, k], y[:, k], first, exposed, box[:, k])
            dx, dy = place(x[:, k], y[:, k], box[:, k], first, exposed, size, centre)
            shifts[i, 0], shifts[i, 1] = dx, dy
            extent = max(box[1, k] - box[0, k], box[3, k] - box[2, k])
            fits = extent > size - fill
            if margin >= 0.0:
                inside = min(box[0, k] + dx, box[2, k] + dy) >= 0.0
                inside &= max(box[1, k] + dx, box[3, k] + dy) <= size - 1.0
                fits &= inside and extent <= size - margin
            if fits:
                expose(x[:, k], y[:, k], dx, dy, times[0], times[1], out[i])
                total = 0.0
                for row in range(size):
                    for column in range(size):
                        total += out[i, row, column]
                fits &= total > 0.0 or not normalise
                scale = 1.0 / (total if normalise else samples)
                for row in range(size):
                    for column in range(size):
                        out[i, row, column] *= scale
            if not fits:
                out[i] = 0.0
                attempts[i] += 1
                if attempts[i] < limit:
                    queue[waiting + again] = i
                    again += 1
                else:
                    lost += 1
        waiting += again
    return lost


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
