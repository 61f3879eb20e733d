"""From a sharp 8-bit image to images blurred by camera poses, with noise, clipped and rounded to 8 bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.generators.degrade import ROUNDINGS, check_sharp
from facedeblur.generators.nonuniform import blur_poses
from facedeblur.generators.philox import NOISE, halves, normals, philox, uniform

NOISES = ("gaussian", "uniform")
"""sigma N(0, 1), or sigma U(0, 1): the code of Lai et al. 2016 adds ``0.01 * rand``."""


@njit(cache=True, error_model="numpy")
def _uniforms(k0: Any, k1: Any, lo: Any, hi: Any, out: Any) -> None:
    """Fill `out` from the noise stream of an item: sample ``4 b + w`` is word `w` of block `b`."""
    for i in range(0, len(out), 4):
        words = philox(np.uint32(i // 4), lo, hi, np.uint32(NOISE), k0, k1)
        for w in range(min(4, len(out) - i)):
            out[i + w] = uniform(words[w])


@njit(cache=True, error_model="numpy")
def _levels(grey: Any, z: Any, scale: Any, half: Any, out: Any) -> None:
    """Add noise, clip and round, sample by sample."""
    for i in range(len(grey)):
        out[i] = np.uint8(math.floor(min(max(grey[i] + scale * np.float64(z[i]), 0.0), 255.0) + half))


def degrade_nonuniform(
    sharp: np.ndarray,
    poses: Sequence[np.ndarray] | np.ndarray,
    *,
    sigma: float,
    seed: int,
    indices: Sequence[int] | np.ndarray,
    noise: str = "gaussian",
    border: str = "replicate",
    margin: int | None = None,
    rounding: str = "round",
    focal: float | None = None,
) -> np.ndarray:
    """Blur one image by several exposures of a moving camera, add noise, clip and round.

    Parameters
    ----------
    sharp : (H, W, 3) or (H, W) uint8
        RGB or grey. With ``border='valid'`` it is larger than the result by `margin` on every side.
    poses : (n, T, 6) array or sequence of (T, 6) arrays
        Of each exposure; see `poses.poses`.
    sigma : float
        Standard deviation of Gaussian noise, or the largest value of uniform noise, in units of the full range.
    seed : int
        Seed of the noise, from 0 to 2**64 - 1.
    indices : sequence of int
        Number of each pair, which with the seed gives its noise, the same as `degrade.degrade_many` gives.
    noise : {'gaussian', 'uniform'}
        See ``NOISES``.
    border, margin, focal
        As in `nonuniform.blur_poses`.
    rounding : {'round', 'truncate'}
        To the nearest level, or towards zero.

    Returns
    -------
    (n, h, w, 3) or (n, h, w) uint8

    Raises
    ------
    InputError
        When the image, the poses or an option is not usable.

    Notes
    -----
    Grey levels are floor(clip(255 sigma z + mean of the poses' grey levels, 0, 255) + 1/2) in float64.
    """
    sharp = check_sharp(sharp, sigma, rounding)
    if noise not in NOISES:
        raise InputError(f"noise '{noise}'", expected=" or ".join(NOISES), do=suggest(noise, NOISES))
    if len(indices) != len(poses) or len(poses) == 0:
        raise InputError(
            "indices", expected=f"one for each of {len(poses)} exposures, at least one", found=str(len(indices))
        )
    keys = halves(seed, "seed")
    made = []
    for index, moves in zip(indices, poses, strict=True):
        lo, hi = halves(index, "pair index")
        grey = blur_poses(sharp, moves, border=border, margin=margin, focal=focal)
        if noise == "gaussian":
            z = normals(seed, index, grey.size if sigma > 0 else 0)
        else:
            z = np.empty(grey.size)
            _uniforms(*keys, lo, hi, z)
        out = np.empty(grey.size, np.uint8)
        _levels(grey.ravel(), z if sigma > 0 else np.zeros(grey.size), 255.0 * float(sigma), ROUNDINGS[rounding], out)
        made.append(out.reshape(grey.shape))
    return np.array(made)
