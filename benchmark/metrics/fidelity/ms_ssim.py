"""Multi-scale structural similarity (Wang, Simoncelli and Bovik, Asilomar 2003), as pytorch-msssim has it.

Five scales with the paper's weights, a Gaussian window of sigma 1.5 on each channel where it lies inside the image,
K = (0.01, 0.03), L = 255, in float64. From one scale to the next, 2x2 pixels are averaged; an odd side gets a zero at
either end first. The window is in float32, whose sum is not exactly 1: that moves values by up to 1e-5. The smallest
scale must hold the window, so the usual one of 11 pixels needs more than 160 pixels per side: faces of 128x128 are
measured with ``w7``, which is another metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.compiled import njit
from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.fidelity.luma import frozen
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import Fidelity, channel_means, check_images
from facedeblur.benchmark.metrics.fidelity.window import TAPS
from facedeblur.benchmark.options import fill

WINDOWS = ("w11", "w9", "w7", "w5", "w3")
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, from the finest to the coarsest (Wang, Simoncelli and Bovik 2003, section 3.2)."""


@lru_cache
def _taps(window: int) -> np.ndarray:
    """Return the window in float32, every step rounded once, then filled up with zeros; (11,) float64."""
    places = np.arange(window) - window // 2
    raw = np.array([math.exp(power) for power in -(places**2).astype(np.float32) / np.float32(2 * 1.5**2)], np.float32)
    taps = np.zeros(TAPS)
    margin = (TAPS - window) // 2
    taps[margin : margin + window] = raw / np.float32(math.fsum(raw))
    return taps


@njit(cache=True, nogil=True, error_model="numpy")
def _halved(image: np.ndarray) -> np.ndarray:
    """Return the means of 2x2 pixels of (H, W, C) uint8 or float64, an odd side with a zero at either end; float64."""
    height, width, channels = image.shape
    top, left = height % 2, width % 2
    out = np.zeros((height // 2 + top, width // 2 + left, channels))
    for i in range(height):
        row = out[(i + top) // 2]
        for j in range(width):
            for c in range(channels):
                row[(j + left) // 2, c] += image[i, j, c]
    return out / 4


@njit(cache=True, nogil=True, error_model="numpy")
def _product(x: np.ndarray, y: np.ndarray, taps: np.ndarray, margin: int, weights: np.ndarray) -> float:
    """Return the mean over the channels of the product over the scales."""
    product = np.maximum(channel_means(x, y, taps, margin, False), 0.0) ** weights[0]
    a, b = _halved(x), _halved(y)
    for scale in range(1, weights.size):
        last = scale == weights.size - 1
        product *= np.maximum(channel_means(a, b, taps, margin, last), 0.0) ** weights[scale]
        if not last:
            a, b = _halved(a), _halved(b)
    return product.mean()


def ms_ssim(restored: np.ndarray, sharp: np.ndarray, *, window: int = 11) -> float:
    """Compare two images at five scales.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
    window : int
        Side of the Gaussian window in pixels: 3, 5, 7, 9 or 11.

    Returns
    -------
    float
        In [0, 1]; 1 for identical images. Scales whose contrast term is negative count as 0, as in pytorch-msssim.

    Raises
    ------
    InputError
        When the images are of another kind or of two shapes, or no larger than 16 times the window less one.
    """
    check_images(restored, sharp)
    height, width = sharp.shape[:2]
    least = 16 * (window - 1) + 1
    if min(height, width) < least:
        fitting = next((name for name in WINDOWS if 16 * (int(name[1:]) - 1) < min(height, width)), "")
        raise InputError(
            f"image of {width}x{height} pixels",
            expected=f"at least {least}x{least} for ms-ssim[w{window}]",
            do=f"use ms-ssim[{fitting}]" if fitting else "score larger images",
        )
    margin = (TAPS - window) // 2
    return float(_product(frozen(restored), frozen(sharp), _taps(window), margin, np.array(WEIGHTS)))


@dataclass(frozen=True)
class MsSsim(Fidelity):
    """Multi-scale structural similarity: ``ms-ssim[rgb,w11]``; ``w7`` for images of 128 pixels."""

    window: int = 11

    name, worst, limits = "ms-ssim", 0.0, (0.0, 1.0)
    summary = "structural similarity at five scales (Wang et al., Asilomar 2003) with K = (0.01, 0.03), L = 255"
    terms: ClassVar[Mapping[str, str]] = {"rgb": "each channel by itself", r"w(\d+)": "Gaussian window of {} pixels"}
    slots = (("rgb",), WINDOWS)

    @classmethod
    def of(cls, *options: str) -> Self:
        """Return the metric with these options; see `Metric.of`."""
        _, window = fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls(int(window[1:]))

    @property
    def options(self) -> tuple[str, ...]:
        """The channels and the window."""
        return "rgb", f"w{self.window}"

    @property
    def label(self) -> str:
        """Short column heading."""
        return "MS-SSIM" if self.window == 11 else f"MS-SSIM w{self.window}"

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `ms_ssim` of two (H, W, 3) uint8 RGB images."""
        return ms_ssim(restored, sharp, window=self.window)
