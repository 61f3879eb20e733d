"""The input itself."""

from __future__ import annotations

import numpy as np

from facedeblur.methods.base import method


@method("blurred")
class Blurred:
    """The blurred image unchanged: what every method has to beat."""

    parameters = 0

    def restore(self, blurred: np.ndarray) -> np.ndarray:
        """Return `blurred`, (N, H, W, 3) float32 RGB in [0, 1], as it is."""
        return blurred
