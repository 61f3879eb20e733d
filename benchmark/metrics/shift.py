"""PSNR and SSIM after the best sub-pixel shift, for methods that estimate a kernel and may displace the image with it.

The rule of Levin et al. 2009 and of later evaluations of blind deconvolution (Sun, Koehler; SelfDeblur's code): 15
pixels are cut off every side, the restored image is moved by up to 5 pixels in steps of 0.25 with bilinear
interpolation, and the shift with the smallest squared error counts. No paper on face deblurring reports it: it is a
column of its own, never to be put in one with `psnr`. Interpolation smooths, so that a noisy image gains even where it
lies right.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial

import numpy as np

from facedeblur.benchmark.errors import InputError, suggest
from facedeblur.benchmark.metrics import fidelity_kernels, shift_kernels
from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.fidelity import DEFINITIONS, Fidelity, check_images
from facedeblur.benchmark.metrics.luma import frozen
from facedeblur.benchmark.metrics.signature import Signature

SSIM_DEFINITIONS = ("matlab3d", "perchannel", "perchannel-replicate")
"""The definitions of `fidelity.ssim` that are to be had after a shift, the default first."""

FINEST = 10
"""Most steps a pixel."""

_TAPS, _MIX, _NO_MIX = fidelity_kernels.gaussian_taps(), fidelity_kernels.channel_mix(), np.empty((0, 0))


@dataclass(frozen=True)
class Shift:
    """Where a restored image lies.

    Attributes
    ----------
    down, right : float
        Pixels by which the restored image is displaced: its value at (row + down, column + right) belongs to the
        sharp image's at (row, column).
    squared_error : float
        Sum of squared differences that is left, in grey levels, over the samples compared; nothing is rounded.
    samples : int
        How many those are.
    """

    down: float
    right: float
    squared_error: float
    samples: int


def best_shift(restored: np.ndarray, sharp: np.ndarray, *, crop: int = 15, reach: int = 5, step: float = 0.25) -> Shift:
    """Find the shift of a restored image with the smallest squared error.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images, larger than twice `crop`; the restored one is interpolated.
    crop : int
        Pixels cut off every side of the sharp image.
    reach : int
        Largest shift in pixels, from 1 to `crop`, so that no pixel from beyond the border is asked for.
    step : float
        Pixels between shifts: 1, 0.5, 0.25, 0.2, 0.125 or 0.1.

    Returns
    -------
    Shift
        The best of all ``(2 reach / step + 1)^2``, found without interpolating: see `shift_kernels`. The error is
        exact; of shifts with one error the smallest is taken, and of those the first, up before down, left before
        right.

    Raises
    ------
    InputError
        When shape or type are not those above, the images are too small, or an option is out of range.
    """
    check_images(restored, sharp)
    parts = steps_a_pixel(step)
    if not 1 <= reach <= crop:
        raise InputError("largest shift", expected=f"1 to {crop} pixels, the border that is cut", found=str(reach))
    large_enough(sharp, crop, 1)
    margin, (height, width) = crop - reach, sharp.shape[:2]
    inner = sharp[crop : height - crop, crop : width - crop].astype(np.int16, order="C")
    outer = restored[margin : height - margin, margin : width - margin].astype(np.int16, order="C")
    cross, energy = shift_kernels.correlations(outer, inner, reach), shift_kernels.energy(inner)
    table = shift_kernels.errors(cross, shift_kernels.products(outer, reach), energy, parts)
    places = np.argwhere(table == table.min()) - reach * parts
    down, right = places[np.argmin((places**2).sum(axis=1))]
    return Shift(float(down / parts), float(right / parts), float(table.min() / parts**4), inner.size)


def shifted(restored: np.ndarray, shift: Shift, *, crop: int = 15) -> np.ndarray:
    """Interpolate the restored image where `shift` says it lies.

    Parameters
    ----------
    restored : ndarray, (H, W, 3) uint8 RGB
        The image, larger than twice `crop`.
    shift : Shift
        At most `crop` pixels each way.
    crop : int
        Pixels cut off every side.

    Returns
    -------
    ndarray, (H - 2 crop, W - 2 crop, 3) float64 in [0, 255]
        Bilinear, not rounded.
    """
    height, width = restored.shape[0] - 2 * crop, restored.shape[1] - 2 * crop
    top, left = math.floor(shift.down), math.floor(shift.right)
    low, far = shift.down - top, shift.right - left
    out = np.zeros((height, width, restored.shape[2]))
    for down, right, weight in (
        (0, 0, (1 - low) * (1 - far)),
        (0, 1, (1 - low) * far),
        (1, 0, low * (1 - far)),
        (1, 1, low * far),
    ):
        if weight > 0:
            row, column = crop + top + down, crop + left + right
            out += weight * restored[row : row + height, column : column + width]
    return out


def shift_psnr(restored: np.ndarray, sharp: np.ndarray, *, crop: int = 15, reach: int = 5, step: float = 0.25) -> float:
    """Peak signal-to-noise ratio in dB after `best_shift`, whose parameters and errors these are.

    Returns
    -------
    float
        ``10 log10(255^2 / MSE)`` over all samples of the three channels inside the crop; infinite where nothing is
        left of the error.
    """
    found = best_shift(restored, sharp, crop=crop, reach=reach, step=step)
    return 10 * math.log10(255**2 * found.samples / found.squared_error) if found.squared_error > 0 else math.inf


def shift_ssim(
    restored: np.ndarray,
    sharp: np.ndarray,
    *,
    definition: str = "matlab3d",
    crop: int = 15,
    reach: int = 5,
    step: float = 0.25,
) -> float:
    """Structural similarity after `best_shift`, between the unrounded interpolated image and the sharp one, cropped.

    Parameters
    ----------
    restored, sharp, crop, reach, step
        As for `best_shift`; 11 pixels or more must be left inside the crop.
    definition : str
        One of `SSIM_DEFINITIONS`, as in `fidelity.ssim`.

    Returns
    -------
    float
        At most 1.
    """
    if definition not in SSIM_DEFINITIONS:
        do = suggest(definition, SSIM_DEFINITIONS)
        raise InputError(f"SSIM definition '{definition}'", expected=f"one of {', '.join(SSIM_DEFINITIONS)}", do=do)
    check_images(restored, sharp)
    large_enough(sharp, crop, fidelity_kernels.TAPS)
    found = best_shift(restored, sharp, crop=crop, reach=reach, step=step)
    x = frozen(shifted(restored, found, crop=crop))
    y = frozen(sharp[crop : sharp.shape[0] - crop, crop : sharp.shape[1] - crop].astype(np.float64))
    volume = definition == "matlab3d"
    pad = 0 if definition == "perchannel" else 5
    return float(fidelity_kernels.gaussian_ssim(x, y, pad, _MIX if volume else _NO_MIX, _TAPS))


def large_enough(image: np.ndarray, crop: int, least: int) -> None:
    """Refuse an image of which fewer than `least` pixels a side are left once `crop` are cut off every side."""
    height, width = image.shape[:2]
    if min(height, width) < 2 * crop + least:
        raise InputError(
            f"image of {width}x{height} pixels",
            expected=f"at least {2 * crop + least}x{2 * crop + least} with {crop} pixels cut off every side",
            do="crop less, or score larger images",
        )


def steps_a_pixel(step: float) -> int:
    """Return how many steps make a pixel; refuse what is not a whole number of them, up to `FINEST`."""
    parts = round(1 / step) if step > 0 else 0
    if not 1 <= parts <= FINEST or abs(parts * step - 1) > 1e-9:
        raise InputError("step of the shift search", expected="1, 0.5, 0.25, 0.2, 0.125 or 0.1 pixel", found=f"{step}")
    return parts


def psnr_shift_metric(*args: str) -> Fidelity:
    """PSNR at the best sub-pixel shift: ``psnr-shift[rgb,255,crop15,max5,step0.25]``; any number may be another."""
    (space, peak), search, options = _arguments("psnr-shift", args, ("rgb",), ("255",))
    return Fidelity(
        signature=Signature("psnr-shift", (space, peak, *search)),
        label=_label("PSNR", search),
        unit="dB",
        worst=0.0,
        limits=(0.0, math.inf),
        compare=partial(shift_psnr, **options),
    )


def ssim_shift_metric(*args: str) -> Fidelity:
    """SSIM at the best sub-pixel shift: ``ssim-shift[matlab3d,crop15,max5,step0.25]``; a definition as of ``ssim``."""
    (definition, *window), search, options = _arguments("ssim-shift", args, SSIM_DEFINITIONS, ("s1.5",), ("w11",))
    return Fidelity(
        signature=Signature("ssim-shift", (definition, *window, *search)),
        label=_label(DEFINITIONS[definition][0], search),
        unit="",
        worst=-1.0,
        limits=(-1.0, 1.0),
        compare=partial(shift_ssim, definition=definition, **options),
    )


_SEARCH = {"crop15": r"crop\d+", "max5": r"max\d+", "step0.25": r"step\d+(\.\d+)?"}


def _arguments(family: str, args: tuple[str, ...], *slots: tuple[str, ...]) -> tuple[list[str], list[str], dict]:
    """Sort arguments into `slots` and the three of the search; return both, and the search as keywords."""
    written = [(default, *(arg for arg in args if re.fullmatch(form, arg))) for default, form in _SEARCH.items()]
    *fixed, crop, reach, step = fill(family, args, *slots, *written)
    options = {"crop": int(crop[4:]), "reach": int(reach[3:]), "step": float(step[4:])}
    steps_a_pixel(options["step"])
    if not 1 <= options["reach"] <= options["crop"]:
        raise InputError(f"metric '{family}'", expected=f"max from 1 to {options['crop']}, the crop", found=reach)
    search = [f"crop{options['crop']}", f"max{options['reach']}", f"step{options['step']:g}"]
    return fixed, search, options


def _label(name: str, search: list[str]) -> str:
    """Column heading: what is not the default is part of it."""
    return " ".join([name, "shift", *(part for part in search if part not in _SEARCH)])
