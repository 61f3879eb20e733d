"""PSNR and multi-scale SSIM as Köhler et al. (ECCV 2012) compare a restored photograph with frames along a shake.

The benchmark's photographs have some 200 sharp frames each, one for each moment of the shake, and the best value of a
restored image over all frames counts. For each frame the authors' evaluation code (``eval_image.m``, 2012) first
scales the restored image, ``z``, by ``<x, z> / <z, z>`` to the frame ``x`` over all three channels, then moves it by
the whole number of pixels at which the circular cross-correlation of the means of the channels is highest
(Guizar-Sicairos et al., Optics Letters 2008). What the move leaves open is black in both images, so it counts as equal.
Luma is compared: PSNR with peak 255, and the multi-scale SSIM of MeTriX MuX (``mssim_index.m``), whose means of
contrast and structure are taken apart, and whose low-pass filter is that of the biorthogonal 9/7 wavelet. The paper
reports PSNR; later papers report both. The code's other metrics (MAD, VIF, IFC) are not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.benchmark.metrics.base import Needs
from facedeblur.benchmark.metrics.fidelity.luma import luma
from facedeblur.benchmark.metrics.fidelity.ms_ssim import WEIGHTS
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import Fidelity, check_images
from facedeblur.benchmark.metrics.fidelity.window import TAPS, gaussian_taps
from facedeblur.benchmark.options import fill

LEAST = 16 * (TAPS - 1) + 1
"""Least side in pixels for the window at the fifth scale."""

_HALF = (0.037828455507260, -0.023849465019560, -0.110624404418440, 0.377402855612830)
LOW_PASS = np.array([*_HALF, 0.852698679008890, *reversed(_HALF)])
"""Analysis low-pass filter of the 9/7 wavelet (Cohen, Daubechies and Feauveau 1992), as ``mssim_index.m`` prints it."""
LOW_PASS = LOW_PASS / LOW_PASS.sum()
LOWEST = -10 * math.log10(1 + 3 * (0.299**2 + 0.587**2 + 0.114**2))
"""Lower bound of the PSNR in dB: the scaled image has at most the energy of the sharp one, and no value is negative."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def whole_shift(restored: np.ndarray, sharp: np.ndarray) -> tuple[int, int]:
    """Find the shift at which two images correlate best.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W)
        Grey images.

    Returns
    -------
    tuple of int
        Pixels down and right by which the restored image has to be moved, from minus half of the side to half of it;
        of equal ones the first, column by column.
    """
    from scipy.fft import irfft2, rfft2

    found = irfft2(rfft2(sharp) * rfft2(restored).conj(), s=sharp.shape)
    right, down = np.unravel_index(np.argmax(found.T), found.T.shape)
    height, width = sharp.shape
    return (
        int(down) - height * (int(down) >= height // 2),
        int(right) - width * (int(right) >= width // 2),
    )


def registered(restored: np.ndarray, sharp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring a restored image to the scale and the place of a sharp one.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB

    Returns
    -------
    tuple of ndarray
        Luma of the restored and of the sharp image, (H, W) float64 in [0, 255] (the restored one not clipped), both 0
        where the restored one had nothing to show.

    Raises
    ------
    InputError
        When shape or type are not those above.
    """
    check_images(restored, sharp)
    x, z = sharp.astype(np.float64), restored.astype(np.float64)
    energy = float(np.vdot(z, z))
    scale = float(np.vdot(x, z)) / energy if energy else 0.0
    down, right = whole_shift(z.mean(axis=2), x.mean(axis=2))
    height, width = sharp.shape[:2]
    there = (slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0)))
    here = (slice(max(-down, 0), height - max(down, 0)), slice(max(-right, 0), width - max(right, 0)))
    moved, kept = np.zeros((height, width)), np.zeros((height, width))
    moved[there] = scale * luma(restored, "y-full")[..., 0][here]
    kept[there] = luma(sharp, "y-full")[..., 0][there]
    return moved, kept


def kohler_psnr(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of `registered` luma, over all pixels; infinite for equal images.

    Parameters and errors as of `registered`.
    """
    moved, kept = registered(restored, sharp)
    error = float(np.square(kept - moved).mean())
    return 10 * math.log10(255**2 / error) if error > 0 else math.inf


def kohler_ms_ssim(restored: np.ndarray, sharp: np.ndarray) -> float:
    """Multi-scale structural similarity of `registered` luma.

    Returns
    -------
    float
        At most 1. A negative mean counts as 0: its power is no real number.

    Raises
    ------
    InputError
        When an image is of another kind or size than the other, or has less than 161 pixels per side.
    """
    from scipy.ndimage import correlate1d

    check_images(restored, sharp)
    if min(sharp.shape[:2]) < LEAST:
        raise InputError(
            f"image of {sharp.shape[1]}x{sharp.shape[0]} pixels", expected=f"at least {LEAST}x{LEAST} for five scales",
            do="score larger images, or leave out ms-ssim-kohler",
        )  # fmt: skip
    x, y = registered(restored, sharp)
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x, y = (
                correlate1d(correlate1d(one, LOW_PASS, 0, mode="reflect"), LOW_PASS, 1, mode="reflect")[::2, ::2]
                for one in (x, y)
            )
        luminance, contrast, structure = (max(mean, 0.0) for mean in _means(x, y))
        product *= contrast**weight * structure**weight
    return float(product * luminance ** WEIGHTS[-1])


def _means(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Means of the luminance, contrast and structure terms of SSIM where the window is inside the images."""
    from scipy.ndimage import correlate1d

    taps, half = gaussian_taps(), TAPS // 2

    def local(image: np.ndarray) -> np.ndarray:
        means = correlate1d(correlate1d(image, taps, 0), taps, 1)
        return np.asarray(means[half:-half, half:-half])

    mx, my = local(x), local(y)
    # Rounding makes some variances of flat parts negative.
    vx, vy = (np.maximum(local(one * one) - mean * mean, 0) for one, mean in ((x, mx), (y, my)))
    both = np.sqrt(vx * vy)
    luminance = (2 * mx * my + C1) / (mx * mx + my * my + C1)
    contrast = (2 * both + C2) / (vx + vy + C2)
    structure = (local(x * y) - mx * my + C2 / 2) / (both + C2 / 2)
    return float(luminance.mean()), float(contrast.mean()), float(structure.mean())


TERMS = {
    "y-full": "on luma, BT.601 in 0…255",
    "255": "peak 255",
    r"w(\d+)": "Gaussian window of {} pixels",
    "best": "the best value over all sharp images of the photograph",
}
_ALIGNED = (
    "the restored image is scaled by least squares and moved by whole pixels to the sharp one; what the move leaves "
    "open counts as equal (Köhler et al., ECCV 2012)"
)


@dataclass(frozen=True)
class KohlerPsnr(Fidelity):
    """Peak signal-to-noise ratio by the benchmark of Köhler et al.: ``psnr-kohler[y-full,255,best]``."""

    name, worst, unit, limits = "psnr-kohler", 0.0, "dB", (LOWEST, math.inf)
    summary = f"peak signal-to-noise ratio: {_ALIGNED}"
    terms: ClassVar[Mapping[str, str]] = TERMS
    slots = (("y-full",), ("255",), ("best",))
    needs = Needs(truths=True)

    @classmethod
    def of(cls, *options: str) -> KohlerPsnr:
        """Return the metric; see `Metric.of`."""
        fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls()

    @property
    def options(self) -> tuple[str, ...]:
        """The only ones."""
        return "y-full", "255", "best"

    @property
    def label(self) -> str:
        """Short column heading."""
        return "PSNR Köhler"

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `kohler_psnr` of two (H, W, 3) uint8 RGB images."""
        return kohler_psnr(restored, sharp)


@dataclass(frozen=True)
class KohlerMsSsim(Fidelity):
    """Multi-scale SSIM by the benchmark of Köhler et al.: ``ms-ssim-kohler[y-full,w11,best]``."""

    name, worst, limits = "ms-ssim-kohler", 0.0, (0.0, 1.0)
    summary = f"structural similarity at five scales, by MeTriX MuX: {_ALIGNED}"
    terms: ClassVar[Mapping[str, str]] = TERMS
    slots = (("y-full",), ("w11",), ("best",))
    needs = Needs(truths=True)

    @classmethod
    def of(cls, *options: str) -> KohlerMsSsim:
        """Return the metric; see `Metric.of`."""
        fill(f"metric '{cls.name}'", options, *cls.slots)
        return cls()

    @property
    def options(self) -> tuple[str, ...]:
        """The only ones."""
        return "y-full", "w11", "best"

    @property
    def label(self) -> str:
        """Short column heading."""
        return "MS-SSIM Köhler"

    def compare(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """Return `kohler_ms_ssim` of two (H, W, 3) uint8 RGB images."""
        return kohler_ms_ssim(restored, sharp)
