"""Multi-scale structural similarity (Wang, Simoncelli and Bovik, Asilomar 2003), computed by pytorch-msssim.

Five scales with the paper's weights, a Gaussian window of sigma 1.5 on each channel where it lies inside the image,
K = (0.01, 0.03), L = 255; images in float64, the library's window in float32, which leaves 1e-6. The smallest scale
must hold the window, so the usual one of 11 pixels needs more than 160 pixels a side: faces of 128x128 are measured
with ``w7``, which is another metric.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from facedeblur.benchmark.errors import InputError, need
from facedeblur.benchmark.metrics.base import fill
from facedeblur.benchmark.metrics.fidelity.psnr_ssim import Fidelity, check_images
from facedeblur.benchmark.metrics.signature import Signature

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


def ms_ssim_metric(*args: str) -> Fidelity:
    """Multi-scale structural similarity: ``ms-ssim[rgb,w11]``; ``w7`` for images of 128 pixels."""
    need("pytorch_msssim", "pytorch-msssim")
    space, window = fill("ms-ssim", args, ("rgb",), WINDOWS)
    return Fidelity(
        signature=Signature("ms-ssim", (space, window)),
        label="MS-SSIM" if window == "w11" else f"MS-SSIM {window}",
        unit="",
        worst=0.0,
        limits=(0.0, 1.0),
        compare=partial(ms_ssim, window=int(window[1:])),
    )
