"""A noise law of one's own: the same in all channels, so that it makes an image grainy but not colourful."""

from __future__ import annotations

import numpy as np

from facedeblur.generators.blur.noise import NOISES, NoiseLaw, Shape
from facedeblur.generators.random.philox import normals


@NOISES.register("grain")
class Grain(NoiseLaw):
    """White in rows and columns, equal in R, G and B."""

    def draw(self, seed: int, index: int, shape: Shape) -> np.ndarray:
        """Draw one standard normal per pixel."""
        rows, columns, _ = shape
        return np.broadcast_to(normals(seed, index, rows * columns).reshape(rows, columns, 1), shape)
