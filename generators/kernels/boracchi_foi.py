"""Motion blur kernels: Boracchi-Foi trajectories exposed and rasterised to point spread functions.

Each kernel is a function of (seed, size, index, model) alone, bit for bit, whatever else is made beside it. Sizes have
streams of their own: kernel 3 of size 13 has nothing to do with kernel 3 of size 27.

How a trajectory becomes a point spread function: centred, then exposed sample by sample.

Every sample of the exposed part deposits the weight of its time on the four pixels around it, by the product of
triangle functions (Boracchi and Foi 2012, the authors' code).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numba import njit

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import check_kernel
from facedeblur.generators.kernels.law import (
    CENTRES,
    DEBLURGAN_ANXIETY,
    STANDARD,
    KernelModel,
    check_numbers,
    parse_anxiety,
)
from facedeblur.generators.kernels.walk import LANES, walk
from facedeblur.generators.random.philox import halves

__all__ = [
    "DEBLURGAN_ANXIETY",
    "STANDARD",
    "KernelModel",
    "check_kernel",
    "exposed_kernels",
    "kernels",
    "parse_anxiety",
    "trajectory",
]


@njit(cache=True, error_model="numpy")
def _fill(
    k0: Any, k1: Any, start: Any, anxieties: Any, length: Any, times: Any, centre: Any, margin: Any, fill: Any,
    normalise: Any, limit: Any, samples: Any, out: Any, attempts: Any, shifts: Any,
) -> Any:  # fmt: skip
    """Draw kernels ``start ..`` into `out`, their attempt numbers and shifts; return how many were given up.

    `times` says in samples when the shutter opens and then when each kernel of a trajectory is read. A rejected
    trajectory goes back to the queue with its next attempt, so that lanes stay full.
    """
    n, reads, size = out.shape[0], out.shape[1], out.shape[2]
    first = math.floor(times[0])
    lanes = min(LANES, n)
    x, y, box = np.zeros((samples, lanes)), np.zeros((samples, lanes)), np.zeros((4, lanes))
    lo, hi, stream = np.zeros(lanes, np.uint32), np.zeros(lanes, np.uint32), np.zeros(lanes, np.uint32)
    queue = np.arange(n)
    exposed = min(samples, math.ceil(times[reads]))
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
            read = 0
            while fits and read < reads:
                if read > 0:
                    out[i, read] = out[i, read - 1]
                expose(x[:, k], y[:, k], dx, dy, times[read], times[read + 1], out[i, read])
                read += 1
            for read in range(reads if fits else 0):
                total = 0.0
                for row in range(size):
                    for column in range(size):
                        total += out[i, read, row, column]
                fits &= total > 0.0 or not normalise
                scale = 1.0 / (total if normalise else samples)
                for row in range(size):
                    for column in range(size):
                        out[i, read, row, column] *= scale
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


def _run(
    seed: int, size: int, n: int, start: int, model: KernelModel, until: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernels (n, len(until), size, size), read at the exposures `until`, their attempt numbers and their shifts."""
    k0, k1 = halves(seed, "seed")
    check_numbers(size, n, start)
    size = int(size)
    out, attempts, shifts = np.zeros((n, len(until), size, size)), np.zeros(n, np.int64), np.zeros((n, 2))
    lost = _fill(
        k0, k1, np.uint64(start), np.array(model.anxiety), float(model.path_length(size)),
        np.array([model.begin, *until]) * model.samples, CENTRES.index(model.centre),
        -1.0 if model.margin is None else float(model.margin), math.inf if model.fill is None else float(model.fill),
        model.normalise, model.attempts, model.samples, out, attempts, shifts,
    )  # fmt: skip
    if lost:
        raise InputError(
            f"kernels of size {size}",
            expected=f"a trajectory of {model.path_length(size):.4g} px that fits within {model.attempts} attempts",
            found=f"none for {lost} of {n} kernels",
            do="use a shorter length, another margin or fill, or more anxiety",
        )
    return out, attempts, shifts


def kernels(
    seed: int,
    size: int,
    n: int,
    *,
    start: int = 0,
    model: KernelModel = STANDARD,
) -> np.ndarray:
    """Motion blur kernels number `start` to ``start + n - 1`` of a size.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.
    size : int
        Odd side N in pixels, from 5 to 1023.
    n : int
        How many.
    start : int
        Number of the first; kernel i is the same in every batch that holds it.
    model : KernelModel
        Law of the kernels.

    Returns
    -------
    (n, size, size) float64
        Each at least 0, of sum 1 unless the model says otherwise.

    Raises
    ------
    InputError
        When a number is out of range, or no trajectory fits within the model's number of attempts.

    Notes
    -----
    Boracchi and Foi, IEEE TIP 21(8), 2012: trajectory and exposure as in the authors' code; acceptance and centring as
    in `KernelModel`. Bilinear deposit into the four neighbours of every sample.
    """
    return _run(seed, size, n, start, model, [model.exposure])[0][:, 0]


def exposed_kernels(
    seed: int,
    size: int,
    n: int,
    *,
    exposures: Sequence[float] = (1 / 1000, 1 / 10, 1 / 2, 1),
    start: int = 0,
    normalise: bool = False,
    model: KernelModel = STANDARD,
) -> np.ndarray:
    """Several exposures of each trajectory: how its blur grows while the shutter stays open.

    Parameters
    ----------
    seed, size, n, start
        As in `kernels`.
    exposures : sequence of float
        T, increasing, over ``model.begin`` and at most 1. The longest stands for ``model.exposure``, so it decides on
        acceptance and centring.
    normalise : bool
        Each of sum 1, in place of ``model.normalise``.
    model : KernelModel

    Returns
    -------
    (n, len(exposures), size, size) float64
        Of sum ``T_j - model.begin`` less what is lost, or 1. The last equals `kernels` of that exposure.

    Raises
    ------
    InputError
        As in `kernels`, or when the exposures do not increase.

    Notes
    -----
    Boracchi and Foi 2012, the authors' code: accumulated, not begun anew between exposures; the points at both ends
    count by the share of their time that is seen. One exposure alone has the bits of `kernels`.
    """
    times = [float(t) for t in exposures]
    if not times or times[0] <= model.begin or times[-1] > 1 or any(a >= b for a, b in pairwise(times)):
        raise InputError(
            "exposures",
            expected=f"numbers that increase, over {model.begin:g} and at most 1",
            found=", ".join(f"{t:g}" for t in times) or "none",
            do="sort them",
        )
    return _run(seed, size, n, start, replace(model, exposure=times[-1], normalise=normalise), times)[0]


def trajectory(
    seed: int,
    size: int,
    index: int,
    *,
    model: KernelModel = STANDARD,
) -> np.ndarray:
    """The trajectory behind one kernel, where it lies in the kernel.

    Parameters
    ----------
    seed, size, index, model
        As in `kernels`.

    Returns
    -------
    (samples, 2) float64
        Column and row in pixels; (0, 0) is the middle of the kernel's first pixel.

    Raises
    ------
    InputError
        As in `kernels`.
    """
    _, attempts, shifts = _run(seed, size, 1, index, model, [model.exposure])
    lo, hi = halves(index, "index")
    x, y, box = np.zeros((model.samples, 1)), np.zeros((model.samples, 1)), np.zeros((4, 1))
    stream = np.array([(int(size) << 16) | int(attempts[0])], np.uint32)
    walk(
        *halves(seed, "seed"), np.array([lo]), np.array([hi]), stream, np.array(model.anxiety),
        float(model.path_length(int(size))), model.samples, x, y, box,
    )  # fmt: skip
    return np.hstack([x, y]) + shifts[0]


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
