"""A metric of one's own, the mean absolute difference of gradients: facedeblur score ... --plugin my_metric.py"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facedeblur.benchmark.metrics.base import METRICS, Metric


@METRICS.register("gradient-error")
@dataclass(frozen=True)
class GradientError(Metric):
    """Differences of neighbouring grey levels, compared with those of the sharp image: ``gradient-error[grey]``."""

    channels: str

    name, label, higher_is_better, worst, limits = "gradient-error", "Gradient error", False, 255.0, (0.0, 510.0)
    summary = "mean absolute difference of the gradients of the restored and the sharp image"
    terms = {"grey": "of the mean of the channels", "rgb": "of every channel"}  # noqa: RUF012
    slots = (("grey", "rgb"),)

    @property
    def options(self) -> tuple[str, ...]:
        """Everything that changes a value; it stands between the brackets of the signature."""
        return (self.channels,)

    def prepare(self, sharp: np.ndarray, label: np.ndarray | None = None) -> np.ndarray:
        """Compute once per sharp image, (H, W, 3) uint8 RGB, what comes back as `prepared`."""
        return self.gradients(sharp[None])

    def measure(self, restored: np.ndarray, sharp: np.ndarray, prepared: np.ndarray) -> np.ndarray:
        """Return one value for each of (N, H, W, 3) uint8 RGB; NaN would be a failed measurement."""
        return np.abs(self.gradients(restored) - prepared).mean(axis=(1, 2, 3, 4))

    def gradients(self, images: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 to (N, 2, H - 1, W - 1, C)."""
        levels = images.astype(float) if self.channels == "rgb" else images.mean(axis=3, keepdims=True)
        return np.stack([np.diff(levels, axis=1)[:, :, 1:], np.diff(levels, axis=2)[:, 1:]], axis=1)
