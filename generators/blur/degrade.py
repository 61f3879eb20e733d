"""From a sharp 8-bit image to blurred ones: convolve, add noise, clip, round to 8 bits.

The bytes are those of float64 arithmetic in a fixed order, so they do not depend on the machine, at the speed of
float32. A float32 sum of non-negative terms comes with a bound on its error. Where the value is further from a rounding
boundary than that bound, float64 would give the same byte. Where it is not (some twenty samples of a 128x128 image),
the float64 sum is made and decides. So the result does not depend on float32 at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.files.kernel_bank import TOLERANCE, centre_pad, check_kernel
from facedeblur.benchmark.options import one_of
from facedeblur.generators.blur.convolve import FUSED, border_index, check_border, convolve_row, find_taps, pad_rows
from facedeblur.generators.blur.noise import Noise
from facedeblur.generators.random.philox import halves

ROUNDINGS = {"round": 0.5, "truncate": 0.0}
"""How a grey level becomes an integer: floor(v + 1/2), or the byte cast of UMSN's and DeblurGANv2's code."""


def _stack(kernels: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Kernels as checked (n, K, K) float64, the small ones in the middle of zeros."""
    if isinstance(kernels, np.ndarray) and kernels.ndim == 3:
        stack = np.ascontiguousarray(kernels, np.float64)
        sums = stack.sum((1, 2))
        # A quick look at all of them; where it fails, the one at fault says why.
        square = stack.shape[1] % 2 and stack.shape[1] == stack.shape[2]
        if square and stack.min() >= 0 and np.abs(sums - 1).max() <= TOLERANCE:
            return stack
    checked = [check_kernel(kernel, name=f"kernel {i}") for i, kernel in enumerate(kernels)]
    size = max(map(len, checked))
    return np.array([centre_pad(kernel, size) for kernel in checked])


def check_pairs(sharp: np.ndarray, blurs: Sized, what: str, indices: Sequence[int] | np.ndarray, rounding: str) -> None:
    """Raise InputError unless `sharp` can become one pair for each of `blurs`, which a message calls `what`."""
    if sharp.ndim not in (2, 3) or sharp.dtype != np.uint8 or sharp.size == 0:
        raise InputError(
            "sharp image",
            expected="(H, W, 3) or (H, W) of uint8",
            found=f"{sharp.shape} of {sharp.dtype}",
            do="convert it to 8 bits",
        )
    one_of("rounding", rounding, ROUNDINGS)
    if len(blurs) == 0:
        raise InputError(f"no {what} given", do=f"give a list of {what}")
    if len(indices) != len(blurs):
        raise InputError(
            "indices",
            expected=f"one for each of {len(blurs)} {what}",
            found=str(len(indices)),
            do="give one index each",
        )
    for index in indices:
        halves(index, "pair index")


def degrade_many(
    sharp: np.ndarray,
    kernels: Sequence[np.ndarray] | np.ndarray,
    *,
    noise: Noise,
    seed: int,
    indices: Sequence[int] | np.ndarray,
    border: str = "reflect",
    margin: int | None = None,
    rounding: str = "round",
) -> np.ndarray:
    """Blur one image with many kernels, add noise, clip and round: one blurred image per kernel.

    Parameters
    ----------
    sharp : (H, W, 3) or (H, W) uint8
        RGB or grey. With ``border='valid'`` it is larger than the result by `margin` on every side.
    kernels : (n, K, K) array or sequence of (size, size) arrays
        Point spread functions, each of odd size, at least 0, sum 1.
    noise : Noise
        Its scale and law.
    seed : int
        Seed of the noise, from 0 to 2**64 - 1.
    indices : sequence of int
        Number of each pair, which with the seed gives its noise: a pair is the same alone and in any batch.
    border : {'valid', 'reflect', 'replicate', 'zero', 'circular'}
        What is outside the image.
    margin : int, optional
        For 'valid' only: pixels that the result is smaller by on every side; by default the least that the largest
        kernel here needs.
    rounding : {'round', 'truncate'}
        To the nearest level, or towards zero as in UMSN's and DeblurGANv2's code.

    Returns
    -------
    (n, h, w, 3) or (n, h, w) uint8

    Raises
    ------
    InputError
        If the image, a kernel or an option is not usable.

    Notes
    -----
    Grey levels are floor(clip(255 sigma z + sum(kernel * sharp), 0, 255) + 1/2) in float64, z the noise at unit scale.
    """
    sharp = np.asarray(sharp)
    check_pairs(sharp, kernels, "kernels", indices, rounding)
    stack = _stack(kernels)
    height, width = sharp.shape[:2]
    check_border(border, height, width, stack.shape[1])
    reach = stack.shape[1] // 2
    if border == "valid":
        radius, padding = reach if margin is None else int(margin), 0
        if radius < reach or 2 * radius >= min(height, width):
            raise InputError(
                "margin",
                expected=f"at least {reach} for these kernels, and under half the image",
                found=str(radius),
                do="give a larger crop or smaller kernels",
            )
    elif margin is not None:
        raise InputError(f"margin with border '{border}'", "a margin is used by border 'valid' only", do="leave it out")
    else:
        radius = padding = reach
    planes = np.ascontiguousarray(sharp[:, :, None] if sharp.ndim == 2 else sharp)
    channels = planes.shape[2]
    rows = np.empty((height + 2 * padding, (width + 2 * padding) * channels), np.float32)
    pad_rows(planes, border_index(height, padding, border), border_index(width, padding, border), rows)
    shape = (height + 2 * (padding - radius), width + 2 * (padding - radius), channels)
    out = np.empty((len(stack), *shape), np.uint8)
    for kernel, index, blurred in zip(stack, indices, out, strict=True):
        z = noise.draw(seed, index, shape).reshape(shape[0], -1)
        _pair(
            rows, radius, channels, kernel, z, 255.0 * float(noise.sigma), ROUNDINGS[rounding], blurred.reshape(z.shape)
        )
    return out[..., 0] if sharp.ndim == 2 else out


def degrade(
    sharp: np.ndarray,
    kernel: np.ndarray,
    *,
    noise: Noise,
    seed: int,
    index: int,
    border: str = "reflect",
    margin: int | None = None,
    rounding: str = "round",
) -> np.ndarray:
    """Blur one image with one kernel, add noise, clip and round; see `degrade_many`, whose pairs it equals.

    Parameters
    ----------
    sharp : (H, W, 3) or (H, W) uint8
    kernel : (size, size) array
    index : int
        Number of the pair.
    noise, seed, border, margin, rounding
        As in `degrade_many`.

    Returns
    -------
    (h, w, 3) or (h, w) uint8

    Raises
    ------
    InputError
        As in `degrade_many`.
    """
    return degrade_many(
        sharp, [kernel], noise=noise, seed=seed, indices=[index], border=border, margin=margin, rounding=rounding
    )[0]


_BLOCK = 512  # Samples of a row that are rounded together.


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
        push = sigma * np.float32(z[c])
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
        push = sigma32 * np.float32(z[c])
        value = acc[c] + push
        part = (value + half32) - np.floor(value + half32)
        bound = error * (acc[c] + abs(push) + np.float32(1))
        if part < bound or part > np.float32(1) - bound:
            exact = _exact(flat, start + c, place, weight) + sigma * np.float64(z[c])
            target[c] = np.uint8(math.floor(min(max(exact, 0.0), 255.0) + half))


@njit(cache=True, error_model="numpy")
def _pair(rows: Any, radius: Any, channels: Any, kernel: Any, z: Any, sigma: Any, half: Any, out: Any) -> None:
    """Degrade padded float32 `rows` (grey levels) by a kernel and noise `z` into `out` (H, W * channels)."""
    height, width = out.shape
    flat, stride = rows.ravel(), rows.shape[1]
    room = kernel.shape[0] * kernel.shape[1] + FUSED
    place, weight = np.empty(room, np.int64), np.empty(room)
    taps = find_taps(kernel, radius, channels, stride, place, weight)
    place, weight = place[:taps], weight[:taps]
    weight32 = weight.astype(np.float32)
    # Rounding the weights, the noise, the products, sums within and over groups, and the comparison itself: each adds
    # at most one unit roundoff of a sum of non-negative terms. One per cent covers their products.
    error = np.float32((taps // FUSED + 14) * 2.0**-24 * 1.01)
    acc = np.empty(width, np.float32)
    for y in range(height):
        convolve_row(flat, y * stride, place, weight32, acc)
        for x in range(0, width, _BLOCK):
            part, noise, target = acc[x : x + _BLOCK], z[y, x : x + _BLOCK], out[y, x : x + _BLOCK]
            if _finish(part, noise, np.float32(sigma), np.float32(half), error, target) > 0:
                _repair(flat, y * stride + x, place, weight, part, noise, sigma, half, error, target)
