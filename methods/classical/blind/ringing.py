"""Final deconvolution that suppresses ringing, as in the author code of Pan et al. (2014 text; 2016)."""

from __future__ import annotations

import cv2
import numpy as np

from facedeblur.methods.classical.blind.l0_gradient import L0Deconvolution
from facedeblur.methods.classical.nonblind.boundary import Periodic
from facedeblur.methods.classical.nonblind.krishnan_fergus_2009 import hyper_laplacian

SPACE, RANGE = 3.0, 0.1
"""Standard deviations of the bilateral filter, in pixels and in grey values of [0, 1] (author code)."""


def without_ringing(
    blurred: np.ndarray, kernel: np.ndarray, *, variation: float = 3e-3, gradient: float = 5e-4, share: float = 1.0
) -> np.ndarray:
    """Deconvolve with total variation, then take off what the L0 gradient would not show, bilaterally smoothed.

    Total variation keeps detail and rings, L0 has neither: ``x = tv - share * bilateral(tv - l0)``.

    Parameters
    ----------
    blurred : (H, W, 3) float32
        RGB in [0, 1].
    kernel : (k, k) float64
        Point spread function of sum 1.
    variation, gradient : float
        Weights of total variation and of the gradient's L0 norm beside ``|k * x - y|^2``.
    share : float
        Of the difference that is taken off; 0 leaves total variation.

    Returns
    -------
    (H, W, 3) float32
        Not clipped.
    """
    smooth = hyper_laplacian(blurred, kernel, alpha=1.0, weight=2 / variation)
    if share == 0:
        return smooth
    ground = Periodic(blurred, kernel)
    flat = np.empty_like(ground.image)
    for channel, image in enumerate(ground.image):
        solver = L0Deconvolution(image)
        solver.see(kernel)
        flat[channel] = solver.solve(gradient)
    rings = np.asarray(cv2.bilateralFilter(smooth - ground.crop(flat), -1, RANGE, SPACE))
    return smooth - np.float32(share) * rings
