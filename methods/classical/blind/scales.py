"""Images and kernels between the scales of a pyramid, and their gradients."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from facedeblur.methods.classical.blind.kernel_step import normalised

COUNT = 20
"""Gradients of each direction that a kernel is fitted to at first, times the side of that kernel (author codes)."""
MARGIN = 1e-9
"""Relative difference under which two values count as equal, far above rounding errors in float64."""


def shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    """Shrink (H, W) float64 by `scale`, each pixel the mean over its area; at least 2x2 pixels."""
    if scale == 1:
        return image
    height, width = (max(2, round(side * scale)) for side in image.shape)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def start(size: int) -> np.ndarray:
    """Two taps of 1/2 side by side in the middle of (size, size), where Krishnan et al. 2011 and Pan et al. start."""
    kernel = np.zeros((size, size))
    middle = size // 2
    kernel[middle, middle : middle + 2] = 0.5
    return kernel


def enlarged(kernel: np.ndarray, size: int, factor: float) -> np.ndarray:
    """Enlarge a kernel about its middle by `factor`, bilinear, into a square of odd side `size`; the sum is 1 again.

    Raises
    ------
    NoKernel
        If no part of it is inside the square.
    """
    here, there = (kernel.shape[0] - 1) / 2, (size - 1) / 2
    larger = ndimage.affine_transform(
        kernel, [1 / factor] * 2, here - there / factor, (size, size), order=1, mode="grid-constant"
    )
    return normalised(np.asarray(larger))


def differences(image: np.ndarray) -> np.ndarray:
    """Forward differences (2, H - 1, W - 1) of (H, W), along the row and down the column."""
    corner = image[:-1, :-1]
    return np.stack([image[:-1, 1:] - corner, image[1:, :-1] - corner])


def derivatives(maps: np.ndarray, first: float, second: float) -> np.ndarray:
    """First derivatives (2, h, w) and the three second ones, each times the root of its weight: (5, h, w) float64."""
    x, y = maps
    out = np.zeros((5, *x.shape))
    out[:2] = maps
    out[2, :, 1:] = x[:, 1:] - x[:, :-1]
    out[3, 1:] = y[1:] - y[:-1]
    # Both orders of differentiation, by halves: they differ where gradients were cut off.
    out[4, 1:] = (x[1:] - x[:-1]) / 2
    out[4, :, 1:] += (y[:, 1:] - y[:, :-1]) / 2
    out *= np.sqrt(np.array([first] * 2 + [second] * 3))[:, None, None]
    return out


class Salient:
    """Filter that keeps strong gradients only, by a threshold that falls with each call (Cho & Lee 2009).

    The first threshold lets `count` gradients of each of four directions through.

    Parameters
    ----------
    maps : (2, H, W)
        Gradients that the first threshold is found from.
    count : int
    decay : float
        Factor of the threshold after each call.
    """

    def __init__(self, maps: np.ndarray, count: int, decay: float):
        self.threshold, self.decay = strongest(maps, count), decay

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """Return (2, H, W) with 0 where the squared length is under the threshold; the strongest one always stays."""
        power = (maps**2).sum(axis=0)
        self.threshold = min(self.threshold, float(power.max()))
        kept = np.where(power >= self.threshold * (1 - MARGIN), maps, 0.0)
        self.threshold *= self.decay
        return kept


def strongest(maps: np.ndarray, count: int) -> float:
    """Squared length that `count` gradients of each of the four directions reach.

    Directions are those of the gradient without its sign, cut at 0, 45, 90 and 135 degrees; 0 where one has fewer.
    """
    power = (maps**2).sum(axis=0)
    # Gradients of grey levels often lie exactly on a cut: the margin puts them all on one side of it.
    sector = (np.arctan2(maps[1], maps[0]) + MARGIN) % np.pi // (np.pi / 4)
    levels = []
    for which in range(4):
        found = power[sector == which]
        levels.append(float(np.partition(found, -count)[-count]) if found.size >= count else 0.0)
    return min(levels)
