"""PSNR and SSIM after the best sub-pixel shift, for methods that estimate a kernel and may displace the image with it.

The rule of Levin et al. 2009 and of later evaluations of blind deconvolution (Sun, Koehler; SelfDeblur's code): 15
pixels are cut off every side, the restored image is moved by up to 5 pixels in steps of 0.25 with bilinear
interpolation, and the shift with the smallest squared error counts. No paper on face deblurring reports it: it is a
column of its own, never to be put in one with `psnr`. Interpolation smooths, so that a noisy image gains even where it
lies right.

The search needs no interpolation: the error of every shift follows exactly from integer sums.

Let ``R_ij`` be the restored image moved by whole pixels, cut to the window compared, and S the sharp image there. A
bilinear shift by fractions is ``sum_k w_k R_k`` over four neighbouring R, with weights that add up to 1, so its
squared error is ``sum_kl w_k w_l <R_k, R_l> - 2 sum_k w_k <R_k, S> + <S, S>``. The inner products with S are one a
whole shift, those among the R sums of the products of neighbouring pixels over a sliding window. With a step of 1/q
pixel every weight is a multiple of 1/q^2, and q^4 times the error an integer.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.luma import frozen
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import (
    DEFINITIONS,
    PSNR_TERMS,
    SSIM_TERMS,
    WINDOW_FORMS,
    Fidelity,
    check_images,
    gaussian_ssim,
)
from facedeblur.benchmark.metrics.fidelity.window import EACH, GAUSSIAN, TAPS, VOLUME
from facedeblur.benchmark.options import Slot, fill, one_of

_PIECE = 16384  # samples whose products still add up below 2^31


@njit(cache=True, nogil=True, error_model="numpy")
def _dot(x: np.ndarray, y: np.ndarray) -> np.int64:
    """Return the inner product of two (n,) int16 arrays of values in [0, 255], exact."""
    total = np.int64(0)
    for start in range(0, x.size, _PIECE):
        a, b = x[start : start + _PIECE], y[start : start + _PIECE]
        part = np.int32(0)
        for i in range(a.size):
            part = np.int32(part + np.int32(a[i]) * np.int32(b[i]))
        total += part
    return total


def window_energy(window: np.ndarray) -> int:
    """Return <S, S> of an int16 array of values in [0, 255]."""
    flat = window.reshape(-1)
    return int(_dot(flat, flat))


@njit(cache=True, nogil=True, error_model="numpy")
def correlations(restored: np.ndarray, window: np.ndarray, reach: int) -> np.ndarray:
    """Return <R_ij, S> for every whole shift.

    Parameters
    ----------
    restored : ndarray, (h + 2 reach, w + 2 reach, 3) int16
        The restored image in [0, 255], cut `reach` pixels outside the window.
    window : ndarray, (h, w, 3) int16
        The sharp image in the window.
    reach : int
        Largest shift in pixels.

    Returns
    -------
    ndarray, (2 reach + 1, 2 reach + 1) int64
        Row i, column j: the shift by i - reach rows and j - reach columns.
    """
    height, width, channels = window.shape
    n, length = 2 * reach + 1, width * channels
    x_rows = restored.reshape(height + 2 * reach, length + 2 * reach * channels)
    y_rows = window.reshape(height, length)
    out = np.zeros((n, n), dtype=np.int64)
    for row in range(height):
        for i in range(n):
            for j in range(n):
                start = j * channels
                out[i, j] += _dot(x_rows[row + i, start : start + length], y_rows[row])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def products(restored: np.ndarray, reach: int) -> np.ndarray:
    """Return the inner products among neighbouring R, all of one cell with its upper left corner at (i, j).

    Parameters
    ----------
    restored : ndarray, (h + 2 reach, w + 2 reach, 3) int16
        As for `correlations`.
    reach : int
        Largest shift in pixels.

    Returns
    -------
    ndarray, (5, 2 reach + 1, 2 reach + 1) int64
        At (i, j): <R_ij, R_ij>, <R_ij, R_i,j+1>, <R_ij, R_i+1,j>, <R_ij, R_i+1,j+1>, <R_i,j+1, R_i+1,j>; where a
        neighbour is out of reach, 0.
    """
    rows, columns, channels = restored.shape
    n = 2 * reach + 1
    height, width = rows - 2 * reach, columns - 2 * reach
    x = restored.reshape(rows, columns * channels)
    one = channels
    out = np.zeros((5, n, n), dtype=np.int64)
    sums = np.empty((rows, n), dtype=np.int64)
    for kind in range(5):
        down = 0 if kind < 2 else 1  # rows between the two factors
        right = 1 if kind == 1 or kind >= 3 else 0
        for row in range(rows - down):
            upper, lower = x[row], x[row + down]
            if kind == 4:
                upper = upper[one:]
            elif right:
                lower = lower[one:]
            size = width * one
            sums[row, 0] = _dot(upper[:size], lower[:size])
            for j in range(1, n - right):
                moved = np.int64(0)
                for c in range((j - 1) * one, j * one):
                    moved += np.int64(upper[c + size]) * np.int64(lower[c + size])
                    moved -= np.int64(upper[c]) * np.int64(lower[c])
                sums[row, j] = sums[row, j - 1] + moved
        for j in range(n - right):
            total = np.int64(0)
            for row in range(height):
                total += sums[row, j]
            out[kind, 0, j] = total
            for i in range(1, n - down):
                total += sums[i + height - 1, j] - sums[i - 1, j]
                out[kind, i, j] = total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def errors(cross: np.ndarray, auto: np.ndarray, energy: int, parts: int) -> np.ndarray:
    """Return parts^4 times the squared error of every shift.

    Parameters
    ----------
    cross : ndarray, (n, n) int64
        `correlations`.
    auto : ndarray, (5, n, n) int64
        `products`.
    energy : int
        <S, S>.
    parts : int
        Steps a pixel.

    Returns
    -------
    ndarray, (m, m) int64, m = (n - 1) parts + 1
        From the largest shift up and left to the largest down and right.
    """
    n = cross.shape[0]
    m = (n - 1) * parts + 1
    out = np.empty((m, m), dtype=np.int64)
    for a in range(m):
        i = min(a // parts, n - 2)
        low = a - i * parts
        for b in range(m):
            j = min(b // parts, n - 2)
            right = b - j * parts
            up, left = parts - low, parts - right
            w0, w1, w2, w3 = up * left, up * right, low * left, low * right
            own = w0 * w0 * auto[0, i, j] + w1 * w1 * auto[0, i, j + 1]
            own += w2 * w2 * auto[0, i + 1, j] + w3 * w3 * auto[0, i + 1, j + 1]
            pairs = w0 * w1 * auto[1, i, j] + w2 * w3 * auto[1, i + 1, j]
            pairs += w0 * w2 * auto[2, i, j] + w1 * w3 * auto[2, i, j + 1]
            pairs += w0 * w3 * auto[3, i, j] + w1 * w2 * auto[4, i, j]
            mixed = w0 * cross[i, j] + w1 * cross[i, j + 1] + w2 * cross[i + 1, j] + w3 * cross[i + 1, j + 1]
            out[a, b] = own + 2 * pairs + parts * parts * (parts * parts * energy - 2 * mixed)
    return out


SSIM_DEFINITIONS = ("matlab3d", "perchannel", "perchannel-replicate")
"""The definitions of `psnr_ssim.ssim` that are to be had after a shift, the default first."""

FINEST = 10
"""Most steps a pixel."""


@dataclass(frozen=True)
class Shift:
    """The position of a restored image.

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
        Largest shift in pixels, from 1 to `crop`, so that no pixel from beyond the border is used.
    step : float
        Pixels between shifts: 1, 0.5, 0.25, 0.2, 0.125 or 0.1.

    Returns
    -------
    Shift
        The best of all ``(2 reach / step + 1)^2``, found without interpolating: see the head of this module. The
        error is exact; of shifts with one error the smallest is taken, and of those the first, up before down, left
        before right.

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
    cross, energy = correlations(outer, inner, reach), window_energy(inner)
    table = errors(cross, products(outer, reach), energy, parts)
    places = np.argwhere(table == table.min()) - reach * parts
    down, right = places[np.argmin((places**2).sum(axis=1))]
    return Shift(float(down / parts), float(right / parts), float(table.min() / parts**4), inner.size)


def shifted(restored: np.ndarray, shift: Shift, *, crop: int = 15) -> np.ndarray:
    """Interpolate the restored image at the position `shift`.

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
        One of `SSIM_DEFINITIONS`, as in `psnr_ssim.ssim`.

    Returns
    -------
    float
        At most 1.
    """
    one_of("SSIM definition", definition, SSIM_DEFINITIONS)
    check_images(restored, sharp)
    large_enough(sharp, crop, TAPS)
    found = best_shift(restored, sharp, crop=crop, reach=reach, step=step)
    x = frozen(shifted(restored, found, crop=crop))
    y = frozen(sharp[crop : sharp.shape[0] - crop, crop : sharp.shape[1] - crop].astype(np.float64))
    volume = definition == "matlab3d"
    pad = 0 if definition == "perchannel" else 5
    return float(gaussian_ssim(x, y, pad, VOLUME if volume else EACH, GAUSSIAN))


def large_enough(image: np.ndarray, crop: int, least: int) -> None:
    """Refuse an image of which fewer than `least` pixels per side are left once `crop` are cut off every side."""
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


SEARCH = (
    Slot(("crop15",), form=r"crop\d+"),
    Slot(("max5",), form=r"max\d+"),
    Slot(("step0.25",), form=r"step\d+(\.\d+)?"),
)
"""The options of the search: border cut off, largest shift, distance between shifts; in pixels."""

TERMS = {
    r"crop(\d+)": "{} pixels cut off every side",
    r"max(\d+)": "shifts of up to {} pixels",
    r"step([\d.]+)": "in steps of {} pixels",
}


@dataclass(frozen=True)
class Shifted(Fidelity):
    """A metric at the best shift; see `best_shift` for the parameters."""

    definition: str
    crop: int = 15
    reach: int = 5
    step: float = 0.25

    fixed: ClassVar[tuple[str, ...]]
    """Options behind the definition that have one value only."""

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        definition, *_, crop, reach, step = fill(f"metric '{cls.name}'", options, *cls.slots)
        made = cls(definition, int(crop[4:]), int(reach[3:]), float(step[4:]))
        steps_a_pixel(made.step)
        if not 1 <= made.reach <= made.crop:
            raise InputError(f"metric '{cls.name}'", expected=f"max from 1 to {made.crop}, the crop", found=reach)
        return made

    @property
    def search(self) -> tuple[str, str, str]:
        """Options of the search."""
        return f"crop{self.crop}", f"max{self.reach}", f"step{self.step:g}"

    @property
    def options(self) -> tuple[str, ...]:
        """The definition and the search."""
        return (self.definition, *self.fixed, *self.search)

    @property
    def label(self) -> str:
        """Short column heading; options of the search that are not the default are part of it."""
        others = (word for word, slot in zip(self.search, SEARCH, strict=True) if word not in slot.words)
        return " ".join([self.heading, "shift", *others])

    @property
    @abstractmethod
    def heading(self) -> str:
        """Column heading of the metric without a shift."""


class ShiftPsnr(Shifted):
    """PSNR at the best sub-pixel shift: ``psnr-shift[rgb,255,crop15,max5,step0.25]``; any number may be another."""

    name, unit, worst, limits, heading, fixed = "psnr-shift", "dB", 0.0, (0.0, math.inf), "PSNR", ("255",)
    summary = "PSNR after the sub-pixel shift that makes the error smallest"
    terms: ClassVar[Mapping[str, str]] = {form: PSNR_TERMS[form] for form in ("rgb", "255")} | TERMS
    slots = (("rgb",), ("255",), *SEARCH)

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `shift_psnr` of two (H, W, 3) uint8 RGB images."""
        return shift_psnr(restored, sharp, crop=self.crop, reach=self.reach, step=self.step)


class ShiftSsim(Shifted):
    """SSIM at the best sub-pixel shift: ``ssim-shift[matlab3d,crop15,max5,step0.25]``; a definition as of ``ssim``."""

    name, worst, limits, fixed = "ssim-shift", -1.0, (-1.0, 1.0), ("s1.5", "w11")
    summary = "SSIM after the sub-pixel shift that makes the error smallest"
    terms: ClassVar[Mapping[str, str]] = {form: SSIM_TERMS[form] for form in (*SSIM_DEFINITIONS, *WINDOW_FORMS)} | TERMS
    slots = (SSIM_DEFINITIONS, ("s1.5",), ("w11",), *SEARCH)

    @property
    def heading(self) -> str:
        """Column heading of the definition."""
        return DEFINITIONS[self.definition][0]

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `shift_ssim` of two (H, W, 3) uint8 RGB images."""
        return shift_ssim(restored, sharp, definition=self.definition, crop=self.crop, reach=self.reach, step=self.step)
