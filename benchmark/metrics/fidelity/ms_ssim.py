"""Multi-scale structural similarity (Wang, Simoncelli and Bovik, Asilomar 2003), computed by pytorch-msssim.

Five scales with the paper's weights, a Gaussian window of sigma 1.5 on each channel where it lies inside the image,
K = (0.01, 0.03), L = 255; images in float64, the library's window in float32, which leaves 1e-6. The smallest scale
must hold the window, so the usual one of 11 pixels needs more than 160 pixels per side: faces of 128x128 are measured
with ``w7``, which is another metric.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import Fidelity, check_images
from facedeblur.benchmark.options import fill

WINDOWS = ("w11", "w9", "w7", "w5", "w3")


def ms_ssim(restored: np.ndarray, sharp: np.ndarray, *, window: int = 11) -> float:
    """Compare two images at five scales.

    Parameters
    ----------
    restored, sharp : ndarray, (H, W, 3) uint8 RGB
    window : int
        Side of the Gaussian window in pixels, odd.

    Returns
    -------
    float
        In [0, 1]; 1 for identical images. Scales whose contrast term is negative count as 0, as the library has it.

    Raises
    ------
    InputError
        When the images are of another kind or of two shapes, or no larger than 16 times the window less one; or
        where pytorch-msssim is not installed.
    """
    import torch

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
    library = need("pytorch_msssim", "pytorch-msssim")
    x, y = (torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float64)) for image in (restored, sharp))
    return float(library.ms_ssim(x, y, data_range=255, win_size=window, win_sigma=1.5))


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
        need("pytorch_msssim", "pytorch-msssim")
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
