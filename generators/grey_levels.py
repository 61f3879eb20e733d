"""8-bit grey levels of blurred, noisy pairs: the bytes of float64 arithmetic at the speed of float32.

A float32 sum of non-negative terms comes with a bound on its error. Where the value is further from a rounding boundary
than that bound, float64 would give the same byte. Where it is not (some twenty samples of a 128x128 image), the float64
sum is made, in a fixed order, and decides. So the result does not depend on the machine, nor on its float32 at all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from facedeblur.generators.blur import FUSED, convolve_row, find_taps
from facedeblur.generators.philox import CHUNK, NOISE, fill_normals

_BLOCK = 512


@njit(cache=True, error_model="numpy")
def _exact(flat: Any, start: Any, place: Any, weight: Any) -> Any:
    """The sample at `start` in float64, tap after tap."""
    total = 0.0
    for k in range(len(weight)):
        total += weight[k] * np.float64(flat[start + place[k]])
    return total


@njit(cache=True, error_model="numpy")
def _finish(acc: Any, z: Any, sigma: Any, half: Any, error: Any, target: Any) -> Any:
    """Add noise, clip and round a few samples; return for how many float32 does not decide."""
    unsure: Any = 0
    for c in range(len(acc)):
        push = sigma * z[c]
        value = acc[c] + push
        whole = np.floor(value + half)
        part = (value + half) - whole
        bound = error * (acc[c] + abs(push) + np.float32(1))
        unsure += np.int32(part < bound) | np.int32(part > np.float32(1) - bound)
        target[c] = np.uint8(np.int32(min(max(whole, np.float32(0)), np.float32(255))))
    return unsure


@njit(cache=True, error_model="numpy")
def _repair(
    flat: Any, start: Any, place: Any, weight: Any, acc: Any, z: Any, sigma: Any, half: Any, error: Any,
    target: Any,
) -> None:  # fmt: skip
    """Decide in float64 those samples of `_finish` for which float32 does not; `start` is the place of the first."""
    sigma32 = np.float32(sigma)
    half32 = np.float32(half)
    for c in range(len(acc)):
        push = sigma32 * z[c]
        value = acc[c] + push
        part = (value + half32) - np.floor(value + half32)
        bound = error * (acc[c] + abs(push) + np.float32(1))
        if part < bound or part > np.float32(1) - bound:
            exact = _exact(flat, start + c, place, weight) + sigma * np.float64(z[c])
            target[c] = np.uint8(math.floor(min(max(exact, 0.0), 255.0) + half))


@njit(cache=True, error_model="numpy")
def pairs(
    rows: Any, radius: Any, channels: Any, stack: Any, sigma: Any, half: Any, k0: Any, k1: Any, indices: Any, out: Any
) -> None:
    """Degrade padded float32 `rows` (grey levels) by each kernel of `stack` into `out` (n, H, W * channels)."""
    n, height, width = out.shape
    room = stack.shape[1] * stack.shape[2] + FUSED
    flat, stride = rows.ravel(), rows.shape[1]
    place = np.empty(room, np.int64)
    weight, weight32 = np.empty(room), np.empty(room, np.float32)
    acc = np.empty(width, np.float32)
    z = np.zeros(CHUNK, np.float32)
    for p in range(n):
        lo = np.uint32(indices[p] & np.uint64(0xFFFFFFFF))
        hi = np.uint32(indices[p] >> np.uint64(32))
        taps = find_taps(stack[p], radius, channels, stride, place, weight)
        for k in range(taps):
            weight32[k] = weight[k]
        # Rounding the weights, the products, sums within and over groups, noise, and the comparison itself:
        # each adds at most one unit roundoff of a sum of non-negative terms. One per cent covers their products.
        error = np.float32((taps // FUSED + 14) * 2.0**-24 * 1.01)
        used, chunk = CHUNK, 0
        for y in range(height):
            convolve_row(flat, y * stride, place[:taps], weight32[:taps], acc)
            x = 0
            while x < width:
                if used == CHUNK:
                    if sigma > 0.0:
                        fill_normals(k0, k1, lo, hi, np.uint32(NOISE), chunk, z)
                    used = 0
                    chunk += 1
                take = min(_BLOCK, width - x, CHUNK - used)
                part, noise, target = acc[x : x + take], z[used : used + take], out[p, y, x : x + take]
                if _finish(part, noise, np.float32(sigma), np.float32(half), error, target) > 0:
                    start = y * stride + x
                    _repair(flat, start, place[:taps], weight[:taps], part, noise, sigma, half, error, target)
                x += take
                used += take
