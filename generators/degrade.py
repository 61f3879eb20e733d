"""From a sharp 8-bit image to a blurred one: convolve, add noise, clip, round to 8 bits.

The result is that of float64 arithmetic in a fixed order, so it does not depend on the machine (`grey_levels`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.files.kernel_bank import TOLERANCE, centre_pad, check_kernel
from facedeblur.generators.blur import border_index, check_border, pad_rows
from facedeblur.generators.grey_levels import pairs
from facedeblur.generators.philox import halves

ROUNDINGS = {"round": 0.5, "truncate": 0.0}
"""How a grey level becomes an integer: floor(v + 1/2), or the byte cast of UMSN's and DeblurGANv2's code."""


def _stack(kernels: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Kernels as checked (n, K, K) float64, the small ones in the middle of zeros."""
    if isinstance(kernels, np.ndarray) and kernels.ndim == 3 and len(kernels):
        stack = np.ascontiguousarray(kernels, np.float64)
        sums = stack.sum((1, 2))
        # A quick look at all of them; where it fails, the one at fault says why.
        square = stack.shape[1] % 2 and stack.shape[1] == stack.shape[2]
        if square and stack.min() >= 0 and np.abs(sums - 1).max() <= TOLERANCE:
            return stack
    checked = [check_kernel(kernel, name=f"kernel {i}") for i, kernel in enumerate(kernels)]
    if not checked:
        raise InputError("kernels", expected="at least one", found="none", do="give a list of kernels")
    size = max(map(len, checked))
    return np.array([centre_pad(kernel, size) for kernel in checked])


def check_sharp(sharp: np.ndarray, sigma: float, rounding: str) -> np.ndarray:
    """Return `sharp` as an array, or raise InputError where it, the noise or the rounding is not usable."""
    sharp = np.asarray(sharp)
    if sharp.ndim not in (2, 3) or sharp.dtype != np.uint8 or sharp.size == 0:
        raise InputError(
            "sharp image",
            expected="(H, W, 3) or (H, W) of uint8",
            found=f"{sharp.shape} of {sharp.dtype}",
            do="convert it to 8 bits",
        )
    if not 0 <= sigma <= 1:
        raise InputError("sigma", expected="from 0 to 1", found=str(sigma), do="divide grey levels by 255")
    if rounding not in ROUNDINGS:
        raise InputError(f"rounding '{rounding}'", expected="round or truncate", do=suggest(rounding, ROUNDINGS))
    return sharp


def degrade_many(
    sharp: np.ndarray,
    kernels: Sequence[np.ndarray] | np.ndarray,
    *,
    sigma: float,
    seed: int,
    indices: Sequence[int] | np.ndarray,
    border: str = "reflect",
    margin: int | None = None,
    rounding: str = "round",
) -> np.ndarray:
    """Blur one image with many kernels, add noise, clip and round: one blurred image a kernel.

    Parameters
    ----------
    sharp : (H, W, 3) or (H, W) uint8
        RGB or grey. With ``border='valid'`` it is larger than the result by `margin` on every side.
    kernels : (n, K, K) array or sequence of (size, size) arrays
        Point spread functions, each of odd size, at least 0, sum 1.
    sigma : float
        Standard deviation of the white Gaussian noise, in units of the full range [0, 1] (0.01 is 2.55 grey levels).
    seed : int
        Seed of the noise, from 0 to 2**64 - 1.
    indices : sequence of int
        Number of each pair, which with the seed gives its noise: a pair is the same alone and in any batch.
    border : {'valid', 'reflect', 'replicate', 'zero', 'circular'}
        What lies outside the image.
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
        When the image, a kernel or an option is not usable.

    Notes
    -----
    Grey levels are floor(clip(255 sigma z + sum(kernel * sharp), 0, 255) + 1/2) in float64.
    """
    sharp = check_sharp(sharp, sigma, rounding)
    stack = _stack(kernels)
    if len(indices) != len(stack):
        raise InputError(
            "indices", expected=f"one for each of {len(stack)} kernels", found=str(len(indices)), do="give as many"
        )
    for index in indices:
        halves(index, "pair index")
    k0, k1 = halves(seed, "seed")
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
        raise InputError(f"margin with border '{border}'", expected="border 'valid'", do="leave margin out")
    else:
        radius = padding = reach
    planes = np.ascontiguousarray(sharp[:, :, None] if sharp.ndim == 2 else sharp)
    channels = planes.shape[2]
    rows = np.empty((height + 2 * padding, (width + 2 * padding) * channels), np.float32)
    pad_rows(planes, border_index(height, padding, border), border_index(width, padding, border), rows)
    shape = (len(stack), height + 2 * (padding - radius), width + 2 * (padding - radius), channels)
    out = np.empty((shape[0], shape[1], shape[2] * channels), np.uint8)
    numbers = np.array([int(i) for i in indices], np.uint64)
    pairs(rows, radius, channels, stack, 255.0 * float(sigma), ROUNDINGS[rounding], k0, k1, numbers, out)
    return out.reshape(shape[:3] if sharp.ndim == 2 else shape)


def degrade(
    sharp: np.ndarray,
    kernel: np.ndarray,
    *,
    sigma: float,
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
    sigma, seed, border, margin, rounding
        As in `degrade_many`.

    Returns
    -------
    (h, w, 3) or (h, w) uint8

    Raises
    ------
    InputError
        As in `degrade_many`.
    """
    many = degrade_many(
        sharp, [kernel], sigma=sigma, seed=seed, indices=[index], border=border, margin=margin, rounding=rounding
    )
    return many[0]
