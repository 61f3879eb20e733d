"""Richardson-Lucy deconvolution with the true kernel."""

from __future__ import annotations

import numpy as np

from facedeblur.benchmark.errors import InputError
from facedeblur.methods.base import method
from facedeblur.methods.classical.boundary import Periodic

FLOOR = np.float32(1e-6)
"""Least value of a blurred estimate that is divided by."""


@method("richardson-lucy", oracle=True)
class RichardsonLucy:
    """Richardson-Lucy with the true kernel, 30 multiplicative updates from the blurred image.

    x <- x * (k~ conv (y / (k conv x))), each channel on its own, after the boundary adjustment of
    `boundary` (Richardson 1972; Lucy 1974).

    Parameters
    ----------
    iterations : int
    """

    parameters = 0

    def __init__(self, *, iterations: int = 30):
        if iterations < 1:
            raise InputError(
                "method 'richardson-lucy', option 'iterations'", expected="at least 1", found=f"{iterations}"
            )
        self.iterations = iterations

    def restore(self, blurred: np.ndarray, kernels: list[np.ndarray]) -> np.ndarray:
        """Restore (N, H, W, 3) float32 RGB in [0, 1] with one (k, k) float64 kernel an image."""
        restored = np.empty_like(blurred)
        for at, (image, kernel) in enumerate(zip(blurred, kernels, strict=True)):
            ground = Periodic(image, kernel)
            seen = np.maximum(ground.image, 0)
            estimate = seen.copy()
            for _ in range(self.iterations):
                ratio = seen / np.maximum(ground.convolve(estimate), FLOOR)
                # The transform rounds: a factor a little under 0 would change signs for good.
                estimate *= np.maximum(ground.correlate(ratio), 0)
            restored[at] = ground.crop(estimate)
        return restored
