"""PSNR and SSIM of one semantic class: skin, eyes, hair, ... (UMSN, Table I).

The paper does not say how it measures a class. Its numbers add up only if both images are set to
zero outside the class and compared over the whole image (``masked``, the default): then the squared
errors of the classes sum to that of the image. ``region`` looks at the class's own pixels only.

The hot loops work in exact integers or float64, in one fixed order of summation, without fastmath.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Metric, Needs
from facedeblur.benchmark.metrics.fidelity.luma import frozen
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import (
    CAP,
    PSNR_TERMS,
    SSIM_TERMS,
    cap_words,
    check_images,
    gaussian_ssim,
    read_cap,
)
from facedeblur.benchmark.metrics.fidelity.window import C1, C2, EACH, GAUSSIAN, SHIFT, TAPS, VOLUME
from facedeblur.benchmark.options import Slot, fill, one_of
from facedeblur.benchmark.sets.classes import GROUPS, HELEN

_HALF = TAPS // 2


@njit(cache=True, nogil=True, error_model="numpy")
def region_squared_error(x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> np.int64:
    """Return the sum of squared differences of two (H, W, 3) uint8 images where (H, W) bool `mask` is true, exact."""
    total = np.int64(0)
    for row in range(mask.shape[0]):
        for i in range(mask.shape[1]):
            if mask[row, i]:
                for c in range(3):
                    difference = np.int32(x[row, i, c]) - np.int32(y[row, i, c])
                    total += difference * difference
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def keep_region(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a copy of an (H, W, 3) uint8 image that is zero where (H, W) bool `mask` is false."""
    # Half the time of a product broadcast over three channels.
    kept = np.zeros(image.shape, np.uint8)
    for row in range(mask.shape[0]):
        for i in range(mask.shape[1]):
            if mask[row, i]:
                for c in range(3):
                    kept[row, i, c] = image[row, i, c]
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def region_ssim(x: np.ndarray, y: np.ndarray, mask: np.ndarray, mix: np.ndarray, taps: np.ndarray) -> float:
    """Return the mean SSIM index of two (H, W, 3) uint8 images over the pixels where (H, W) bool `mask` is true.

    The windows see the whole images; beyond the border its pixels are repeated. With the sum s and the difference d of
    the images, as in `psnr_ssim`. NaN for an empty mask.

    Parameters
    ----------
    mix : ndarray, (3, 3) float64
        Weights along the channel axis: `channel_mix` for MATLAB's volume, the unit matrix for each channel alone.
    taps : ndarray, (11,) float64
        `gaussian_taps`.
    """
    height, width = mask.shape
    padded = np.empty((width + 2 * _HALF, 12))
    across = np.empty((height, width, 12))
    for row in range(height):
        for i in range(width + 2 * _HALF):
            at = min(max(i - _HALF, 0), width - 1)
            for c in range(3):
                s = np.float64(x[row, at, c]) + np.float64(y[row, at, c]) - SHIFT
                d = np.float64(x[row, at, c]) - np.float64(y[row, at, c])
                padded[i, c], padded[i, 3 + c], padded[i, 6 + c], padded[i, 9 + c] = s, d, s * s, d * d
        for i in range(width):
            for k in range(12):
                value = 0.0
                for t in range(TAPS):
                    value += taps[t] * padded[i + t, k]
                across[row, i, k] = value
    total, count = 0.0, 0
    down = np.empty(12)
    for row in range(height):
        for i in range(width):
            if mask[row, i]:
                down[:] = 0.0
                for t in range(TAPS):
                    source = min(max(row + t - _HALF, 0), height - 1)
                    for k in range(12):
                        down[k] += taps[t] * across[source, i, k]
                count += 1
                for c in range(3):
                    total += _index(down, mix[c])
    return total / (3 * count) if count else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _index(maps: np.ndarray, weights: np.ndarray) -> float:
    """SSIM index of one sample from the filtered s, d, s^2, d^2 of its three channels."""
    s = weights[0] * maps[0] + weights[1] * maps[1] + weights[2] * maps[2]
    d = weights[0] * maps[3] + weights[1] * maps[4] + weights[2] * maps[5]
    s2 = weights[0] * maps[6] + weights[1] * maps[7] + weights[2] * maps[8]
    d2 = weights[0] * maps[9] + weights[1] * maps[10] + weights[2] * maps[11]
    p, q = s2 - s * s, d2 - d * d
    a, b = (s + SHIFT) * (s + SHIFT), d * d
    return ((a - b + C1) * (p - q + C2)) / ((a + b + C1) * (p + q + C2))


NORMALISATIONS = ("masked", "region")
"""What the error is divided by: all samples of the image, or those of the class."""

SSIM_DEFINITIONS = {"matlab3d": "SSIM", "perchannel": "SSIM RGB"}
"""Windows of the class SSIM, as in `facedeblur.benchmark.metrics.fidelity.psnr_ssim.ssim`, and the column heading."""

_REACH = 5  # of the 11x11 window
_EACH = np.eye(3)


@dataclass(frozen=True)
class Region:
    """The place of a class in an image.

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
        Places in `facedeblur.benchmark.sets.classes.HELEN`.
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


def locate(sharp: np.ndarray, labels: np.ndarray, classes: Sequence[int]) -> Region | None:
    """Return `region_of` the labels after checking that they measure what the sharp (H, W, 3) image does."""
    if labels.shape != sharp.shape[:2]:
        raise InputError("label image", expected=f"the sharp image's {sharp.shape[:2]}", found=f"{labels.shape}")
    return region_of(labels, classes)


def _check(restored: np.ndarray, sharp: np.ndarray, definition: str) -> None:
    one_of("definition", definition, NORMALISATIONS)
    check_images(restored, sharp)


def class_psnr(
    restored: np.ndarray,
    sharp: np.ndarray,
    region: Region | None,
    *,
    definition: str = "masked",
    cap: float | None = None,
) -> float:
    """Peak signal-to-noise ratio of some classes in dB.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
        The two images.
    region : Region or None
        Where the classes lie, as `locate` finds them.
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
        When a shape or type is not that above, or the definition is unknown.
    """
    _check(restored, sharp, definition)
    if region is None:
        return math.nan
    box = region.around(0)
    error = int(region_squared_error(frozen(restored[box]), frozen(sharp[box]), frozen(region.mask[box])))
    samples = sharp.size if definition == "masked" else 3 * region.count
    value = math.inf if error == 0 else 10 * math.log10(255**2 / (error / samples))
    return value if cap is None else min(value, cap)


def class_ssim(
    restored: np.ndarray,
    sharp: np.ndarray,
    region: Region | None,
    *,
    definition: str = "masked",
    window: str = "matlab3d",
) -> float:
    """Mean structural similarity of some classes.

    Parameters
    ----------
    restored, sharp, region
        As in `class_psnr`.
    definition : {"masked", "region"}
        ``masked``: both images are zero outside the group, mean over the whole image, where the index is exactly 1
        beyond five pixels around the group: small groups come close to 1 whatever is done to them. Only the box around
        the group is computed. ``region``: the untouched images' index, mean over the group's pixels.
    window : {"matlab3d", "perchannel"}
        See `facedeblur.benchmark.metrics.fidelity.psnr_ssim.ssim`. ``perchannel`` knows only pixels at least five from
        the border: of a region only those count, and a region without any is like a missing one.

    Returns
    -------
    float
        At most 1; NaN where the image has none of the group.

    Raises
    ------
    InputError
        As `class_psnr`, and when the window is unknown or larger than the image.
    """
    _check(restored, sharp, definition)
    one_of("SSIM window", window, SSIM_DEFINITIONS)
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
        return float(region_ssim(x, y, frozen(mask[box]), VOLUME if volume else _EACH, GAUSSIAN))
    # Beyond the reach of the window both images are zero and the index is 1. A valid map loses five pixels of a
    # cropped side too, so it needs five more.
    pad = _REACH if volume else 0
    box = region.around(2 * _REACH - pad)
    inside = frozen(region.mask[box])
    x, y = (frozen(keep_region(frozen(image[box]), inside)) for image in (restored, sharp))
    part = float(gaussian_ssim(x, y, pad, VOLUME if volume else EACH, GAUSSIAN))
    lost = 2 * (_REACH - pad)
    share = (x.shape[0] - lost) * (x.shape[1] - lost) / ((height - lost) * (width - lost))
    return 1 - (1 - part) * share


CLASS_TERMS = {
    "masked": "over the whole image, black outside the class in both images",
    "region": "over the pixels of the class alone",
}


@dataclass(frozen=True)
class ClassFidelity(Metric):
    """A fidelity metric of one semantic class; one column per class.

    The classes are those of the sharp image. A failed pair counts as the bottom of the scale, as with `Fidelity`.

    Parameters
    ----------
    partition, group : str
        The class: a key of `facedeblur.benchmark.sets.classes.GROUPS`, and one of its groups.
    how : {"masked", "region"}
        See the head of this module.
    """

    partition: str
    group: str
    how: str

    needs = Needs(label=True)

    @property
    @abstractmethod
    def heading(self) -> str:
        """Column heading of the metric without a class."""

    @property
    def label(self) -> str:
        """Short column heading."""
        note = self.partition if self.how == "masked" else f"{self.partition}, region"
        return f"{self.heading} {self.group.replace('-', ' ')} ({note})"

    @classmethod
    def _class_of(cls, options: Sequence[str], *slots: Slot | Sequence[str]) -> tuple[list[str], str, str, str]:
        """Sort the options; the partition is the first that has the class, unless it is named.

        Returns
        -------
        own, partition, group, how : list of str, str, str, str
            Words of `slots`, and the parameters of the class.
        """
        named = [word for word in options if word in GROUPS]
        groups = {group: None for partition in named or GROUPS for group in GROUPS[partition]}
        *own, how, _, _ = fill(f"metric '{cls.name}'", options, *slots, NORMALISATIONS, tuple(GROUPS), tuple(groups))
        chosen = next((word for word in options if word in groups), "")
        if not chosen:
            known = ", ".join(groups)
            raise InputError(f"metric '{cls.name}' needs a class", do=f"give one of: {known}")
        partition = named[0] if named else next(name for name, some in GROUPS.items() if chosen in some)
        return own, partition, chosen, how

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> Region | None:
        """Find the class in the labels of the sharp image.

        Parameters
        ----------
        sharp : ndarray, (H, W, 3) uint8 RGB
        label : ndarray, (H, W) uint8, or None
            Classes of Helen; None for an image without labels.

        Returns
        -------
        Region or None
            None where the class is absent or nothing is known.

        Raises
        ------
        InputError
            When the labels have another size or unknown classes.
        """
        return None if label is None else locate(sharp, label, GROUPS[self.partition][self.group])

    @abstractmethod
    def compare(self, restored: np.ndarray, sharp: np.ndarray, region: Region | None) -> float:
        """Compare two (H, W, 3) uint8 RGB images within a region; NaN without one."""

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: Region | None) -> np.ndarray:
        """Return one value for each of (N, H, W, 3) uint8 RGB; (N,) float64, all NaN without the class."""
        return np.array([self.compare(image, sharp, prepared) for image in restored], dtype=np.float64)


@dataclass(frozen=True)
class ClassPsnr(ClassFidelity):
    """PSNR of a class of the face: ``psnr-class[rgb,255,masked,umsn4,skin]``; a class, its partition, ``region``."""

    cap: float = math.inf

    name, unit, worst, heading = "psnr-class", "dB", 0.0, "PSNR"
    summary = "PSNR of one semantic class"
    terms: ClassVar[Mapping[str, str]] = {form: PSNR_TERMS[form] for form in ("rgb", "255", "cap(.+)")} | CLASS_TERMS

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        (_, _, cap), partition, group, how = cls._class_of(options, ("rgb",), ("255",), CAP)
        return cls(partition, group, how, read_cap(cap))

    @property
    def options(self) -> tuple[str, ...]:
        """Channels, peak, how a class is measured, the class, and the cap if there is one."""
        return ("rgb", "255", self.how, self.partition, self.group, *cap_words(self.cap))

    @property
    def limits(self) -> tuple[float, float]:
        """From black against white to the cap."""
        return 0.0, self.cap

    def compare(self, restored: np.ndarray, sharp: np.ndarray, region: Region | None) -> float:
        """Return `class_psnr` of two (H, W, 3) uint8 RGB images."""
        return class_psnr(restored, sharp, region, definition=self.how, cap=self.cap)


@dataclass(frozen=True)
class ClassSsim(ClassFidelity):
    """SSIM of a class of the face: ``ssim-class[matlab3d,masked,umsn4,skin]``; class, partition, ``perchannel``."""

    window: str = "matlab3d"

    name, worst, limits = "ssim-class", -1.0, (-1.0, 1.0)
    summary = "SSIM of one semantic class"
    terms: ClassVar[Mapping[str, str]] = {form: SSIM_TERMS[form] for form in SSIM_DEFINITIONS} | CLASS_TERMS

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        (window,), partition, group, how = cls._class_of(options, tuple(SSIM_DEFINITIONS))
        return cls(partition, group, how, window)

    @property
    def options(self) -> tuple[str, ...]:
        """The definition of SSIM, how a class is measured, and the class."""
        return (self.window, self.how, self.partition, self.group)

    @property
    def heading(self) -> str:
        """Column heading of the definition."""
        return SSIM_DEFINITIONS[self.window]

    def compare(self, restored: np.ndarray, sharp: np.ndarray, region: Region | None) -> float:
        """Return `class_ssim` of two (H, W, 3) uint8 RGB images."""
        return class_ssim(restored, sharp, region, definition=self.how, window=self.window)
