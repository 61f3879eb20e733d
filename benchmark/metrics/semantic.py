"""PSNR and SSIM of one semantic class: skin, eyes, hair, ... (UMSN, Table I).

The paper does not say how it measures a class. Its numbers add up only if both images are set to
zero outside the class and compared over the whole image (``masked``, the default): then the squared
errors of the classes sum to that of the image. ``region`` looks at the class's own pixels only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.classes import HELEN
from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics.fidelity import check_images
from facedeblur.benchmark.metrics.fidelity_kernels import channel_mix, gaussian_ssim, gaussian_taps
from facedeblur.benchmark.metrics.luma import frozen
from facedeblur.benchmark.metrics.semantic_kernels import keep_region, region_squared_error, region_ssim

NORMALISATIONS = ("masked", "region")
"""What the error is divided by: all samples of the image, or those of the class."""

SSIM_DEFINITIONS = {"matlab3d": "SSIM", "perchannel": "SSIM RGB"}
"""Windows of the class SSIM, as in `facedeblur.benchmark.metrics.fidelity.ssim`, and the column heading."""

_REACH = 5  # of the 11x11 window
_TAPS, _MIX, _EACH, _NO_MIX = gaussian_taps(), channel_mix(), np.eye(3), np.empty((0, 0))


@dataclass(frozen=True)
class Region:
    """Where a class lies in an image.

    Attributes
    ----------
    mask : ndarray, (H, W) bool
    box : (int, int, int, int)
        First and last-plus-one row, first and last-plus-one column of the class.
    count : int
        Pixels of the class.
    """

    mask: np.ndarray
    box: tuple[int, int, int, int]
    count: int

    def around(self, reach: int) -> tuple[slice, slice]:
        """Rows and columns of the box widened by `reach` pixels, inside the image."""
        top, bottom, left, right = self.box
        height, width = self.mask.shape
        return (
            slice(max(top - reach, 0), min(bottom + reach, height)),
            slice(max(left - reach, 0), min(right + reach, width)),
        )


def region_of(labels: np.ndarray, classes: Sequence[int]) -> Region | None:
    """Find the pixels of some classes.

    Parameters
    ----------
    labels : ndarray, (H, W) uint8
        Places in `facedeblur.benchmark.classes.HELEN`.
    classes : sequence of int
        The label values that count.

    Returns
    -------
    Region or None
        None where the image has no such pixel.

    Raises
    ------
    InputError
        When the labels are not of that form, hold another value, or a class is not one.
    """
    if labels.dtype != np.uint8 or labels.ndim != 2 or labels.size == 0:
        raise InputError("label image", expected="(H, W) uint8", found=f"{labels.shape} {labels.dtype}")
    if labels.max() >= len(HELEN):
        raise InputError("label image", expected=f"classes 0 to {len(HELEN) - 1}", found=str(labels.max()))
    wanted = np.zeros(len(HELEN), np.bool_)
    for value in classes:
        if not 0 <= value < len(HELEN):
            raise InputError("class", expected=f"0 to {len(HELEN) - 1}", found=str(value))
        wanted[value] = True
    mask = wanted[labels]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    return Region(mask, box, int(np.count_nonzero(mask)))


def class_psnr(
    restored: np.ndarray,
    sharp: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[int],
    *,
    definition: str = "masked",
    cap: float | None = None,
) -> float:
    """Peak signal-to-noise ratio of some classes in dB.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images.
    labels : ndarray, (H, W) uint8
        Classes of the sharp image, places in `facedeblur.benchmark.classes.HELEN`.
    classes : sequence of int
        The label values that are one group.
    definition : {"masked", "region"}
        ``masked``: squared error of the group divided by all samples of the image, so that
        ``10^(-PSNR/10)`` of the groups of a partition sum to that of the image. ``region``: divided by the group's own
        samples.
    cap : float, optional
        Largest value returned, in dB.

    Returns
    -------
    float
        Infinite where the group is restored exactly and no `cap` is given; NaN where the image has none of it.

    Raises
    ------
    InputError
        When a shape or type is not that above, or a class or the definition is unknown.
    """
    return psnr_within(restored, sharp, locate(sharp, labels, classes), definition=definition, cap=cap)


def class_ssim(
    restored: np.ndarray,
    sharp: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[int],
    *,
    definition: str = "masked",
    window: str = "matlab3d",
) -> float:
    """Mean structural similarity of some classes.

    Parameters
    ----------
    restored, sharp, labels, classes
        As in `class_psnr`.
    definition : {"masked", "region"}
        ``masked``: both images are zero outside the group, mean over the whole image, where the index is exactly 1
        beyond five pixels around the group: small groups come close to 1 whatever is done to them. Only the box around
        the group is computed. ``region``: the untouched images' index, mean over the group's pixels.
    window : {"matlab3d", "perchannel"}
        See `facedeblur.benchmark.metrics.fidelity.ssim`. ``perchannel`` knows only pixels at least five from the
        border: of a region only those count, and a region without any is as one that is not there.

    Returns
    -------
    float
        At most 1; NaN where the image has none of the group.

    Raises
    ------
    InputError
        As `class_psnr`, and when the window is unknown or larger than the image.
    """
    return ssim_within(restored, sharp, locate(sharp, labels, classes), definition=definition, window=window)


def locate(sharp: np.ndarray, labels: np.ndarray, classes: Sequence[int]) -> Region | None:
    """Return `region_of` the labels after checking that they measure what the sharp (H, W, 3) image does."""
    if labels.shape != sharp.shape[:2]:
        raise InputError("label image", expected=f"the sharp image's {sharp.shape[:2]}", found=f"{labels.shape}")
    return region_of(labels, classes)


def _check(restored: np.ndarray, sharp: np.ndarray, definition: str) -> None:
    if definition not in NORMALISATIONS:
        raise InputError(
            f"definition '{definition}'",
            expected=f"one of {', '.join(NORMALISATIONS)}",
            do=suggest(definition, NORMALISATIONS),
        )
    check_images(restored, sharp)


def psnr_within(
    restored: np.ndarray, sharp: np.ndarray, region: Region | None, *, definition: str, cap: float | None
) -> float:
    """`class_psnr` of a region that is known already."""
    _check(restored, sharp, definition)
    if region is None:
        return math.nan
    box = region.around(0)
    error = int(region_squared_error(frozen(restored[box]), frozen(sharp[box]), frozen(region.mask[box])))
    samples = sharp.size if definition == "masked" else 3 * region.count
    value = math.inf if error == 0 else 10 * math.log10(255**2 / (error / samples))
    return value if cap is None else min(value, cap)


def ssim_within(
    restored: np.ndarray, sharp: np.ndarray, region: Region | None, *, definition: str, window: str
) -> float:
    """`class_ssim` of a region that is known already."""
    _check(restored, sharp, definition)
    if window not in SSIM_DEFINITIONS:
        raise InputError(
            f"SSIM window '{window}'",
            expected=f"one of {', '.join(SSIM_DEFINITIONS)}",
            do=suggest(window, SSIM_DEFINITIONS),
        )
    height, width = sharp.shape[:2]
    if min(height, width) < 2 * _REACH + 1:
        raise InputError(f"image of {width}x{height} pixels", expected="at least 11x11", do="score larger images")
    if region is None:
        return math.nan
    volume = window == "matlab3d"
    if definition == "region":
        mask, box = region.mask, region.around(_REACH)
        if not volume:
            mask = np.zeros_like(mask)
            inner = (slice(_REACH, height - _REACH), slice(_REACH, width - _REACH))
            mask[inner] = region.mask[inner]
        x, y = frozen(restored[box]), frozen(sharp[box])
        return float(region_ssim(x, y, frozen(mask[box]), _MIX if volume else _EACH, _TAPS))
    # Beyond the reach of the window both images are zero and the index is 1. A valid map loses five pixels of a
    # cropped side too, so it needs five more.
    pad = _REACH if volume else 0
    box = region.around(2 * _REACH - pad)
    inside = frozen(region.mask[box])
    x, y = (frozen(keep_region(frozen(image[box]), inside)) for image in (restored, sharp))
    part = float(gaussian_ssim(x, y, pad, _MIX if volume else _NO_MIX, _TAPS))
    lost = 2 * (_REACH - pad)
    share = (x.shape[0] - lost) * (x.shape[1] - lost) / ((height - lost) * (width - lost))
    return 1 - (1 - part) * share
