"""PSNR and SSIM without the border, where a restoration suffers from what lies outside the image."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import Fidelity, check_images, psnr_metric, ssim_metric
from facedeblur.benchmark.metrics.fidelity.shift import large_enough
from facedeblur.benchmark.metrics.signature import Signature

DEFAULT = "crop8"


def cropped(
    compare: Callable[[np.ndarray, np.ndarray], float], crop: int, restored: np.ndarray, sharp: np.ndarray
) -> float:
    """Compare two images inside a border.

    Parameters
    ----------
    compare : callable
        Of two (H, W, 3) uint8 RGB images.
    crop : int
        Pixels cut off every side.
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images.

    Raises
    ------
    InputError
        When nothing is left, or less than `compare` needs.
    """
    check_images(restored, sharp)
    large_enough(sharp, crop, 1)
    inside = np.s_[crop : sharp.shape[0] - crop, crop : sharp.shape[1] - crop]
    return compare(restored[inside], sharp[inside])


def psnr_crop_metric(*args: str) -> Fidelity:
    """PSNR without the border: ``psnr-crop[rgb,255,crop8]``; as ``psnr``, and the pixels cut off every side."""
    return _inside("psnr-crop", psnr_metric, args)


def ssim_crop_metric(*args: str) -> Fidelity:
    """SSIM without the border: ``ssim-crop[matlab3d,crop8]``; as ``ssim``, and the pixels cut off every side."""
    return _inside("ssim-crop", ssim_metric, args)


def _inside(family: str, make: Callable[..., Fidelity], args: tuple[str, ...]) -> Fidelity:
    """Return the metric that `make` makes of the other arguments, inside the border."""
    crops = [arg for arg in args if re.fullmatch(r"crop\d+", arg)]
    if len(crops) > 1:
        raise InputError(f"argument '{crops[1]}' of metric '{family}'", expected="one crop", found=f"'{crops[0]}'")
    crop = int((crops or [DEFAULT])[0][4:])
    if crop < 1:
        raise InputError(f"metric '{family}'", expected="a crop of 1 or more", found=crops[0], do=f"use {family[:4]}")
    whole = make(*(arg for arg in args if arg not in crops))
    return Fidelity(
        signature=Signature(family, (*whole.signature.args, f"crop{crop}")),
        label=f"{whole.label} crop{crop}",
        unit=whole.unit,
        worst=whole.worst,
        limits=whole.limits,
        compare=partial(cropped, whole.compare, crop),
    )
