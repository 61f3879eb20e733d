"""Grey photographs and a stroke to blur them by, for tests of priors."""

from __future__ import annotations

import numpy as np
from skimage import color, data


def pictures() -> list[np.ndarray]:
    """Four grey photographs of about 128x128 pixels, none of which was trained on."""
    crops = (data.astronaut()[:256, 96:352], data.cat()[20:276, 100:356], data.chelsea()[20:276, 60:316])
    greys = [color.rgb2gray(one) for one in crops] + [data.camera()[40:296, 100:356] / 255]
    return [one.reshape(128, 2, 128, 2).mean(axis=(1, 3)) for one in greys]


def stroke(size: int, angle: float) -> np.ndarray:
    """A straight stroke of sum 1."""
    kernel = np.zeros((size, size))
    for at in np.linspace(-(size - 1) / 2, (size - 1) / 2, 20 * size):
        kernel[round(size // 2 + at * np.sin(angle)), round(size // 2 + at * np.cos(angle))] += 1
    return kernel / kernel.sum()
