"""The window and the constants of SSIM, shared by the compiled loops and by torch.

Sources: Wang et al. 2004; for three channels MathWorks `ssim`.
"""

from __future__ import annotations

import math

import numpy as np

TAPS = 11
"""Length of the Gaussian window."""
_HALF = TAPS // 2

C1 = 2 * (0.01 * 255) ** 2
C2 = 2 * (0.03 * 255) ** 2
"""Twice the constants of Wang's index, as the formula of `psnr_ssim` has them."""

SHIFT = 256.0
"""Taken off the sum of two images before it is squared, so that little is lost in ``E[s^2] - E[s]^2``; needs a window
of sum 1."""


def gaussian_taps() -> np.ndarray:
    """Return the window of Wang et al. 2004: sigma 1.5, 11 taps, unit sum; (11,) float64."""
    raw = [math.exp(-k * k / (2 * 1.5**2)) for k in range(-_HALF, _HALF + 1)]
    total = math.fsum(raw)
    return np.array([value / total for value in raw])


def channel_mix() -> np.ndarray:
    """Return what the third axis of MATLAB's volume does to three channels: (3, 3) float64, rows sum to 1.

    Row c holds the weights of R, G, B under the Gaussian centred on channel c, the channels beyond R and B
    being replicas of them.
    """
    mix = np.zeros((3, 3))
    for channel in range(3):
        for k, tap in enumerate(gaussian_taps()):
            mix[channel, min(max(channel + k - _HALF, 0), 2)] += tap
    return mix


GAUSSIAN, VOLUME, EACH = gaussian_taps(), channel_mix(), np.empty((0, 0))
"""The window; MATLAB's volume across the channels, or each channel alone."""
