"""A metric of one's own, the mean absolute difference of gradients: facedeblur score ... --plugin my_metric.py"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.metrics.base import METRICS, fill
from facedeblur.benchmark.metrics.signature import Signature


@dataclass(frozen=True)
class GradientError:
    """Differences of neighbouring grey levels, along both axes, compared with those of the sharp image."""

    signature: Signature
    label = "Gradient error"
    unit = ""
    higher_is_better = False
    worst = 255.0
    limits = (0.0, 510.0)
    needs_sharp = True

    def prepare(self, sharp: np.ndarray) -> np.ndarray:
        """Once a sharp image, (H, W, 3) uint8 RGB; what is returned here comes back as `prepared`."""
        return gradients(sharp[None])

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: np.ndarray) -> np.ndarray:
        """One value each for (N, H, W, 3) uint8 RGB; NaN would be a failed measurement."""
        return np.abs(gradients(restored) - prepared).mean(axis=(1, 2, 3))


def gradients(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 to (N, 2, H - 1, W - 1), of the mean of the channels."""
    grey = images.mean(axis=3)
    return np.stack([np.diff(grey, axis=1)[:, :, 1:], np.diff(grey, axis=2)[:, 1:]], axis=1)


@METRICS.register("gradient-error")
def gradient_error(*args: str) -> GradientError:
    """Return ``gradient-error[grey]``; another argument is refused."""
    return GradientError(Signature("gradient-error", fill("gradient-error", args, ("grey",))))
