"""Richardson-Lucy deconvolution with the true kernel, optionally with total variation."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import method
from facedeblur.methods.classical.nonblind.boundary import Periodic

FLOOR = np.float32(1e-6)
"""Least divisor: smaller values of a blurred estimate are raised to it."""
FLAT = np.float32(1e-4)
"""Gradients well under this, a fortieth of a grey level, count as flat."""


@method("richardson-lucy", oracle=True)
class RichardsonLucy:
    """Richardson-Lucy with the true kernel, 30 multiplicative updates from the blurred image.

    x <- x * (k~ conv (y / (k conv x))), for each channel separately, after the boundary adjustment of
    `boundary` (Richardson 1972; Lucy 1974). With `tv` every update is divided by
    1 - tv div(Dx / |Dx|), which keeps noise from growing (Dey et al. 2006).

    Parameters
    ----------
    iterations : int
    tv : float
        Weight of total variation, 0 to 0.25, where the divisor could become 0; 0.002 is usual.
    """

    parameters = 0

    def __init__(self, *, iterations: int = 30, tv: float = 0.0):
        if iterations < 1:
            raise InputError(
                "method 'richardson-lucy', option 'iterations'", expected="at least 1", found=f"{iterations}"
            )
        if not 0 <= tv < 0.25:
            raise InputError("method 'richardson-lucy', option 'tv'", expected="0 to 0.25", found=f"{tv}")
        self.iterations, self.tv = iterations, tv

    def restore(self, blurred: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1] with one (k, k) float64 kernel per image."""
        restored = np.empty_like(blurred)
        for at, (image, kernel) in enumerate(zip(blurred, kernels, strict=True)):
            ground = Periodic(image, kernel)
            seen = np.maximum(ground.image, 0)
            estimate = seen.copy()
            for _ in range(self.iterations):
                ratio = seen / np.maximum(ground.convolve(estimate), FLOOR)
                # The transform rounds: a factor slightly below 0 would change signs permanently.
                factor = np.maximum(ground.correlate(ratio), 0)
                if self.tv:
                    factor /= 1 - np.float32(self.tv) * curvature(estimate)
                estimate *= factor
            restored[at] = ground.crop(estimate)
        return restored


def curvature(image: np.ndarray) -> np.ndarray:
    """div(Dx / |Dx|) of (C, P, Q) float32 by circular differences, within [-4, 4]; 0 where x is flat."""
    right, down = np.roll(image, -1, axis=2) - image, np.roll(image, -1, axis=1) - image
    length = np.sqrt(right * right + down * down + FLAT * FLAT)
    right /= length
    down /= length
    return np.asarray(right - np.roll(right, 1, axis=2) + down - np.roll(down, 1, axis=1))
